/**
 * Both clients against strict servers of our own: contract-tested, not Firecracker and not Cloud Hypervisor. Where the
 * real program is on PATH, the last block asks it the same.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dialGuest, guestSocket, listenUnix } from "../../src/host/index.ts";
import { cloudHypervisorClient } from "../../src/isolation/vm/cloud-hypervisor-client.ts";
import { cloudHypervisorSpec } from "../../src/isolation/vm/cloud-hypervisor-spec.ts";
import { firecrackerClient } from "../../src/isolation/vm/firecracker-client.ts";
import { firecrackerSpec, type MonitorCall } from "../../src/isolation/vm/firecracker-spec.ts";
import { kernelLine, type Monitor } from "../../src/isolation/vm/kernel-cmdline.ts";
import type { MonitorClient } from "../../src/isolation/vm/monitor-api.ts";
import { sampleVm } from "../../src/isolation/vm/sample-vm.ts";
import type { VmModel } from "../../src/isolation/vm/vm-model.ts";
import { serveCloudHypervisor } from "./vmm/cloud-hypervisor-server.ts";
import { serveFirecracker } from "./vmm/firecracker-server.ts";
import type { GuestWorld } from "./vmm/monitor-server.ts";

const NEVER = new AbortController().signal;
let root: string;
let closing: (() => unknown)[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ccos-vmm-"));
  for (const name of ["kernel", "root.img", "store.img", "firecracker.log", "firecracker.metrics"])
    writeFileSync(join(root, name), "x");
});
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
  rmSync(root, { recursive: true, force: true });
});

function machine(): VmModel {
  const { images, ...rest } = sampleVm();
  const at = {
    kernel: join(root, "kernel"),
    root: join(root, "root.img"),
    store: join(root, "store.img"),
  };
  return { ...rest, images: { ...images, ...at } };
}

function lineOf(model: VmModel, monitor: Monitor) {
  const line = kernelLine(model, { monitor, tscKhz: null });
  if (!line.ok) throw new Error("no line");
  return line.value;
}

type Boot = (world: GuestWorld) => void;

/** A client with its strict server, and the calls that start the sample machine. */
const MONITORS = {
  firecracker: async (boot: Boot) => {
    const socket = join(root, "api");
    const server = await serveFirecracker({ socket, root, boot });
    const model = machine();
    return {
      server,
      client: firecrackerClient({ socket, signal: NEVER }),
      calls: firecrackerSpec(model, lineOf(model, "firecracker")).calls,
      into: "snapshot",
    };
  },
  "cloud-hypervisor": async (boot: Boot) => {
    const socket = join(root, "api");
    const server = await serveCloudHypervisor({ socket, boot });
    const model = machine();
    return {
      server,
      client: cloudHypervisorClient({ socket, signal: NEVER }),
      calls: cloudHypervisorSpec(model, lineOf(model, "cloud-hypervisor"), root).calls,
      into: join(root, "snapshot"),
    };
  },
} as const;
const NAMES = Object.keys(MONITORS) as readonly (keyof typeof MONITORS)[];

async function raised(name: keyof typeof MONITORS, boot: Boot = () => undefined) {
  const made = await MONITORS[name](boot);
  closing.push(() => made.server.close());
  mkdirSync(join(root, "snapshot"), { recursive: true });
  return made;
}

