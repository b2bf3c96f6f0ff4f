/**
 * The other side of an approval: what is open, what it would allow, and the answer of somebody who may.
 *
 * For `ccos approvals` and its HTTP API. Who may answer is read from the config that the asking run kept, and checked
 * again by the run itself: an answer that is kept here and does not count there is no answer.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import {
  type ApprovalCase,
  type ApprovalScope,
  type ApprovalStatement,
  approvalStore,
  type Approver,
  flawOf,
  isCovered,
  type Judgement,
  judgeApproval,
  requestDigest,
  type SigningKey,
  signStatement,
} from "../governance/index.ts";
import type { AgentConfig } from "../config/index.ts";
import { type PreparedRun, prepareRun } from "./prepare.ts";
import { findRun, readRunInputs } from "./run-directory.ts";
import type { World } from "./world.ts";

export type ApprovalState =
  | Judgement["kind"]
  | "used"
  | "revoked"
  /** Granted for always, and it holds. */
  | "standing";

export interface ListedApproval {
  readonly case: ApprovalCase;
  readonly state: ApprovalState;
}

export interface ShownApproval extends ListedApproval {
  readonly approvers: readonly Approver[];
  /** Why statements do not count, or what denied it. */
  readonly why: readonly string[];
  /** What `run` and `always` would allow besides: the reach of the rule, and other calls of the same plan. */
  readonly covers: readonly string[];
}

/** Oldest first. A request whose run kept no inputs is listed as denied: nobody is known who may answer. */
export async function listApprovals(world: World): Promise<readonly ListedApproval[]> {
  const cases = await approvalStore(world.stateDir).list();
  const listed: ListedApproval[] = [];
  for (const each of cases) {
    const config = (await preparedOf(world, each))?.config ?? null;
    listed.push({ case: each, state: stateOf(world, each, approversOf(config)).state });
  }
  return listed;
}

/** @throws {CcosError} `APPROVAL_NOT_FOUND`. */
export async function showApproval(world: World, id: string): Promise<ShownApproval> {
  const found = await caseOf(world, id);
  const prepared = await preparedOf(world, found);
  const approvers = approversOf(prepared?.config ?? null);
  const { state, why } = stateOf(world, found, approvers);
  const covers = prepared === null ? [] : coveredBy(prepared, found);
  return { case: found, state, approvers, why, covers };
}

export interface Answer {
  readonly decision: ApprovalStatement["decision"];
  readonly scope: ApprovalScope;
  readonly reason: string;
  /** How long the answer holds; never longer than the request itself but for `always`, milliseconds. */
  readonly forMs: number;
}

/**
 * The signed statement of whoever has this key.
 *
 * @throws {CcosError} `APPROVAL_REFUSED`: the config does not name the key, or whoever has it may not.
 */
export async function signAnswer(
  world: World,
  id: string,
  answer: Answer,
  key: SigningKey,
): Promise<ApprovalStatement> {
  const { case: found, approvers } = await showApproval(world, id);
  const { request } = found;
  const approver = approvers.find((each) => each.key === key.text);
  if (approver === undefined)
    throw refused(id, `the config names no approver with the key ${key.text}`);
  const issuedMs = world.nowMs();
  const expiresMs =
    answer.scope === "always"
      ? issuedMs + answer.forMs
      : Math.max(request.deadlineMs, issuedMs + 1);
  const { decision, scope, reason } = answer;
  const fields = { decision, scope, reason, approver: approver.name, issuedMs, expiresMs };
  return signStatement({ ...fields, request: requestDigest(request) }, key);
}

/**
 * Keep a statement beside its request.
 *
 * @throws {CcosError} `APPROVAL_NOT_FOUND`; `APPROVAL_REFUSED`: it would not count, or this approver answered already.
 */
