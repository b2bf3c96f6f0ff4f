/**
 * One program, from the first record to the last: the part that a live run and a replay share.
 *
 * Live: the ledger writes to disk, effects are real. Replay: the ledger compares with the recorded chain,
 * effects are the recorded facts (replay.ts). The guest runs behind a wall in both.
 *
 * @module
 */
import type { ChainWriter } from "../chain/index.ts";
import { digestOf } from "../chain/index.ts";
import type { RunBounds } from "../config/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { GuestMessage, HostMessage } from "../foundation/protocol.ts";
import { unreachable } from "../foundation/result.ts";
import { lineText } from "../foundation/source-span.ts";
import { type Ending, MOCK_NAME, type Usage } from "../isolation/index.ts";
import type { Admission } from "./admission.ts";
import { type JudgedStart, judgeStart } from "./admission-report.ts";
import { balanceBooks, type Books, booksData, booksFacts, type Observed } from "./books.ts";
import type { EffectRow } from "../rtfs/index.ts";
import { createGate, type Gate, type GateEvent, type GateRoom } from "./gate.ts";
import type { Refusal } from "./gate-guard.ts";
import type { Launched } from "./guest-launch.ts";
import type { Conversation, GuestLink } from "./guest-link.ts";
import { createLabelGuard } from "./label-guard.ts";
import { moduleDigests } from "./plan-modules.ts";
import type { PreparedRun } from "./prepare.ts";
import { type StepTracker, trackSteps } from "./step-tracker.ts";

export type ProgramOutcome =
  | { readonly kind: "value"; readonly value: JsonValue }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly errorKind: string;
      readonly message: string;
      readonly place: string | null;
    }
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "signaled"; readonly signal: string }
  | { readonly kind: "limit"; readonly code: ErrorCode; readonly by: string };

/** Where records, results and effects go: disk and world, or comparison and recorded facts. */
export interface Stage {
  readonly chain: ChainWriter;
  readonly room: Pick<
    GateRoom,
    "execute" | "matchSecrets" | "placeholders" | "keepResult" | "guards"
  >;
  /** Who must agree before the program begins; absent: nobody is asked. Null: it may begin. */
  readonly admitStart?: () => Promise<Refusal | null>;
  /** What those who do the effects counted, and what the wall used. */
  readonly observed: (usage: Usage | null) => Observed;
  /** The program is over: effects under way are cut short. */
  readonly endEffects: () => void;
  /** What the outside says at the start: wall, matrix, host. Recorded as facts. */
  readonly startFacts: JsonObject;
}

export interface Conducted {
  readonly outcome: ProgramOutcome;
  readonly books: Books;
  /** What the wall used, as the host saw it; null: nothing ran, or nothing was metered. */
  readonly usage: Usage | null;
}

export interface PlanProgram {
  readonly guestDigest: string;
  /** The wall with the guest in it; it may rise before the first record is durable: it has no program yet. */
  readonly launched: () => Promise<Launched>;
  readonly observe: (event: GateEvent | StepEvent) => void;
  readonly signal: AbortSignal;
}

export interface StepEvent {
  readonly kind: "step";
  readonly event: "enter" | "leave" | "fail";
  readonly name: string;
}

/** A plan's evaluation waits for each call: while one is under way, nothing else can be said. */
const CALLS_IN_FLIGHT_MAX = 1;
/** Refused calls over `limits.calls` are recorded up to here; then the run ends: the chain is bounded too. */
export const CALLS_OVER_MAX = 1_000;
/** Longest text of a program's own error that is carried on, characters. */
const MESSAGE_LENGTH_MAX = 8_192;

