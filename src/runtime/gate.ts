/**
 * The gate: the one place where a program's wish becomes an effect, or does not.
 *
 * Read `passGate` as the list it is: resolve → decide → validate input → ask the guards (gate-guard.ts) → record
 * intent (durable) → execute → scan and validate output → record outcome → answer. Nothing here reads a clock, a disk or a
 * socket: the chain, the effects and the secret matcher are arguments, so that a replay runs this very
 * code on recorded facts (replay.ts). A chain that cannot be written throws, and the run ends: no
 * record, no effect.
 *
 * @module
 */
import type { Capability, CapabilityRegistry, OutgoingPart } from "../capability/index.ts";
import type { ChainWriter } from "../chain/index.ts";
import { digestOf } from "../chain/index.ts";
import { ERROR_CODES, type ErrorCode } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { WireError } from "../foundation/protocol.ts";
import {
  type AccessRequest,
  canonicalCapability,
  decide,
  findKnownSecrets,
  judgeIncoming,
  judgeOutgoing,
  type KnownSecret,
  type Policy,
  type ResourceRequest,
  type SecretFinding,
  type Verdict,
} from "../policy/index.ts";
import { type EffectRow, fromWire, toWire, type Value } from "../rtfs/index.ts";
import { beyondPlan } from "./beyond-plan.ts";
import { readTerms, termsData } from "./call-terms.ts";
import { validatorOf, wireError } from "./contracts.ts";
import type { AdmittedCall, Executed, GateGuard, Refusal } from "./gate-guard.ts";
import { denialOf, malformed, unanswered, unknown } from "./gate-refusals.ts";
import { fitTerms } from "./repeatable.ts";
import { describeResource } from "./resource-text.ts";

export interface GateCall {
  readonly step: string | null;
  readonly capability: string;
  /** Wire values as the guest sent them. */
  readonly args: readonly JsonValue[];
  /** What the calls of the admitted plan that this can be can do. Absent: an external program, which has no plan. */
  readonly rows?: readonly EffectRow[];
  /** Of the guest's message. */
  readonly terms?: JsonObject;
}

export type GateAnswer =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly error: WireError };

export type GateEvent =
  | {
      readonly kind: "denied";
      readonly call: CallLine;
      readonly code: ErrorCode;
      readonly rule: string | null;
      readonly reason: string;
      readonly fix: string;
    }
  | {
      readonly kind: "failed";
      readonly call: CallLine;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  | {
      readonly kind: "done";
      readonly call: CallLine;
      readonly rule: string;
      readonly facts: JsonObject;
    };

export interface CallLine {
  readonly number: number;
  readonly step: string | null;
  readonly capability: string;
  /** Redacted: method and URL without query values, path, variable name. Empty when none. */
  readonly target: string;
}

/** What the gate works with; one per run. */
export interface GateRoom {
  readonly policy: Policy;
  readonly registry: CapabilityRegistry;
  readonly chain: ChainWriter;
  readonly callsMax: number;
  /** Asked in this order once the policy allows; the first refusal is the answer. */
  readonly guards?: readonly GateGuard[];
  /** Live: the provider under its port. Replay: the recorded answer. Must not throw. */
  readonly execute: (call: AdmittedCall) => Promise<Executed>;
  /** Where values of secrets stand in the parts. Live: compares values. Replay: recorded facts. */
  readonly matchSecrets: (parts: readonly OutgoingPart[]) => readonly SecretFinding[];
  /** Secret placeholders of this run. The same array each time: the matcher keeps its automaton by it. */
  readonly placeholders: readonly KnownSecret[];
  /** Keep a result beside the chain; durable before the record that names its digest. */
  readonly keepResult: (digest: string, value: JsonValue) => void;
  readonly observe: (event: GateEvent) => void;
}

export interface Gate {
  pass(call: GateCall): Promise<GateAnswer>;
  /** Every call that was let in has its outcome recorded when this resolves. Never rejects. */
  idle(): Promise<void>;
  readonly counts: GateCounts;
}

/** The gate's book: every call is in exactly one of intended, denied, refused. Bytes are those of recorded facts. */
export interface GateCounts {
  intended: number;
  denied: number;
  refused: number;
  /** Intended calls whose outcome is recorded. */
  settled: number;
  network: number;
  files: number;
  sentBytes: number;
  receivedBytes: number;
}

export function newCounts(): GateCounts {
  return {
    intended: 0,
    denied: 0,
    refused: 0,
    settled: 0,
    network: 0,
    files: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
}

export function createGate(room: GateRoom): Gate {
  const counts = newCounts();
  let number = 0;
  let inFlight = 0;
  let waiting: (() => void)[] = [];
  const leave = (): void => {
    if (--inFlight > 0) return;
    for (const wake of waiting) wake();
    waiting = [];
  };
  return {
    counts,
    pass(call) {
      const digest = argumentsDigest(call.args);
      inFlight++;
      return passGate(room, counts, { ...call, number: ++number, digest }, leave);
    },
    idle: () =>
      inFlight === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve)),
  };
}