export async function keepAnswer(
  world: World,
  id: string,
  statement: ApprovalStatement,
): Promise<ShownApproval> {
  const { case: found, approvers, state } = await showApproval(world, id);
  const { request } = found;
  const nowMs = world.nowMs();
  if (state !== "pending") throw refused(id, `it is ${state} already`);
  const flaw = flawOf(statement, { request, approvers, nowMs });
  if (flaw !== null) throw refused(id, flaw);
  const approver = approvers.find(({ name }) => name === statement.approver);
  if (approver === undefined) throw new TypeError("A statement without a flaw has an approver");
  if (!(await approvalStore(world.stateDir).answer(id, statement, approver)))
    throw refused(id, `${approver.name} has answered already`);
  return await showApproval(world, id);
}

/** Take back what was granted: it is used no more. @throws {CcosError} `APPROVAL_NOT_FOUND`. */
export async function revokeApproval(world: World, id: string, reason: string): Promise<void> {
  await caseOf(world, id);
  await approvalStore(world.stateDir).revoke(id, reason);
}

async function caseOf(world: World, id: string): Promise<ApprovalCase> {
  const found = await approvalStore(world.stateDir).find(id);
  if (found !== null) return found;
  throw new CcosError("APPROVAL_NOT_FOUND", {
    what: `Cannot find request "${id.slice(0, 64)}"`,
    why: "there is none of this name, or its file was changed",
    fix: "See `ccos approvals list`",
  });
}

/** Null: the run kept no inputs, or they are no longer what it recorded. */
async function preparedOf(world: World, { request }: ApprovalCase): Promise<PreparedRun | null> {
  try {
    const run = await findRun(world.stateDir, request.run);
    const prepared = prepareRun(await readRunInputs(run));
    return prepared.digests.config === request.action.config ? prepared : null;
  } catch (cause) {
    if (cause instanceof CcosError) return null;
    throw cause;
  }
}

function approversOf(config: AgentConfig | null): readonly Approver[] {
  return config?.governance.approvers ?? [];
}

function stateOf(
  world: World,
  { request, statements, usedBy, revoked }: ApprovalCase,
  approvers: readonly Approver[],
): { readonly state: ApprovalState; readonly why: readonly string[] } {
  const nowMs = world.nowMs();
  if (revoked) return { state: "revoked", why: [] };
  const always = statements.filter(
    ({ scope, decision }) => scope === "always" || decision === "deny",
  );
  const standing = judgeApproval({ request, statements: always, approvers, nowMs, standing: true });
  if (standing.kind === "granted") return { state: "standing", why: [] };
  if (usedBy !== null) return { state: "used", why: [`by ${usedBy}`] };
  const judged = judgeApproval({ request, statements, approvers, nowMs });
  if (judged.kind === "denied") return { state: "denied", why: [judged.why] };
  return { state: judged.kind, why: judged.kind === "pending" ? judged.why : [] };
}

function coveredBy(
  { policy, admission }: PreparedRun,
  { request }: ApprovalCase,
): readonly string[] {
  const { action } = request;
  if (action.kind === "plan") return ["every start of exactly this plan under this config"];
  const egress = policy.egress
    .filter(({ rule }) => rule === action.rule)
    .map(
      ({ methods, schemes, host, ports, paths }) =>
        `${methods.join(",")} ${schemes.join(",")}://${host}:${ports.join(",")}${paths.length === 0 ? "/*" : paths.join(" ")}`,
    );
  const files = policy.files
    .filter(({ rule }) => rule === action.rule)
    .map(({ mode, path }) => `${mode} ${path} and below`);
  const sites = (admission?.sites ?? [])
    .filter(({ capability, verdict }) =>
      isCovered({ ...action, capability, rule: verdict.rule }, action),
    )
    .map(
      ({ step, target, span }) =>
        `line ${span.line}, step ${step ?? "(none)"}: ${target ?? "a target known at run time"}`,
    );
  return [`${action.capability ?? ""} with any arguments`, ...egress, ...files, ...sites];
}

function refused(id: string, why: string): CcosError {
  return new CcosError("APPROVAL_REFUSED", {
    what: `Cannot answer request ${id}`,
    why,
    fix: `See \`ccos approvals show ${id}\``,
  });
}
