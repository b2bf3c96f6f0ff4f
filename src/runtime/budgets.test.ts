/** Attacks G56 at the gate: what calls cost is what the host saw, at most once, whatever the program says. */
import { beforeEach, describe, expect, test } from "vitest";
import { builtinProviders, type Capability, createRegistry } from "../capability/index.ts";
import type { ChainRecord, ChainWriter, RecordInput } from "../chain/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { ok } from "../foundation/result.ts";
import { type Ledger, NOTHING_SPENT, plus, type Spending } from "../governance/index.ts";
import { parseTarget } from "../policy/index.ts";
import { keyword, MapValue } from "../rtfs/index.ts";
import { type BudgetEvent, createBudgets } from "./budgets.ts";
import { createGate, type Gate } from "./gate.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import { prepareRun } from "./prepare.ts";

const MODEL: Capability = {
  manifest: {
    id: "test.model",
    version: "1.0.0",
    summary: "A model that costs",
    effects: ["llm"],
    input: "[:tuple]",
    output: ":string",
    meter: { costMicroUsdMax: 400_000, tokensMax: 1000 },
  },
  access: () => ok(null),
  invoke: () => Promise.reject(new Error("the gate executes")),
};
const { meter: _, ...withoutMeter } = MODEL.manifest;
const UNMETERED: Capability = { ...MODEL, manifest: { ...withoutMeter, id: "test.unmetered" } };
const REGISTRY = createRegistry([{ name: "test", describe: () => [MODEL, UNMETERED] }]);

let records: RecordInput[];
let events: BudgetEvent[];
let agent: Spending;
let facts: JsonObject;
beforeEach(() => {
  records = [];
  events = [];
  agent = NOTHING_SPENT;
  facts = {};
});