/** A call as it is recorded: numbered, its arguments digested. `digest` is null when they have no canonical form. */
interface NumberedCall extends GateCall {
  readonly number: number;
  readonly digest: string | null;
}

/** Text with a lone surrogate has no canonical form; a guest can send it, a record cannot hold it. */
function argumentsDigest(args: readonly JsonValue[]): string | null {
  try {
    return digestOf(args);
  } catch (cause) {
    if (cause instanceof CcosError && cause.code === "NOT_CANONICAL") return null;
    throw cause;
  }
}

async function passGate(
  room: GateRoom,
  counts: GateCounts,
  call: NumberedCall,
  leave: () => void,
): Promise<GateAnswer> {
  try {
    const judged = judge(room, call);
    if ("refusal" in judged) return refuse(room, counts, judged);
    const { admitted } = judged;
    const guarded = await askGuards(room.guards ?? [], admitted, () =>
      intend(room, counts, judged),
    );
    if (guarded !== null) {
      const { capability: id, resource } = admitted.request;
      return refuse(room, counts, { call, id, resource, refusal: guarded });
    }
    if (hasOutsideEffect(admitted.capability)) await room.chain.commit();

    const executed = await room.execute(admitted);
    const examined = examine(room, admitted, executed);
    recordOutcome(room, call, examined);
    counts.settled++;
    counts.sentBytes += bytesOf(examined.facts["requestBytes"]);
    counts.receivedBytes += bytesOf(examined.facts["responseBytes"]);
    for (const guard of room.guards ?? []) guard.settle?.(admitted, examined);
    if (hasOutsideEffect(admitted.capability)) await room.chain.commit();
    announce(room, admitted, call, examined);
    return examined.ok
      ? { ok: true, value: examined.value }
      : { ok: false, error: wireError(examined.code, examined.message) };
  } finally {
    leave();
  }
}

export function bytesOf(fact: JsonValue | undefined): number {
  return typeof fact === "number" ? fact : 0;
}

/** A call that passed the policy and fits its contract, and what was seen of the outside meanwhile. */
interface Judged {
  readonly admitted: AdmittedCall;
  readonly facts: JsonObject;
}

function judge(room: GateRoom, call: NumberedCall): Judged | Refused {
  const resolved = resolve(room, call);
  if ("refusal" in resolved) return { call, resource: null, ...resolved };
  const { capability, args, digest } = resolved;
  const { id } = capability.manifest;
  const asked = capability.access(args);
  const resource = asked.ok ? asked.value : null;
  const request: AccessRequest = { capability: id, resource };
  const place = { call, id, resource };

  const decided = decideCall(room, call, { capability, request, args });
  const { verdict, facts, redactedBody } = decided;
  if (verdict.kind === "deny") return { ...place, refusal: denialOf(verdict, facts) };
  if (!asked.ok) return { ...place, refusal: malformed(asked.error.path, asked.error.message) };
  const unfit = validatorOf(capability).input.check(args);
  if (unfit !== null) {
    const message = `expected ${unfit.expected}, got ${unfit.actual}`;
    return { ...place, refusal: malformed(unfit.path, message) };
  }
  const { number, step } = call;
  const { rule } = verdict;
  const question = verdict.kind === "ask" ? verdict.question : null;
  const bare = { number, step, capability, request, rule, question, args, digest };
  const admitted = redactedBody === null ? bare : { ...bare, redactedBody };
  const said = readTerms(call.terms);
  const terms = said.ok && said.value !== null ? fitTerms(admitted, said.value) : said;
  if (!terms.ok) return { ...place, refusal: malformed("", terms.error) };
  return terms.value === null
    ? { admitted, facts }
    : { admitted: { ...admitted, terms: terms.value }, facts };
}

