/**
 * The desk where a run asks and waits: live over the store, in a replay over what was recorded.
 *
 * Read in this order: ApprovalDesk, openCase (a standing grant, a request that a run before left open, or a new one),
 * wait. The desk only fetches; what the answers mean is judged by the caller, with the same function in both.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { canonicalJson } from "../foundation/canonical-json.ts";
import type { JsonObject } from "../foundation/json.ts";
import { sleep } from "../host/index.ts";
import {
  type ApprovalAction,
  type ApprovalRequest,
  type ApprovalStatement,
  type Approver,
  isCovered,
  judgeApproval,
  type Proposer,
} from "./approval.ts";
import { type ApprovalCase, type ApprovalStore, idOf } from "./approval-store.ts";

/** What a run wants to do, and how many must agree. */
export interface ApprovalWish {
  readonly action: ApprovalAction;
  readonly approvals: number;
  readonly question: string;
}

/** What the outside said, for the record; `judgeAnswer` (approvals.ts of the runtime) reads nothing else. */
export interface ApprovalAnswer {
  readonly request: ApprovalRequest;
  readonly statements: readonly ApprovalStatement[];
  readonly nowMs: number;
  /** It was granted to another run before, for always. */
  readonly standing: boolean;
  /** Why it cannot be used whatever was said: the run ends, or somebody used it before. Null: it can. */
  readonly unusable: string | null;
}

export interface ApprovalDesk {
  /** A standing grant is an answer at once; else the request that is waited on, durable. */
  open(wish: ApprovalWish): Promise<ApprovalAnswer>;
  /** Until it is granted, denied, out of time, or the run ends. */
  wait(request: ApprovalRequest): Promise<ApprovalAnswer>;
  /** What was granted for a whole run was not taken back. */
  stands(request: ApprovalRequest): Promise<boolean>;
}

export interface LiveDesk {
  readonly store: ApprovalStore;
  readonly approvers: readonly Approver[];
  readonly proposer: Proposer;
  readonly run: string;
  readonly approvalMs: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

const POLL_MS = 200;

export function liveDesk(room: LiveDesk): ApprovalDesk {
  /** Ids of what calls of this run wait for: each request is one call's. */
  const asked = new Set<string>();
  return {
    open: (wish) => openCase(room, wish, asked),
    wait: (request) => waitFor(room, request),
    async stands(request) {
      const found = await room.store.find(idOf(request));
      return found !== null && !found.revoked;
    },
  };
}

async function openCase(
  room: LiveDesk,
  wish: ApprovalWish,
  asked: Set<string>,
): Promise<ApprovalAnswer> {
  const nowMs = room.nowMs();
  const known = await room.store.list();
  const standing = known.find((each) => isStanding(each, wish, { ...room, now: nowMs }));
  if (standing !== undefined) {
    const { request, statements } = standing;
    return { request, statements, nowMs, standing: true, unusable: null };
  }
  const left = known.find(
    (each) => !asked.has(each.id) && isLeftOpen(each, wish, room.proposer, nowMs),
  );
  const request = left?.request ?? newRequest(room, wish, nowMs);
  asked.add(idOf(request));
  if (left === undefined) await room.store.open(request);
  return { request, statements: [], nowMs, standing: false, unusable: null };
}

interface Now {
  readonly approvers: readonly Approver[];
  readonly now: number;
}

function isStanding(
  { request, statements, revoked }: ApprovalCase,
  { action, approvals }: ApprovalWish,
  { approvers, now: nowMs }: Now,
): boolean {
  if (revoked || request.approvals < approvals || !isCovered(action, request.action)) return false;
  const always = statements.filter(
    ({ scope, decision }) => scope === "always" || decision === "deny",
  );
  const judged = judgeApproval({ request, statements: always, approvers, nowMs, standing: true });
  return judged.kind === "granted";
}

/** A run that was killed while it waited left it; the same wish of the same user goes on waiting. */
function isLeftOpen(
  { request, usedBy, revoked }: ApprovalCase,
  wish: ApprovalWish,
  proposer: Proposer,
  nowMs: number,
): boolean {
  return (
    usedBy === null &&
    !revoked &&
    nowMs < request.deadlineMs &&
    request.approvals === wish.approvals &&
    isSame(request.proposer, proposer) &&
    isSame(request.action, wish.action)
  );
}

function isSame<T extends object>(one: T, other: T): boolean {
  return canonicalJson(one as JsonObject) === canonicalJson(other as JsonObject);
}

function newRequest(
  room: LiveDesk,
  { action, approvals, question }: ApprovalWish,
  nowMs: number,
): ApprovalRequest {
  return {
    v: 1,
    action,
    approvals,
    question,
    run: room.run,
    proposer: room.proposer,
    createdMs: nowMs,
    deadlineMs: nowMs + room.approvalMs,
    nonce: randomBytes(16).toString("hex"),
  };
}

async function waitFor(room: LiveDesk, request: ApprovalRequest): Promise<ApprovalAnswer> {
  const { store, approvers, signal } = room;
  for (;;) {
    const found = await store.find(idOf(request));
    const nowMs = room.nowMs();
    const answer = { request, statements: found?.statements ?? [], nowMs, standing: false };
    if (signal.aborted) return { ...answer, unusable: "the run ended while it waited" };
    if (found === null) return { ...answer, unusable: "the request is gone" };
    if (found.revoked) return { ...answer, unusable: "it was taken back" };
    const judged = judgeApproval({ ...answer, approvers });
    if (judged.kind === "denied") return { ...answer, unusable: null };
    if (judged.kind === "granted") {
      // This run used it before when it was killed between that and its record.
      const isOurs = (await store.use(found.id, room.run)) || found.usedBy === room.run;
      return { ...answer, unusable: isOurs ? null : "another run used it" };
    }
    await sleep(POLL_MS, signal).catch(() => undefined);
  }
}
