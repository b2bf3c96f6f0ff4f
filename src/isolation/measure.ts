/**
 * What a wall holds on this host: every guarantee attacked inside real sessions, next to a twin.
 *
 * Read in this order: measureProvider, runTrials, merge. Nothing is inferred from flags or versions:
 * a guarantee that no attack spoke about is `not-measured`, one attack that got through makes it
 * `not-held`. Bounded: two sessions at a time, MEASURE_MS in all, cancellable. The same code runs in
 * `ccos doctor`, before the first run after a boot, and in the contract suite.
 *
 * @module
 */
import { siblingProgram } from "../host/index.ts";
import { plain } from "./escapes/attack.ts";
import { limitTrials } from "./escapes/limits.ts";
import { surfaceTrials } from "./escapes/surface.ts";
import { type Attackers, attackerOf, type Trial, type TrialContext } from "./escapes/trial.ts";
import { treeTrials } from "./escapes/tree.ts";
import {
  GUARANTEES,
  type Guarantee,
  type IsolationProvider,
  type Measurement,
} from "./provider.ts";

/** Wall clock of one provider's whole measurement, milliseconds; longer where programs are slower. */
const MEASURE_MS = 40_000;
const SESSIONS = 2;

export interface MeasureContext {
  /** Canary files are laid below it. */
  readonly stateDir: string;
  readonly nodePath: string;
  /** Absent: never cancelled. Aborted: what did not run yet is `not-measured`. */
  readonly signal?: AbortSignal;
  /** Wall clock of it all, milliseconds; absent: MEASURE_MS. What did not run by then is `not-measured`. */
  readonly timeoutMs?: number;
  /** Argument vector of measure-supervisor; absent: the one beside this code. */
  readonly supervisor?: readonly string[];
}

/** One provider's row of the matrix. `complete` is false when time or the caller cut it short. */
export interface ProviderMeasurements {
  readonly measurements: readonly Measurement[];
  readonly complete: boolean;
}

/**
 * Attack one provider.
 *
 * @returns One measurement for each guarantee, in the order of GUARANTEES. Never rejects for what a
 *   wall does: a session that cannot be raised is `not-measured`, with the reason.
 */
export async function measureProvider(
  provider: IsolationProvider,
  context: MeasureContext,
): Promise<readonly Measurement[]> {
  return (await measureFully(provider, context)).measurements;
}

/** As measureProvider, and whether every trial ran to its end. */
export async function measureFully(
  provider: IsolationProvider,
  context: MeasureContext,
): Promise<ProviderMeasurements> {
  const pace = provider.machine?.pace ?? 1;
  const deadline = AbortSignal.timeout((context.timeoutMs ?? MEASURE_MS) * pace);
  const signal =
    context.signal === undefined ? deadline : AbortSignal.any([context.signal, deadline]);
  const supervisor = context.supervisor ?? ownSupervisor(context.nodePath);
  const { stateDir, nodePath } = context;
  const trialContext: TrialContext = { provider, stateDir, nodePath, supervisor, signal };
  const findings = await runTrials(trialsOf(provider), trialContext);
  const measurements = GUARANTEES.map((guarantee) => merge(guarantee, findings));
  return { measurements, complete: !signal.aborted };
}

/**
 * Behind a kernel of its own Node and perl stand before the same wall, each session is a machine that boots, and perl tries
 * all that Node tries.
 */
function attackersOf(provider: IsolationProvider): Attackers {
  const by = attackerOf(provider);
  return { by, node: by !== "perl" || provider.machine === undefined };
}

/** Long ones first, so that two lanes end at about the same time. */
function trialsOf(provider: IsolationProvider): readonly Trial[] {
  const attackers = attackersOf(provider);
  return [...limitTrials(attackers), ...treeTrials(attackers), ...surfaceTrials(attackers)];
}

async function runTrials(
  trials: readonly Trial[],
  context: TrialContext,
): Promise<readonly Measurement[]> {
  const waiting = [...trials];
  const findings: Measurement[] = [];
  const lane = async (): Promise<void> => {
    for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
      findings.push(...(await runTrial(trial, context)));
    }
  };
  await Promise.all(Array.from({ length: SESSIONS }, lane));
  return findings;
}

async function runTrial(trial: Trial, context: TrialContext): Promise<readonly Measurement[]> {
  const unmeasured = (evidence: string): readonly Measurement[] =>
    trial.guarantees.map((guarantee) => ({ guarantee, verdict: "not-measured", evidence }));
  if (context.signal.aborted) return unmeasured(`${trial.name}: no time was left`);
  try {
    return await trial.run(context);
  } catch (cause) {
    return unmeasured(`${trial.name}: ${plain(cause instanceof Error ? cause.message : "failed")}`);
  }
}

/** The worst finding counts; of several that held, all are told. */
function merge(guarantee: Guarantee, findings: readonly Measurement[]): Measurement {
  const mine = findings.filter((each) => each.guarantee === guarantee);
  const worst =
    mine.find((each) => each.verdict === "not-held") ??
    mine.find((each) => each.verdict === "not-measured");
  if (worst !== undefined) return worst;
  if (mine.length === 0)
    return { guarantee, verdict: "not-measured", evidence: "nothing attacks it" };
  return { guarantee, verdict: "held", evidence: mine.map((each) => each.evidence).join("; ") };
}

function ownSupervisor(nodePath: string): readonly string[] | null {
  const program = siblingProgram("measure-supervisor", import.meta.url);
  return program === null ? null : [nodePath, program];
}
