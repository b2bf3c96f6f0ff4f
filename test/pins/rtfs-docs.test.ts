/**
 * The pages of docs/rtfs that teach are executed: every block of the tour as the conformance suite runs its cases, and
 * the config and plan of plans.md through `ccos plan`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileProgram, printValue, readForms, runProgram } from "../../src/rtfs/index.ts";
import { sandbox } from "../e2e/ccos.ts";

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, "..", "..", "docs", "rtfs", name), "utf8");

/** The contents of fenced blocks whose fence line is exactly this. */
function blocksOf(page: string, fence: string): string[] {
  return page
    .split("```")
    .flatMap((part, index) =>
      index % 2 === 1 && part.startsWith(`${fence}\n`) ? [part.slice(fence.length + 1)] : [],
    );
}

interface Promised {
  /** The block up to this line; what stands above holds for it. */
  readonly source: string;
  readonly line: number;
  readonly expected: string;
}

/** Lines that end in `;; => value` or `;; error LINE:COL Kind`. A line that fails is not run again for those below. */
function promises(block: string): Promised[] {
  const lines = block.split("\n");
  const found: Promised[] = [];
  for (const [index, text] of lines.entries()) {
    const expected = / ;; (=> .*|error \d+:\d+ [A-Za-z]+)$/.exec(text)?.[1];
    if (expected === undefined) continue;
    found.push({ source: lines.slice(0, index + 1).join("\n"), line: index + 1, expected });
    if (expected.startsWith("error")) lines[index] = "";
  }
  return found;
}

function outcomeOf(source: string): string {
  const forms = readForms(source, { file: "block" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) {
    const [{ span, message } = { span: { line: 0, column: 0 }, message: "" }] = program.error;
    return `error ${span.line}:${span.column} ParseError ${message}`;
  }
  const outcome = runProgram(program.value, { fuel: 10_000_000, depthMax: 1000 });
  if (outcome.ok) return `=> ${printValue(outcome.value)}`;
  const { span, kind } = outcome.error;
  return `error ${span?.line}:${span?.column} ${kind}`;
}

describe.each(blocksOf(read("tour.md"), "clojure"))("tour: %s", (block) => {
  test("states what it gives", () => expect(promises(block).length).toBeGreaterThan(0));
  test.each(promises(block))("line $line gives $expected", ({ source, expected }) =>
    expect(outcomeOf(source)).toBe(expected),
  );
});

describe("plans.md", () => {
  const box = sandbox();
  afterAll(() => box.remove());

  test("its plan is admitted under its config", async () => {
    const page = read("plans.md");
    const [config = ""] = blocksOf(page, "clojure config");
    const [plan = ""] = blocksOf(page, "clojure plan");
    box.write("agent.config.rtfs", config);
    box.write("plan.rtfs", plan);
    const planned = await box.run(["plan", "agent.config.rtfs"]);
    expect(planned, planned.stderr).toMatchObject({ status: 0 });
    expect(planned.stdout + planned.stderr).toContain("admitted");
  });

  test("its other blocks compile", () => {
    for (const block of blocksOf(read("plans.md"), "clojure")) {
      expect(outcomeOf(`${block}\n:compiled`)).toBe("=> :compiled");
    }
  });
});
