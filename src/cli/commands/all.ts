/**
 * The table of commands.
 *
 * @module
 */
import type { Command } from "../command.ts";
import {
  approvalsApprove,
  approvalsDeny,
  approvalsList,
  approvalsRevoke,
  approvalsShow,
} from "./approvals.ts";
import { approvalsServe } from "./approvals-serve.ts";
import { chainAnchor, chainAnchors } from "./chain/anchor.ts";
import { chainCheckpoint } from "./chain/checkpoint.ts";
import { chainErase } from "./chain/erase.ts";
import { chainExport } from "./chain/export.ts";
import { chainCheckProof, chainProve } from "./chain/prove.ts";
import { chainList, chainShow } from "./chain/show.ts";
import { chainVerify } from "./chain/verify.ts";
import { check } from "./check.ts";
import { configShow } from "./config-show.ts";
import { call, consoleOpen, deploy, rollback, status, stop, supervise } from "./deploy.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { halt, haltLift, haltList } from "./halt.ts";
import { imageBuild } from "./image.ts";
import { packageMake, packageVerify } from "./package.ts";
import { plan } from "./plan.ts";
import { rtfsCheck } from "./rtfs/check.ts";
import { rtfsEval } from "./rtfs/eval.ts";
import { rtfsExpand } from "./rtfs/expand.ts";
import { rtfsFmt } from "./rtfs/fmt.ts";
import { rtfsLsp } from "./rtfs/lsp.ts";
import { rtfsRepl } from "./rtfs/repl.ts";
import { rtfsTest } from "./rtfs/test.ts";
import { rtfsEffects } from "./rtfs/effects.ts";
import { policyDiff, policyLearn, policyProve, policySign, policyTest } from "./policy.ts";
import { resume } from "./resume.ts";
import { run } from "./run.ts";
import { vmSpec } from "./vm-spec.ts";
import { why } from "./why.ts";

/** Every command, in the order `ccos help` lists them. */
export const ALL_COMMANDS: readonly Command[] = [
  demo,
  check,
  plan,
  run,
  resume,
  why,
  approvalsList,
  approvalsShow,
  approvalsApprove,
  approvalsDeny,
  approvalsRevoke,
  approvalsServe,
  policyProve,
  policyDiff,
  policyTest,
  policyLearn,
  policySign,
  chainVerify,
  chainShow,
  chainList,
  chainCheckpoint,
  chainProve,
  chainCheckProof,
  chainAnchor,
  chainAnchors,
  chainExport,
  chainErase,
  halt,
  haltList,
  haltLift,
  doctor,
  configShow,
  vmSpec,
  imageBuild,
  packageMake,
  packageVerify,
  deploy,
  supervise,
  call,
  status,
  rollback,
  stop,
  consoleOpen,
  rtfsEval,
  rtfsCheck,
  rtfsFmt,
  rtfsTest,
  rtfsExpand,
  rtfsEffects,
  rtfsRepl,
  rtfsLsp,
];