export async function conductPlan(
  prepared: PreparedRun,
  stage: Stage,
  program: PlanProgram,
): Promise<Conducted> {
  const { chain } = stage;
  const admission = prepared.admission;
  if (admission === null || prepared.inputs.planSource === null)
    throw new TypeError("A plan run has a plan");
  chain.append({
    type: "RunStarted",
    data: startData(prepared, program.guestDigest),
    facts: stage.startFacts,
  });
  const { flow = [] } = prepared.policy;
  const gate = createGate({
    ...stage.room,
    // What nobody can allow is refused before anybody is asked.
    guards: [...flow.map((each) => createLabelGuard(each, chain)), ...(stage.room.guards ?? [])],
    chain,
    policy: prepared.policy,
    registry: prepared.registry,
    callsMax: prepared.config.limits.calls,
    observe: program.observe,
  });
  if (!admission.admitted)
    return closeBooks(stage, gate, { declared: 0, usage: null }, refusePlan(prepared, chain));
  const judged = judgeStart(prepared, admission);
  if (judged.against.length > 0)
    return closeBooks(stage, gate, { declared: 0, usage: null }, refuseAdvised(judged, chain));
  chain.append({ type: "PlanAdmitted", data: admittedData(admission, judged) });
  for (const { profile, digest } of prepared.profiles)
    chain.append({ type: "StepProfileDerived", data: { step: profile.step, profile: digest } });

  const barred = await barStart(stage);
  if (barred !== null) return closeBooks(stage, gate, { declared: 0, usage: null }, barred);
  const [{ session, execution, link }] = await Promise.all([program.launched(), chain.commit()]);
  const counter = { declared: 0 };
  const steps = trackSteps(admission);
  const { calls: callsMax } = prepared.config.limits;
  const room = { stage, gate, steps, counter, callsMax };
  execution.stdout.resume();
  execution.stderr.resume();
  const conversation = finished(await talk(prepared, program, link, room), steps, prepared.inputs);
  const ending = conversation.kind === "closed" ? await execution.ending : null;
  const usage = execution.usage();
  const closing = session.close();
  await settleCalls(stage, gate);
  const outcome = conversationOutcome(conversation, ending, chain);
  const conducted = await closeBooks(stage, gate, { declared: counter.declared, usage }, outcome);
  await closing;
  return conducted;
}

/** What keeps an admitted program from beginning. */
export async function barStart(stage: Stage): Promise<ProgramOutcome | null> {
  const refusal = (await stage.admitStart?.()) ?? null;
  if (refusal === null) return null;
  return { kind: "refused", code: refusal.code, message: refusal.reason };
}

/** Cut what is under way and wait for its record, so that nothing follows the books. */
export async function settleCalls(stage: Stage, gate: Gate): Promise<void> {
  stage.endEffects();
  await gate.idle();
}

function startData(prepared: PreparedRun, guestDigest: string): JsonObject {
  const { config, inputs, digests } = prepared;
  return {
    agent: config.agentId,
    program: inputs.command === null ? "rtfs-source" : (inputs.program?.kind ?? "external"),
    config: digests.config,
    plan: digests.plan,
    ...(inputs.modules.length === 0 ? {} : { modules: moduleDigests(inputs.modules) }),
    policy: digests.policy,
    guest: guestDigest,
    isolation: config.orchestrator.isolation.mode,
    production: inputs.production,
    limits: { ...config.limits },
    ...(inputs.args === undefined ? {} : { args: digestOf(inputs.args) }),
    ...(inputs.envelope === undefined ? {} : { envelope: digestOf(asJson(inputs.envelope)) }),
    ...(inputs.bounds === undefined ? {} : { bounds: boundsData(inputs.bounds) }),
  };
}

function asJson(value: object): JsonObject {
  return value as JsonObject;
}

function boundsData({ environment, settings, provider }: RunBounds): JsonObject {
  return { environment, settings, provider: provider?.value ?? null };
}

export { startData };

function refusePlan(prepared: PreparedRun, chain: ChainWriter): ProgramOutcome {
  const { planFile } = prepared.inputs;
  const refused = (prepared.admission?.sites ?? []).filter(
    ({ verdict }) => verdict.kind === "deny",
  );
  const refusals = refused.map(({ step, capability, verdict, span }) => ({
    step,
    capability,
    rule: verdict.rule,
    code: verdict.kind === "deny" ? verdict.code : "APPROVAL_DENIED",
    line: span.line,
    // Of a module; the plan's own file is the run's.
    ...(span.file === planFile ? {} : { file: span.file }),
  }));
  chain.append({ type: "PlanRefused", data: { refusals } });
  const first = refused[0];
  const where = first?.step === null ? "outside any step" : `in step "${first?.step}"`;
  const line = first === undefined ? "" : lineText(first.span, planFile);
  return {
    kind: "refused",
    code: "ADMISSION_REFUSED",
    message: `${refused.length} call${refused.length === 1 ? "" : "s"} of the plan not granted, the first: ${first?.capability ?? "a computed id"} ${where}, ${line}`,
  };
}

/**
 * A value is believed only where the plan can have one: a guest that leaves calls out would say so too. The mock runs
 * nothing of a plan, and its record says that.
 */
function finished(
  conversation: Conversation,
  steps: StepTracker,
  { bounds }: PreparedRun["inputs"],
): Conversation {
  if (conversation.kind !== "result" || !conversation.message.ok) return conversation;
  if (bounds?.provider?.value === MOCK_NAME) return conversation;
  const ended = steps.end();
  return ended.ok ? conversation : { kind: "violation", reason: ended.error };
}

function admittedData(
  { sites, steps }: Admission,
  { envelope, mode, advice }: JudgedStart,
): JsonObject {
  const said = advice.length === 0 ? {} : { advice: advice.map((each) => ({ ...each })) };
  return { sites: sites.length, steps: steps.map(({ name }) => name), envelope, mode, ...said };
}

