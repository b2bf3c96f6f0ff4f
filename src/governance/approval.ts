/**
 * An approval: who agreed to exactly what, as signed data. Pure.
 *
 * Read in this order: ApprovalAction, ApprovalRequest, ApprovalStatement, judgeApproval. A request names its action by
 * digests of everything that it depends on; a statement signs the digest of the whole request. One byte changed
 * in either is another digest, and what was signed is void. Who may sign is in the config alone.
 *
 * @module
 */
import type { AgentConfig } from "../config/index.ts";
import { digestOf } from "../chain/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { isSignedFor, nameOfKey, signFor, type SigningKey } from "./keys.ts";

/** What is asked for. Every digest is `sha256:` and 64 hex digits. */
export interface ApprovalAction {
  readonly kind: "plan" | "call";
  readonly agent: string;
  readonly config: string;
  /** Of the plan's text, or of an external program's command and files. */
  readonly plan: string;
  /** Of what the plan imports. */
  readonly modules: string;
  readonly policy: string;
  /** Null: the whole plan, or code outside any step. */
  readonly step: string | null;
  /** Null: the whole plan. */
  readonly capability: string | null;
  /** As records show it: query values are redacted, `arguments` binds them. */
  readonly resource: string | null;
  /** Config path of the rule that grants it. */
  readonly rule: string | null;
  /** Digest of the arguments as they were sent; of a plan, its own `args`. */
  readonly arguments: string | null;
}

export interface ApprovalRequest {
  readonly v: 1;
  readonly action: ApprovalAction;
  /** The run that asks. */
  readonly run: string;
  /** How many must agree. */
  readonly approvals: number;
  /** Who started the run. */
  readonly proposer: Proposer;
  readonly question: string;
  readonly createdMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly deadlineMs: number;
  /** 32 hex digits. */
  readonly nonce: string;
}

export interface Proposer {
  /** User of the host. */
  readonly uid: number;
  /** Who signed the envelope that the run started from. */
  readonly key: string | null;
}

/**
 * `once`: this request. `run`: what this run asks of the same capability under the same rule. `always`: the same of any
 * run of the same agent under the same policy, until it expires or is revoked.
 */
export const APPROVAL_SCOPES = ["once", "run", "always"] as const;
export type ApprovalScope = (typeof APPROVAL_SCOPES)[number];

export interface ApprovalStatement {
  readonly v: 1;
  readonly decision: "approve" | "deny";
  readonly scope: ApprovalScope;
  /** Digest of the request. */
  readonly request: string;
  /** Name in the config. */
  readonly approver: string;
  readonly reason: string;
  readonly issuedMs: number;
  /** Milliseconds since the Unix epoch: after it a yes says nothing. */
  readonly expiresMs: number;
  /** 64 bytes in base64. */
  readonly signature: string;
}

export type Approver = AgentConfig["governance"]["approvers"][number];

export type Judgement =
  | { readonly kind: "granted"; readonly by: readonly string[] }
  | { readonly kind: "denied"; readonly why: string }
  /** `why`: what is wrong with the statements that do not count. */
  | { readonly kind: "pending"; readonly missing: number; readonly why: readonly string[] };

/** Digest of a request; names it everywhere. */
export function requestDigest(request: ApprovalRequest): string {
  return digestOf(request as unknown as JsonObject);
}

export function signStatement(
  fields: Omit<ApprovalStatement, "v" | "signature">,
  key: SigningKey,
): ApprovalStatement {
  const unsigned = { v: 1, ...fields } as const;
  return { ...unsigned, signature: signFor("approval", { ...unsigned }, key) };
}

export interface Judged {
  readonly request: ApprovalRequest;
  readonly statements: readonly ApprovalStatement[];
  readonly approvers: readonly Approver[];
  readonly nowMs: number;
  /** It was granted before its deadline, for always: only the statements' own expiry holds. */
  readonly standing?: boolean;
}

/**
 * What the statements about a request say together. A denial of one approver is a denial; so is the deadline. Two
 * statements of one approver are one; whoever proposed it has no voice.
 */
export function judgeApproval(judged: Judged): Judgement {
  const { request, statements, approvers, nowMs, standing = false } = judged;
  const by = new Set<string>();
  const why: string[] = [];
  for (const statement of statements) {
    const flaw = flawOf(statement, { request, approvers, nowMs });
    if (flaw !== null) why.push(`${statement.approver}: ${flaw}`);
    else if (statement.decision === "deny") return denied(statement);
    else by.add(statement.approver);
  }
  if (!standing && nowMs >= request.deadlineMs)
    return { kind: "denied", why: "nobody answered in time" };
  // Whatever a request says, nobody is not enough.
  if (by.size >= Math.max(1, request.approvals)) return { kind: "granted", by: [...by].sort() };
  return { kind: "pending", missing: request.approvals - by.size, why };
}

function denied({ approver, reason }: ApprovalStatement): Judgement {
  return { kind: "denied", why: `${approver} said no${reason === "" ? "" : `: ${reason}`}` };
}

/** Why a statement does not count; null when it does. */
export function flawOf(
  statement: ApprovalStatement,
  { request, approvers, nowMs }: Omit<Judged, "statements" | "standing">,
): string | null {
  const approver = approvers.find(({ name }) => name === statement.approver);
  if (approver === undefined) return "the config names no such approver";
  if (isProposer(approver, request.proposer)) return "whoever started the run cannot approve it";
  if (statement.request !== requestDigest(request)) return "it is about another request";
  // A no does not end: what stands for always ends with it.
  const isOver = statement.decision === "approve" && nowMs >= statement.expiresMs;
  if (statement.issuedMs > nowMs || isOver) return "it is not valid now";
  const { signature, ...fields } = statement;
  const { key } = approver;
  if (!isSignedFor("approval", fields, { key, signature })) return "the signature does not verify";
  return null;
}

export function isProposer({ uid, key }: Approver, proposer: Proposer): boolean {
  return uid === proposer.uid || (proposer.key !== null && nameOfKey(key) === proposer.key);
}

/** What a scope wider than `once` covers: the same of `run` or, of every run, under the same policy. */
export function isCovered(asked: ApprovalAction, granted: ApprovalAction): boolean {
  return (
    asked.kind === granted.kind &&
    asked.agent === granted.agent &&
    asked.policy === granted.policy &&
    asked.capability === granted.capability &&
    asked.rule === granted.rule &&
    (asked.kind === "call" || isSamePlan(asked, granted))
  );
}

function isSamePlan(one: ApprovalAction, other: ApprovalAction): boolean {
  return one.plan === other.plan && one.modules === other.modules && one.config === other.config;
}
