/**
 * How long until a program in a machine says its first word: the wall that boots and the wall that restores a template,
 * beside a bare boot of the same image; for Node, and for a shell, which the image then needs (`--programs`).
 *
 *   npm run build && node bin/ccos.cjs image build --programs --out DIR && node bench/microvm.ts DIR [DIR]... [ROUNDS] [--json FILE]
 *
 * Every round runs all, in turn, for each image. Bare: the same QEMU line, image and words for process 1, spawned directly; no jail, no
 * filter on QEMU, nothing measured, nobody watching. Unchecked: bare, and the root is mounted without its verity tree.
 * Medians of the time on the clock and of QEMU's processor time at the first word, and ratios inside this run only.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { ImageLock } from "../src/isolation/image/lock.ts";
import { readLock } from "../src/isolation/image/measured-image.ts";
import { verityWord } from "../src/isolation/image/verity.ts";
import { createQemu } from "../src/isolation/providers/qemu.ts";
import { DEFAULT_MACHINE } from "../src/isolation/vm/machine-wish.ts";
import type { IsolationProvider, SandboxProgram, SandboxSpec } from "../src/isolation/provider.ts";
import { timeStampKhz } from "../src/host/index.ts";
import { encodeRecords } from "../src/isolation/vm/guest-records.ts";
import { tellGuest } from "../src/isolation/vm/guest-words.ts";
import { kernelCommandLine } from "../src/isolation/vm/kernel-words.ts";
import { JAIL_ARGUMENTS, qemuArguments } from "../src/isolation/vm/qemu-line.ts";
import { median, table, writeResults } from "./lib/stats.ts";

const words = process.argv.slice(2).filter((_, at, all) => !/^--json$/.test(all[at - 1] ?? ""));
const images = words.filter((word) => !/^--json|^\d+$/.test(word));
if (images.length === 0) throw new Error("name the directories of images");
const rounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 11);
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

interface Subject {
  readonly image: string;
  readonly lock: ImageLock;
  readonly version: string;
  readonly boots: IsolationProvider;
  readonly restores: IsolationProvider;
}

async function subjectOf(image: string): Promise<Subject> {
  const options = { stateDir, imageDir: image, machine: DEFAULT_MACHINE };
  const boots = createQemu({ ...options, templates: false });
  const restores = createQemu(options);
  const probe = await boots.probe();
  if (probe.kind !== "ready") throw new Error(probe.what.join(", "));
  // The template is made before the first round.
  await wall(restores, shell);
  return { image, lock: await readLock(image), version: probe.version, boots, restores };
}

async function wall(provider: IsolationProvider, program: SandboxProgram): Promise<Sample> {
  const started = performance.now();
  const session = await provider.open(spec);
  const execution = await session.execute(program, new AbortController().signal);
  await new Promise((resolve) => execution.stdout.once("data", resolve));
  const sample = { ms: performance.now() - started, cpuMs: qemuCpuMs() };
  await session.close();
  return sample;
}

async function bare({ image, lock }: Subject, isChecked: boolean): Promise<Sample> {
  const started = performance.now();
  const files = ["kernel", "initrd", "root"].map((name) => openSync(join(image, name), "r"));
  const open = (fd: number) => ({ kind: "descriptor", fd }) as const;
  const kernelLine = kernelCommandLine({
    accelerator: { kind: "tcg", tscKhz: timeStampKhz() ?? 0 },
    verity: lock.verity,
    kernelWords: "",
  });
  const line = qemuArguments({
    acceleration: "tcg",
    memoryMib: 512 + 160,
    vcpus: 1,
    label: LABEL,
    kernel: "/proc/self/fd/8",
    initrd: "/proc/self/fd/9",
    kernelLine: isChecked ? kernelLine : kernelLine.replace(verityWord("vda", lock.verity), ""),
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

const WAYS = {
  "boot, Node": ({ boots }: Subject) => wall(boots, node),
  "bare boot, Node": (subject: Subject) => bare(subject, true),
  "unchecked bare boot, Node": (subject: Subject) => bare(subject, false),
  "restore, Node": ({ restores }: Subject) => wall(restores, node),
  "boot, shell": ({ boots }: Subject) => wall(boots, shell),
  "restore, shell": ({ restores }: Subject) => wall(restores, shell),
} as const;
type Way = keyof typeof WAYS;
const names = Object.keys(WAYS) as readonly Way[];
const subjects: Subject[] = [];
for (const image of images) subjects.push(await subjectOf(image));
const samples = subjects.map(() => new Map<Way, Sample[]>(names.map((name) => [name, []])));
for (let round = 0; round < rounds; round++)
  for (const [at, subject] of subjects.entries())
    for (const name of names) samples[at]?.get(name)?.push(await WAYS[name](subject));
rmSync(stateDir, { recursive: true, force: true });

const results = subjects.map(({ version }, at) => {
  const of = (name: Way, key: keyof Sample): number =>
    median((samples[at]?.get(name) ?? []).map((each) => each[key]));
  const over = (one: Way, other: Way, key: keyof Sample): number => of(one, key) / of(other, key);
  const ratios = {
    "boot, wall / bare (≤ 1.3)": over("boot, Node", "bare boot, Node", "ms"),
    "QEMU's processor time until then": over("boot, Node", "bare boot, Node", "cpuMs"),
    "QEMU's processor time, bare / unchecked": over(
      "bare boot, Node",
      "unchecked bare boot, Node",
      "cpuMs",
    ),
    "boot / restore, Node": over("boot, Node", "restore, Node", "ms"),
    "boot / restore, shell (≥ 10)": over("boot, shell", "restore, shell", "ms"),
    "QEMU's processor time, boot / restore, shell": over("boot, shell", "restore, shell", "cpuMs"),
  };
  const rows = names.map((name) => [name, of(name, "ms").toFixed(0), of(name, "cpuMs").toFixed(0)]);
  const values = Object.entries(ratios).map(([name, value]) => [name, value.toFixed(2)]);
  const heads = ["first word in a machine", "median ms", "QEMU's CPU ms"];
  process.stdout.write(
    `${version}\n\n${table(heads, rows)}\n\n${table(["ratio", "value"], values)}\n\n`,
  );
  const medians = Object.fromEntries(
    names.map((name) => [name, { ms: of(name, "ms"), cpuMs: of(name, "cpuMs") }]),
  );
  return { version, medians, samples: Object.fromEntries(samples[at] ?? []), ratios };
});
const [first, ...others] = results;
writeResults("microvm", { rounds, ...first, ...(others.length === 0 ? {} : { others }) });