/** The mode of admission takes this advice for a no. */
function refuseAdvised({ against, mode }: JudgedStart, chain: ChainWriter): ProgramOutcome {
  const refusals = against.map((each) => ({ ...each }));
  chain.append({ type: "PlanRefused", data: { refusals, mode } });
  const [first] = against;
  const place = first?.line === null ? "" : `, line ${first?.line}`;
  const message = `admission :${mode} takes no plan with ${against.length} findings, the first: ${first?.message}${place}`;
  return { kind: "refused", code: "ADMISSION_REFUSED", message };
}

interface Talk {
  readonly stage: Stage;
  readonly gate: Gate;
  readonly steps: StepTracker;
  readonly counter: { declared: number };
  readonly callsMax: number;
}

function talk(
  prepared: PreparedRun,
  program: PlanProgram,
  link: GuestLink,
  room: Talk,
): Promise<Conversation> {
  const { limits } = prepared.config;
  const execute: HostMessage = {
    type: "execute",
    id: 1,
    source: prepared.inputs.planSource ?? "",
    file: prepared.inputs.planFile ?? "",
    modules: prepared.inputs.modules,
    args: prepared.inputs.args ?? [],
    fuel: limits.fuel,
    depthMax: limits.depth,
  };
  if (link.identity.image !== program.guestDigest)
    throw new TypeError("The guest that was greeted is the one that is recorded");
  const options = { execute, callsInFlightMax: CALLS_IN_FLIGHT_MAX };
  return link.converse(options, {
    onMessage: (message, send) => onGuestMessage(message, send, room, program),
  });
}

function onGuestMessage(
  message: GuestMessage,
  send: (message: HostMessage) => void,
  room: Talk,
  program: PlanProgram,
): Promise<string | null> | string | null {
  switch (message.type) {
    case "step":
      return onStep(message, room, program);
    case "call":
      // Judged before anything is awaited: a result in the same breath must not outrun the violation.
      return onCall(message, send, room);
    case "log":
    case "metric":
    case "event":
      return `the plan guest sends no ${message.type}`;
    case "ready":
    case "result":
      return `${message.type} is not expected here`;
    default:
      return unreachable(message);
  }
}

const STEP_RECORDS = { enter: "StepStarted", leave: "StepCompleted", fail: "StepFailed" } as const;

function onStep(
  message: Extract<GuestMessage, { type: "step" }>,
  room: Talk,
  program: PlanProgram,
): string | null {
  const moved = room.steps.move(message.event, message.name);
  if (!moved.ok) return moved.error;
  room.stage.chain.append({ type: STEP_RECORDS[message.event], data: { step: message.name } });
  program.observe({ kind: "step", event: message.event, name: message.name });
  return null;
}

function onCall(
  message: Extract<GuestMessage, { type: "call" }>,
  send: (message: HostMessage) => void,
  room: Talk,
): Promise<string | null> | string {
  const permitted = room.steps.call(message.capability);
  if (!permitted.ok) return permitted.error;
  if (room.counter.declared >= room.callsMax + CALLS_OVER_MAX)
    return `calls go on after limits.calls (${room.callsMax})`;
  return passCall({ ...message, rows: permitted.value }, send, room);
}

async function passCall(
  call: Extract<GuestMessage, { type: "call" }> & { readonly rows: readonly EffectRow[] },
  send: (message: HostMessage) => void,
  room: Talk,
): Promise<null> {
  room.counter.declared++;
  const { id, capability, args, rows, terms } = call;
  const step = room.steps.current();
  const wish = { step, capability, args, rows, ...(terms === undefined ? {} : { terms }) };
  const answer = await room.gate.pass(wish);
  send(
    answer.ok
      ? { type: "result", id, ok: true, value: answer.value }
      : { type: "result", id, ok: false, error: answer.error },
  );
  return null;
}

/** What the conversation and the process's end say together. A broken host rethrows: nothing may go on. */
export function conversationOutcome(
  conversation: Conversation,
  ending: Ending | null,
  chain: ChainWriter,
): ProgramOutcome {
  switch (conversation.kind) {
    case "broken":
      throw conversation.cause;
    case "result":
      return resultOutcome(conversation.message);
    case "violation":
      chain.append({ type: "SecurityViolation", data: { reason: conversation.reason } });
      return failure("PROTOCOL_VIOLATION", conversation.reason);
    case "closed":
      return ending === null
        ? failure("INTERNAL", "the guest's end is unknown")
        : endingOutcome(ending, chain);
    default:
      return unreachable(conversation);
  }
}

