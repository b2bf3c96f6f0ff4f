/**
 * Replay: the same program through the same gate, offline, on recorded facts.
 *
 * The inputs are read from the run directory and must have the digests the chain recorded. The guest runs
 * behind a wall again; every effect answers from the record and the payload store; every record is computed
 * anew and compared. The verdict is the same head, or the first record that differs. Nothing leaves the host.
 *
 * @module
 */
import { type ChainRecord, openPayloads, type PayloadStore } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { unreachable } from "../foundation/result.ts";
import type { SecretFinding } from "../policy/index.ts";
import { observedOf } from "./books.ts";
import { conductPlan, type Stage } from "./conduct.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import { govern, recordedOutside } from "./govern.ts";
import { changedModules } from "./plan-modules.ts";
import { type PreparedRun, prepareRun } from "./prepare.ts";
import {
  Divergence,
  gistOf,
  loadRecords,
  OutsideEnd,
  RecordedChain,
  type RecordGist,
  recordedAnswer,
} from "./recorded-chain.ts";
import { type RunDirectory, readRunInputs } from "./run-directory.ts";
import { placeholdersOf } from "./secrets.ts";
import { chooseWall } from "./choose-wall.ts";
import { closeLaunched, launchPlan, loadGuest } from "./guest-launch.ts";
import { sandboxLimits, type World } from "./world.ts";

export type Replay =
  | {
      readonly kind: "identical";
      readonly records: number;
      readonly head: string;
      readonly decisions: number;
    }
  /** An external program, erased payloads or missing inputs: `why` says which. */
  | { readonly kind: "unavailable"; readonly why: string }
  /** The run was ended from outside (a limit, a cancel); everything before it is identical. */
  | { readonly kind: "identical-until-limit"; readonly records: number; readonly by: string }
  | {
      readonly kind: "diverged";
      readonly seq: number;
      readonly recorded: RecordGist;
      readonly replayed: RecordGist;
    };

/** Replay a run whose chain was verified. */
export async function replayRun(
  world: World,
  run: RunDirectory,
  signal: AbortSignal,
): Promise<Replay> {
  try {
    return await replayRecords(world, run, signal);
  } catch (cause) {
    if (cause instanceof CcosError && cause.code === "REPLAY_UNAVAILABLE") {
      return { kind: "unavailable", why: cause.why };
    }
    throw cause;
  }
}

/** @throws {CcosError} `REPLAY_UNAVAILABLE`. */
async function replayRecords(
  world: World,
  run: RunDirectory,
  signal: AbortSignal,
): Promise<Replay> {
  const recorded = await loadRecords(run);
  if (recorded === null) throw unavailable(run, "it has too many records");
  const inputs = await readRunInputs(run);
  if (inputs.command !== null) {
    const why = "an external program's inside cannot be replayed; its effects are in the chain";
    throw unavailable(run, why);
  }
  const changed = changedModules(recorded[0]?.body.data["modules"], inputs.modules);
  if (changed !== null) {
    const gist = (modules: JsonObject[]): RecordGist => ({ type: "RunStarted", data: { modules } });
    const { recorded: before, kept } = changed;
    return { kind: "diverged", seq: 0, recorded: gist(before), replayed: gist(kept) };
  }
  const prepared = prepareRun(inputs);
  const payloads = await openPayloads(run.payloads, run.payloadKey);
  const cursor = new RecordedChain(recorded);
  try {
    await conductAgain(world, prepared, recordedStage(run, prepared, cursor, payloads), signal);
  } catch (cause) {
    if (cause instanceof Divergence) return { kind: "diverged", ...cause.difference };
    if (!(cause instanceof OutsideEnd)) throw cause;
    return { kind: "identical-until-limit", records: cursor.head.seq + 1, by: cause.by };
  } finally {
    await payloads.close();
  }
  return verdictOf(recorded, cursor);
}

/** The program itself, behind a wall of this host, on the recorded stage. */
async function conductAgain(
  world: World,
  prepared: PreparedRun,
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  const waiting = (): void => undefined;
  const { configFile } = prepared.inputs;
  const needs = { kind: "rtfs", sockets: false } as const;
  const named = prepared.inputs.bounds?.provider ?? null;
  const wish = { config: prepared.config, configFile, needs, named, waiting, signal };
  const { provider } = await chooseWall(world, wish);
  const guest = await loadGuest(world);
  const launching = launchPlan(sandboxLimits(prepared.config), provider, guest, { signal });
  try {
    await conductPlan(prepared, stage, {
      guestDigest: guest.digest(),
      launched: () => launching,
      observe: () => undefined,
      signal,
    });
  } finally {
    await closeLaunched(launching);
  }
}

/** Effects answer from the record; nothing is written, nothing leaves. */
function recordedStage(
  run: RunDirectory,
  prepared: PreparedRun,
  cursor: RecordedChain,
  payloads: PayloadStore,
): Stage {
  const fact = (name: string): JsonValue | undefined => cursor.upcoming()?.body.facts[name];
  const outside = recordedOutside(() => cursor.upcoming());
  const governed = { prepared, chain: cursor, run: run.id, outside, observe: () => undefined };
  const { guards, admitStart } = govern(governed);
  const factsNow = (): JsonObject => {
    const observed = fact("observed");
    return isJsonObject(observed) ? observed : {};
  };
  return {
    chain: cursor,
    admitStart,
    startFacts: {},
    endEffects: () => undefined,
    observed: () => observedOf(factsNow()),
    room: {
      execute: (call) => answerOf(run, cursor, payloads, call),
      matchSecrets: () =>
        (cursor.upcomingDecision()?.body.facts["knownSecrets"] ??
          []) as unknown as readonly SecretFinding[],
      placeholders: placeholdersOf(run.id, prepared.config),
      keepResult: () => undefined,
      guards,
    },
  };
}

function verdictOf(recorded: readonly ChainRecord[], cursor: RecordedChain): Replay {
  const left = cursor.upcoming();
  if (left !== undefined) {
    const replayed = { type: "(the replay ended)", data: {} };
    return { kind: "diverged", seq: left.body.seq, recorded: gistOf(left), replayed };
  }
  const decided = new Set<string>(["CallIntended", "CallDenied"]);
  const decisions = recorded.filter(({ body }) => decided.has(body.type)).length;
  return { kind: "identical", records: recorded.length, head: cursor.head.hash, decisions };
}

/** @throws {CcosError} `REPLAY_UNAVAILABLE`. */
async function answerOf(
  run: RunDirectory,
  cursor: RecordedChain,
  payloads: PayloadStore,
  call: AdmittedCall,
): Promise<Executed> {
  const answer = await recordedAnswer(cursor, payloads, call);
  switch (answer.kind) {
    case "answer":
      return answer.executed;
    case "cut":
      throw unavailable(run, `it was cut after the intent of call ${call.number}`);
    case "erased":
      throw unavailable(
        run,
        `the result ${answer.digest} of call ${call.number} is not in the payload store (erased?)`,
      );
    default:
      return unreachable(answer);
  }
}

function unavailable(run: RunDirectory, why: string): CcosError {
  return new CcosError("REPLAY_UNAVAILABLE", {
    what: `Cannot replay ${run.id}`,
    why,
    fix: "Verify without --replay",
  });
}
