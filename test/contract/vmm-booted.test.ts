/**
 * The walls of Firecracker and Cloud Hypervisor, whole, around a real guest: jail, API, staged and measured image, vsock,
 * process 1, program, ending, nothing left. Not Firecracker and not Cloud Hypervisor: stand-ins for their programs obey
 * the vendors' contract and boot QEMU in emulation (vmm/booted-machine.ts).
 *
 * Skipped where QEMU, Python or an image (CCOS_IMAGE) is missing, unless REQUIRE_ISOLATION names QEMU's wall.
 *
 * @module
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killPid, processesNaming } from "../../src/host/index.ts";
import { LOCK_FILE, lockText } from "../../src/isolation/image/lock.ts";
import { readLock } from "../../src/isolation/image/measured-image.ts";
import type {
  Ending,
  IsolationProvider,
  SandboxFile,
  SandboxProgram,
  SandboxSpec,
} from "../../src/isolation/provider.ts";
import { machinePorts } from "../../src/isolation/vm/machine-image.ts";
import type { MachinePorts } from "../../src/isolation/vm/machine-ports.ts";
import { DEFAULT_MACHINE } from "../../src/isolation/vm/machine-wish.ts";
import type { LinkHandlers } from "../../src/runtime/guest-link.ts";
import { launchPlan, loadGuest } from "../../src/runtime/guest-launch.ts";
import { testImage } from "./image.ts";
import { layElfImage } from "./vmm/elf-image.ts";
import {
  layStandIns,
  machinesOf,
  type ProviderName,
  providerOf,
  type StandIns,
} from "./vmm/stand-ins.ts";

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;
const NAMES: readonly ProviderName[] = ["microvm/firecracker", "microvm/cloud-hypervisor"];
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes("microvm/qemu");
const { imageDir } = testImage();
const isRoot = process.geteuid?.() === 0;
const PROGRAMS = ["/usr/bin/qemu-system-x86_64", "/usr/bin/python3"];
const canBoot = isRoot && imageDir !== undefined && PROGRAMS.every((path) => existsSync(path));

let standIns: StandIns;
let image: string;
beforeAll(async () => {
  if (!canBoot && !required) return;
  standIns = await layStandIns();
  image = layElfImage(imageDir ?? "/nonexistent", standIns.base);
});
afterAll(async () => {
  if (standIns === undefined) return;
  // Only after a failure is there one.
  for (const pid of await processesNaming(standIns.base)) killPid(pid);
  rmSync(standIns.base, { recursive: true, force: true });
});

function portsHere(): MachinePorts {
  const source = { imageDir: image, stateDir: standIns.base, machine: DEFAULT_MACHINE };
  // The one thing that is not asked: these guests are emulated.
  return {
    ...machinePorts(source),
    kvmUsable: () => Promise.resolve({ usable: true, why: "the stand-ins need none" }),
  };
}

function providerHere(name: ProviderName): IsolationProvider {
  const { base, booting } = standIns;
  return providerOf(name, portsHere(), { base, directories: booting });
}

function spec(change: Partial<SandboxSpec> = {}): SandboxSpec {
  const limits = {
    wallMs: 40_000,
    cpuMs: 40_000,
    memoryBytes: 256 * MIB,
    pidsMax: 64,
    outputBytes: 2 * MIB,
    diskBytes: 4 * MIB,
  };
  return { limits, files: [], binds: [], environment: {}, sockets: false, ...change };
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

interface Done {
  readonly ending: Ending;
  readonly out: string;
  readonly error: string;
}

async function run(
  name: ProviderName,
  program: SandboxProgram,
  { asked, input = "" }: { readonly asked: SandboxSpec; readonly input?: string },
): Promise<Done> {
  const session = await providerHere(name).open(asked);
  try {
    const execution = await session.execute(program, NEVER);
    execution.stdin.end(input);
    const [ending, out, error] = await Promise.all([
      execution.ending,
      textOf(execution.stdout),
      textOf(execution.stderr),
    ]);
    return { ending, out, error };
  } finally {
    await session.close();
    await expectNothingLeft(name);
  }
}

async function expectNothingLeft(name: ProviderName): Promise<void> {
  expect(readdirSync(machinesOf(name, standIns.base))).toEqual([]);
  // QEMU and the device are the stand-in's children, which the vendors' programs have not: they die after it.
  await expect.poll(() => processesNaming(standIns.base), { timeout: 10_000 }).toEqual([]);
}

function file(path: string, text: string, executable = false): SandboxFile {
  return { path, content: new TextEncoder().encode(text), executable };
}

const external = (...argv: readonly string[]): SandboxProgram => ({
  kind: "external",
  argv,
  channel: false,
});

/** Emulated machines, also beside a busy host. */
const BUSY = { timeout: 120_000 };
const isSkipped = !canBoot && !required;

