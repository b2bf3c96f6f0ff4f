/**
 * One run, step by step. This is the list of docs/ARCHITECTURE.md; what is not visible here does not exist.
 *
 *   read and prepare (pure) → refuse what cannot be enforced → choose the measured wall → open the run's books
 *   → conduct the program (gate.ts decides each effect) → seal the head → report
 *
 * @module
 */
import type { Finding } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { newRunId } from "../foundation/ids.ts";
import { isJsonObject, type JsonObject } from "../foundation/json.ts";
import { errnoOf } from "../host/index.ts";
import type { Candidate, IsolationProvider, SandboxLimits, Usage } from "../isolation/index.ts";
import { approvalsOfPlan } from "./approvals.ts";
import { type Books, booksText } from "./books.ts";
import { type Conducted, conductPlan, type ProgramOutcome, type StepEvent } from "./conduct.ts";
import { conductCommand, type Terminal } from "./external.ts";
import type { GateEvent } from "./gate.ts";
import { HaltWatch } from "./halt.ts";
import type { GovernanceEvent } from "./govern.ts";
import { type LiveStage, openLiveStage } from "./live.ts";
import { type PreparedRun, prepareRun, refuseUnenforceable, type RunInputs } from "./prepare.ts";
import { claimRun, createRunDirectory, type RunDirectory } from "./run-directory.ts";
import { loadClientIdentity, loadSecrets } from "./secrets.ts";
import { chooseWall } from "./choose-wall.ts";
import { refuseUnsigned } from "./envelope-check.ts";
import { rememberLaunch } from "./early-launch.ts";
import type { WaitingGuests } from "./standby.ts";
import { closeLaunched, type Launched, launchPlan, loadGuest } from "./guest-launch.ts";
import { needsOf, type StagedContent } from "./program-file.ts";
import { sandboxLimits, type World } from "./world.ts";

export type RunEvent =
  | GateEvent
  | StepEvent
  | GovernanceEvent
  | {
      readonly kind: "started";
      readonly run: string;
      readonly directory: string;
      readonly wall: string;
      readonly facts: JsonObject;
    }
  | { readonly kind: "waiting"; readonly what: string }
  | { readonly kind: "warning"; readonly finding: Finding }
  | { readonly kind: "log"; readonly level: string; readonly text: string };

export interface RunOptions {
  readonly inputs: RunInputs;
  /** Files an external program must see; their digests are in `inputs.staged`. */
  readonly staged: readonly StagedContent[];
  /** Where an external program's output goes; unused for a plan. */
  readonly terminal: Terminal;
  readonly observe: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** A guest that waits already; absent: it starts when it is known what it needs. */
  readonly waiting?: WaitingGuests | null;
  /** What the image of a machine must be, each part by its digest; absent: what its own lock says. */
  readonly image?: JsonObject | null;
}

export interface RunReport {
  readonly run: string;
  readonly directory: RunDirectory;
  readonly wall: string;
  /** Every wall of this host and why it was taken or not. */
  readonly candidates: readonly Candidate[];
  readonly outcome: ProgramOutcome;
  readonly books: Books;
  readonly usage: Usage | null;
  readonly records: number;
  readonly head: string;
  readonly keyId: string;
  readonly durationMs: number;
}

/**
 * Run one agent to its end.
 *
 * @throws {CcosError} before anything runs: `CONFIG_INVALID`, `PARSE_ERROR`, `UNENFORCEABLE`,
 *   `ISOLATION_UNAVAILABLE`, `SECRET_UNAVAILABLE`; at any time `CHAIN_UNWRITABLE`. A program that fails, is
 *   refused or is killed is a report, not an exception.
 */
export async function runAgent(world: World, options: RunOptions): Promise<RunReport> {
  const prepared = prepareRun(options.inputs);
  const id = newRunId(world.nowMs(), world.randomBytes(16));
  return await runPrepared(world, prepared, options, {
    id,
    limits: sandboxLimits(prepared.config),
    open: (place) => openRun(world, id, { prepared, observe: options.observe, place }),
  });
}

/** How the books of a run are opened: new ones, or those of a run that goes on (resume.ts). */
export interface Opening {
  readonly id: string;
  readonly limits: SandboxLimits;
  readonly open: (place: RunPlace) => Promise<OpenedRun>;
}