const chain: ChainWriter = {
  head: { seq: 0, hash: "" },
  append(input) {
    records.push(input);
    return {} as ChainRecord;
  },
  commit: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
const ledger: Ledger = {
  reserve(amount, limits) {
    const before = agent;
    const after = plus(agent, amount);
    if ([...limits].every(([kind, limit]) => after[kind] <= limit)) agent = after;
    return Promise.resolve(before);
  },
  settle(reserved, actual) {
    const cost = agent.costMicroUsd - reserved.costMicroUsd + actual.costMicroUsd;
    agent = { ...agent, costMicroUsd: cost };
    return Promise.resolve();
  },
};

function posting(number: number, body: string, retries: number): AdmittedCall {
  const target = parseTarget("https://api.test/");
  const capability = createRegistry(builtinProviders()).find("ccos.network.http-fetch");
  if (!target.ok || capability === undefined) throw new Error("no such call");
  const resource = { kind: "http", method: "POST", target: target.value } as const;
  const request = { capability: capability.manifest.id, resource };
  const args = [
    MapValue.of([
      [keyword("url"), "https://api.test/"],
      [keyword("method"), "POST"],
      [keyword("body"), body],
    ]),
  ];
  const retry = { max: retries, backoffMs: [0], retryOn: new Set(["status-503"] as const) };
  const terms = { idempotency: null, retry };
  const rule = "r";
  return { number, step: null, capability, request, rule, question: null, args, digest: "", terms };
}

function preparedWith(governance: string) {
  return prepareRun({
    configFile: "a.rtfs",
    configSource: `(agent.config :agent-id "a" :capabilities {:allow ["test.*"]} :governance ${governance})`,
    planFile: null,
    planSource: null,
    modules: [],
    command: [],
    staged: [],
    production: false,
  });
}

function budgetsWith(governance: string) {
  const prepared = preparedWith(governance);
  return createBudgets({ prepared, chain, ledger, observe: (each) => events.push(each) });
}

function gateWith(governance: string): Gate {
  const prepared = preparedWith(governance);
  const { guard } = budgetsWith(governance);
  return createGate({
    policy: prepared.policy,
    registry: REGISTRY,
    chain,
    callsMax: 100,
    guards: [guard],
    execute: () => Promise.resolve<Executed>({ ok: true, value: "answer", facts }),
    matchSecrets: () => [],
    placeholders: [],
    keepResult: () => undefined,
    observe: () => undefined,
  });
}

const call = (capability = "test.model") => ({ step: null, capability, args: [] });

async function codes(gate: Gate, count: number): Promise<readonly string[]> {
  const answers = [];
  for (let at = 0; at < count; at++) answers.push(await gate.pass(call()));
  return answers.map((each) => (each.ok ? "ok" : each.error.code));
}

const typesOf = (): readonly string[] => records.map(({ type }) => type);

describe("createBudgets", () => {
  test("reserves the most a call can cost, and gives back what it did not", async () => {
    facts = { costMicroUsd: 100_000, tokens: 10 };
    const gate = gateWith("{:policies {:default {:budgets {:max_cost_usd 1}}}}");
    // 0.1 each: after the seventh 0.7 are spent, and an eighth could cost 0.4.
    expect(await codes(gate, 9)).toEqual([
      ...Array.from({ length: 7 }, () => "ok"),
      "BUDGET_EXCEEDED",
      "BUDGET_EXCEEDED",
    ]);
    expect(gate.counts).toMatchObject({ intended: 7, denied: 2 });
    expect(records.findLast(({ type }) => type === "BudgetExceeded")?.data).toEqual({
      budget: "governance.policies.default.budgets.max_cost_usd",
      call: 9,
      limit: 1_000_000,
    });
  });

  test("without facts of its cost a call costs the most", async () => {
    const gate = gateWith("{:policies {:default {:budgets {:token_budget 2500}}}}");
    expect(await codes(gate, 3)).toEqual(["ok", "ok", "BUDGET_EXCEEDED"]);
  });

  test.each([[{ tokens: -1000 }], [{ tokens: 0.5 }], [{ tokens: "0" }]])(
    "facts that are no amount are none: %j",
    async (said) => {
      facts = said;
      const gate = gateWith("{:policies {:default {:budgets {:token_budget 2500}}}}");
      expect(await codes(gate, 3)).toEqual(["ok", "ok", "BUDGET_EXCEEDED"]);
    },
  );

  test("calls at once share one pot", async () => {
    const gate = gateWith("{:policies {:default {:budgets {:max_calls 3}}}}");
    const answers = await Promise.all(Array.from({ length: 20 }, () => gate.pass(call())));
    expect(answers.filter((each) => each.ok).length).toBe(3);
  });

  test("warns at 50 and at 80 percent, each once, before the intent", async () => {
    const gate = gateWith("{:policies {:default {:budgets {:max_calls 10}}}}");
    await codes(gate, 11);
    expect(events.map(({ state, percent }) => [state, percent])).toEqual([
      ["warning", 50],
      ["warning", 80],
      ["exceeded", 100],
    ]);
    expect(typesOf().filter((type) => type === "BudgetWarning").length).toBe(2);
    const first = typesOf().indexOf("BudgetWarning");
    expect(typesOf().slice(first, first + 2)).toEqual(["BudgetWarning", "CallIntended"]);
  });

  test("a call that may be tried again reserves each attempt, and is charged those that were made", async () => {
    const { guard } = budgetsWith("{:policies {:p {:budgets {:egress_bytes 1000}}}}");
    const said: (string | null)[] = [];
    for (const attempts of [1, 2, 1]) {
      const tried = posting(said.length, "x".repeat(300), 1);
      const refusal = await guard.admit(tried);
      said.push(refusal?.code ?? null);
      if (refusal === null)
        guard.settle?.(tried, { ok: true, value: null, facts: { attempts, requestBytes: 300 } });
    }
    expect(said).toEqual([null, null, "BUDGET_EXCEEDED"]);
  });

  test("warns of no mark below one that it warned of: a replay, which knows less, comes to the same records", async () => {
    facts = { tokens: 5 };
    agent = { ...NOTHING_SPENT, tokens: 500 };
    const gate = gateWith("{:budgets {:token_budget 1800}}");
    await codes(gate, 1);
    // As a replay has it: no record of a budget follows, so nothing is known of what was spent.
    agent = NOTHING_SPENT;
    await codes(gate, 1);
    expect(events.map(({ percent }) => percent)).toEqual([80]);
  });

  test("holds a model without a meter to no budget of money: it refuses it", async () => {
    const gate = gateWith("{:budgets {:max_cost_usd 100}}");
    expect(await gate.pass(call("test.unmetered"))).toMatchObject({
      ok: false,
      error: { code: "BUDGET_EXCEEDED" },
    });
    const other = gateWith("{:budgets {:max_calls 100}}");
    expect((await other.pass(call("test.unmetered"))).ok).toBe(true);
  });

  test("what the agent spent in other runs counts, and a refusal of it gives back what the run had reserved", async () => {
    agent = { ...NOTHING_SPENT, calls: 8 };
    const gate = gateWith("{:budgets {:max_calls 10} :policies {:p {:budgets {:max_calls 3}}}}");
    expect(await codes(gate, 4)).toEqual(["ok", "ok", "BUDGET_EXCEEDED", "BUDGET_EXCEEDED"]);
    const exceeding = records.filter(({ type }) => type === "BudgetExceeded");
    expect(exceeding.map(({ data }) => data["budget"])).toEqual([
      "governance.budgets.max_calls",
      "governance.budgets.max_calls",
    ]);
    expect(exceeding[0]?.facts).toMatchObject({ agent: { calls: 10 } });
  });

  test("a policy's pot is of what the policy is about", async () => {
    const gate = gateWith(
      '{:policies {:p {:capabilities ["test.unmetered"] :budgets {:max_calls 0}} :q {:effects [:network] :budgets {:max_calls 0}}}}',
    );
    expect(await codes(gate, 2)).toEqual(["ok", "ok"]);
    expect((await gate.pass(call("test.unmetered"))).ok).toBe(false);
  });
});
