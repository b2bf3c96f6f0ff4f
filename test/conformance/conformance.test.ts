/**
 * Runs every `*.rtfs` below this folder. A case is the lines up to one that ends in `;; => value`
 * (printed form) or `;; error LINE:COL Kind`; errors found before the run have the kind ParseError.
 * Cases share nothing.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileProgram, printValue, readForms, runProgram } from "../../src/rtfs/index.ts";

interface Case {
  readonly line: number;
  readonly source: string;
  readonly expected: string;
}

function casesOf(text: string): Case[] {
  const cases: Case[] = [];
  let from = 0;
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const found = / ?;; (=> .*|error [0-9]+:[0-9]+ [A-Za-z]+)$/.exec(line);
    if (found === null) continue;
    const code = [...lines.slice(from, index), line.slice(0, found.index)].join("\n");
    cases.push({ line: index + 1, source: "\n".repeat(from) + code, expected: found[1]! });
    from = index + 1;
  }
  return cases;
}

function outcomeOf(source: string): string {
  const forms = readForms(source, { file: "case" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) {
    const { span } = program.error[0]!;
    return `error ${span.line}:${span.column} ParseError`;
  }
  const outcome = runProgram(program.value, { fuel: 10_000_000, depthMax: 1000 });
  if (outcome.ok) return `=> ${printValue(outcome.value)}`;
  const { span, kind } = outcome.error;
  return `error ${span?.line}:${span?.column} ${kind}`;
}

const clauses = new Set(
  readFileSync(join(import.meta.dirname, "../../docs/rtfs/semantics.md"), "utf8").match(
    /(?<=^- )\d+\.\d+/gm,
  ),
);
const files = globSync("**/*.rtfs", { cwd: import.meta.dirname }).toSorted();

test("the suite has at least 60 laws", () => {
  const count = files.flatMap((file) =>
    casesOf(readFileSync(join(import.meta.dirname, file), "utf8")),
  ).length;
  expect(count).toBeGreaterThanOrEqual(60);
});

describe.each(files)("%s", (file) => {
  const text = readFileSync(join(import.meta.dirname, file), "utf8");
  test("cites a clause that exists", () => {
    expect(clauses).toContain(/^;; spec: semantics (\d+\.\d+)$/m.exec(text)?.[1]);
  });
  test.each(casesOf(text))("line $line gives $expected", ({ source, expected }) => {
    expect(outcomeOf(source)).toBe(expected);
  });
});
