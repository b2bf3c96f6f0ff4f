/**
 * One attack in one real session: open, run, read its reports, wait for its end, close.
 *
 * What is read is bounded and what is waited for has an end: the wall's own limits, the caller's
 * signal, and a grace after the ending in which streams may drain.
 *
 * @module
 */
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { encodeFrame } from "../../foundation/framing.ts";
import { PROTOCOL_VERSION } from "../../foundation/protocol.ts";
import type {
  Ending,
  Execution,
  Guarantee,
  IsolationProvider,
  Measurement,
  SandboxLimits,
  SandboxProgram,
  SandboxSpec,
} from "../provider.ts";
import { type Report, parseReport } from "./attack.ts";
import { type NodeAttack, nodeAttack } from "./attack-node.ts";
import { type PerlAttack, perlAttack } from "./attack-perl.ts";

/** What a trial is told about this host. */
export interface TrialContext {
  readonly provider: IsolationProvider;
  readonly stateDir: string;
  readonly nodePath: string;
  /** Argument vector of a process that raises a wall and waits to be killed; null: not found. */
  readonly supervisor: readonly string[] | null;
  readonly signal: AbortSignal;
}

/** Who attacks. */
export interface Attackers {
  readonly by: Attacker;
  /** Node attacks too, as a broken guest. */
  readonly node: boolean;
}

/** One trial: which guarantees it speaks about, and its findings, at most one for each. */
export interface Trial {
  readonly name: string;
  readonly guarantees: readonly Guarantee[];
  run(context: TrialContext): Promise<readonly Measurement[]>;
}

export interface Observation {
  readonly reports: readonly Report[];
  readonly ending: Ending;
  /** stdout and stderr together, as they reached us. */
  readonly outputBytes: number;
  /** From the start of the program to its ending, milliseconds. */
  readonly elapsedMs: number;
  /** The beginning of stderr, for the evidence of a trial that did not run. */
  readonly complaint: string;
}

/** What attacks a wall: programs of its own kind, as far as it runs them. */
export type Attacker = "perl" | "node" | "script";

/** Who attacks: raw system calls where any program runs, else a broken guest, else a script in the wall's engine. */
export function attackerOf({ runs }: IsolationProvider): Attacker {
  if (runs.has("external")) return "perl";
  return runs.has("script") ? "script" : "node";
}

export interface Attack {
  readonly program: SandboxProgram;
  readonly limits?: Partial<SandboxLimits>;
  readonly sockets?: boolean;
  readonly label?: string;
  /** Called once, when the first report of the attack arrives; the attack's input ends after it. */
  readonly onUp?: () => Promise<void>;
}

const MIB = 1024 * 1024;
export const LIMITS: SandboxLimits = {
  wallMs: 6_000,
  cpuMs: 5_000,
  memoryBytes: 512 * MIB,
  pidsMax: 64,
  outputBytes: MIB,
  diskBytes: 32 * MIB,
};
const TEXT_MAX = 256 * 1024;
/** Stack of a Node attack, KiB: V8's own default. */
const STACK_KIB = 984;

export function nodeProgram(attack: NodeAttack, name = "attack"): SandboxProgram {
  const guest = { path: `/ccos/${name}.cjs`, content: nodeAttack(attack), executable: false };
  return { kind: "rtfs", guest, beside: [], stackKiB: STACK_KIB };
}

export function perlProgram(attack: PerlAttack): SandboxProgram {
  return { kind: "external", argv: perlAttack(attack), channel: false };
}

export function paceOf({ provider }: Pick<TrialContext, "provider">): number {
  return provider.machine?.pace ?? 1;
}

/** @param pace - How many times longer an attack may take, where it does not say itself. */
export function specOf(
  attack: Pick<Attack, "limits" | "sockets" | "label">,
  pace: number,
): SandboxSpec {
  const { wallMs, cpuMs } = LIMITS;
  const own = attack.limits?.wallMs ?? wallMs;
  return {
    limits: {
      ...LIMITS,
      cpuMs: cpuMs * pace,
      ...attack.limits,
      // A shorter one is what is measured.
      wallMs: own < wallMs ? own : own * pace,
    },
    ...(attack.label === undefined ? {} : { label: attack.label }),
    files: [],
    binds: [],
    environment: {},
    sockets: attack.sockets ?? false,
    ...(attack.label === undefined ? {} : { label: attack.label }),
  };
}

/** Run one attack to its end in a session of its own. @throws what the provider throws. */
export async function observe(context: TrialContext, attack: Attack): Promise<Observation> {
  const session = await context.provider.open(specOf(attack, paceOf(context)));
  try {
    const execution = await session.execute(attack.program, context.signal);
    const started = performance.now();
    if (attack.program.kind === "bytecode") greet(execution);
    execution.stdin.on("error", () => execution.stdin.destroy());
    const gathered = { outputBytes: 0 };
    const { onUp } = attack;
    let rising: Promise<void> | undefined;
    if (onUp === undefined) execution.stdin.end();
    const out = gather(execution.stdout, gathered, () => {
      if (onUp !== undefined) rising ??= onUp().finally(() => execution.stdin.end());
    });
    const error = gather(execution.stderr, gathered);
    const ending = await execution.ending;
    const elapsedMs = performance.now() - started;
    await Promise.race([Promise.all([out.over, error.over]), pause(300)]);
    await rising;
    return {
      reports: out
        .text()
        .split("\n")
        .flatMap((line) => parseReport(line) ?? []),
      ending,
      outputBytes: gathered.outputBytes,
      elapsedMs,
      complaint: error.text().slice(0, 300),
    };
  } finally {
    await session.close();
  }
}

/** A module ends with a result, which it says to a host that greeted it. */
function greet({ channel }: Execution): void {
  const hello = { type: "hello", version: PROTOCOL_VERSION, session: "", image: "" };
  channel?.writable.write(encodeFrame(hello));
  channel?.readable.resume();
}

interface Gathered {
  readonly over: Promise<void>;
  text(): string;
}

function gather(stream: Readable, sum: { outputBytes: number }, onData?: () => void): Gathered {
  const chunks: Buffer[] = [];
  let kept = 0;
  const over = new Promise<void>((resolve) => {
    stream
      .on("end", resolve)
      .on("close", resolve)
      .on("error", () => resolve());
  });
  stream.on("data", (chunk: Buffer) => {
    sum.outputBytes += chunk.length;
    if (kept < TEXT_MAX) chunks.push(chunk);
    kept += chunk.length;
    onData?.();
  });
  return { over, text: () => Buffer.concat(chunks).toString("latin1").slice(0, TEXT_MAX) };
}

/** The ending in a word or two, for evidence. */
export function endingText(ending: Ending): string {
  switch (ending.kind) {
    case "exited":
      return `exit ${ending.status}`;
    case "signaled":
      return ending.signal;
    case "killed":
      return `ended by ${ending.by}`;
  }
}

export function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
