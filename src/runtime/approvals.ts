/**
 * Approvals in a run: the whole plan before it starts, a call before it happens.
 *
 * Read in this order: createApprovals, ask, settle. What is asked is computed here from the run's own digests; what was
 * answered comes from the desk (governance/desk.ts), goes into the record's facts and is judged by `judgeApproval`, in a
 * replay again. Not granted is a deny.
 *
 * @module
 */
import { type ChainWriter, digestOf } from "../chain/index.ts";
import { ERROR_CODES } from "../foundation/error-codes.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import {
  APPROVAL_SCOPES,
  type ApprovalAction,
  type ApprovalAnswer,
  type ApprovalDesk,
  type ApprovalScope,
  type ApprovalWish,
  callRequirement,
  idOf,
  isCovered,
  judgeApproval,
  planRequirement,
  requestDigest,
  type Requirement,
} from "../governance/index.ts";
import type { AdmittedCall, GateGuard, Refusal } from "./gate-guard.ts";
import { moduleDigests } from "./plan-modules.ts";
import type { PreparedRun } from "./prepare.ts";
import { describeResource } from "./resource-text.ts";

export interface ApprovalEvent {
  readonly kind: "approval";
  readonly state: "requested" | "granted" | "denied";
  /** What the request is called in `ccos approvals`. */
  readonly request: string;
  /** The plan, or capability and target. */
  readonly what: string;
  /** Who agreed, or why not; empty while it waits. */
  readonly why: string;
}

export interface ApprovalRoom {
  readonly prepared: PreparedRun;
  readonly chain: ChainWriter;
  readonly desk: ApprovalDesk;
  /** Id of the run. */
  readonly run: string;
  readonly observe: (event: ApprovalEvent) => void;
}

export interface Approvals {
  readonly guard: GateGuard;
  /** The plan as a whole; null: nobody needs to agree, or enough did. */
  admitPlan(): Promise<Refusal | null>;
}

interface Wish extends ApprovalWish {
  /** Of a call; null: the plan. */
  readonly call: number | null;
}

export function createApprovals(room: ApprovalRoom): Approvals {
  const { policies } = room.prepared.config.governance;
  /** What this run was granted for all of it. */
  const granted: Granted = [];
  return {
    async admitPlan() {
      const { approvals, rules } = approvalsOfPlan(room.prepared);
      if (approvals === 0) return null;
      const question = `${rules.join(", ")} asks before this plan starts`;
      const action = actionOf(room.prepared, null);
      return await ask(room, { action, approvals, question, call: null }, granted);
    },
    guard: {
      answersQuestions: true,
      async admit(call) {
        const { id: capability, effects } = call.capability.manifest;
        const asked = call.question !== null;
        const needed = callRequirement(policies, { capability, effects }, { asked });
        const { approvals, rules } = needed;
        if (approvals === 0) return null;
        const question = call.question ?? `${rules.join(", ")} asks before ${capability}`;
        const action = actionOf(room.prepared, call);
        return await ask(room, { action, approvals, question, call: call.number }, granted);
      },
    },
  };
}

type Granted = ApprovalAnswer["request"][];

/** How many must agree before this program begins. */
export function approvalsOfPlan(prepared: PreparedRun): Requirement {
  return planRequirement(prepared.config.governance.policies, governedCalls(prepared));
}

/** An external program's calls are not known before it makes them: every policy is about it. */
function governedCalls({ admission, registry }: PreparedRun) {
  const ids =
    admission === null
      ? registry.list().map(({ manifest }) => manifest.id)
      : admission.sites.flatMap(({ capability }) => capability ?? []);
  return ids.map((capability) => ({
    capability,
    effects: registry.find(capability)?.manifest.effects ?? [],
  }));
}

/** Everything that an approval depends on; see `ApprovalAction`. */
function actionOf(prepared: PreparedRun, call: AdmittedCall | null): ApprovalAction {
  const { config, inputs, digests } = prepared;
  const common = {
    agent: config.agentId,
    config: digests.config,
    plan: digests.plan,
    modules: digestOf(moduleDigests(inputs.modules)),
    policy: digests.policy,
  };
  if (call === null) {
    const own = inputs.args === undefined ? null : digestOf(inputs.args);
    return {
      kind: "plan",
      ...common,
      step: null,
      capability: null,
      resource: null,
      rule: null,
      arguments: own,
    };
  }
  const { capability, resource } = call.request;
  return {
    kind: "call",
    ...common,
    step: call.step,
    capability,
    resource: resource === null ? null : describeResource(resource).toWellFormed(),
    rule: call.rule,
    arguments: call.digest,
  };
}