describe.each(NAMES)("%s, contract-tested", (name) => {
  test("takes the whole sequence: start, pause, snapshot, resume, in the order of the calls", async () => {
    const { server, client, calls, into } = await raised(name);
    expect(await client.ready()).toMatch(/^\d+\.\d+\./);
    await client.start(calls);
    expect(await client.state()).toBe("Running");
    await client.pause();
    expect(await client.state()).toBe("Paused");
    await client.snapshot(into);
    await client.resume();
    expect(server.state()).toBe("Running");
    await client.shutdown();
    expect(server.log.filter((line) => !/ 20[04]$/.test(line))).toEqual([]);
    expect(server.log.slice(1, calls.length + 1)).toEqual(
      calls.map(({ method, path }) => `${method} ${path} ${method === "GET" ? 200 : 204}`),
    );
  });

  test("restores into a monitor that was told nothing", async () => {
    const first = await raised(name);
    await first.client.start(first.calls);
    await first.client.pause();
    await first.client.snapshot(first.into);
    await first.server.close();
    rmSync(join(root, "api"), { force: true });
    rmSync(join(root, "v.sock"), { force: true });
    const second = await raised(name);
    await second.client.ready();
    await second.client.restore(second.into);
    expect(second.server.state()).toBe("Running");
    await expect(second.client.start(second.calls)).rejects.toMatchObject({
      code: "VMM_API_ERROR",
    });
  });

  test("guest and host find each other: by the host's listener, and by CONNECT", async () => {
    const heard = Promise.withResolvers<string>();
    const listener = await listenUnix({
      path: guestSocket(join(root, "v.sock"), 1024),
      connectionsMax: 4,
      onConnection: (stream) => void stream.once("data", (chunk) => heard.resolve(String(chunk))),
    });
    closing.push(() => listener.close());
    const { client, calls } = await raised(name, ({ dial, ports }) => {
      dial(1024).write("hello of the guest");
      ports.set(52, (socket) => socket.end("hello at 52"));
    });
    await client.start(calls);
    expect(await heard.promise).toBe("hello of the guest");
    const dialled = await dialGuest(join(root, "v.sock"), 52, NEVER);
    if (!dialled.ok) throw new Error(dialled.error);
    let text = "";
    for await (const chunk of dialled.value) text += String(chunk);
    expect(text).toBe("hello at 52");
    expect(await dialGuest(join(root, "v.sock"), 53, NEVER)).toEqual({
      ok: false,
      error: "EREFUSED",
    });
  });

  test("the first refusal ends a start, with the monitor's words", async () => {
    const { server, client, calls } = await raised(name);
    rmSync(join(root, "kernel"));
    const refused = await client.start(calls).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "VMM_API_ERROR" });
    expect(String(refused)).toMatch(/kernel/);
    expect(server.log.at(-1)).toMatch(/ 400$/);
    expect(server.state()).not.toBe("Running");
  });

  test.each(["pause", "resume"] as const)("%s before the start is refused", async (verb) => {
    const { client } = await raised(name);
    await expect(client[verb]()).rejects.toMatchObject({ code: "VMM_API_ERROR" });
  });

  test("a snapshot of a running machine, and a second start, are refused", async () => {
    const { client, calls, into } = await raised(name);
    await client.start(calls);
    await expect(client.snapshot(into)).rejects.toMatchObject({ code: "VMM_API_ERROR" });
    await expect(client.start(calls)).rejects.toMatchObject({ code: "VMM_API_ERROR" });
  });

  test("restoring what is not there is refused", async () => {
    const { client } = await raised(name);
    await expect(client.restore(join(root, "none"))).rejects.toMatchObject({
      code: "VMM_API_ERROR",
    });
  });
});