function resultOutcome(message: Extract<GuestMessage, { type: "result" }>): ProgramOutcome {
  if (message.ok) return valueOutcome(message.value);
  const { kind, code, message: text, place } = message.error;
  const own: Record<string, ErrorCode> = {
    FuelExhausted: "LIMIT_FUEL",
    StackOverflow: "LIMIT_DEPTH",
    ParseError: "PARSE_ERROR",
  };
  return {
    kind: "failed",
    code: hostCode(code) ?? own[kind] ?? "PROGRAM_ERROR",
    errorKind: kind,
    message: text.slice(0, MESSAGE_LENGTH_MAX).toWellFormed(),
    place,
  };
}

/** A value that no record can name (a lone surrogate, too deep) is a failure of the program, not of the host. */
function valueOutcome(value: JsonValue): ProgramOutcome {
  try {
    digestOf(value);
    return { kind: "value", value };
  } catch (cause) {
    if (!(cause instanceof CcosError) || cause.code !== "NOT_CANONICAL") throw cause;
    return failure("NOT_CANONICAL", `the result cannot be recorded: ${cause.why}`);
  }
}

const DENIAL_CODES = new Set<string>([
  "CAPABILITY_DENIED",
  "EFFECT_DENIED",
  "AGENT_HALTED",
  "OUTSIDE_VALIDITY",
  "EGRESS_DENIED",
  "FILE_DENIED",
  "ENVIRONMENT_DENIED",
  "APPROVAL_DENIED",
  "BUDGET_EXCEEDED",
  "LABEL_DENIED",
  "DLP_BLOCKED",
  "DNS_BLOCKED",
  "REDIRECT_DENIED",
  "UNKNOWN_CAPABILITY",
]);

/** An uncaught denial ends the run as a denial (exit 77); the guest's word on other codes is not taken. */
function hostCode(code: string): ErrorCode | undefined {
  return DENIAL_CODES.has(code) ? (code as ErrorCode) : undefined;
}

export const LIMIT_CODES: Record<Extract<Ending, { kind: "killed" }>["by"], ErrorCode> = {
  timeout: "LIMIT_TIME",
  memory: "LIMIT_MEMORY",
  cpu: "LIMIT_CPU",
  output: "LIMIT_OUTPUT",
  cancelled: "CANCELLED",
};

export function endingOutcome(ending: Ending, chain: ChainWriter): ProgramOutcome {
  switch (ending.kind) {
    case "exited":
      return failure(
        "PROVIDER_CRASHED",
        `the guest ended with status ${ending.status} and no result`,
      );
    case "signaled":
      return failure("PROVIDER_CRASHED", `the guest was ended by ${ending.signal}`);
    case "killed":
      chain.append({
        type: ending.by === "cancelled" ? "RunCancelled" : "LimitReached",
        data: {},
        facts: { by: ending.by },
      });
      return { kind: "limit", code: LIMIT_CODES[ending.by], by: ending.by };
    default:
      return unreachable(ending);
  }
}

function failure(code: ErrorCode, message: string): ProgramOutcome {
  return { kind: "failed", code, errorKind: "HostError", message, place: null };
}

/** The last records: the books and the ending, durable. */
export async function closeBooks(
  stage: Stage,
  gate: Gate,
  { declared, usage }: { readonly declared: number; readonly usage: Usage | null },
  outcome: ProgramOutcome,
): Promise<Conducted> {
  const used: JsonObject = usage === null ? {} : { usage: { ...usage } };
  const books = balanceBooks(declared, gate.counts, stage.observed(usage));
  const { chain } = stage;
  chain.append({
    type: "BooksBalanced",
    data: booksData(books),
    facts: booksFacts(books),
  });
  if (outcome.kind === "value") {
    const digest = digestOf(outcome.value);
    chain.append({ type: "RunCompleted", data: { result: digest }, facts: used });
  } else if (outcome.kind === "exited" && outcome.status === 0) {
    chain.append({ type: "RunCompleted", data: {}, facts: { ...used, status: 0 } });
  } else {
    const { data, facts } = endRecord(outcome);
    chain.append({ type: "RunFailed", data, facts: { ...used, ...facts } });
  }
  await chain.commit();
  return { outcome, books, usage };
}

function endRecord(outcome: Exclude<ProgramOutcome, { kind: "value" }>): {
  data: JsonObject;
  facts?: JsonObject;
} {
  switch (outcome.kind) {
    case "refused":
      return { data: { code: outcome.code } };
    case "failed":
      return { data: { code: outcome.code, kind: outcome.errorKind, place: outcome.place } };
    case "limit":
      return { data: { code: outcome.code } };
    case "exited":
      return { data: { code: "PROGRAM_ERROR" }, facts: { status: outcome.status } };
    case "signaled":
      return { data: { code: "PROGRAM_ERROR" }, facts: { signal: outcome.signal } };
    default:
      return unreachable(outcome);
  }
}
