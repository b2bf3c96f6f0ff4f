/** `ccos run --batch`: jobs by line, each answered, warm guests or not. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pureConfig, type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  for (const [name, plan] of [
    ["sum", "(reduce + 0 [1 2 3])"],
    ["clock", "(do (call :ccos.system.current-timestamp-ms) :done)"],
    ["broken", "(+ 1 :a)"],
  ] as const) {
    box.write(`${name}.plan.rtfs`, plan);
    box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`));
  }
});
afterAll(() => box.remove());

interface Answer {
  readonly id: unknown;
  readonly ok: boolean;
  readonly exitCode: number;
  readonly run?: string;
  readonly outcome?: { readonly value?: unknown };
  readonly chain?: { readonly path: string };
  readonly error?: { readonly code: string; readonly why: string };
}

async function batch(lines: readonly string[], ...flags: string[]): Promise<readonly Answer[]> {
  const input = lines.join("\n");
  const done = await box.run(["run", "--batch", ...flags], { input, timeoutMs: 110_000 });
  expect(done.status).toBe(0);
  return done.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Answer);
}

const job = (config: string, id: string | number): string => JSON.stringify({ config, id });

describe("ccos run --batch", () => {
  test.each(["0", "1"])("answers every line, bad ones too, with %s warm guests", async (warm) => {
    const jobs = ["sum", "clock", "sum", "sum"].map((name, at) => job(`${name}.rtfs`, at));
    const answers = await batch(
      [...jobs, "", job("broken.rtfs", "b"), job("absent.rtfs", "a"), "x", '{"plan":1}'],
      "--warm",
      warm,
    );
    const ends = answers.map(({ id, exitCode, outcome, error }) => [
      id,
      exitCode,
      outcome?.value ?? error?.code,
    ]);
    expect(ends).toEqual([
      [0, 0, 6],
      [1, 0, { $t: "kw", v: "done" }],
      [2, 0, 6],
      [3, 0, 6],
      ["b", 1, undefined],
      ["a", 65, "INPUT_NOT_FOUND"],
      [null, 64, "USAGE"],
      [null, 64, "USAGE"],
    ]);
    expect(new Set(answers.map(({ run }) => run)).size).toBe(6);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toMatch(/chain VALID/);
  });

  test("keeps the same records of a run, whoever's guest it had", async () => {
    const lines = [1, 2, 3].map((id) => job("sum.rtfs", id));
    const chains = [...(await batch(lines, "--warm", "2")), ...(await batch(lines, "--warm", "0"))];
    const shape = ({ chain }: Answer): unknown =>
      readFileSync(chain!.path, "utf8")
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { body: { type: string; data: unknown } }).body)
        .map(({ type, data }) => ({ type, data }));
    expect(new Set(chains.map((each) => JSON.stringify(shape(each)))).size).toBe(1);
  });

  test.each([
    ["a policy", ["--policy", "sum.rtfs"]],
    ["a program", ["--", "true"]],
    ["two files", ["a", "b"]],
    ["no number of guests", ["--warm", "x"]],
    ["too many guests", ["--warm", "257"]],
  ])("takes no %s", async (_, flags) => {
    expect((await box.run(["run", "--batch", ...flags])).status).toBe(64);
  });

  test("has its --warm to itself", async () => {
    expect((await box.run(["run", "sum.rtfs", "--warm", "1"])).status).toBe(64);
  });
});