/** @param pass - Done in the same breath as the last guard's yes: no stop that another call meets comes between. */
async function askGuards(
  guards: readonly GateGuard[],
  call: AdmittedCall,
  pass: () => void,
): Promise<Refusal | null> {
  const { question, rule } = call;
  if (question !== null && !guards.some(({ answersQuestions }) => answersQuestions))
    return unanswered(rule, question);
  for (const guard of guards) {
    const asked = guard.admit(call);
    const refusal = asked instanceof Promise ? await asked : asked;
    if (refusal !== null) return refusal;
  }
  pass();
  return null;
}

function intend(room: GateRoom, counts: GateCounts, { admitted, facts }: Judged): void {
  const { number, step, request, rule, digest, terms } = admitted;
  const { capability, resource } = request;
  counts.intended++;
  if (resource?.kind === "http") counts.network++;
  if (resource?.kind === "file") counts.files++;
  room.chain.append({
    type: "CallIntended",
    data: {
      args: digest,
      call: number,
      capability,
      resource: describe(resource),
      rule,
      step,
      ...(terms === undefined ? {} : { terms: termsData(terms) }),
    },
    facts,
  });
}

function resolve(
  room: GateRoom,
  call: NumberedCall,
):
  | { capability: Capability; args: readonly Value[]; digest: string }
  | { id: string; refusal: Refusal } {
  const known = room.registry.find(call.capability);
  let id = call.capability;
  // A registered id is canonical already.
  if (known === undefined) {
    const named = canonicalCapability(call.capability);
    if (!named.ok) return { id: id.slice(0, 256).toWellFormed(), refusal: unknown(named.error) };
    ({ id } = named.value);
  }
  if (call.number > room.callsMax) {
    const reason = `the run may make ${room.callsMax} calls`;
    return { id, refusal: { ...malformed("", reason), code: "LIMIT_CALLS" } };
  }
  const capability = known ?? room.registry.find(id);
  if (capability === undefined) return { id, refusal: unknown(`no capability is called "${id}"`) };
  if (call.digest === null) {
    return { id, refusal: malformed("", "a text of the arguments holds a lone surrogate") };
  }
  const args: Value[] = [];
  for (let index = 0; index < call.args.length; index++) {
    const value = fromWire(call.args[index]!);
    if (!value.ok) return { id, refusal: malformed(`[${index}]`, value.error) };
    args.push(value.value);
  }
  return { capability, args, digest: call.digest };
}

interface Deciding {
  readonly capability: Capability;
  readonly request: AccessRequest;
  readonly args: readonly Value[];
}

/** Policy first, then the admitted plan, then what would leave with the call. */
function decideCall(
  room: GateRoom,
  { step, rows }: GateCall,
  { capability, request, args }: Deciding,
): { verdict: Verdict; facts: JsonObject; redactedBody: Uint8Array | null } {
  const verdict = decide(room.policy, request);
  const { resource } = request;
  const asDecided = { verdict, facts: {}, redactedBody: null };
  if (verdict.kind === "deny" || resource === null) return asDecided;
  const beyond = rows === undefined ? null : beyondPlan(rows, step, { capability, resource });
  if (beyond !== null) return { ...asDecided, verdict: beyond };
  if (capability.outgoing === undefined) return asDecided;
  const parts = capability.outgoing(args);
  const knownSecrets = room.matchSecrets(parts);
  const content = judgeOutgoing(room.policy, {
    request,
    parts,
    knownSecrets,
    placeholders: findKnownSecrets(parts, room.placeholders),
  });
  const facts: JsonObject =
    knownSecrets.length === 0
      ? content.facts
      : { ...content.facts, knownSecrets: knownSecrets.map((finding) => ({ ...finding })) };
  const decided = content.verdict.kind === "allow" ? verdict : content.verdict;
  return { verdict: decided, facts, redactedBody: content.body };
}