async function ask(room: ApprovalRoom, wish: Wish, granted: Granted): Promise<Refusal | null> {
  const { action, approvals } = wish;
  const named = room.prepared.config.governance.approvers.length;
  if (named < approvals) return unanswerable(wish, named);
  const covering = granted.find(
    (each) => each.approvals >= approvals && isCovered(action, each.action),
  );
  if (covering !== undefined && (await room.desk.stands(covering))) {
    const data = { ...dataOf(wish), scope: "run" };
    room.chain.append({ type: "ApprovalGranted", data, facts: { stands: true } });
    return null;
  }
  const opened = await room.desk.open(wish);
  if (opened.standing) return settle(room, wish, opened, granted);
  room.chain.append({
    type: "ApprovalRequested",
    data: { ...dataOf(wish), question: wish.question },
    facts: { request: asJson(opened.request) },
  });
  await room.chain.commit();
  tell(room, wish, opened, { state: "requested", why: "" });
  return settle(room, wish, await room.desk.wait(opened.request), granted);
}

/** Nobody is asked who does not exist. */
function unanswerable({ action: { rule }, approvals }: Wish, named: number): Refusal {
  return {
    how: "denied",
    code: "APPROVAL_DENIED",
    rule,
    reason: `${approvals} must agree, and the config names ${named === 0 ? "no approver" : named}`,
    fix: "Name who may agree in governance.approvers",
    facts: {},
  };
}

function dataOf({ action, approvals, call }: Wish): JsonObject {
  return { call, action: digestOf(asJson(action)), approvals };
}

/** What the answer means, by its facts alone. */
function settle(
  room: ApprovalRoom,
  wish: Wish,
  answer: ApprovalAnswer,
  granted: Granted,
): Refusal | null {
  const { request, standing, unusable } = answer;
  const { approvers } = room.prepared.config.governance;
  const judged = isAbout(wish, answer)
    ? judgeApproval({ ...answer, statements: counted(answer), approvers })
    : ({ kind: "denied", why: "it is about something else" } as const);
  const facts: JsonObject = { ...(asJson(answer) as JsonObject) };
  if (judged.kind === "granted" && unusable === null) {
    const scope = standing ? "always" : scopeOf(room.run, answer, judged.by);
    // What is for always is looked up again each time: it expires.
    if (scope === "run") granted.push(request);
    const data = { ...dataOf(wish), scope, by: [...judged.by] };
    room.chain.append({ type: "ApprovalGranted", data, facts });
    tell(room, wish, answer, { state: "granted", why: judged.by.join(", ") });
    return null;
  }
  const why = unusable ?? (judged.kind === "denied" ? judged.why : "it was not granted");
  room.chain.append({ type: "ApprovalDenied", data: { ...dataOf(wish), why }, facts });
  tell(room, wish, answer, { state: "denied", why });
  return {
    how: "denied",
    code: "APPROVAL_DENIED",
    rule: wish.action.rule,
    reason: `request ${idOf(request)}: ${why}`,
    fix: ERROR_CODES.APPROVAL_DENIED.fix,
    facts: {},
  };
}

/** A standing grant is of another run; any other answer is of exactly this action. */
function isAbout({ action, approvals }: Wish, { request, standing }: ApprovalAnswer): boolean {
  if (request.approvals < approvals) return false;
  if (standing) return isCovered(action, request.action);
  return digestOf(asJson(request.action)) === digestOf(asJson(action));
}

function counted({ statements, standing }: ApprovalAnswer): ApprovalAnswer["statements"] {
  if (!standing) return statements;
  return statements.filter(({ scope, decision }) => scope === "always" || decision === "deny");
}

/** The narrowest that any of those who agreed gave. What was given to another run is of its once. */
function scopeOf(
  run: string,
  { request, statements }: ApprovalAnswer,
  by: readonly string[],
): ApprovalScope {
  if (request.run !== run) return "once";
  const digest = requestDigest(request);
  const scopes = statements
    .filter((each) => by.includes(each.approver) && each.request === digest)
    .map(({ scope }) => scope);
  return APPROVAL_SCOPES.find((scope) => scopes.includes(scope)) ?? "once";
}

function tell(
  room: ApprovalRoom,
  { action }: Wish,
  { request }: ApprovalAnswer,
  said: Pick<ApprovalEvent, "state" | "why">,
): void {
  const { capability, resource } = action;
  const what = capability === null ? "the plan" : [capability, resource ?? ""].join(" ").trim();
  room.observe({ kind: "approval", request: idOf(request), what, ...said });
}

function asJson(value: object): JsonValue & object {
  return value as unknown as JsonObject;
}
