/** The front door of the runtime: one run, its plan, its questions, its proof. */
export { type Admission, type SiteJudgement } from "./admission.ts";
export {
  type Answer,
  keepAnswer,
  type ListedApproval,
  listApprovals,
  revokeApproval,
  showApproval,
  type ShownApproval,
  signAnswer,
} from "./approval-answer.ts";
export { type AdmissionReport, envelopeBody, reportAdmission } from "./admission-report.ts";
export { audienceOf } from "./envelope-check.ts";
export type { ApprovalEvent } from "./approvals.ts";
export { type Books, booksText } from "./books.ts";
export type { ProgramOutcome } from "./conduct.ts";
export { effectsJson, effectsOfSource } from "./effects-report.ts";
export { examineHost, type HostReport } from "./examine-host.ts";
export {
  giveOrder,
  type HaltOrder,
  liftOrder,
  REASON_LENGTH_MAX as HALT_REASON_LENGTH_MAX,
  standingOrders,
} from "./halt.ts";
export { findModules } from "./plan-modules.ts";
export {
  planNamedBy,
  policyFileNamedBy,
  type PreparedRun,
  prepareRun,
  refuseUnenforceable,
  type RunInputs,
  validConfig,
} from "./prepare.ts";
export { needsOf, type StagedContent } from "./program-file.ts";
export { type ProgramFile, programFileOf } from "./program-kind.ts";
export { decideQuestion } from "./question.ts";
export { type Backtest, backtest, comparePolicies } from "./policy-life.ts";
export {
  deadEndConfig,
  proposalOf,
  type Wishes,
  wishesOfPlan,
  wishesOfRun,
} from "./policy-learn.ts";
export { type Resumed, resumeRun } from "./resume.ts";
export type { Assumption } from "./resume-doubt.ts";
export { type Replay, replayRun } from "./replay.ts";
export { type EarlyLaunch, launchEarly } from "./early-launch.ts";
export { runAgent, type RunEvent, type RunReport } from "./run.ts";
export { createGuestPools, type GuestPools, type WaitingGuests } from "./standby.ts";
export { POOL_SIZE_MAX } from "../isolation/index.ts";
export {
  deploymentDirectory,
  findRun,
  isDeploymentName,
  listRuns,
  type RunDirectory,
} from "./run-directory.ts";
export {
  hostPublicKey,
  readHead,
  repairRun,
  verifyLogged,
  verifyRun,
} from "./verify-run.ts";
export { chooseWall, type ChosenWall } from "./choose-wall.ts";
export { proveGuest } from "./prove-guest.ts";
export { sandboxLimits, type World } from "./world.ts";
export { execute, type ExecuteOptions, type ExecutionContext } from "./execute.ts";
export type { ExecutionConfig, RuntimeContext } from "./execution-config.ts";
export { describeProgram, type ExecutionProgram, reachOfProgram } from "./execution-program.ts";
export type { ExecutionMetadata, ExecutionResult } from "./execution-records.ts";
export type { NativeHandler } from "./native.ts";
