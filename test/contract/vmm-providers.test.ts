/**
 * The providers of Firecracker and Cloud Hypervisor over stand-ins for their programs (vmm/fake-monitor.ts): contract-tested,
 * not Firecracker and not Cloud Hypervisor. The jails, users, directories, sockets and endings are real.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killPid, processesNaming } from "../../src/host/index.ts";
import type { Ending, SandboxSpec } from "../../src/isolation/provider.ts";
import type { ImageRole } from "../../src/isolation/vm/machine-ports.ts";
import { DEFAULT_MACHINE } from "../../src/isolation/vm/machine-wish.ts";
import type { Told } from "./vmm/fake-monitor-words.ts";
import {
  digest,
  imageOf,
  layStandIns,
  machinesOf,
  portsOf,
  type ProviderName,
  providerOf,
  type StandIns,
} from "./vmm/stand-ins.ts";

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;
const NAMES: readonly ProviderName[] = ["microvm/firecracker", "microvm/cloud-hypervisor"];
/** The jailer takes root. */
const RAISED = NAMES.filter((name) => process.geteuid?.() === 0 || !name.endsWith("firecracker"));

let standIns: StandIns;
beforeAll(async () => {
  standIns = await layStandIns();
});
afterAll(async () => {
  // Only after a failure is there one.
  for (const pid of await processesNaming(standIns.base)) killPid(pid);
  rmSync(standIns.base, { recursive: true, force: true });
});

function spec(change: Partial<SandboxSpec["limits"]> = {}): SandboxSpec {
  const limits = {
    wallMs: 20_000,
    cpuMs: 20_000,
    memoryBytes: 512 * MIB,
    pidsMax: 16,
    outputBytes: 64 * 1024,
    diskBytes: MIB,
    ...change,
  };
  return { limits, files: [], binds: [], environment: {}, sockets: false };
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

interface Options {
  readonly limits?: Partial<SandboxSpec["limits"]>;
  readonly input?: string;
  readonly signal?: AbortSignal;
  readonly digests?: Partial<Record<ImageRole, string>>;
  readonly directories?: readonly string[];
  /** Said on the channel, which is asked for then. */
  readonly say?: string;
}

async function run(
  name: ProviderName,
  told: Told,
  options: Options = {},
): Promise<{ ending: Ending; out: string; error: string; heard: string }> {
  const { base, directories } = standIns;
  const provider = providerOf(name, portsOf(imageOf(base, told, options.digests)), {
    base,
    directories: options.directories ?? directories,
  });
  const session = await provider.open(spec(options.limits));
  try {
    const channel = options.say !== undefined;
    const program = { kind: "external", argv: ["x"], channel } as const;
    const execution = await session.execute(program, options.signal ?? NEVER);
    execution.stdin.end(options.input ?? "");
    execution.channel?.writable.write(options.say ?? "");
    const heard = execution.channel === null ? "" : textOf(execution.channel.readable);
    const texts = Promise.all([textOf(execution.stdout), textOf(execution.stderr)]);
    const ending = await execution.ending;
    const [out, error] = await texts;
    return { ending, out, error, heard: await heard };
  } finally {
    await session.close();
  }
}

/** Nothing of a machine is left: no directory, and no process that names it. */
async function expectNothingLeft(name: ProviderName): Promise<void> {
  const below = machinesOf(name, standIns.base);
  expect(existsSync(below) ? readdirSync(below) : []).toEqual([]);
  expect(await processesNaming(standIns.base)).toEqual([]);
}

describe.each(RAISED)("%s over a stand-in for its program", (name) => {
  test("is ready, and says the versions of program and image", async () => {
    const image = imageOf(standIns.base, { does: "exit", status: 0 });
    const ready = await providerOf(name, portsOf(image), standIns).probe();
    expect(ready).toEqual({
      kind: "ready",
      version: expect.stringMatching(/^\d+\.\d+\S* image test$/),
    });
  });

  test("starts a machine, hands its output on, and ends as process 1 said", async () => {
    const done = await run(name, { does: "exit", status: 7 });
    expect(done).toMatchObject({
      ending: { kind: "exited", status: 7 },
      out: "hello from the guest\n",
      error: "a word of error\n",
    });
    await expectNothingLeft(name);
  });

  test("carries input and its end, and a channel both ways", async () => {
    const echoed = await run(name, { does: "echo", status: 0 }, { input: "some\ninput" });
    expect(echoed).toMatchObject({ ending: { kind: "exited", status: 0 }, out: "some\ninput" });
    const relayed = await run(name, { does: "relay", status: 0 }, { say: "ping" });
    expect(relayed).toMatchObject({ ending: { kind: "exited", status: 0 }, heard: "again ping" });
    await expectNothingLeft(name);
  });

  test("ends a machine by the wall clock, by too much output, and when it is cancelled", async () => {
    const hang = { does: "hang", status: 0 } as const;
    const late = await run(name, hang, { limits: { wallMs: 1000 } });
    expect(late.ending).toEqual({ kind: "killed", by: "timeout" });
    const loud = await run(name, { does: "flood", status: 0 });
    expect(loud.ending).toEqual({ kind: "killed", by: "output" });
    expect(loud.out.length).toBe(64 * 1024);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 500);
    const cancelled = await run(name, hang, { signal: abort.signal });
    expect(cancelled.ending).toEqual({ kind: "killed", by: "cancelled" });
    await expectNothingLeft(name);
  });

  test.each(["panic", "silent"] as const)(
    "a machine that ends in a %s is a crash, not an exit",
    async (does) => {
      await expect(run(name, { does, status: 0 })).rejects.toMatchObject({
        code: "PROVIDER_CRASHED",
      });
      await expectNothingLeft(name);
    },
  );

  test("an image that is not what was promised boots nothing", async () => {
    for (const role of ["kernel", "root"] as const) {
      const started = run(
        name,
        { does: "exit", status: 0 },
        { digests: { [role]: digest("another") } },
      );
      await expect(started).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
    }
    await expectNothingLeft(name);
  });

  test("a part that nobody promised, a path that no socket can have, and too little memory boot nothing", async () => {
    const { base } = standIns;
    const image = imageOf(base, { does: "exit", status: 0 });
    const images = { ...image.images, store: join(base, "kernel") };
    const far = { ...standIns, base: join(base, "x".repeat(60)) };
    const small = { ...DEFAULT_MACHINE, memoryMib: 191 };
    for (const provider of [
      providerOf(name, portsOf({ ...image, images }), standIns),
      providerOf(name, portsOf(image), far),
      providerOf(name, portsOf(image, small), standIns),
    ]) {
      const session = await provider.open(spec());
      const program = { kind: "external", argv: ["x"], channel: false } as const;
      await expect(session.execute(program, NEVER)).rejects.toMatchObject({
        code: "ISOLATION_UNAVAILABLE",
        what: expect.stringMatching(
          /store is not what was promised|too long for a socket|a machine of 191 MiB/,
        ),
      });
      await session.close();
    }
    expect(readdirSync(machinesOf(name, far.base))).toEqual([]);
    await expectNothingLeft(name);
  });

  test("a monitor that does not answer as it must is a crash, in words that say so", async () => {
    const { broken } = standIns;
    const started = run(name, { does: "exit", status: 0 }, { directories: broken });
    await expect(started).rejects.toMatchObject({
      code: "PROVIDER_CRASHED",
      why: expect.stringMatching(
        /Cannot GET .* at (Firecracker|Cloud Hypervisor): the connection broke/,
      ),
    });
    await expectNothingLeft(name);
  });

  test("dies with its supervisor; what that left is swept by the next machine", async () => {
    const { base, directories } = standIns;
    const script = join(import.meta.dirname, "vmm", "machine-supervisor.ts");
    const supervisor = spawn(process.execPath, [script, name, base, ...directories], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => supervisor.once("close", resolve));
    const word = await Promise.race([
      new Promise((resolve) => supervisor.stdout.once("data", (chunk) => resolve(String(chunk)))),
      ended,
    ]);
    expect(word).toBe("up\n");
    expect(readdirSync(machinesOf(name, base))).toHaveLength(1);
    supervisor.kill("SIGKILL");
    await ended;
    await expect.poll(() => processesNaming(base), { timeout: 10_000 }).toEqual([]);
    await run(name, { does: "exit", status: 0 });
    await expectNothingLeft(name);
  });
});

