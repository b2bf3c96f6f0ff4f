/**
 * Resume: a run that was killed goes on where its chain ends, and repeats no effect that took place.
 *
 *   take the run's lease → move a cut last write aside → verify → the same inputs, guest and policy, or nothing
 *   → run the program again behind a wall, its past answered from the record → go on live → seal the head
 *
 * The program is pure but for its calls, so its state is its calls' outcomes, and these are in the chain. Nothing of a
 * crashed supervisor is needed but its run directory. What refuses before the first new record changes nothing.
 *
 * Read in this order: resumeRun, readPast, refuseChanged.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import {
  type ChainRecord,
  openPayloads,
  type RecordInput,
  type SignedHead,
} from "../chain/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import { fileIdentity, hasWriter } from "../host/index.ts";
import { balanceBooks, booksData, booksFacts } from "./books.ts";
import { LIMIT_CODES, startData } from "./conduct.ts";
import { bytesOf, newCounts } from "./gate.ts";
import { loadGuest } from "./guest-launch.ts";
import { type LiveOptions, openChainFiles, openLiveStage, seal } from "./live.ts";
import { type PreparedRun, prepareRun } from "./prepare.ts";
import { isOutsideEnd, loadRecords, textOf } from "./recorded-chain.ts";
import type { Assumption } from "./resume-doubt.ts";
import { refused, type ResumedStage, resumeStage } from "./resume-stage.ts";
import {
  type OpenedRun,
  type RunOptions,
  type RunPlace,
  type RunReport,
  runPrepared,
} from "./run.ts";
import { claimRun, type RunDirectory, readRunInputs } from "./run-directory.ts";
import { loadClientIdentity, loadSecrets } from "./secrets.ts";
import { repairRun, verifyRun } from "./verify-run.ts";
import { sandboxLimits, type World } from "./world.ts";

export interface ResumeOptions extends Pick<RunOptions, "terminal" | "observe" | "signal"> {
  /** What the operator knows of the call in doubt. Null: nothing. */
  readonly assumption: Assumption | null;
}

export type Resumed =
  | { readonly kind: "went-on"; readonly report: RunReport }
  /** It was over when it was killed, ended by `code`: only its head was missing. */
  | { readonly kind: "sealed"; readonly code: ErrorCode; readonly head: SignedHead };

/**
 * @throws {CcosError} `RUN_LOCKED`, `RESUME_REFUSED`, `RESUME_DIVERGED`, `RESUME_IN_DOUBT`, `CHAIN_INTEGRITY`,
 *   `REPLAY_UNAVAILABLE` when the kept inputs are gone, and those of `runAgent`.
 */
export async function resumeRun(
  world: World,
  run: RunDirectory,
  options: ResumeOptions,
): Promise<Resumed> {
  const lease = await claimRun(run);
  try {
    return await resumeClaimed(world, run, options);
  } finally {
    lease.release();
  }
}

async function resumeClaimed(
  world: World,
  run: RunDirectory,
  options: ResumeOptions,
): Promise<Resumed> {
  const recorded = await readPast(world, run);
  const prepared = prepareRun(await readRunInputs(run));
  await refuseChanged(world, run, prepared, recorded);
  if (options.assumption !== null && !hasOpenIntent(recorded))
    throw refused(run.id, "no call of it is in doubt, so there is nothing to assume");
  const limits = sandboxLimits(prepared.config);
  const wallMs = limits.wallMs - workedMs(recorded);
  const ending = endingOf(prepared, recorded, wallMs);
  if (ending !== null) {
    const log: LiveOptions["log"] = (level, text) => options.observe({ kind: "log", level, text });
    const head = await sealEnded(world, run, { prepared, recorded, ending, log });
    return { kind: "sealed", code: ending.code, head };
  }
  // What the program does again was told before the run was killed.
  let isLive = (): boolean => true;
  const observe: ResumeOptions["observe"] = (event) => {
    if (isLive()) options.observe(event);
  };
  const told = { ...options, observe, staged: [] };
  const report = await runPrepared(world, prepared, told, {
    id: run.id,
    limits: { ...limits, wallMs },
    open: async (place) => {
      const opened = await openAgain(world, run, { prepared, recorded, options, place });
      ({ isLive } = opened.stage);
      return opened;
    },
  });
  return { kind: "went-on", report };
}

