/**
 * Budgets: kinds of spending, limits, and accounts in which each spending is one of the parent too. Pure.
 *
 * Read in this order: BUDGETS (the kinds with their words in a config), limitsOf, exceeded, warningsOf, Account. What is
 * spent is reserved before it happens at the most it can be, and corrected by what the host saw.
 *
 * @module
 */
import type { AgentConfig } from "../config/index.ts";

type BudgetConfig = AgentConfig["governance"]["budgets"];

/** Each kind with its key in a config. Amounts are whole numbers: calls, milliseconds, millionths of a dollar, tokens, bytes. */
export const BUDGETS = {
  calls: "max_calls",
  wallMs: "wall_ms",
  costMicroUsd: "max_cost_usd",
  tokens: "token_budget",
  egressBytes: "egress_bytes",
  storageBytes: "storage_bytes",
} as const;
export type BudgetKind = keyof typeof BUDGETS;
export const BUDGET_KINDS = Object.keys(BUDGETS) as readonly BudgetKind[];

export type Spending = Readonly<Record<BudgetKind, number>>;
/** A kind that is absent has no limit. */
export type BudgetLimits = ReadonlyMap<BudgetKind, number>;

export const NOTHING_SPENT: Spending = {
  calls: 0,
  wallMs: 0,
  costMicroUsd: 0,
  tokens: 0,
  egressBytes: 0,
  storageBytes: 0,
};

/** Where warnings are given, percent of a limit. */
export const WARNING_PERCENTS = [50, 80] as const;

const MICRO = 1_000_000;

export function limitsOf(config: BudgetConfig): BudgetLimits {
  const usd = config.maxCostUsd;
  const written: Readonly<Record<BudgetKind, number | null>> = {
    calls: config.maxCalls,
    wallMs: config.wallMs,
    // Rounded down: a budget never holds more than was written.
    costMicroUsd: usd === null ? null : Math.floor(usd * MICRO),
    tokens: config.tokenBudget,
    egressBytes: config.egressBytes,
    storageBytes: config.storageBytes,
  };
  const limits = new Map<BudgetKind, number>();
  for (const kind of BUDGET_KINDS) {
    const limit = written[kind];
    if (limit !== null) limits.set(kind, limit);
  }
  return limits;
}

export function plus(one: Spending, other: Spending): Spending {
  return combined(one, other, 1);
}

export function minus(one: Spending, other: Spending): Spending {
  return combined(one, other, -1);
}

function combined(one: Spending, other: Spending, sign: 1 | -1): Spending {
  const sum = { ...one };
  for (const kind of BUDGET_KINDS) {
    const value = one[kind] + sign * other[kind];
    // Beyond what a number holds exactly, more is spent than any limit.
    sum[kind] = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, value));
  }
  return sum;
}

/** The first kind whose limit would be passed, or null. */
export function exceeded(spent: Spending, limits: BudgetLimits): BudgetKind | null {
  for (const [kind, limit] of limits) if (spent[kind] > limit) return kind;
  return null;
}

export interface BudgetWarning {
  readonly kind: BudgetKind;
  readonly percent: number;
  readonly limit: number;
}

/** The highest mark of each kind that has been reached. A limit of 0 warns of nothing: its first use is refused. */
export function warningsOf(spent: Spending, limits: BudgetLimits): readonly BudgetWarning[] {
  return [...limits].flatMap(([kind, limit]) => {
    const reached = WARNING_PERCENTS.filter((percent) => spent[kind] * 100 >= limit * percent);
    const percent = reached.at(-1);
    return percent === undefined || limit === 0 ? [] : [{ kind, percent, limit }];
  });
}

/** One pot of a run. What a child spends, its parent spends. */
export class Account {
  /** Config path of its budgets. */
  readonly path: string;
  readonly limits: BudgetLimits;
  readonly #parent: Account | null;
  #spent: Spending = NOTHING_SPENT;

  constructor(path: string, limits: BudgetLimits, parent: Account | null = null) {
    this.path = path;
    this.limits = limits;
    this.#parent = parent;
  }

  get spent(): Spending {
    return this.#spent;
  }

  /** Take the amount out of this pot and all above it, or out of none. @returns where it does not fit; null: it does. */
  reserve(amount: Spending): { readonly account: Account; readonly kind: BudgetKind } | null {
    const after = plus(this.#spent, amount);
    const kind = exceeded(after, this.limits);
    if (kind !== null) return { account: this, kind };
    const above = this.#parent?.reserve(amount) ?? null;
    if (above === null) this.#spent = after;
    return above;
  }

  /** Put right what was reserved: `actual` may be more; then the pot is empty for whoever comes next. */
  settle(reserved: Spending, actual: Spending): void {
    this.#spent = plus(minus(this.#spent, reserved), actual);
    this.#parent?.settle(reserved, actual);
  }
}
