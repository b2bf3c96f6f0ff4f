/** Attacks G2: a config that asks for what cannot be held must not start, and must not leave a run behind. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  box.write("plan.rtfs", "(+ 1 2)");
});
afterAll(() => box.remove());

function runs(): readonly string[] {
  const directory = join(box.home, "runs");
  return existsSync(directory) ? readdirSync(directory) : [];
}

test.each([
  ["causal_chain.anchor.enabled", ":causal_chain {:anchor {:enabled true}}"],
  [
    "governance.policies.default.requires_approvals",
    ":governance {:policies {:default {:requires_approvals 1}}}",
  ],
  ["capabilities.llm.enabled", ":features [:llm] :capabilities {:llm {:enabled true}}"],
])("run refuses %s with 69, names the field, and leaves no run", async (path, fields) => {
  box.write("asks.rtfs", pureConfig("plan.rtfs", fields));
  const refused = await box.run(["run", "asks.rtfs"]);
  expect(refused.stderr).toContain("UNENFORCEABLE");
  expect(refused.stderr).toContain(path);
  expect(refused.stdout).toBe("");
  expect(refused.status).toBe(69);
  expect(runs()).toEqual([]);
});

test("run refuses a program that no allowed wall can take, with each wall's reason, and leaves no run", async () => {
  box.write("program.rtfs", '(agent.config :version "0.1" :agent-id "agent.test")');
  const refused = await box.run(["run", "--policy", "program.rtfs", "--", "true"], {
    env: { CCOS_WALLS: "process/node-permission" },
  });
  expect(refused.stderr).toContain("ISOLATION_UNAVAILABLE");
  expect(refused.stderr).toContain("process/node-permission");
  expect(refused.status).toBe(69);
  expect(runs()).toEqual([]);
});
