import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startThread } from "./thread.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-thread-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function program(name: string, work: string): string {
  const path = join(directory, `${name}.ts`);
  const here = join(import.meta.dirname, "thread.ts");
  writeFileSync(path, `import { answerTask } from ${JSON.stringify(here)};\n${work}\n`);
  return path;
}

describe("startThread", () => {
  test("gives the program its task and hands over its answer", async () => {
    const thread = startThread(program("twice", "void answerTask(async (n) => n * 2);"), 21);
    expect(await thread.answer).toBe(42);
    await thread.stop();
  });

  test.each([
    ["throws", "void answerTask(() => { throw new Error('not today'); });", "not today"],
    ["ends without an answer", "process.exit();", "ended without an answer"],
  ])("rejects when the program %s", async (name, work, message) => {
    const thread = startThread(program(name.replaceAll(" ", "-"), work), null);
    await expect(thread.answer).rejects.toThrow(message);
  });

  test("stop ends a program that never would", async () => {
    const thread = startThread(program("endless", "for (;;);"), null);
    await thread.stop();
    await expect(thread.answer).rejects.toThrow("ended without an answer");
  });
});
