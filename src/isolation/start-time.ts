/**
 * How long a wall takes from nothing to the end of a program that does nothing.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, SandboxSpec } from "./provider.ts";

const STARTS = 5;
/** No further start is begun after this, milliseconds: a machine takes seconds for one. */
const BUDGET_MS = 3_000;
const MIB = 1024 * 1024;

const SPEC: SandboxSpec = {
  limits: {
    wallMs: 30_000,
    cpuMs: 30_000,
    memoryBytes: 128 * MIB,
    pidsMax: 16,
    outputBytes: 4_096,
    diskBytes: MIB,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
};

/**
 * @returns The median, milliseconds with one decimal; null for a provider that runs no commands, or whose program
 *   did not end by itself.
 */
export async function measureStart(
  provider: IsolationProvider,
  signal: AbortSignal,
): Promise<number | null> {
  if (!provider.runs.has("external")) return null;
  const times: number[] = [];
  const begun = performance.now();
  while (times.length < STARTS && performance.now() - begun < BUDGET_MS) {
    const ms = await startOnce(provider, signal).catch(failed);
    if (ms === null) return null;
    times.push(ms);
  }
  const median = times.sort((left, right) => left - right)[Math.floor(times.length / 2)] ?? 0;
  return Math.round(median * 10) / 10;
}

/** A wall that does not stand now has no start time; its probe and its measurements say what is wrong. */
function failed(cause: unknown): null {
  if (cause instanceof CcosError) return null;
  throw cause;
}

async function startOnce(provider: IsolationProvider, signal: AbortSignal): Promise<number | null> {
  const begun = performance.now();
  const session = await provider.open(SPEC);
  try {
    const program = { kind: "external", argv: ["true"], channel: false } as const;
    const run = await session.execute(program, signal);
    run.stdin.end();
    run.stdout.resume();
    run.stderr.resume();
    const ending = await run.ending;
    const ms = performance.now() - begun;
    return ending.kind === "exited" && ending.status === 0 ? ms : null;
  } finally {
    await session.close();
  }
}
