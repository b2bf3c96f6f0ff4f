/** Attacks G56 as a user meets it: budgets of a run and of an agent, what is recorded, and the replay. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  box.write("two.rtfs", "(call :ccos.math.add 1 2) (call :ccos.math.add 3 4)");
  box.write(
    "write.rtfs",
    '(call :ccos.io.write-file "/workspace/a" "12345678") (call :ccos.io.write-file {:path "/workspace/b" :text "12345678"})',
  );
});
afterAll(() => box.remove());

const FILES =
  ':features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}}';

async function replayed(): Promise<string> {
  const done = await box.run(["chain", "verify", "last", "--replay"]);
  return `${done.status} ${/replay [A-Z]+/.exec(done.stderr)?.[0] ?? done.stderr}`;
}

test("an agent's calls are counted over its runs, with warnings, and each run replays to the same head", async () => {
  box.write("agent.rtfs", pureConfig("two.rtfs", ":governance {:budgets {:max_calls 5}}"));
  const first = await box.run(["run", "agent.rtfs"]);
  expect([first.status, first.stderr.includes("% of")]).toEqual([0, false]);
  const second = await box.run(["run", "agent.rtfs"]);
  expect(second.stderr).toContain("governance.budgets.max_calls: 50 % of 5 used");
  expect(second.stderr).toContain("governance.budgets.max_calls: 80 % of 5 used");
  expect(second.status).toBe(0);
  expect(await replayed()).toBe("0 replay IDENTICAL");
  const third = await box.run(["run", "agent.rtfs"]);
  expect(third.stderr).toContain("BUDGET_EXCEEDED");
  expect(third.stderr).toContain("governance.budgets.max_calls holds 5, and this would pass it");
  expect(third.status).toBe(77);
  expect(await replayed()).toBe("0 replay IDENTICAL");
  const { stdout } = await box.run(["chain", "show", "last", "--json"]);
  expect(stdout).toContain('"type":"BudgetExceeded"');
});

test("nothing runs where the agent's file says what nobody wrote there", async () => {
  box.write("agent.rtfs", pureConfig("two.rtfs", ":governance {:budgets {:max_calls 5}}"));
  writeFileSync(join(box.home, "budgets", "agent.test", "spent.json"), '{"calls":0}');
  const done = await box.run(["run", "agent.rtfs"]);
  expect(done.stderr).toContain("IO_ERROR");
  expect(done.stderr).toContain("remove it to begin at nothing");
  expect(done.status).toBe(69);
});

test("bytes that would pass a budget of storage are not written", async () => {
  const governance =
    ":governance {:policies {:disk {:effects [:fs] :budgets {:storage_bytes 25}}}}";
  const config = pureConfig("write.rtfs", `${governance} ${FILES}`).replace(
    "agent.test",
    "agent.disk",
  );
  box.write("disk.rtfs", config);
  const done = await box.json(["run", "disk.rtfs"]);
  expect(done.status).toBe(77);
  const { run } = done.value;
  const workspace = join(box.home, "runs", String(run), "workspace");
  expect(readFileSync(join(workspace, "a"), "utf8")).toBe("12345678");
  expect(existsSync(join(workspace, "b"))).toBe(false);
  expect(await replayed()).toBe("0 replay IDENTICAL");
});

test("a budget of time ends a program that makes no call", async () => {
  box.write("spin.rtfs", "(loop [i 0] (recur (+ i 1)))");
  const governance = ":governance {:policies {:default {:budgets {:wall_ms 400}}}}";
  const config = pureConfig("spin.rtfs", `${governance} :limits {:fuel 1000000000000}`);
  box.write("spin-agent.rtfs", config.replace("agent.test", "agent.spin"));
  const done = await box.run(["run", "spin-agent.rtfs"]);
  expect(done.stderr).toContain("LIMIT_TIME");
  expect(done.status).toBe(124);
});
