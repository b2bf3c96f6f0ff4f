/**
 * Raise and end walls in a row, then look for what they left: `node test/soak/many-walls.ts COUNT WALL… [--out FILE]`.
 *
 * Read in this order: main, traces. It runs in process, mount and network namespaces of its own, so that
 * everything that is there belongs to it; only control groups and files are told apart by name. Root only.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  createProviders,
  type IsolationProvider,
  type SandboxSpec,
} from "../../src/isolation/index.ts";

/** Of the host, what walls are made of; equal before and after, or something was left. */
export interface Traces {
  readonly processes: readonly string[];
  readonly mounts: number;
  readonly sockets: readonly string[];
  readonly groups: readonly string[];
  readonly files: readonly string[];
  readonly descriptors: number;
}

export interface ManyWalls {
  readonly opened: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly before: Traces;
  readonly after: Traces;
  readonly rssMib: { readonly early: number; readonly end: number };
}

const MIB = 1024 * 1024;
const SPEC: SandboxSpec = {
  limits: {
    wallMs: 60_000,
    cpuMs: 30_000,
    memoryBytes: 128 * MIB,
    pidsMax: 32,
    outputBytes: MIB,
    diskBytes: 4 * MIB,
  },
  files: [{ path: "/work/note", content: new TextEncoder().encode("kept"), executable: false }],
  binds: [],
  environment: {},
  sockets: false,
};

interface Leaving {
  /** The last wall stays up, with a program in it: what looks for traces must see it. */
  readonly leavesLast?: boolean;
}

/** Run it and give what it found. `walls` are raised in turn, `count` in all. */
export function manyWalls(
  count: number,
  walls: readonly string[],
  { leavesLast = false }: Leaving = {},
): ManyWalls {
  const temporary = mkdtempSync(join(tmpdir(), "ccos-many-"));
  chmodSync(temporary, 0o1777);
  try {
    const script = '"$@"; exit $?';
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      ["--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc"]
        // Process 1 is a shell, which reaps whatever loses its parent.
        .concat("sh", "-c", script, "sh", process.execPath, import.meta.filename)
        .concat("--inside", temporary, String(count), String(leavesLast), walls),
      { encoding: "utf8", maxBuffer: 16 * MIB, env: { ...process.env, TMPDIR: temporary } },
    );
    if (status !== 0) throw new Error(`the loop ended with ${status}: ${stderr}`);
    const found = JSON.parse(stdout) as ManyWalls;
    // What was left on purpose died with its namespace; its groups stay.
    if (leavesLast) for (const group of found.after.groups) rmdirSync(group);
    return found;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function traces(directory: string): Traces {
  const lines = (path: string): readonly string[] => readFileSync(path, "utf8").split("\n");
  return {
    processes: readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && !["1", String(process.pid)].includes(name))
      .map((pid) => `${pid} ${commandLine(pid)}`),
    mounts: lines("/proc/self/mountinfo").length,
    sockets: lines("/proc/net/unix").slice(1),
    groups: controlGroups(),
    files: readdirSync(directory, { recursive: true, encoding: "utf8" }),
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return "(gone)";
  }
}

/** Groups that this process namespace made. */
function controlGroups(): readonly string[] {
  const namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "none";
  const { stdout } = spawnSync(
    "find",
    ["/sys/fs/cgroup", "-type", "d", "-name", `ccos-${namespace}-*`],
    { encoding: "utf8" },
  );
  return stdout.split("\n").filter((line) => line !== "");
}

async function raiseInTurn(
  directory: string,
  walls: readonly string[],
  { count, leavesLast }: { readonly count: number; readonly leavesLast: boolean },
): Promise<ManyWalls> {
  const providers = await readyProviders(directory, walls);
  const opened: Record<string, number> = {};
  let before: Traces | null = null;
  let early = 0;
  const started = performance.now();
  for (let turn = -providers.length; turn < count; turn++) {
    // One of each first: what a process makes once is no trace of a wall.
    if (turn === 0) before = traces(directory);
    if (turn === Math.ceil(count / 10)) early = process.memoryUsage.rss();
    const provider = providers.at(turn % providers.length)!;
    if (leavesLast && turn === count - 1) await leaveOpen(provider);
    else await raiseOnce(provider, turn);
    if (turn >= 0) opened[provider.name] = (opened[provider.name] ?? 0) + 1;
  }
  const seconds = (performance.now() - started) / 1000;
  // A reaped process may still stand in /proc for a moment.
  await pause(200);
  const rssMib = { early: early / MIB, end: process.memoryUsage.rss() / MIB };
  return { opened, seconds, before: before!, after: traces(directory), rssMib };
}

async function readyProviders(
  directory: string,
  walls: readonly string[],
): Promise<readonly IsolationProvider[]> {
  const options = { nodePath: process.execPath, stateDir: directory, only: walls };
  const providers = createProviders(options);
  if (providers.length !== walls.length) throw new Error(`${walls.join(", ")}: not all are walls`);
  for (const provider of providers) {
    const probe = await provider.probe();
    if (probe.kind === "missing") throw new Error(`${provider.name}: ${probe.what.join(", ")}`);
  }
  return providers;
}

/** Its program reads the file it was given, and ends. */
async function raiseOnce(provider: IsolationProvider, turn: number): Promise<void> {
  const session = await provider.open(SPEC);
  const program = { kind: "external", argv: ["cat", "/work/note"], channel: false } as const;
  const execution = await session.execute(program, AbortSignal.any([]));
  execution.stdin.end();
  let said = "";
  execution.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  execution.stderr.resume();
  const ending = await execution.ending;
  await session.close();
  if (ending.kind !== "exited" || ending.status !== 0 || said !== "kept")
    throw new Error(`${provider.name}, turn ${turn}: ${JSON.stringify(ending)}, said "${said}"`);
}

async function leaveOpen(provider: IsolationProvider): Promise<void> {
  const session = await provider.open(SPEC);
  const argv = ["sh", "-c", "echo up; sleep 50"] as const;
  const program = { kind: "external", argv, channel: false } as const;
  const execution = await session.execute(program, AbortSignal.any([]));
  await once(execution.stdout, "data");
}

async function main([first, ...rest]: readonly string[]): Promise<void> {
  if (first === "--inside") {
    const [directory = "", count = "", leavesLast = "", ...walls] = rest;
    const loop = { count: Number(count), leavesLast: leavesLast === "true" };
    process.stdout.write(JSON.stringify(await raiseInTurn(directory, walls, loop)));
    // A wall that was left would keep this process.
    process.exit();
  }
  const [out, ...walls] = [rest.find((_, at) => rest[at - 1] === "--out")].concat(
    rest.filter((word, at) => word !== "--out" && rest[at - 1] !== "--out"),
  ) as [string | undefined, ...string[]];
  const date = new Date().toISOString();
  const result = manyWalls(Number(first), walls);
  const machine = { cpu: cpus()[0]?.model, kernel: release(), node: process.version };
  const command = `npm run soak -- walls ${process.argv.slice(2).join(" ")}`;
  const text = `${JSON.stringify({ name: "soak-walls", date, command, machine, ...result }, null, 2)}\n`;
  if (out !== undefined) writeFileSync(out, text);
  process.stdout.write(text);
}

if (import.meta.main) await main(process.argv.slice(2));