describe.skipIf(isSkipped).each(NAMES)("%s over a stand-in that boots QEMU", BUSY, (name) => {
  test("a program gets its input and its end, its files, limits and a door; all of its output and its status arrive", async () => {
    const door = await listen();
    const lines = [
      "cat; cat /ccos/data; touch /ccos/data /x 2>/dev/null || echo refused",
      "head -c 1000000 /dev/zero; cat /proc/sys/user/max_user_namespaces",
      `perl -MIO::Socket::UNIX -e '${DOOR}' /ccos/door.sock`,
      "echo last words >&2; exit 7",
    ];
    const asked = spec({
      files: [file("/ccos/data", "a file\n")],
      binds: [{ source: door.path, target: "/ccos/door.sock", kind: "socket" }],
      sockets: true,
    });
    const program = external("sh", "-c", lines.join(";"));
    const done = await run(name, program, { asked, input: "some\ninput\n" });
    await door.close();
    expect(done.ending).toEqual({ kind: "exited", status: 7 });
    const [before, after] = done.out.split("\0".repeat(1_000_000));
    expect(before).toBe("some\ninput\na file\nrefused\n");
    expect(after).toBe("0\nthe host heard the guest");
    expect(done.error).toBe("last words\n");
  });

  test("what process 1 cannot do it says before its machine ends", async () => {
    const asked = spec({ files: [file("/ccos/broken", "#!/nonexistent\n", true)] });
    await expect(run(name, external("/ccos/broken"), { asked })).rejects.toMatchObject({
      code: "PROVIDER_CRASHED",
      why: "the program cannot start",
    });
  });
});

describe.skipIf(isSkipped)("microvm/firecracker over a stand-in that boots QEMU", BUSY, () => {
  const name = "microvm/firecracker";

  test("a plan runs, and calls its host over the channel", async () => {
    const wall = providerHere(name);
    const guest = await loadGuest({
      guestDir: join(import.meta.dirname, "..", "..", "dist", "guest"),
      stateDir: standIns.base,
      nodePath: process.execPath,
      version: "test",
      environment: {},
      nowMs: Date.now,
      randomBytes: (length) => new Uint8Array(length),
    });
    const { session, link } = await launchPlan(spec().limits, wall, guest, { signal: NEVER });
    const execute = {
      type: "execute",
      id: 1,
      source: "(+ 40 (call :host.answer))",
      file: "plan.rtfs",
      modules: [],
      args: [],
      fuel: 1_000_000,
      depthMax: 100,
    } as const;
    const onMessage: LinkHandlers["onMessage"] = (message, send) => {
      if (message.type === "call") send({ type: "result", id: message.id, ok: true, value: 2 });
      return null;
    };
    const talk = await link.converse({ execute, callsInFlightMax: 1 }, { onMessage });
    await session.close();
    expect(talk).toMatchObject({ kind: "result", message: { value: 42 } });
    await expectNothingLeft(name);
  });

  test("ends by the wall clock, which begins with the program, and by the guest's own memory", async () => {
    const limits = { ...spec().limits, wallMs: 1_000 };
    const late = await run(name, external("sleep", "60"), { asked: spec({ limits }) });
    expect(late.ending).toEqual({ kind: "killed", by: "timeout" });
    const hungry = external("perl", "-e", 'my $x = "x" x (1 << 20); $x .= $x while 1');
    const small = { ...spec().limits, memoryBytes: 64 * MIB };
    const full = await run(name, hungry, { asked: spec({ limits: small }) });
    expect(full.ending).toEqual({ kind: "killed", by: "memory" });
  });

  test("boots what it measured and nothing else, and says so", async () => {
    const wall = providerHere(name);
    const facts = await wall.machine?.attest(spec());
    const lock = await readLock(image);
    expect(facts).toEqual({
      image: { ...lock.digests, version: lock.versions.kernel, node: lock.versions.node },
      commandLine: expect.stringContaining(
        ` ccos.vda=${lock.verity.dataBlocks}:${lock.verity.rootHash}:`,
      ),
      accelerator: "kvm",
      store: null,
      template: null,
    });
    const text = lockText({ ...lock, versions: { ...lock.versions, node: "0.0.0" } });
    writeFileSync(join(image, LOCK_FILE), text);
    await expect(wall.open(spec())).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
      why: "it was replaced since it was measured",
    });
    writeFileSync(join(image, LOCK_FILE), lockText(lock));
  });
});

const DOOR = [
  "my $door = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!",
  'print $door "the guest"; shutdown $door, 1; print <$door>',
].join("; ");

async function listen(): Promise<{ path: string; close(): Promise<void> }> {
  const path = join(standIns.base, "door.sock");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("data", (chunk) => socket.end(`the host heard ${String(chunk)}`));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { path, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
