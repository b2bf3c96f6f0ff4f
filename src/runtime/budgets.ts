/**
 * Budgets in a run: a guard that takes what a call can cost at most before it happens, and puts it right afterwards.
 *
 * Read in this order: createBudgets, mostOf, actualOf. The agent's own pot is of all its runs and lies outside
 * (governance/ledger.ts): what it said is in the facts of the records, so a replay comes to the same refusals. Only
 * what the host measured counts: sizes of requests and files, and what a capability's provider says of its cost.
 *
 * @module
 */
import type { ChainWriter } from "../chain/index.ts";
import { ERROR_CODES } from "../foundation/error-codes.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import {
  Account,
  BUDGETS,
  type BudgetKind,
  type BudgetLimits,
  exceeded,
  isGoverned,
  type Ledger,
  limitsOf,
  NOTHING_SPENT,
  plus,
  type Spending,
  warningsOf,
} from "../governance/index.ts";
import { toWire } from "../rtfs/index.ts";
import type { AdmittedCall, Executed, GateGuard, Refusal } from "./gate-guard.ts";
import type { PreparedRun } from "./prepare.ts";

export interface BudgetEvent {
  readonly kind: "budget";
  readonly state: "warning" | "exceeded";
  /** Config path of the budget. */
  readonly budget: string;
  readonly percent: number;
  readonly limit: number;
}

export interface BudgetRoom {
  readonly prepared: PreparedRun;
  readonly chain: ChainWriter;
  readonly ledger: Ledger;
  readonly observe: (event: BudgetEvent) => void;
}

export interface Budgets {
  readonly guard: GateGuard;
  /** Null: the agent has something left. */
  admitStart(): Promise<Refusal | null>;
  /** A call that may have taken place is made once more: the agent's pot is charged for both. */
  chargeAgain(call: AdmittedCall): Promise<void>;
  /** What was spent is kept when this resolves. */
  close(): Promise<void>;
}

const AGENT = "governance.budgets";

export function createBudgets(room: BudgetRoom): Budgets {
  const { budgets, policies } = room.prepared.config.governance;
  const agentLimits = limitsOf(budgets);
  const pots = [...policies]
    .map(([name, policy]) => {
      const path = `governance.policies.${name}.budgets`;
      return { policy, account: new Account(path, limitsOf(policy.budgets)) };
    })
    .filter(({ account }) => account.limits.size > 0);
  const warned = new Map<string, number>();
  const reservations = new Map<number, Reservation>();
  let kept: Promise<void> = Promise.resolve();

  const reserve = async (call: AdmittedCall | null): Promise<Refusal | null> => {
    const amount = call === null ? NOTHING_SPENT : mostOf(call);
    const touched = pots
      .filter(({ policy }) => call !== null && isGoverned(policy, governed(call)))
      .map(({ account }) => account);
    const limits = [agentLimits, ...touched.map((account) => account.limits)];
    const unknown = call === null ? null : unmetered(call, limits);
    if (unknown !== null) return unknown;
    const full = takeAll(touched, amount);
    if (full !== null) return refuse(room, call, { ...full, agent: null });
    await kept;
    const before =
      agentLimits.size === 0 ? NOTHING_SPENT : await room.ledger.reserve(amount, agentLimits);
    const after = plus(before, amount);
    const kind = exceeded(after, agentLimits);
    if (kind !== null) {
      for (const account of touched) account.settle(amount, NOTHING_SPENT);
      return refuse(room, call, { path: AGENT, kind, limits: agentLimits, agent: before });
    }
    if (call !== null) reservations.set(call.number, { amount, touched });
    for (const { path, spent, limits: own } of [
      { path: AGENT, spent: after, limits: agentLimits },
      ...touched,
    ]) {
      for (const warning of warningsOf(spent, own))
        warn(room, warned, { path, ...warning, agent: before });
    }
    return null;
  };

  return {
    admitStart: () => (agentLimits.size === 0 ? Promise.resolve(null) : reserve(null)),
    guard: {
      admit: (call) => (pots.length === 0 && agentLimits.size === 0 ? null : reserve(call)),
      settle(call, outcome) {
        const reserved = reservations.get(call.number);
        reservations.delete(call.number);
        if (reserved === undefined) return;
        const { amount, touched } = reserved;
        const actual = actualOf(call, outcome, amount);
        for (const account of touched) account.settle(amount, actual);
        if (agentLimits.size === 0) return;
        const before = kept;
        kept = before.then(() => room.ledger.settle(amount, actual));
        // Whoever waits for it next has the failure.
        kept.catch(() => undefined);
      },
    },
    async chargeAgain(call) {
      if (agentLimits.size > 0) await room.ledger.settle(NOTHING_SPENT, mostOf(call));
    },
    async close() {
      await kept;
      // The time of the run itself.
      if (agentLimits.size > 0) await room.ledger.settle(NOTHING_SPENT, NOTHING_SPENT);
    },
  };
}

interface Reservation {
  readonly amount: Spending;
  readonly touched: readonly Account[];
}

function governed({ capability }: AdmittedCall) {
  const { id, effects } = capability.manifest;
  return { capability: id, effects };
}

/** Out of all pots, or out of none. */
function takeAll(accounts: readonly Account[], amount: Spending): Full | null {
  for (const [at, account] of accounts.entries()) {
    const full = account.reserve(amount);
    if (full === null) continue;
    for (const other of accounts.slice(0, at)) other.settle(amount, NOTHING_SPENT);
    return { path: full.account.path, kind: full.kind, limits: full.account.limits };
  }
  return null;
}

