/** The front door of governance: who must agree, what may be spent. */
export {
  type ApprovalAction,
  type ApprovalScope,
  APPROVAL_SCOPES,
  type ApprovalRequest,
  type ApprovalStatement,
  type Approver,
  flawOf,
  isCovered,
  isProposer,
  type Judgement,
  judgeApproval,
  type Proposer,
  requestDigest,
  signStatement,
} from "./approval.ts";
export { type ApprovalCase, type ApprovalStore, approvalStore, idOf } from "./approval-store.ts";
export { requestOf, statementOf } from "./approval-text.ts";
export { type ApprovalAnswer, type ApprovalDesk, type ApprovalWish, liveDesk } from "./desk.ts";
export {
  Account,
  BUDGETS,
  type BudgetKind,
  type BudgetLimits,
  exceeded,
  limitsOf,
  NOTHING_SPENT,
  plus,
  type Spending,
  warningsOf,
} from "./budget.ts";
export {
  type Audience,
  bodyDigest,
  type EnvelopeBody,
  envelopeFlaw,
  envelopeOf,
  type SignedEnvelope,
  signEnvelope,
} from "./envelope.ts";
export { fileLedger, type Ledger, spendingOf, timedLedger } from "./ledger.ts";
export { nameOfKey, readSigningKey, type SigningKey } from "./keys.ts";
export {
  deniedBy,
  policyFileDigest,
  policyFileFlaw,
  policyFileOf,
  policyOf,
  type SignedPolicyFile,
  signPolicyFile,
} from "./policy-file.ts";
export {
  callRequirement,
  type GovernedCall,
  isGoverned,
  planRequirement,
  type Requirement,
} from "./requirement.ts";