/** What each server must refuse, though a careless client might send it. */
describe("the contract server of Firecracker refuses", () => {
  const machineConfig = { vcpu_count: 1, mem_size_mib: 128 };
  const drive = { drive_id: "a", is_root_device: true, path_on_host: "root.img" };
  const put = (path: string, body: MonitorCall["body"]): MonitorCall => ({
    method: "PUT",
    path,
    body,
  });
  const cases: readonly (readonly [string, readonly MonitorCall[], RegExp])[] = [
    ["33 CPUs", [put("/machine-config", { ...machineConfig, vcpu_count: 33 })], /33 is outside/],
    ["no memory", [put("/machine-config", { vcpu_count: 1 })], /missing field `mem_size_mib`/],
    [
      "a field of an older version",
      [put("/machine-config", { ...machineConfig, ht_enabled: false })],
      /unknown field `ht_enabled`/,
    ],
    ["the host's cid", [put("/vsock", { guest_cid: 2, uds_path: "v.sock" })], /2 is outside/],
    [
      "an id with a dash",
      [put("/drives/root-fs", { ...drive, drive_id: "root-fs" })],
      /alphanumeric/,
    ],
    ["two ids for one drive", [put("/drives/b", drive)], /id from the path/],
    [
      "a disk that is not there",
      [put("/drives/a", { ...drive, path_on_host: "none" })],
      /No such file/,
    ],
    [
      "two roots",
      [put("/drives/a", drive), put("/drives/b", { ...drive, drive_id: "b" })],
      /root block device already/,
    ],
    [
      "a start without a kernel",
      [put("/actions", { action_type: "InstanceStart" })],
      /without kernel/,
    ],
    [
      "an action that does not exist",
      [put("/actions", { action_type: "InstanceKill" })],
      /expected one of/,
    ],
    ["a call that does not exist", [put("/vsocks/vsock0", {})], /Invalid request method/],
    ["an empty body", [put("/entropy", null)], /Empty PUT/],
    [
      "a line over 2048 bytes",
      [put("/boot-source", { kernel_image_path: "kernel", boot_args: "x".repeat(2048) })],
      /too long/,
    ],
    [
      "a card's name over 15 characters",
      [put("/network-interfaces/e", { iface_id: "e", host_dev_name: "tap-agent.default" })],
      /Invalid interface/,
    ],
    [
      "a kernel after the start",
      [
        put("/boot-source", { kernel_image_path: "kernel" }),
        put("/actions", { action_type: "InstanceStart" }),
        put("/boot-source", { kernel_image_path: "kernel" }),
      ],
      /after starting/,
    ],
    [
      "a snapshot loaded into a configured machine",
      [
        put("/entropy", {}),
        put("/snapshot/load", { snapshot_path: "kernel", mem_file_path: "kernel" }),
      ],
      /not allowed after/,
    ],
  ];
  test.each(cases)("%s", async (_what, calls, why) => {
    const { client, server } = await raised("firecracker");
    const refused = await client.start(calls).catch((error: unknown) => error);
    expect(String(refused)).toMatch(why);
    expect(server.log).toHaveLength(calls.length);
  });

  test("a body over 51 200 bytes; the client does not even send it", async () => {
    const { client, server } = await raised("firecracker");
    const call = put("/mmds", { text: "x".repeat(52_000) });
    await expect(client.start([call])).rejects.toThrow(/over 51200 bytes/);
    expect(server.log).toEqual([]);
  });
});

describe("the contract server of Cloud Hypervisor refuses", () => {
  const put = (verb: string, body: MonitorCall["body"]): MonitorCall => ({
    method: "PUT",
    path: `/api/v1/${verb}`,
    body,
  });
  test.each([
    [
      "a machine without a kernel",
      [put("vm.create", { payload: {} })],
      /status 400: the kernel is missing/,
    ],
    ["a start of nothing", [put("vm.boot", null)], /status 404: The VM is not created/],
    [
      "a field that it does not have",
      [put("vm.create", { payload: {}, vcpus: 1 })],
      /unknown field `vcpus`/,
    ],
    [
      "memory in MiB",
      [put("vm.create", { payload: {}, memory: { size: "256M" } })],
      /expected an integer/,
    ],
    ["a call that does not exist", [put("vm.start", null)], /status 404/],
  ] as const)("%s", async (_what, calls, why) => {
    const { client } = await raised("cloud-hypervisor");
    await expect(client.start(calls)).rejects.toThrow(why);
  });
});

const CLIENTS: Readonly<Record<keyof typeof MONITORS, typeof firecrackerClient>> = {
  firecracker: firecrackerClient,
  "cloud-hypervisor": cloudHypervisorClient,
};

