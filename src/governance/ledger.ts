/**
 * What an agent has spent in all its runs: `<CCOS_HOME>/budgets/<agent>/spent.json`.
 *
 * One process at a time changes it (a lease that dies with its holder), whole and durable, before the effect. A crash
 * between reserving and settling leaves the reservation spent: never less than what happened. A file that cannot be
 * read is no empty one: nothing may be spent until somebody has looked.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject } from "../foundation/json.ts";
import {
  ensurePrivateDir,
  lockDirectory,
  type NameLease,
  readBounded,
  sleep,
  writeAtomic,
} from "../host/index.ts";
import { parsed } from "./approval-text.ts";
import {
  BUDGET_KINDS,
  type BudgetLimits,
  exceeded,
  minus,
  NOTHING_SPENT,
  plus,
  type Spending,
} from "./budget.ts";

export interface Ledger {
  /**
   * Take the amount out, durable, unless a limit would be passed.
   *
   * @returns What was spent before, by every run.
   * @throws {CcosError} `IO_ERROR`: it cannot be known or kept.
   */
  reserve(amount: Spending, limits: BudgetLimits): Promise<Spending>;
  /** Put right what was reserved. */
  settle(reserved: Spending, actual: Spending): Promise<void>;
}

const FILE_BYTES_MAX = 4096;
const LOCK_MS_MAX = 10_000;
const RETRY_MS = 10;

/** @param agent - A valid agent id: it names a directory. */
export function fileLedger(stateDir: string, agent: string): Ledger {
  const root = join(stateDir, "budgets");
  const directory = join(root, agent);
  const prepare = async (): Promise<void> => {
    for (const path of [stateDir, root, directory]) await ensurePrivateDir(path);
  };
  return {
    async reserve(amount, limits) {
      await prepare();
      return await locked(directory, async (path) => {
        const before = await read(path);
        const after = plus(before, amount);
        if (exceeded(after, limits) === null) await write(path, after);
        return before;
      });
    },
    async settle(reserved, actual) {
      await prepare();
      await locked(directory, async (path) => {
        await write(path, plus(minus(await read(path), reserved), actual));
      });
    },
  };
}

/**
 * A ledger that charges the time of a run as well: what has passed is spent, whether anything is reserved or not.
 *
 * @param elapsedMs - Since the run began, never less than before.
 */
export function timedLedger(ledger: Ledger, elapsedMs: () => number): Ledger {
  let charged = 0;
  const passed = (): number => {
    const wallMs = Math.max(0, Math.ceil(elapsedMs()) - charged);
    charged += wallMs;
    return wallMs;
  };
  const settle: Ledger["settle"] = (reserved, actual) =>
    ledger.settle(reserved, { ...actual, wallMs: actual.wallMs + passed() });
  return {
    async reserve(amount, limits) {
      if (limits.has("wallMs")) await settle(NOTHING_SPENT, NOTHING_SPENT);
      return await ledger.reserve(amount, limits);
    },
    settle,
  };
}

async function locked<T>(directory: string, work: (path: string) => Promise<T>): Promise<T> {
  const lease = await take(directory);
  try {
    return await work(join(directory, "spent.json"));
  } finally {
    lease.release();
  }
}

async function take(directory: string): Promise<NameLease> {
  const signal = AbortSignal.timeout(LOCK_MS_MAX);
  for (;;) {
    const lease = await lockDirectory(directory);
    if (lease !== null) return lease;
    if (signal.aborted) throw unusable(directory, `others had it for ${LOCK_MS_MAX} ms`);
    await sleep(RETRY_MS, signal).catch(() => undefined);
  }
}

async function read(path: string): Promise<Spending> {
  const bytes = await readBounded(path, FILE_BYTES_MAX);
  if (!bytes.ok && bytes.error === "absent") return NOTHING_SPENT;
  const spent = bytes.ok ? spendingOf(parsed(bytes.value)) : null;
  if (spent === null) throw unusable(path, "it is not what was written there");
  return spent;
}

/** @returns Null for what is no spending: every kind, and nothing else. */
export function spendingOf(value: unknown): Spending | null {
  if (!isJsonObject(value) || Object.keys(value).length !== BUDGET_KINDS.length) return null;
  const isSound = BUDGET_KINDS.every(
    (kind) => Number.isSafeInteger(value[kind]) && Number(value[kind]) >= 0,
  );
  return isSound ? (value as unknown as Spending) : null;
}

async function write(path: string, spent: Spending): Promise<void> {
  await writeAtomic(path, new TextEncoder().encode(`${JSON.stringify(spent)}\n`), 0o600);
}

function unusable(path: string, why: string): CcosError {
  return new CcosError("IO_ERROR", {
    what: `Cannot use the budget in "${path}"`,
    why,
    fix: "Restore the file, or remove it to begin at nothing",
  });
}