/** Where a run takes place, and who may end it. */
export interface RunPlace {
  readonly wall: IsolationProvider;
  /** What the outside says of it. */
  readonly facts: JsonObject;
  readonly halt: HaltWatch;
  readonly signal: AbortSignal;
}

export interface OpenedRun {
  readonly directory: RunDirectory;
  readonly stage: LiveStage;
}

/** The list above, from the prepared run on. @throws {CcosError} as {@link runAgent}. */
export async function runPrepared(
  world: World,
  prepared: PreparedRun,
  given: Omit<RunOptions, "inputs">,
  { id, limits, open }: Opening,
): Promise<RunReport> {
  const startedMs = performance.now();
  for (const finding of prepared.warnings) given.observe({ kind: "warning", finding });
  refuseUnenforceable(prepared.config, prepared.inputs.configFile);
  const halt = new HaltWatch(world, prepared.config);
  halt.refuseStart();
  const signal = AbortSignal.any([given.signal, halt.signal]);
  const options = { ...given, signal };

  const needs = needsOf(prepared.inputs, prepared.config, prepared.policy);
  const {
    provider: wall,
    facts,
    candidates,
  } = await chooseWall(world, {
    config: prepared.config,
    configFile: prepared.inputs.configFile,
    needs,
    named: prepared.inputs.bounds?.provider ?? null,
    waiting: (what) => options.observe({ kind: "waiting", what }),
    signal: options.signal,
  });

  refuseOtherImage(facts, options.image ?? null);
  await refuseUnsigned(world, prepared, facts);
  const launching =
    needs.kind === "rtfs" ? await beginLaunch(world, prepared, { wall, limits, options }) : null;
  try {
    const opened = await orUnwritable(id, () => open({ wall, facts, halt, signal }));
    halt.begin(opened.stage.chain);
    const report = await conductAndSeal(world, prepared, {
      id,
      wall,
      launching,
      options,
      ...opened,
    });
    const outcome = stoppedOutcome(report.outcome, halt);
    return { ...report, outcome, candidates, durationMs: performance.now() - startedMs };
  } finally {
    halt.close();
    await launching?.close();
  }
}

/** What was cut short from outside; a program that ended by itself meanwhile has its own end. */
function stoppedOutcome(outcome: ProgramOutcome, { stopped: code }: HaltWatch): ProgramOutcome {
  return code !== null && outcome.kind === "limit" && outcome.code === "CANCELLED"
    ? { kind: "limit", code, by: code === "AGENT_HALTED" ? "halt" : "validity" }
    : outcome;
}

/** What was measured is what boots: the provider takes no other image from here on. */
function refuseOtherImage({ machine }: JsonObject, expected: JsonObject | null): void {
  if (expected === null || !isJsonObject(machine) || !isJsonObject(machine["image"])) return;
  const { image } = machine;
  const other = Object.keys(expected).find((part) => image[part] !== expected[part]);
  if (other === undefined) return;
  throw new CcosError("ISOLATION_UNAVAILABLE", {
    what: "Cannot boot the machine",
    why: `its ${other} is ${image[other] as string}, not ${expected[other] as string}`,
    fix: "Deploy the package again",
  });
}

/** The guest starts while the books are opened. It has no program before the first record is durable. */
async function beginLaunch(
  world: World,
  prepared: PreparedRun,
  { wall, limits, options: { waiting, signal } }: Launch,
): Promise<Launching | null> {
  if (prepared.admission?.admitted !== true) return null;
  const guest = await loadGuest(world);
  // A machine is of its config: neither a guest that waits nor the next run can have it before that is read.
  const isShared = wall.machine === undefined;
  // While people are asked, no guest waits: its wall clock would run.
  const waits = approvalsOfPlan(prepared).approvals > 0;
  const taken =
    isShared && !waits ? ((await waiting?.take(wall.name, limits, signal)) ?? null) : null;
  const begin = (): Promise<Launched> =>
    taken === null ? launchPlan(limits, wall, guest, { signal }) : Promise.resolve(taken);
  let begun: Promise<Launched> | null = null;
  const launched = (): Promise<Launched> => {
    begun ??= begin();
    begun.catch(() => undefined);
    return begun;
  };
  if (!waits) void launched();
  const remembered = isShared ? rememberLaunch(world, wall.name, limits) : Promise.resolve();
  return {
    launched,
    guestDigest: guest.digest(),
    close: async () => {
      if (begun !== null) await closeLaunched(begun);
      await remembered;
    },
  };
}

