/** What is answered without being made says where it came from, as the first answer did. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtinProviders, createRegistry } from "../capability/index.ts";
import type { ChainRecord } from "../chain/index.ts";
import { parseTarget } from "../policy/index.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import { type IdempotencyTable, openIdempotencyTable } from "./idempotency-table.ts";
import { type TermedExecution, termedExecution } from "./termed-execution.ts";

let home: string;
let table: IdempotencyTable;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "ccos-terms-"));
  table = await openIdempotencyTable(home, () => 1_000_000);
});
afterEach(() => {
  table.close();
  rmSync(home, { recursive: true });
});

function posting(terms: AdmittedCall["terms"]): AdmittedCall {
  const target = parseTarget("https://api.test/");
  const capability = createRegistry(builtinProviders()).find("ccos.network.http-fetch");
  if (!target.ok || capability === undefined) throw new Error("no such call");
  const resource = { kind: "http", method: "POST", target: target.value } as const;
  const request = { capability: capability.manifest.id, resource };
  const call = { number: 1, step: null, capability, request, rule: "r", question: null, args: [] };
  return { ...call, digest: "sha256:0", ...(terms === undefined ? {} : { terms }) };
}

function execution(run: string): TermedExecution {
  return termedExecution({
    run,
    agent: "a",
    plan: "p",
    chain: {
      head: { seq: 0, hash: "" },
      append: () => ({}) as ChainRecord,
      commit: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    placeholders: [],
    table: () => Promise.resolve(table),
  });
}

const time = { signal: new AbortController().signal, msLeft: () => 60_000 };

describe("termedExecution", () => {
  test("an answer out of the table names the hosts on its way: labels of a run come from them", async () => {
    const hops = [
      { method: "POST", url: "https://api.test/", verdict: "allow" },
      { method: "GET", url: "https://crm.test/", verdict: "allow" },
    ];
    const call = posting({ idempotency: { key: "k", scope: "global" }, retry: null });
    const make = (): Promise<Executed> =>
      Promise.resolve({ ok: true, value: "secret", facts: { hops, status: 200 } });
    const never = (): Promise<Executed> => Promise.reject(new Error("it was made again"));
    await execution("run-1").execute(call, time, make);
    const again = await execution("run-2").execute(call, time, never);
    expect(again).toEqual({ ok: true, value: "secret", facts: { madeBy: "run-1", hops } });
  });

  test("says how often a call was made: each attempt has sent and cost", async () => {
    const retry = { max: 3, backoffMs: [0], retryOn: new Set(["status-503"] as const) };
    let made = 0;
    const make = (): Promise<Executed> =>
      Promise.resolve({ ok: true, value: "", facts: { status: ++made < 3 ? 503 : 200 } });
    const call = posting({ idempotency: { key: "k", scope: "intent" }, retry });
    const { facts } = await execution("run-1").execute(call, time, make);
    expect(facts).toEqual({ status: 200, attempts: 3 });
  });
});