/** The records that stand there, all of them believed. */
async function readPast(world: World, run: RunDirectory): Promise<readonly ChainRecord[]> {
  if (fileIdentity(run.chain) === null)
    throw refused(run.id, "it was killed before its first record");
  if (run.chain.endsWith(".db"))
    throw refused(run.id, "its chain is a database, and only a chain in a file goes on");
  // The lease does not reach a process in another network namespace.
  if (await hasWriter(run.chain)) throw refused(run.id, "a process still writes its chain");
  await repairRun(world, run);
  const verified = await verifyRun(world, run);
  if (verified.kind === "broken")
    throw new CcosError("CHAIN_INTEGRITY", {
      what: `Cannot resume ${run.id}`,
      why: `record ${verified.seq}: ${verified.reason}, ${verified.detail}`,
      fix: "Keep the directory as it is and treat the run as tampered with",
    });
  if (verified.sealed) throw refused(run.id, "it is over: its head is signed");
  const recorded = await loadRecords(run);
  if (recorded === null) throw refused(run.id, "it has more than 500 000 records");
  const first = recorded[0]?.body.type;
  if (first === undefined) throw refused(run.id, "it was killed before its first record");
  if (first !== "RunStarted") throw refused(run.id, "its chain is of a deployment");
  return recorded;
}

/** Everything that the first record names is as it was, or the program would not be the same one. */
async function refuseChanged(
  world: World,
  run: RunDirectory,
  prepared: PreparedRun,
  recorded: readonly ChainRecord[],
): Promise<void> {
  if (prepared.inputs.command !== null)
    throw refused(run.id, "the inside of an external program cannot be brought back");
  const before = recorded[0]?.body.data ?? {};
  const now = startData(prepared, (await loadGuest(world)).digest());
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  const changed = [...names].filter((name) => !isDeepStrictEqual(before[name], now[name]));
  if (changed.length === 0) return;
  throw refused(run.id, `changed since it began: ${changed.sort().join(", ")}`);
}

function hasOpenIntent(recorded: readonly ChainRecord[]): boolean {
  const open = new Set<unknown>();
  for (const { body } of recorded) {
    if (body.type === "CallIntended") open.add(body.data["call"]);
    if (body.type === "CallCompleted" || body.type === "CallFailed") open.delete(body.data["call"]);
  }
  return open.size > 0;
}

/** How long it ran, as the host's clock said: from each start to the last record before its end. Milliseconds. */
function workedMs(recorded: readonly ChainRecord[]): number {
  let sum = 0;
  for (const [index, { body }] of recorded.entries()) {
    const before = recorded[index - 1];
    if (before === undefined || body.type === "RunResumed") continue;
    sum += Math.max(0, body.ts - before.body.ts);
  }
  return sum;
}

interface EndingCut {
  readonly code: ErrorCode;
  /** Records that its supervisor did not come to write. */
  readonly missing: readonly RecordInput[];
}

/** A run that was ended from outside, or broke: there is nothing to go on with. Null: there is. */
function endingOf(
  prepared: PreparedRun,
  recorded: readonly ChainRecord[],
  wallMsLeft: number,
): EndingCut | null {
  const last = recorded.at(-1)?.body;
  if (last?.type === "RunFailed")
    return { code: textOf(last.data["code"]) as ErrorCode, missing: [] };
  const end = recorded.find(({ body }) => isOutsideEnd(body.type));
  const hasTime = wallMsLeft > 0 || last?.type === "RunCompleted";
  if (end === undefined && hasTime) return null;
  const by = end === undefined ? "timeout" : textOf(end.body.facts["by"]);
  const isHalted = end?.body.type === "EmergencyStopped";
  const code = isHalted ? "AGENT_HALTED" : (ENDING_CODES.get(by) ?? "INTERNAL");
  const ended: readonly RecordInput[] = [
    { type: "RunResumed", data: { records: recorded.length } },
    { type: "LimitReached", data: {}, facts: { by } },
  ];
  const hasBooks = last?.type === "BooksBalanced";
  const missing = [
    ...(end === undefined ? ended : []),
    ...(hasBooks ? [] : [booksRecord(prepared, recorded)]),
    { type: "RunFailed", data: { code } } as const,
  ];
  return { code, missing };
}