interface Launch {
  readonly wall: IsolationProvider;
  readonly limits: SandboxLimits;
  readonly options: Pick<RunOptions, "waiting" | "signal">;
}

interface Launching {
  /** The guest; it starts at the first call where it did not before. */
  readonly launched: () => Promise<Launched>;
  readonly guestDigest: string;
  close(): Promise<void>;
}

async function conductAndSeal(
  world: World,
  prepared: PreparedRun,
  room: Conduct,
): Promise<Omit<RunReport, "durationMs" | "candidates">> {
  const { id, wall, stage, directory } = room;
  try {
    const { outcome, books, usage } = await orEnded(stage, () => conduct(world, prepared, room));
    const { records, head, keyId } = await orUnwritable(id, () => stage.seal());
    if (!books.balanced) throw unbalanced(id, books);
    return { run: id, directory, wall: wall.name, outcome, books, usage, records, head, keyId };
  } finally {
    await stage.close();
  }
}

/** A run that breaks before its program ends still gets its ending, unless that is what broke it. */
async function orEnded<T>(stage: LiveStage, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CcosError && cause.code !== "CHAIN_UNWRITABLE")
      await stage.abandon(cause.code);
    throw cause;
  }
}

interface NewRun {
  readonly prepared: PreparedRun;
  readonly observe: RunOptions["observe"];
  readonly place: RunPlace;
}

async function openRun(
  world: World,
  id: string,
  { prepared, observe, place: { wall, facts, halt, signal } }: NewRun,
): Promise<OpenedRun> {
  const { configFile } = prepared.inputs;
  const secrets = await loadSecrets(prepared.config, configFile, world.environment);
  const identity = await loadClientIdentity(prepared.config, configFile, world.nowMs());
  const { mode } = prepared.config.causalChain.storage;
  const storage = mode === "sqlite" ? "database" : "file";
  const directory = await createRunDirectory(world.stateDir, id, prepared.inputs, storage);
  const lease = await claimRun(directory);
  observe({ kind: "started", run: id, directory: directory.path, wall: wall.name, facts });
  const stage = await openLiveStage(world, {
    prepared,
    secrets,
    identity,
    directory,
    startFacts: facts,
    halt,
    signal,
    log: (level, text) => observe({ kind: "log", level, text }),
    notice: observe,
  });
  const close = async (): Promise<void> => {
    await stage.close();
    lease.release();
  };
  return { directory, stage: { ...stage, close } };
}

/** What the disk says while a run is opened or sealed is the chain's failure, not a defect. */
async function orUnwritable<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CcosError || errnoOf(cause) === null) throw cause;
    throw new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot keep the record of ${id}`,
      why: cause instanceof Error ? cause.message : "the disk failed",
      fix: "Free space or fix permissions of CCOS_HOME, then run again",
      cause,
    });
  }
}

interface Conduct {
  readonly id: string;
  readonly launching: Launching | null;
  readonly wall: IsolationProvider;
  readonly stage: LiveStage;
  readonly directory: RunDirectory;
  readonly options: Omit<RunOptions, "inputs">;
}

async function conduct(world: World, prepared: PreparedRun, room: Conduct): Promise<Conducted> {
  const { wall, stage, options } = room;
  const { observe, signal } = options;
  if (prepared.inputs.command !== null) {
    return await conductCommand(world, prepared, {
      wall,
      stage,
      directory: room.directory,
      terminal: options.terminal,
      staged: options.staged,
      observe,
      signal,
    });
  }
  const guestDigest = room.launching?.guestDigest ?? (await loadGuest(world)).digest();
  const { launching } = room;
  return await conductPlan(prepared, stage, {
    guestDigest,
    launched: () =>
      launching?.launched() ?? Promise.reject(new TypeError("A refused plan has no guest")),
    observe,
    signal,
  });
}

function unbalanced(run: string, books: Books): CcosError {
  return new CcosError("BOOKS_UNBALANCED", {
    what: `Run ${run} does not balance`,
    why: `${books.suspect.join(", ")} differ: ${booksText(books)}: a record or an effect is missing`,
    fix: "Treat the run as suspect; read its chain",
    details: { suspect: [...books.suspect], lines: books.lines.map((line) => ({ ...line })) },
  });
}
