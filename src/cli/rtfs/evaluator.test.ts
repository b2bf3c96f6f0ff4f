import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createEvaluator, DEFAULT_LIMITS, type Evaluator } from "./evaluator.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** An evaluator whose program is `body`, a function of each line that it gets. */
function evaluatorOf(
  body: string,
  timeoutMs = 10_000,
): { evaluator: Evaluator; warnings: string[] } {
  const guestDir = mkdtempSync(join(tmpdir(), "ccos-evaluator-"));
  const program = `require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => { ${body} });`;
  writeFileSync(join(guestDir, "rtfs-eval.cjs"), program);
  const warnings: string[] = [];
  const evaluator = createEvaluator({
    job: "eval",
    world: { nodePath: process.execPath, guestDir },
    limits: { ...DEFAULT_LIMITS, timeoutMs },
    warn: (text) => warnings.push(text),
  });
  open.push(async () => {
    await evaluator.stop();
    rmSync(guestDir, { recursive: true });
  });
  return { evaluator, warnings };
}

test("answers come in order, and lines with a mark are warnings", async () => {
  const { evaluator, warnings } = evaluatorOf('console.log("!careful\\n" + line + line);');
  expect(await evaluator.ask("1")).toEqual({ kind: "answer", line: "11" });
  expect(await evaluator.ask("2")).toEqual({ kind: "answer", line: "22" });
  expect(warnings).toEqual(["careful", "careful"]);
});

test("a process that ended while nobody asked is replaced before the next question", async () => {
  const { evaluator } = evaluatorOf("console.log(line); setTimeout(() => process.exit(0), 5);");
  expect(await evaluator.ask("1")).toEqual({ kind: "answer", line: "1" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await evaluator.ask("2")).toEqual({ kind: "answer", line: "2" });
});

test("a process that ends instead of answering is a crash, an abort is out of memory", async () => {
  const { evaluator } = evaluatorOf('if (line === "abort") process.abort(); process.exit(3);');
  expect(await evaluator.ask("end")).toEqual({ kind: "crash" });
  expect(await evaluator.ask("abort")).toEqual({ kind: "memory" });
});

test("silence ends at the deadline, and the next question has a new process", async () => {
  const { evaluator } = evaluatorOf('if (line !== "hang") console.log(process.pid);', 3_000);
  const first = await evaluator.ask("pid");
  expect(await evaluator.ask("hang")).toEqual({ kind: "time" });
  const second = await evaluator.ask("pid");
  expect([first.kind, second.kind]).toEqual(["answer", "answer"]);
  expect(second).not.toEqual(first);
});

test("who asks can give up, before and during", async () => {
  const { evaluator } = evaluatorOf("void line;");
  expect(await evaluator.ask("1", AbortSignal.abort())).toEqual({ kind: "cancelled" });
  expect(await evaluator.ask("1", AbortSignal.timeout(300))).toEqual({ kind: "cancelled" });
});

test("the process may not read files, start programs or see the environment", async () => {
  const { evaluator } = evaluatorOf(`
    const tries = [
      () => require("node:fs").readFileSync("/etc/hostname"),
      () => require("node:child_process").spawnSync("/bin/true").error.code,
      () => { if (Object.keys(process.env).length > 0) return "environment"; throw { code: "NONE" }; },
    ];
    console.log(tries.map((each) => { try { return String(each()); } catch (error) { return error.code; } }).join());
  `);
  expect(await evaluator.ask("1")).toEqual({
    kind: "answer",
    line: "ERR_ACCESS_DENIED,ERR_ACCESS_DENIED,NONE",
  });
});
