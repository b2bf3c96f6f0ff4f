/**
 * Raise one wall, run one program in it, watch it, end it, and say truthfully how it ended.
 *
 * Read in this order: LaunchPlan, openSession, launch, classify. A provider says how its wall is raised; all
 * the rest is here and the same for every provider: the wall clock, the output cap, memory and processor
 * time of the whole tree, cancellation, and the proof that nothing is left. The host's own observations
 * decide; a program's exit status is only what it said.
 *
 * @module
 */
import { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { CcosError } from "../foundation/errors.ts";
import {
  type Argv,
  type ControlGroup,
  createControlGroup,
  type Descriptor,
  isGone,
  killPid,
  memoryFileBytes,
  type ProcessEnd,
  processFacts,
  strayTrafficBytes,
  type SpawnedProcess,
  type SpawnRequest,
  spawnProcess,
  treeUsage,
} from "../host/index.ts";
import { type CappedOutput, capOutput } from "./output.ts";
import type {
  Ending,
  Execution,
  SandboxLimits,
  SandboxProgram,
  Session,
  Usage,
} from "./provider.ts";

/** How a provider raises its wall around one program. */
export interface LaunchPlan {
  readonly argv: Argv;
  /** Of the first process, which is ours. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The process as the program has it, when its streams are not the first process's own. Called once, at once. */
  readonly adopt?: (process: SpawnedProcess) => SpawnedProcess;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** A control channel on descriptor 3. */
  readonly channel: boolean;
  /** Descriptor that the program's input is written to. Absent: 0. */
  readonly stdin?: number;
  /** Descriptors from 4 up. */
  readonly descriptors: readonly Descriptor[];
  /**
   * Let the first process go on; it must wait for this (on one of `descriptors`), so that it is in its
   * control group before it makes children. Null: it does not wait, and gets no control group.
   */
  readonly start: ((process: SpawnedProcess) => void) | null;
  /** Host pid of the process whose death ends the wall, and when that pid is known; null: the first one. */
  readonly init: { readonly known: Promise<void>; pid(): number | null } | null;
  /** Memory that the wall itself needs beside the program's, bytes. Absent: GROUP_BYTES_OWN. */
  readonly ownBytes?: number;
  /** The anonymous file that holds the program's memory, where its processes map only parts of it at a time. */
  readonly memoryFile?: string;
  /** Living processes of the wall, where the end of the first one or of `init` does not take all with it at once. */
  readonly left?: () => readonly number[];
  /** The program's own end, from the first process's end; null when the wall never stood. */
  endingOf(end: ProcessEnd): ProcessEnd | null;
  /** Give back what the wall used. Called once, when the tree is gone. */
  release(): Promise<void>;
  /** A wall with a kernel of its own. Absent: the program shares ours. */
  readonly machine?: Machine;
}

/** What a wall with a kernel of its own adds: it rises slowly and has its own view of the end. */
export interface Machine {
  /** The program runs: its clocks begin. */
  readonly up: Promise<void>;
  /** The longest it may take until then, milliseconds. */
  readonly riseMsMax: number;
  /** Its kernel ended something of the program for memory. */
  outOfMemory(): boolean;
  /** The program's input ended, after so many bytes; its stream stays open. */
  endInput(process: SpawnedProcess, bytes: number): void;
  /** Why it did not rise, as it said; empty: it did not say. */
  complaint(): string;
}

const POLL_MS = 100;
const GONE_MS_MAX = 10_000;
const REAP_MS_MAX = 100;
/** What a small wall itself needs inside its control group, bytes. */
const GROUP_BYTES_OWN = 8 * 1024 * 1024;

/** Of the program: its three streams and the channel. */
const STREAMS = [0, 1, 2, 3];

type Reason = Extract<Ending, { kind: "killed" }>["by"];

interface Launched {
  readonly execution: Execution;
  close(): Promise<void>;
}

/**
 * A session around one launch.
 *
 * @param prepare - Checks the program and takes what the wall needs; throws before anything runs.
 */
export function openSession(
  limits: SandboxLimits,
  prepare: (program: SandboxProgram) => Promise<LaunchPlan>,
): Session {
  let used = false;
  let launching: Promise<Launched> | null = null;
  let closing: Promise<void> | null = null;
  const closeOnce = async (): Promise<void> => {
    used = true;
    const launched = await launching?.catch(() => null);
    await launched?.close();
  };
  return {
    execute: async (program, signal) => {
      if (used) throw usedTwice();
      used = true;
      if (signal.aborted) throw cancelled();
      launching = prepare(program).then((plan) => launch(plan, limits, signal));
      return (await launching).execution;
    },
    close: () => (closing ??= closeOnce()),
  };
}

function usedTwice(): CcosError {
  return new CcosError("INTERNAL", {
    what: "Cannot run a second program in this wall",
    why: "a session runs one program and is closed",
  });
}

function cancelled(): CcosError {
  return new CcosError("CANCELLED", {
    what: "Cannot start the program",
    why: "the run was cancelled",
  });
}

/** What is known of one running wall. */
interface Watch {
  readonly plan: LaunchPlan;
  readonly limits: SandboxLimits;
  readonly process: SpawnedProcess;
  /** Start time of the wall's process 1, once known: a reused pid is not it. */
  initTicks: number | null;
  readonly group: ControlGroup | null;
  reason: Reason | null;
  /** The program runs: until then only the rise is timed. */
  up: boolean;
  /** Of the whole tree, and of it what came before the program. */
  cpuMs: number;
  cpuMsBefore: number;
  memoryBytesPeak: number;
  strayBytes: number | null;
  outOfMemory: boolean;
  exited: boolean;
}

async function launch(
  plan: LaunchPlan,
  limits: SandboxLimits,
  signal: AbortSignal,
): Promise<Launched> {
  const watch = await begin(plan, limits);
  const { process } = watch;
  const stop = (reason: Reason): void => void endWall(watch, reason);
  const output = capOutput(process.readable(1), process.readable(2), limits.outputBytes, () =>
    stop("output"),
  );
  const onAbort = (): void => stop("cancelled");
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const startClock = (ms: number): NodeJS.Timeout => setTimeout(() => stop("timeout"), ms);
  let clock = startClock(plan.machine?.riseMsMax ?? limits.wallMs);
  const restartClock = (): boolean => {
    if (watch.exited || watch.reason !== null) return false;
    if (!watch.up) return true;
    clearTimeout(clock);
    clock = startClock(limits.wallMs);
    return true;
  };
  void plan.machine?.up.then(() => {
    observe(watch, stop);
    watch.cpuMsBefore = watch.cpuMs;
    watch.up = true;
    restartClock();
  });
  const poll = setInterval(() => observe(watch, stop), POLL_MS);
  const ending = process.exited.then(async (end) => {
    watch.exited = true;
    clearTimeout(clock);
    clearInterval(poll);
    signal.removeEventListener("abort", onAbort);
    observe(watch, () => undefined);
    await output.finish();
    return classify(watch, end, output);
  });
  // Whoever never asks for the ending must not be ended by it.
  ending.catch(() => undefined);
  const execution = {
    ...executionOf(plan, process, output, ending),
    usage: () => usageOf(watch),
    restartClock,
  };
  return { execution, close: () => closeWall(watch) };
}

/** Make the control group, spawn in it, let go on. On failure nothing is left. */
async function begin(plan: LaunchPlan, limits: SandboxLimits): Promise<Watch> {
  const bytes = limits.memoryBytes + (plan.ownBytes ?? GROUP_BYTES_OWN);
  const group = plan.start === null ? null : createControlGroup(bytes);
  let process: SpawnedProcess;
  try {
    const spawning = (): Promise<SpawnedProcess> => spawnProcess(requestOf(plan));
    process = await (group === null ? spawning() : group.around(spawning));
    process = plan.adopt?.(process) ?? process;
  } catch (error) {
    group?.remove();
    await plan.release();
    throw error;
  }
  const watch: Watch = {
    plan,
    limits,
    process,
    group,
    initTicks: null,
    reason: null,
    up: plan.machine === undefined,
    cpuMs: 0,
    cpuMsBefore: 0,
    memoryBytesPeak: 0,
    strayBytes: null,
    outOfMemory: false,
    exited: false,
  };
  void plan.init?.known.then(() => {
    const pid = plan.init?.pid() ?? null;
    watch.initTicks = pid === null ? null : (processFacts(pid)?.startTicks ?? null);
  });
  if (plan.start === null) return watch;
  try {
    await group?.join(process.pid);
    plan.start(process);
  } catch (error) {
    process.kill("SIGKILL");
    await process.exited;
    await closeWall(watch);
    throw crashed(error instanceof Error ? error.message : String(error));
  }
  return watch;
}

function requestOf({ argv, env, cwd, user, channel, descriptors }: LaunchPlan): SpawnRequest {
  return {
    argv,
    env,
    user,
    descriptors: ["pipe", "pipe", "pipe", channel ? "pipe" : "closed", ...descriptors],
    ...(cwd === undefined ? {} : { cwd }),
  };
}

function executionOf(
  plan: LaunchPlan,
  process: SpawnedProcess,
  output: CappedOutput,
  ending: Promise<Ending>,
): Omit<Execution, "restartClock" | "usage"> {
  const stream = process.writable(plan.stdin ?? 0);
  const channel = plan.channel ? process.duplex(3) : null;
  if (stream === null) throw new TypeError("The descriptor for input is a pipe");
  const { machine } = plan;
  const stdin =
    machine === undefined
      ? stream
      : countedInput(stream, (bytes) => machine.endInput(process, bytes));
  return {
    channel: channel === null ? null : { readable: channel, writable: channel },
    stdin,
    stdout: output.stdout,
    stderr: output.stderr,
    ending,
  };
}

/** The figures of this moment, or the last ones. A figure that stayed 0 was never seen. */
function usageOf(watch: Watch): Usage {
  observe(watch, () => undefined);
  const seen = (figure: number): number | null => (figure === 0 ? null : figure);
  return {
    cpuMs: seen(watch.cpuMs),
    memoryBytesPeak: seen(watch.memoryBytesPeak),
    strayBytes: watch.strayBytes,
    meter: watch.group === null ? "process-tree" : "control-group",
  };
}

/** A stream that tells its end with its length instead of closing what it writes to. */
function countedInput(stream: Writable, ended: (bytes: number) => void): Writable {
  let bytes = 0;
  stream.on("error", () => undefined);
  return new Writable({
    write: (chunk: Buffer, _, done) => {
      bytes += chunk.length;
      stream.write(chunk, done);
    },
    final: (done) => {
      ended(bytes);
      done();
    },
  });
}

function observeNetwork(watch: Watch): void {
  if (watch.exited) return;
  const bytes = strayTrafficBytes(watch.plan.init?.pid() ?? watch.process.pid);
  if (bytes !== null) watch.strayBytes = Math.max(watch.strayBytes ?? 0, bytes);
}

/** Take the figures of this moment; over a limit, `stop`. */
function observe(watch: Watch, stop: (reason: Reason) => void): void {
  const { limits, group } = watch;
  observeNetwork(watch);
  const usage = group?.usage();
  if (usage !== undefined) {
    watch.memoryBytesPeak = Math.max(watch.memoryBytesPeak, usage.memoryBytesPeak);
    if (usage.outOfMemoryKills > 0) watch.outOfMemory = true;
  }
  const measured = usage?.cpuMs ?? null;
  if (measured === null || usage === undefined) observeTree(watch, usage === undefined);
  else watch.cpuMs = Math.max(watch.cpuMs, measured);
  if (watch.outOfMemory) stop("memory");
  else if (watch.up && cpuMsOf(watch) >= limits.cpuMs) stop("cpu");
}

/** What the program used. */
function cpuMsOf({ cpuMs, cpuMsBefore }: Watch): number {
  return cpuMs - cpuMsBefore;
}

function observeTree(watch: Watch, countsMemory: boolean): void {
  const { limits, process, plan } = watch;
  if (watch.exited) return;
  const bytesMax = limits.memoryBytes + (plan.ownBytes ?? 0);
  const root = plan.init?.pid() ?? process.pid;
  const tree = treeUsage(root, bytesMax);
  watch.cpuMs = Math.max(watch.cpuMs, tree.cpuMs);
  if (!countsMemory) return;
  const fileBytes = plan.memoryFile === undefined ? 0 : memoryFileBytes(root, plan.memoryFile);
  const memoryBytes = Math.max(tree.memoryBytes, fileBytes);
  watch.memoryBytesPeak = Math.max(watch.memoryBytesPeak, memoryBytes);
  if (memoryBytes > bytesMax) watch.outOfMemory = true;
}

/** SIGKILL, inside first: whoever is still ours to name cannot be a reused pid. */
async function endWall(watch: Watch, reason: Reason): Promise<void> {
  if (watch.exited || watch.reason !== null) return;
  watch.reason = reason;
  const { init } = watch.plan;
  if (init !== null) await Promise.race([init.known, watch.process.exited, pause(1_000)]);
  if (watch.exited) return;
  const inner = init?.pid() ?? null;
  // The first process reaps the wall's process 1 when it is given the time.
  if (inner !== null && killPid(inner))
    await Promise.race([watch.process.exited, pause(REAP_MS_MAX)]);
  watch.process.kill("SIGKILL");
}

const OUT_OF_MEMORY_SIGNALS: readonly string[] = [
  "SIGABRT",
  "SIGTRAP",
  "SIGILL",
  "SIGSEGV",
  "SIGBUS",
];

/** @throws {CcosError} `PROVIDER_CRASHED` when the wall never stood. */
function classify(watch: Watch, end: ProcessEnd, output: CappedOutput): Ending {
  const { limits, reason } = watch;
  const { machine } = watch.plan;
  if (output.isOver()) return { kind: "killed", by: "output" };
  const own = watch.plan.endingOf(end);
  if (!watch.up && reason === "timeout")
    throw crashed(`it did not rise within ${machine?.riseMsMax} ms`);
  if (reason !== null && (own === null || signalOf(own) === "SIGKILL"))
    return { kind: "killed", by: reason };
  if (own === null) throw crashed(machine?.complaint() ?? output.complaint());
  if (watch.outOfMemory || machine?.outOfMemory() === true) return { kind: "killed", by: "memory" };
  const signal = signalOf(own);
  if (signal === null) return own;
  const cpuSpent = cpuMsOf(watch) >= limits.cpuMs / 2;
  if ((signal === "SIGXCPU" || signal === "SIGKILL") && cpuSpent)
    return { kind: "killed", by: "cpu" };
  const memorySpent = watch.memoryBytesPeak >= limits.memoryBytes * 0.6;
  // A runtime that is refused memory ends itself; how much it had is the host's figure.
  if (OUT_OF_MEMORY_SIGNALS.includes(signal) && memorySpent)
    return { kind: "killed", by: "memory" };
  return { kind: "signaled", signal };
}

function signalOf(end: ProcessEnd): string | null {
  return end.kind === "signaled" ? end.signal : null;
}

function crashed(why: string): CcosError {
  return new CcosError("PROVIDER_CRASHED", {
    what: "Cannot raise the wall",
    why: why === "" ? "it ended without a word" : why,
    fix: "Run `ccos doctor`",
  });
}

/** Ends what runs, waits until nothing is left, and gives everything back. */
async function closeWall(watch: Watch): Promise<void> {
  const { process, plan, group } = watch;
  await endWall(watch, "cancelled");
  await process.exited;
  const inner = plan.init?.pid() ?? null;
  const isEmpty = (): boolean => {
    if (inner !== null && watch.initTicks !== null && !isGone(inner, watch.initTicks)) return false;
    if (group !== null) return group.remove();
    const left = plan.left?.() ?? [];
    for (const pid of left) killPid(pid);
    return left.length === 0;
  };
  const deadline = Date.now() + GONE_MS_MAX;
  for (let waitMs = 1; !isEmpty(); waitMs = Math.min(waitMs * 2, 50)) {
    if (Date.now() > deadline) throw survivors();
    await pause(waitMs);
    for (const pid of group?.pids() ?? []) killPid(pid);
  }
  for (const each of STREAMS) process.duplex(each)?.destroy();
  await plan.release();
}

function survivors(): CcosError {
  return new CcosError("PROVIDER_CRASHED", {
    what: "Cannot close the wall",
    why: `processes are left ${GONE_MS_MAX} ms after they were killed`,
    fix: "Look for processes in uninterruptible sleep",
  });
}
