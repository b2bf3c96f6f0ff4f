/**
 * Governance of one run, wired: who is asked and what is spent, live or from the record.
 *
 * Read in this order: Governed, govern, liveOutside, recordedOutside. Live and replay differ in the outside alone.
 *
 * @module
 */
import type { ChainRecord, ChainWriter } from "../chain/index.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import {
  type ApprovalAnswer,
  type ApprovalDesk,
  approvalStore,
  fileLedger,
  type Ledger,
  liveDesk,
  nameOfKey,
  NOTHING_SPENT,
  requestOf,
  spendingOf,
  statementOf,
  timedLedger,
} from "../governance/index.ts";
import { currentUser } from "../host/index.ts";
import { type ApprovalEvent, createApprovals } from "./approvals.ts";
import { type BudgetEvent, type Budgets, createBudgets } from "./budgets.ts";
import type { Stage } from "./conduct.ts";
import type { GateGuard } from "./gate-guard.ts";
import type { PreparedRun } from "./prepare.ts";
import type { World } from "./world.ts";

export type GovernanceEvent = ApprovalEvent | BudgetEvent;

/** What governance knows of the world. */
export interface Outside {
  readonly desk: ApprovalDesk;
  readonly ledger: Ledger;
}

export interface GovernRoom {
  readonly prepared: PreparedRun;
  readonly chain: ChainWriter;
  readonly run: string;
  readonly outside: Outside;
  readonly observe: (event: GovernanceEvent) => void;
}

export interface Governed {
  readonly guards: readonly GateGuard[];
  readonly admitStart: NonNullable<Stage["admitStart"]>;
  readonly chargeAgain: Budgets["chargeAgain"];
  /** What was spent is kept when this resolves. */
  close(): Promise<void>;
}

export function govern(room: GovernRoom): Governed {
  const approvals = createApprovals({ ...room, desk: room.outside.desk });
  const budgets = createBudgets({ ...room, ledger: room.outside.ledger });
  return {
    // The pots come last: what they hold for a call is given back by its outcome alone.
    guards: [approvals.guard, budgets.guard],
    admitStart: async () => (await budgets.admitStart()) ?? (await approvals.admitPlan()),
    chargeAgain: (call) => budgets.chargeAgain(call),
    close: () => budgets.close(),
  };
}

export interface LiveOutside {
  readonly prepared: PreparedRun;
  readonly run: string;
  readonly signal: AbortSignal;
}

export function liveOutside(world: World, { prepared, run, signal }: LiveOutside): Outside {
  const { approvers, approvalMs } = prepared.config.governance;
  const { envelope } = prepared.inputs;
  const signer = envelope === undefined ? null : nameOfKey(envelope.key);
  const proposer = { uid: currentUser().uid, key: signer };
  const store = approvalStore(world.stateDir);
  const { nowMs } = world;
  const startMs = performance.now();
  const ledger = fileLedger(world.stateDir, prepared.config.agentId);
  return {
    desk: liveDesk({ store, approvers, proposer, run, approvalMs, nowMs, signal }),
    ledger: timedLedger(ledger, () => performance.now() - startMs),
  };
}

/** @param upcoming - The record that the replay writes next, as it was recorded. */
export function recordedOutside(upcoming: () => ChainRecord | undefined): Outside {
  return {
    desk: {
      open: () => Promise.resolve(recordedAnswer(upcoming())),
      wait: () => Promise.resolve(recordedAnswer(upcoming())),
      stands: () => Promise.resolve(upcoming()?.body.facts["stands"] === true),
    },
    ledger: {
      // Where no record of a budget follows, no mark was reached: then less than it was reaches none either.
      reserve: () => Promise.resolve(spendingOf(upcoming()?.body.facts["agent"]) ?? NOTHING_SPENT),
      settle: () => Promise.resolve(),
    },
  };
}

/** What was recorded is read as strictly as a file: an answer that is none is no approval. */
function recordedAnswer(record: ChainRecord | undefined): ApprovalAnswer {
  const facts: JsonObject = record?.body.facts ?? {};
  const said: readonly JsonValue[] = Array.isArray(facts["statements"]) ? facts["statements"] : [];
  const { unusable } = facts;
  return {
    request: requestOf(facts["request"]) ?? NO_REQUEST,
    statements: said.map(statementOf).filter((each) => each !== null),
    nowMs: typeof facts["nowMs"] === "number" ? facts["nowMs"] : 0,
    standing: facts["standing"] === true,
    unusable: typeof unusable === "string" ? unusable : null,
  };
}

const NOTHING = `sha256:${"0".repeat(64)}`;
/** Stands where no request was recorded: nobody ever approved it. */
const NO_REQUEST: ApprovalAnswer["request"] = {
  v: 1,
  action: {
    kind: "plan",
    agent: "",
    config: NOTHING,
    plan: NOTHING,
    modules: NOTHING,
    policy: NOTHING,
    step: null,
    capability: null,
    resource: null,
    rule: null,
    arguments: null,
  },
  run: "-",
  approvals: 1,
  proposer: { uid: -1, key: null },
  question: "",
  createdMs: 0,
  deadlineMs: 0,
  nonce: "",
};
