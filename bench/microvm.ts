/**
 * How long until a program in a machine says its first word: the wall that boots and the wall that restores a template,
 * beside a bare boot of the same image; for Node, and for a shell, which the image then needs (`--programs`).
 *
 *   npm run build && node bin/ccos.cjs image build --programs --out DIR && node bench/microvm.ts DIR [ROUNDS] [--json FILE]
 *
 * Every round runs all, in turn. Bare: the same QEMU line, image and words for process 1, spawned directly; no jail, no
 * filter on QEMU, nothing measured, nobody watching. Medians of the time on the clock and of QEMU's processor time
 * at the first word, and ratios inside this run only.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { readLock } from "../src/isolation/image/measured-image.ts";
import { createQemu } from "../src/isolation/providers/qemu.ts";
import { DEFAULT_MACHINE } from "../src/isolation/vm/machine-wish.ts";
import type { IsolationProvider, SandboxProgram, SandboxSpec } from "../src/isolation/provider.ts";
import { timeStampKhz } from "../src/host/index.ts";
import { encodeRecords } from "../src/isolation/vm/guest-records.ts";
import { tellGuest } from "../src/isolation/vm/guest-words.ts";
import { kernelCommandLine } from "../src/isolation/vm/kernel-words.ts";
import { JAIL_ARGUMENTS, qemuArguments } from "../src/isolation/vm/qemu-line.ts";
import { median, table, writeResults } from "./lib/stats.ts";

const [image, roundsText] = process.argv.slice(2);
if (image === undefined) throw new Error("name the directory of an image");
const rounds = Number(roundsText ?? 11) || 11;
const MIB = 1024 * 1024;
const LABEL = `bench-${process.pid}`;
const QEMU = "/usr/bin/qemu-system-x86_64";

const spec: SandboxSpec = {
  limits: {
    wallMs: 120_000,
    cpuMs: 120_000,
    memoryBytes: 512 * MIB,
    pidsMax: 64,
    outputBytes: MIB,
    diskBytes: 16 * MIB,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
  label: LABEL,
};
const node: SandboxProgram = {
  kind: "rtfs",
  guest: {
    path: "/ccos/guest.cjs",
    content: new TextEncoder().encode(
      'require("node:fs").writeSync(1, "r"); setTimeout(() => {}, 60000)',
    ),
    executable: false,
  },
  beside: [],
  stackKiB: 984,
};

const shell: SandboxProgram = {
  kind: "external",
  argv: ["sh", "-c", "echo r; exec sleep 60"],
  channel: false,
};

interface Sample {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Of the QEMU whose command line has our label. */
function qemuCpuMs(): number {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(LABEL)) continue;
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      continue;
    }
  }
  throw new Error("no machine is running");
}

const stateDir = mkdtempSync(join(tmpdir(), "ccos-bench-"));
const options = { stateDir, imageDir: image, machine: DEFAULT_MACHINE };
const boots = createQemu({ ...options, templates: false });
const restores = createQemu(options);
const probe = await boots.probe();
if (probe.kind !== "ready") throw new Error(probe.what.join(", "));

async function wall(provider: IsolationProvider, program: SandboxProgram): Promise<Sample> {
  const started = performance.now();
  const session = await provider.open(spec);
  const execution = await session.execute(program, new AbortController().signal);
  await new Promise((resolve) => execution.stdout.once("data", resolve));
  const sample = { ms: performance.now() - started, cpuMs: qemuCpuMs() };
  await session.close();
  return sample;
}

const lock = await readLock(image);
async function bare(): Promise<Sample> {
  const started = performance.now();
  const files = ["kernel", "initrd", "root"].map((name) => openSync(join(image!, name), "r"));
  const open = (fd: number) => ({ kind: "descriptor", fd }) as const;
  const line = qemuArguments({
    acceleration: "tcg",
    memoryMib: 512 + 160,
    vcpus: 1,
    verity: lock.verity,
    kernelWords: "",
    label: LABEL,
    kernel: "/proc/self/fd/8",
    initrd: "/proc/self/fd/9",
    kernelLine: kernelCommandLine({
      accelerator: { kind: "tcg", tscKhz: timeStampKhz() ?? 0 },
      kernelWords: "",
    }),
    drives: [open(10)],
    ports: new Map([
      ["ccos.doors", null],
      ["ccos.init", open(3)],
      ["ccos.in", open(4)],
      ["ccos.out", open(5)],
      ["ccos.err", open(6)],
      ["ccos.channel", open(11)],
    ]),
    console: open(7),
    monitor: null,
    incomingFd: null,
    entropyBytesPerSecond: null,
    card: null,
    isRootless: true,
  }).filter((word) => !JAIL_ARGUMENTS.includes(word));
  const pipes = ["pipe", "pipe", "pipe", "pipe", "pipe"] as const;
  const child = spawn(QEMU, line, {
    stdio: ["ignore", "ignore", "ignore", ...pipes, ...files, "pipe"],
    env: {},
  });
  for (const file of files) closeSync(file);
  const port = (fd: number): Duplex => child.stdio[fd as 3] as unknown as Duplex;
  for (const fd of [3, 4, 5, 6, 7, 11]) port(fd).on("error", () => undefined);
  port(7).resume();
  port(3).resume();
  port(3).write(encodeRecords(tellGuest(node, spec, lock)));
  await new Promise((resolve) => port(5).once("data", resolve));
  const sample = { ms: performance.now() - started, cpuMs: qemuCpuMs() };
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  return sample;
}

// The template is made before the first round.
await wall(restores, shell);
const ways = {
  "boot, Node": () => wall(boots, node),
  "bare boot, Node": bare,
  "restore, Node": () => wall(restores, node),
  "boot, shell": () => wall(boots, shell),
  "restore, shell": () => wall(restores, shell),
} as const;
type Way = keyof typeof ways;
const names = Object.keys(ways) as readonly Way[];
const samples = new Map<Way, Sample[]>(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round++)
  for (const name of names) samples.get(name)?.push(await ways[name]());
rmSync(stateDir, { recursive: true, force: true });
const of = (name: Way, key: keyof Sample): number =>
  median((samples.get(name) ?? []).map((each) => each[key]));
const ratios = {
  "boot, wall / bare (≤ 1.3)": of("boot, Node", "ms") / of("bare boot, Node", "ms"),
  "QEMU's processor time until then": of("boot, Node", "cpuMs") / of("bare boot, Node", "cpuMs"),
  "boot / restore, Node": of("boot, Node", "ms") / of("restore, Node", "ms"),
  "boot / restore, shell (≥ 10)": of("boot, shell", "ms") / of("restore, shell", "ms"),
  "QEMU's processor time, boot / restore, shell":
    of("boot, shell", "cpuMs") / of("restore, shell", "cpuMs"),
};
const text = [
  table(
    ["first word in a machine", "median ms", "QEMU's CPU ms"],
    names.map((name) => [name, of(name, "ms").toFixed(0), of(name, "cpuMs").toFixed(0)]),
  ),
  table(
    ["ratio", "value"],
    Object.entries(ratios).map(([name, value]) => [name, value.toFixed(2)]),
  ),
].join("\n\n");
process.stdout.write(`${text}\n`);
writeResults("microvm", {
  rounds,
  version: probe.version,
  samples: Object.fromEntries(samples),
  ratios,
});
