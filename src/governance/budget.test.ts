/** Attacks G56: no way of spending passes a limit, by one process or by several, also over crashes. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  Account,
  BUDGET_KINDS,
  type BudgetLimits,
  limitsOf,
  minus,
  NOTHING_SPENT,
  plus,
  type Spending,
  warningsOf,
} from "./budget.ts";
import { fileLedger, timedLedger } from "./ledger.ts";

const calls = (count: number): Spending => ({ ...NOTHING_SPENT, calls: count });
const holds = (count: number): BudgetLimits => new Map([["calls", count]]);

describe("limitsOf", () => {
  test("takes dollars as millionths, rounded down, and leaves out what is not written", () => {
    const none = { maxCostUsd: null, tokenBudget: null, maxCalls: null, wallMs: null };
    const limits = limitsOf({ ...none, egressBytes: 0, storageBytes: null, maxCostUsd: 0.1 + 0.2 });
    expect([...limits]).toEqual([
      ["costMicroUsd", 300_000],
      ["egressBytes", 0],
    ]);
    expect(limitsOf({ ...none, egressBytes: null, storageBytes: null }).size).toBe(0);
  });
});

describe("Account", () => {
  const spending = fc.record(
    Object.fromEntries(BUDGET_KINDS.map((kind) => [kind, fc.nat(20)])),
  ) as unknown as fc.Arbitrary<Spending>;

  test("neither a child nor its parent ever has more reserved than its limit, and the parent has all of its children", () => {
    const steps = fc.array(fc.record({ child: fc.nat(2), amount: spending, keep: fc.boolean() }));
    fc.assert(
      fc.property(steps, fc.array(spending, { minLength: 4, maxLength: 4 }), (all, limits) => {
        const limitOf = (at: number): BudgetLimits =>
          new Map(BUDGET_KINDS.map((kind) => [kind, (limits[at]?.[kind] ?? 0) * 3]));
        const parent = new Account("parent", limitOf(3));
        const children = [0, 1, 2].map((at) => new Account(`child ${at}`, limitOf(at), parent));
        for (const { child, amount, keep } of all) {
          const account = children[child];
          const full = account?.reserve(amount);
          if (full === null && !keep) account?.settle(amount, NOTHING_SPENT);
          for (const each of [parent, ...children])
            for (const [kind, limit] of each.limits)
              expect(each.spent[kind]).toBeLessThanOrEqual(limit);
        }
        const together = children.reduce((sum, each) => plus(sum, each.spent), NOTHING_SPENT);
        expect(parent.spent).toEqual(together);
      }),
    );
  });

  test("names the pot that is full, and takes nothing from the others", () => {
    const parent = new Account("parent", holds(1));
    const child = new Account("child", holds(5), parent);
    expect(child.reserve(calls(1))).toBeNull();
    expect(child.reserve(calls(1))).toEqual({ account: parent, kind: "calls" });
    expect(child.spent.calls).toBe(1);
  });

  test("holds more than its limit when more happened than was reserved: the next one finds it empty", () => {
    const account = new Account("pot", holds(10));
    expect(account.reserve(calls(5))).toBeNull();
    account.settle(calls(5), calls(40));
    expect(account.reserve(calls(1))?.kind).toBe("calls");
  });
});

describe("warningsOf", () => {
  test.each([
    [4, []],
    [5, [50]],
    [7, [50]],
    [8, [80]],
    [11, [80]],
  ])("at %d of 10 are %j", (spent, percents) => {
    expect(warningsOf(calls(spent), holds(10)).map(({ percent }) => percent)).toEqual(percents);
  });

  test("of a limit of nothing are none", () => {
    expect(warningsOf(calls(0), holds(0))).toEqual([]);
  });
});

test("sums stay whole numbers that a file can hold", () => {
  const huge = calls(Number.MAX_SAFE_INTEGER);
  expect(plus(huge, huge).calls).toBe(Number.MAX_SAFE_INTEGER);
  expect(minus(NOTHING_SPENT, huge).calls).toBe(0);
});

describe("fileLedger", () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), "ccos-ledger-"))));
  afterEach(() => rmSync(home, { recursive: true }));
  const file = (): string => join(home, "budgets", "agent.a", "spent.json");
  const spent = (): Spending => JSON.parse(readFileSync(file(), "utf8")) as Spending;

  test("goes on from what any run before spent, and refuses without spending", async () => {
    expect(await fileLedger(home, "agent.a").reserve(calls(3), holds(5))).toEqual(NOTHING_SPENT);
    expect((await fileLedger(home, "agent.a").reserve(calls(3), holds(5))).calls).toBe(3);
    expect(spent().calls).toBe(3);
    await fileLedger(home, "agent.a").settle(calls(3), calls(1));
    expect(spent().calls).toBe(1);
    expect((await fileLedger(home, "agent.b").reserve(calls(1), holds(5))).calls).toBe(0);
  });

  test.each([
    ["cut", '{"calls":1'],
    ["empty", ""],
    ["less than nothing", JSON.stringify({ ...NOTHING_SPENT, calls: -1 })],
    ["not a number", JSON.stringify({ ...NOTHING_SPENT, calls: "0" })],
    ["more than it was", JSON.stringify({ ...NOTHING_SPENT, more: 1 })],
    ["less than it was", JSON.stringify({ calls: 0 })],
  ])("spends nothing where its file is %s", async (_how, text) => {
    mkdirSync(join(home, "budgets", "agent.a"), { recursive: true, mode: 0o700 });
    writeFileSync(file(), text);
    const ledger = fileLedger(home, "agent.a");
    await expect(ledger.reserve(calls(1), holds(5))).rejects.toMatchObject({ code: "IO_ERROR" });
    expect(readFileSync(file(), "utf8")).toBe(text);
  });

  test("several processes at once, one of them killed, reserve no more than there is and lose none", async () => {
    const program = `
      import { fileLedger } from ${JSON.stringify(join(import.meta.dirname, "ledger.ts"))};
      const one = ${JSON.stringify(calls(1))};
      const ledger = fileLedger(${JSON.stringify(home)}, "agent.a");
      process.stdout.write("up\\n");
      for (let at = 0; at < 30; at++)
        if ((await ledger.reserve(one, new Map([["calls", 60]]))).calls + 1 <= 60) process.stdout.write("got\\n");`;
    const outputs: string[] = ["", "", "", ""];
    const ends = outputs.map((_, at) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        outputs[at] += text;
        if (at === 0 && outputs[0]?.includes("got")) child.kill("SIGKILL");
      });
      return new Promise((resolve) => child.once("close", resolve));
    });
    await Promise.all(ends);
    expect(outputs.map((text) => text.startsWith("up"))).toEqual([true, true, true, true]);
    const got = outputs.join("").split("got").length - 1;
    // Whoever was killed may have reserved one that it did not tell; nobody had one that is not in the file.
    expect(spent().calls).toBeLessThanOrEqual(60);
    expect(spent().calls).toBeGreaterThanOrEqual(got);
    expect(got).toBeGreaterThanOrEqual(58);
  });

  test("charges the time of a run once, with what is settled", async () => {
    let now = 0;
    const ledger = timedLedger(fileLedger(home, "agent.a"), () => now);
    const limits: BudgetLimits = new Map([["wallMs", 100]]);
    now = 60;
    expect((await ledger.reserve(calls(1), limits)).wallMs).toBe(60);
    now = 90.5;
    await ledger.settle(calls(1), calls(1));
    await ledger.settle(NOTHING_SPENT, NOTHING_SPENT);
    expect(spent()).toEqual({ ...calls(1), wallMs: 91 });
    now = 101;
    await ledger.reserve(calls(1), limits);
    expect(spent().calls).toBe(1);
  });
});