describe.each(NAMES)("%s", (name) => {
  test("names each program that is missing, and how to get it", async () => {
    const nowhere = { ...standIns, directories: [join(standIns.base, "none")] };
    const probe = await providerOf(name, portsOf(null), nowhere).probe();
    expect(probe).toMatchObject({
      kind: "missing",
      what: expect.arrayContaining([name.split("/")[1]]),
      hint: expect.stringContaining("KVM"),
    });
    const ports = portsOf(imageOf(standIns.base, { does: "exit", status: 0 }));
    const absent = providerOf(name, ports, nowhere);
    await expect(absent.open(spec())).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
  });
});

describe.each(RAISED)("%s", (name) => {
  test("is missing without a KVM that ran a guest, and without an image", async () => {
    const probe = await providerOf(name, portsOf(null), standIns).probe();
    expect(probe).toMatchObject({ what: ["KVM: nobody tried", "an image: nobody built one"] });
    const noImage = providerOf(name, portsOf(null), standIns);
    await expect(noImage.open(spec())).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
  });

  test("refuses what a machine cannot show", async () => {
    const ports = portsOf(imageOf(standIns.base, { does: "exit", status: 0 }));
    const there = providerOf(name, ports, standIns);
    const binds = [{ source: "/tmp", target: "/mnt/x", kind: "directory" as const }];
    const opened = there.open({ ...spec(), binds });
    await expect(opened).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
  });
});

test("the stand-ins say of themselves what they are", () => {
  const path = join(import.meta.dirname, "vmm", "fake-monitor.ts");
  expect(readFileSync(path, "utf8")).toContain("No machine, no chroot");
});