/** The books as far as the records tell: the counters of who counted besides died with it. */
function booksRecord({ registry }: PreparedRun, recorded: readonly ChainRecord[]): RecordInput {
  const counts = newCounts();
  for (const { type, data, facts } of recorded.map(({ body }) => body)) {
    // A refusal names its capability, the outcome of an intended call does not.
    const capability = registry.find(textOf(data["capability"]));
    const effects = capability?.manifest.effects ?? [];
    if (type === "CallDenied") counts.denied++;
    else if (type === "CallFailed" && capability !== undefined) counts.refused++;
    else if (type === "CallIntended") {
      counts.intended++;
      if (effects.includes("network")) counts.network++;
      if (effects.includes("fs")) counts.files++;
    } else if (type === "CallCompleted" || type === "CallFailed") {
      counts.settled++;
      counts.sentBytes += bytesOf(facts["requestBytes"]);
      counts.receivedBytes += bytesOf(facts["responseBytes"]);
    }
  }
  const declared = counts.intended + counts.denied + counts.refused;
  const { network, sentBytes, receivedBytes, files } = counts;
  const observed = { network, sentBytes, receivedBytes, files, strayBytes: null };
  const books = balanceBooks(declared, counts, observed);
  return { type: "BooksBalanced", data: booksData(books), facts: booksFacts(books) };
}

/** What each `by` of a `LimitReached` or `RunCancelled` ends a run with. */
const ENDING_CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ...Object.entries(LIMIT_CODES),
  ["validity", "OUTSIDE_VALIDITY"],
]);

interface Ended {
  readonly prepared: PreparedRun;
  readonly recorded: readonly ChainRecord[];
  readonly ending: EndingCut;
  readonly log: LiveOptions["log"];
}

async function sealEnded(
  world: World,
  directory: RunDirectory,
  { prepared, recorded, ending, log }: Ended,
): Promise<SignedHead> {
  const files = await openChainFiles(world, { directory, prepared, past: recorded });
  try {
    for (const record of ending.missing) files.chain.append(record);
    return await seal(world, { directory, prepared, log }, files.chain, files.key);
  } finally {
    await files.chain.close();
    await files.payloads.close();
  }
}

interface Again {
  readonly prepared: PreparedRun;
  readonly recorded: readonly ChainRecord[];
  readonly options: ResumeOptions;
  readonly place: RunPlace;
}

async function openAgain(
  world: World,
  directory: RunDirectory,
  { prepared, recorded, options: { observe, assumption }, place }: Again,
): Promise<OpenedRun & { readonly stage: ResumedStage }> {
  const { configFile } = prepared.inputs;
  const secrets = await loadSecrets(prepared.config, configFile, world.environment);
  const identity = await loadClientIdentity(prepared.config, configFile, world.nowMs());
  const { wall, facts, halt, signal } = place;
  const { id, path } = directory;
  observe({ kind: "started", run: id, directory: path, wall: wall.name, facts });
  const live = await openLiveStage(world, {
    prepared,
    secrets,
    identity,
    directory,
    startFacts: facts,
    halt,
    signal,
    log: (level, text) => observe({ kind: "log", level, text }),
    notice: observe,
    past: recorded,
  });
  const past = await openPayloads(directory.payloads, directory.payloadKey);
  const resumption = { run: id, prepared, recorded, assumption, notice: observe };
  return { directory, stage: resumeStage(live, past, resumption) };
}
