/** Two runs of one plan under one config have the same data in their chains, and each replays. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
  box.write(
    "plan.rtfs",
    `(step "draw" [(call :ccos.system.random-hex 16) (call :ccos.system.random-hex 16)])
     [(call :ccos.system.current-timestamp-ms) (call :ccos.system.random-hex 8)]`,
  );
});
afterEach(() => box.remove());

function write(fields: string): void {
  box.write(
    "agent.rtfs",
    `(agent.config :version "0.1" :agent-id "agent.same" :plan "plan.rtfs" :orchestrator {:determinism {${fields}}})`,
  );
}

/** What the newest run's calls gave, by their digests. */
function results(): readonly unknown[] {
  const runs = join(box.home, "runs");
  const [run] = readdirSync(runs).toSorted().toReversed();
  const lines = readFileSync(join(runs, run!, "chain.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines
    .map((line) => (JSON.parse(line) as { body: { type: string; data: object } }).body)
    .filter(({ type }) => type === "CallCompleted" || type === "RunCompleted")
    .map(({ data }) => data);
}

async function runOnce(): Promise<readonly unknown[]> {
  const run = await box.run(["run", "agent.rtfs"]);
  expect(run, run.stderr).toMatchObject({ status: 0 });
  const verified = await box.run(["chain", "verify", "last", "--replay"]);
  expect(verified.stderr).toContain("replay IDENTICAL");
  return results();
}

test("a config that asks for it has the same time and randomness in every run, another seed has not", async () => {
  const fixed = ':time :deterministic :epoch "2026-01-01T00:00:00Z" :random :deterministic';
  write(`${fixed} :seed "one"`);
  const [first, second] = [await runOnce(), await runOnce()];
  expect(first).toHaveLength(5);
  expect(second).toEqual(first);
  write(`${fixed} :seed "two"`);
  const other = await runOnce();
  expect(other).not.toEqual(first);
  // The clock is the epoch's, whatever the seed.
  expect(other[2]).toEqual(first[2]);
});

test("a config that does not ask has its own", async () => {
  write("");
  const [first, second] = [await runOnce(), await runOnce()];
  for (const at of [0, 1, 3]) expect(second[at]).not.toEqual(first[at]);
});
