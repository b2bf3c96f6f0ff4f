import { describe, expect, test } from "vitest";
import { readForms } from "../../rtfs/index.ts";
import { marksFor } from "../render.ts";
import { type Problem, renderProblem } from "./excerpt.ts";

const marks = marksFor(false);

/** The rendered problem at the last form of `source`. */
function rendered(source: string, more: Partial<Problem> = {}): readonly string[] {
  const forms = readForms(source, { file: "f" });
  const span = forms.ok ? forms.value.at(-1)!.span : forms.error[0]!.span;
  const problem = { code: "Kind", message: "why", span, ...more };
  return renderProblem(problem, () => source, marks).split("\n");
}

describe("renderProblem", () => {
  test("shows kind, place, line, caret and hint", () => {
    expect(rendered("1\n  foo", { hint: "do" })).toEqual([
      "error Kind: why",
      "  place f:2:3",
      "    |",
      "  2 |   foo",
      "    |   ^^^",
      "  fix   do",
    ]);
  });

  test("counts a character outside of the basic plane as one column", () => {
    expect(rendered('"😀" x').slice(-2)).toEqual(['  1 | "😀" x', "    |     ^"]);
  });

  test("a tab is one blank, so the caret stands below its character", () => {
    expect(rendered("1\n\t\tx").slice(-2)).toEqual(["  2 |   x", "    |   ^"]);
  });

  test("a form over several lines is marked to the end of its first", () => {
    expect(rendered("(a\n b)").slice(-2)).toEqual(["  1 | (a", "    | ^^"]);
  });

  test("of a long line the part around the place is shown", () => {
    const lines = rendered(`${"a ".repeat(500)}here`);
    expect(lines.at(-2)!.length).toBeLessThan(140);
    expect(lines.at(-2)!.slice(lines.at(-1)!.indexOf("^"))).toBe("here");
  });

  test("control characters of the source and the message cannot act", () => {
    const text = rendered('"\u001b[2J" x', { message: "\u001b]0;t\u0007" }).join("\n");
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });

  test("without a place or a source it is one line or two", () => {
    expect(renderProblem({ code: "K", message: "m", span: null }, () => null, marks)).toBe(
      "error K: m",
    );
    const span = { file: "g", line: 3, column: 4, start: 9, end: 10 };
    expect(renderProblem({ code: "K", message: "m", span }, () => null, marks)).toBe(
      "error K: m\n  place g:3:4",
    );
  });

  test("related places follow with their own excerpt", () => {
    const span = { file: "f", line: 1, column: 1, start: 0, end: 1 };
    const lines = rendered("(a x", { related: [{ message: "opened here", span }] });
    expect(lines).toContain("  note  opened here");
  });
});