/** Scan and validate what came back. A result that fails is withheld: the program gets the error. */
function examine(room: GateRoom, call: AdmittedCall, executed: Executed): Executed {
  if (!executed.ok) return executed;
  const value = fromWire(executed.value);
  const unfit = value.ok
    ? validatorOf(call.capability).output.check(value.value)
    : { path: "", expected: "a wire value", actual: value.error };
  if (unfit !== null) {
    const message = `the result at "${unfit.path}" is ${unfit.actual}, the contract says ${unfit.expected}`;
    return { ok: false, code: "SCHEMA_OUTPUT", message, facts: executed.facts };
  }
  if (call.request.resource?.kind !== "http") return executed;
  const parts = [{ name: "response", content: JSON.stringify(executed.value) }];
  const judged = judgeIncoming(room.policy, call.request, parts);
  const facts = { ...executed.facts, ...judged.facts };
  if (judged.verdict.kind !== "deny") return { ...executed, facts };
  return { ok: false, code: judged.verdict.code, message: judged.verdict.reason, facts };
}

function recordOutcome(room: GateRoom, call: NumberedCall, executed: Executed): void {
  if (!executed.ok) {
    const data = {
      call: call.number,
      code: executed.code,
      message: executed.message.toWellFormed(),
    };
    room.chain.append({ type: "CallFailed", data, facts: executed.facts });
    return;
  }
  const result = digestOf(executed.value);
  room.keepResult(result, executed.value);
  room.chain.append({
    type: "CallCompleted",
    data: { call: call.number, result },
    facts: executed.facts,
  });
}

function announce(
  room: GateRoom,
  admitted: AdmittedCall,
  call: NumberedCall,
  executed: Executed,
): void {
  const line = callLine(call, admitted.capability.manifest.id, admitted.request.resource);
  if (executed.ok)
    room.observe({ kind: "done", call: line, rule: admitted.rule, facts: executed.facts });
  else if (ERROR_CODES[executed.code].exitCode === 77) {
    room.observe({
      kind: "denied",
      call: line,
      code: executed.code,
      rule: admitted.rule,
      reason: executed.message,
      fix: ERROR_CODES[executed.code].fix,
    });
  } else
    room.observe({ kind: "failed", call: line, code: executed.code, reason: executed.message });
}

interface Refused {
  readonly call: NumberedCall;
  readonly id: string;
  readonly resource: ResourceRequest | null;
  readonly refusal: Refusal;
}

/** A refusal is recorded too, with its code and rule; it needs no durability of its own. */
function refuse(
  room: GateRoom,
  counts: GateCounts,
  { call, id, resource, refusal }: Refused,
): GateAnswer {
  const denied = refusal.how === "denied";
  counts[denied ? "denied" : "refused"]++;
  room.chain.append({
    type: denied ? "CallDenied" : "CallFailed",
    data: {
      args: call.digest,
      call: call.number,
      capability: id,
      code: refusal.code,
      reason: refusal.reason.toWellFormed(),
      resource: describe(resource),
      rule: refusal.rule,
      step: call.step,
    },
    facts: refusal.facts,
  });
  const line = callLine(call, id, resource);
  if (denied)
    room.observe({
      kind: "denied",
      call: line,
      code: refusal.code,
      rule: refusal.rule,
      reason: refusal.reason,
      fix: refusal.fix,
    });
  else room.observe({ kind: "failed", call: line, code: refusal.code, reason: refusal.reason });
  return { ok: false, error: wireError(refusal.code, refusal.reason) };
}

function describe(resource: ResourceRequest | null): string | null {
  return resource === null ? null : describeResource(resource).toWellFormed();
}

function callLine(call: NumberedCall, id: string, resource: ResourceRequest | null): CallLine {
  return {
    number: call.number,
    step: call.step,
    capability: id,
    target: resource === null ? "" : describeResource(resource),
  };
}

/** Clock and randomness are read, not caused: their records ride with the next effect's commit. */
function hasOutsideEffect(capability: Capability): boolean {
  return capability.manifest.effects.some((effect) => effect !== "clock" && effect !== "random");
}

/** Turn a capability's answer into what the record and the guest take. */
export function executedOf(
  answer: { ok: true; value: Value; facts: JsonObject } | Extract<Executed, { ok: false }>,
): Executed {
  return answer.ok ? { ok: true, value: toWire(answer.value), facts: answer.facts } : answer;
}
