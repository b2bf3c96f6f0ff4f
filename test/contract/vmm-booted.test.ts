/**
 * The walls of Firecracker and Cloud Hypervisor, whole, around a real guest: jail, API, staged and measured image, vsock,
 * process 1, program, ending, nothing left. Not Firecracker and not Cloud Hypervisor: stand-ins for their programs obey
 * the vendors' contract and boot QEMU in emulation (vmm/booted-machine.ts).
 *
 * Skipped where QEMU, Python or an image (CCOS_IMAGE) is missing, unless REQUIRE_ISOLATION names QEMU's wall.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killPid, processesNaming } from "../../src/host/index.ts";
import type {
  Ending,
  SandboxFile,
  SandboxProgram,
  SandboxSpec,
} from "../../src/isolation/provider.ts";
import { machinePorts } from "../../src/isolation/vm/machine-image.ts";
import type { MachinePorts } from "../../src/isolation/vm/machine-ports.ts";
import { DEFAULT_MACHINE } from "../../src/isolation/vm/machine-wish.ts";
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
// A link without an absolute path of its own: not one below a user's home.
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
  readonly heard: string;
}

async function run(
  name: ProviderName,
  program: SandboxProgram,
  { asked = spec(), input = "", say = "" } = {},
): Promise<Done> {
  const provider = providerOf(name, portsHere(), {
    base: standIns.base,
    directories: standIns.booting,
  });
  const session = await provider.open(asked);
  try {
    const execution = await session.execute(program, NEVER);
    execution.stdin.end(input);
    execution.channel?.writable.write(say);
    const { channel } = execution;
    const [ending, out, error, heard] = await Promise.all([
      execution.ending,
      textOf(execution.stdout),
      textOf(execution.stderr),
      channel === null ? "" : textOf(channel.readable),
    ]);
    return { ending, out, error, heard };
  } finally {
    await session.close();
    const below = machinesOf(name, standIns.base);
    expect(readdirSync(below)).toEqual([]);
    expect(await processesNaming(standIns.base)).toEqual([]);
  }
}

function file(path: string, text: string, executable = false): SandboxFile {
  return { path, content: new TextEncoder().encode(text), executable };
}

const external = (...argv: readonly string[]): SandboxProgram => ({
  kind: "external",
  argv,
  channel: false,
});

describe.skipIf(!canBoot && !required).each(NAMES)("%s over a stand-in that boots QEMU", (name) => {
  test("a program gets its input and its end, its files and limits; all of its output and its status arrive", async () => {
    const lines = [
      "cat; cat /ccos/data; touch /ccos/data /x 2>/dev/null || echo refused",
      "head -c 1000000 /dev/zero; cat /proc/sys/user/max_user_namespaces; echo last words >&2; exit 7",
    ];
    const asked = spec({ files: [file("/ccos/data", "a file\n")] });
    const done = await run(name, external("sh", "-c", lines.join(";")), {
      asked,
      input: "some\ninput\n",
    });
    expect(done.ending).toEqual({ kind: "exited", status: 7 });
    const zeros = "\0".repeat(1_000_000);
    expect(done.out === `some\ninput\na file\nrefused\n${zeros}0\n`).toBe(true);
    expect(done.error).toBe("last words\n");
  });
});