interface Full {
  readonly path: string;
  readonly kind: BudgetKind;
  readonly limits: BudgetLimits;
}

/** A model or a processor of graphics whose contract names no cost cannot be held to a budget of money or tokens. */
function unmetered(call: AdmittedCall, limits: readonly BudgetLimits[]): Refusal | null {
  const { id, effects, meter } = call.capability.manifest;
  const costs = effects.includes("llm") || effects.includes("gpu");
  const isLimited = limits.some((each) => each.has("costMicroUsd") || each.has("tokens"));
  if (meter !== undefined || !costs || !isLimited) return null;
  return refusal(call, `the contract of ${id} does not say what a call costs at most`);
}

/** What a call takes at most. Sizes are those of the arguments, which hold all that leaves or is written. */
function mostOf(call: AdmittedCall): Spending {
  const { capability, request, args } = call;
  const { meter } = capability.manifest;
  const attempts = attemptsMax(call);
  const { resource } = request;
  const leaves = resource?.kind === "http" ? (capability.outgoing?.(args) ?? []) : [];
  const writes = resource?.kind === "file" && resource.operation === "write" ? args : [];
  return {
    calls: 1,
    wallMs: 0,
    costMicroUsd: attempts * (meter?.costMicroUsdMax ?? 0),
    tokens: attempts * (meter?.tokensMax ?? 0),
    egressBytes: attempts * sum(leaves.map(({ content }) => Buffer.byteLength(content))),
    storageBytes: sum(writes.map((each) => textBytes(toWire(each)))),
  };
}

/** Bytes of all texts in a value, a line end for each: whichever of them is written, it is no more. */
function textBytes(value: JsonValue): number {
  if (typeof value === "string") return Buffer.byteLength(value) + 1;
  if (typeof value !== "object" || value === null) return 0;
  return sum(Object.values(value).map(textBytes));
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((all, each) => all + each, 0);
}

function attemptsMax({ terms }: AdmittedCall): number {
  return 1 + (terms?.retry?.max ?? 0);
}

/** What it took, by the facts of its outcome; where they say nothing, what was reserved. They are of the last attempt. */
function actualOf(call: AdmittedCall, { facts }: Executed, most: Spending): Spending {
  const { resource } = call.request;
  const isWrite = resource?.kind === "file" && resource.operation === "write";
  const max = attemptsMax(call);
  const attempts = Math.min(max, amountIn(facts, "attempts") ?? max);
  /** Attempts before the last cost the most. */
  const taken = (whole: number, last: number): number => (attempts - 1) * (whole / max) + last;
  const one = most.egressBytes / max;
  return {
    ...most,
    costMicroUsd: taken(
      most.costMicroUsd,
      amountIn(facts, "costMicroUsd") ?? most.costMicroUsd / max,
    ),
    tokens: taken(most.tokens, amountIn(facts, "tokens") ?? most.tokens / max),
    // The head of a request leaves too, and no fact has its size: never less than the body.
    egressBytes: attempts * Math.max(one, amountIn(facts, "requestBytes") ?? 0),
    storageBytes: isWrite ? (amountIn(facts, "bytes") ?? most.storageBytes) : 0,
  };
}

function amountIn(facts: JsonObject, name: string): number | null {
  const value = Object.hasOwn(facts, name) ? facts[name] : undefined;
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null;
}

interface Exceeding extends Full {
  /** What the agent had spent before; null: its own pot was not asked. */
  readonly agent: Spending | null;
}

function refuse(room: BudgetRoom, call: AdmittedCall | null, full: Exceeding): Refusal {
  const budget = `${full.path}.${BUDGETS[full.kind]}`;
  const limit = full.limits.get(full.kind) ?? 0;
  const facts: JsonObject = full.agent === null ? {} : { agent: { ...full.agent } };
  const data = { budget, call: call?.number ?? null, limit };
  room.chain.append({ type: "BudgetExceeded", data, facts });
  room.observe({ kind: "budget", state: "exceeded", budget, percent: 100, limit });
  return refusal(call, `${budget} holds ${limit}, and this would pass it`);
}

function refusal(call: AdmittedCall | null, reason: string): Refusal {
  return {
    how: "denied",
    code: "BUDGET_EXCEEDED",
    rule: call?.rule ?? null,
    reason,
    fix: ERROR_CODES.BUDGET_EXCEEDED.fix,
    facts: {},
  };
}

interface Warned {
  readonly path: string;
  readonly kind: BudgetKind;
  readonly percent: number;
  readonly limit: number;
  readonly agent: Spending;
}

/** Once for each mark in a run, and of none below one that was told: a replay knows no more of the pot than records say. */
function warn(
  room: BudgetRoom,
  warned: Map<string, number>,
  { path, kind, percent, limit, agent }: Warned,
): void {
  const budget = `${path}.${BUDGETS[kind]}`;
  if (percent <= (warned.get(budget) ?? 0)) return;
  warned.set(budget, percent);
  const data = { budget, limit, percent };
  room.chain.append({ type: "BudgetWarning", data, facts: { agent: { ...agent } } });
  room.observe({ kind: "budget", state: "warning", budget, percent, limit });
}