describe.each(NAMES)("%s: a server that is no monitor", (name) => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function hostile(answer: (socket: Socket) => void): Promise<MonitorClient> {
    const socket = join(root, "hostile");
    const server = createServer((peer) => {
      peer.on("error", () => undefined).once("data", () => answer(peer));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return CLIENTS[name]({ socket, signal: NEVER, requestMsMax: 200, readyMsMax: 200 });
  }
  const http = (status: string, body: string): string =>
    `HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  test.each([
    ["hangs up", (peer: Socket) => peer.destroy(), /connection broke/],
    ["says nothing", (peer: Socket) => peer.pause(), /did not answer in time/],
    ["speaks garbage", (peer: Socket) => peer.end("\0\u0001garbage\r\n\r\n"), /connection broke/],
    [
      "answers without end",
      (peer: Socket) =>
        peer.write(`HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n${" ".repeat(300_000)}`),
      /larger than any/,
    ],
    [
      "answers 200 with no JSON",
      (peer: Socket) => peer.end(http("200 OK", "<html>")),
      /no JSON object/,
    ],
    [
      "answers 200 with a list",
      (peer: Socket) => peer.end(http("200 OK", "[1]")),
      /no JSON object/,
    ],
    [
      "answers 200 without its version",
      (peer: Socket) => peer.end(http("200 OK", "{}")),
      /has no (firecracker_)?version/,
    ],
    [
      "answers a version that is none",
      (peer: Socket) => peer.end(http("200 OK", '{"firecracker_version":7,"version":{}}')),
      /has no (firecracker_)?version/,
    ],
    [
      "answers 204 where a body is due",
      (peer: Socket) => peer.end("HTTP/1.1 204 No Content\r\n\r\n"),
      /has no body/,
    ],
    [
      "redirects",
      (peer: Socket) =>
        peer.end("HTTP/1.1 302 Found\r\nlocation: http://evil.test/\r\ncontent-length: 0\r\n\r\n"),
      /status 302/,
    ],
    [
      "says 500 in words with control characters",
      (peer: Socket) => peer.end(http("500 x", '{"fault_message":"a\\u001b[31mb"}')),
      /status 500/,
    ],
  ] as const)("that %s is an error of ours", async (_what, answer, why) => {
    const client = await hostile(answer);
    const error = await client.ready().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "VMM_API_ERROR" });
    expect(String(error)).toMatch(why);
    expect(String(error)).toMatch(/^[\x20-\x7e]+$/);
  });

  test("that is gone in the middle of a start is an error at that call", async () => {
    let requests = 0;
    const client = await hostile((peer) => {
      requests++;
      if (requests === 2) for (const server of servers.splice(0)) server.close();
      peer.end("HTTP/1.1 204 No Content\r\n\r\n");
    });
    const call = (path: string): MonitorCall => ({ method: "PUT", path, body: {} });
    const error = await client.start(["/a", "/b", "/c"].map(call)).catch((cause: unknown) => cause);
    expect(String(error)).toMatch(/PUT \/c .*nobody listens/);
  });

  test("that never comes is waited for, and not for ever", async () => {
    const client = CLIENTS[name]({ socket: join(root, "none"), signal: NEVER, readyMsMax: 50 });
    await expect(client.ready()).rejects.toThrow(/nobody listens/);
  });

  test("that comes late is found", async () => {
    const socket = join(root, "hostile");
    const client = CLIENTS[name]({ socket, signal: NEVER });
    const waiting = client.ready();
    await hostile((peer) =>
      peer.end(http("200 OK", '{"firecracker_version":"1.17.0","version":"48.0.0"}')),
    );
    expect(await waiting).toMatch(/^\d/);
  });

  test("is not waited for once the caller gave up", async () => {
    const abort = new AbortController();
    const client = CLIENTS[name]({ socket: join(root, "none"), signal: abort.signal });
    const waiting = client.ready();
    abort.abort(new Error("the monitor ended"));
    await expect(waiting).rejects.toThrow("the monitor ended");
  });
});

test("a Firecracker that is too old is refused by its version", async () => {
  const server = await serveFirecracker({ socket: join(root, "old"), root, version: "1.6.9" });
  closing.push(() => server.close());
  const client = firecrackerClient({ socket: join(root, "old"), signal: NEVER });
  await expect(client.ready()).rejects.toThrow(/1\.6\.9 is older than 1\.7/);
});

describe("the real programs, where they are on PATH", () => {
  const path = (program: string): string | null => {
    try {
      return execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    } catch {
      return null;
    }
  };
  test.each([
    ["firecracker", ["--api-sock"], firecrackerClient],
    ["cloud-hypervisor", ["--api-socket"], cloudHypervisorClient],
  ] as const)(
    "%s answers the client; absent, nothing but the contract was tested",
    async (program, flags, client) => {
      const found = path(program);
      if (found === null) {
        expect(path("sh")).not.toBeNull();
        return;
      }
      const socket = join(root, "real");
      const child = spawn(
        found,
        [...flags, program === "firecracker" ? socket : `path=${socket}`],
        {
          stdio: "ignore",
        },
      );
      closing.push(() => child.kill("SIGKILL"));
      const api = client({ socket, signal: NEVER });
      expect(await api.ready()).toMatch(/^v?\d+\./);
      await expect(api.pause()).rejects.toMatchObject({ code: "VMM_API_ERROR" });
    },
  );
});
