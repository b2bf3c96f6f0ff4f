import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commentAbove } from "./comment.ts";
import { headName } from "./form.ts";
import { readForms, readSource } from "./reader.ts";

const FILE = { file: "f.rtfs" };
const summary = (text: string): readonly string[] =>
  readSource(text, FILE).diagnostics.map(({ code, span }) => `${code} ${span.line}:${span.column}`);
const heads = (text: string): readonly (string | null)[] =>
  readSource(text, FILE).forms.map(headName);

describe("readSource goes on after an error", () => {
  test.each([
    ["a bad token", "1/2 (f 0x42) (g)", ["READ_NUMBER 1:1", "READ_NUMBER 1:8"]],
    ["a stray closer", "(f)) (g) 1/2", ["READ_STRAY_CLOSER 1:4", "READ_NUMBER 1:10"]],
    [
      "a closer that skips an opener",
      "(f [x) (g) 1/2",
      ["READ_MISMATCHED 1:6", "READ_NUMBER 1:12"],
    ],
    ["a closer of the inner list", "((f [x) 1/2)", ["READ_MISMATCHED 1:7", "READ_NUMBER 1:9"]],
    ["an escaped line end", '"\\\n" 1/2', ["READ_ESCAPE 1:2", "READ_NUMBER 2:3"]],
    ["a surplus closer inside", "(f [1 2}]) 1/2", ["READ_MISMATCHED 1:8", "READ_NUMBER 1:12"]],
    ["a closer of another kind", "(f [1 2} 3) 1/2", ["READ_MISMATCHED 1:8", "READ_NUMBER 1:13"]],
    [
      "a prefix before a closer",
      "(f ') (g '",
      ["READ_DANGLING_PREFIX 1:5", "READ_DANGLING_PREFIX 1:10"],
    ],
    ["an unclosed form", "(f [1\n  2\n(g)\n(h 1/2)", ["READ_UNCLOSED 1:4", "READ_NUMBER 4:4"]],
    ["two unclosed forms", "(f (1)\n\n(g\n\n(h)", ["READ_UNCLOSED 1:1", "READ_UNCLOSED 3:1"]],
    [
      "a form unclosed after others",
      " (f\n  1/2\n(g 0x1)",
      ["READ_UNCLOSED 1:2", "READ_NUMBER 2:3", "READ_NUMBER 3:4"],
    ],
    ["an unclosed string", '(f "a\n(g)\n1/2', ["READ_UNCLOSED_STRING 1:4", "READ_NUMBER 3:1"]],
    ["an unclosed comment", "(f #| a\n(g)\n1/2", ["READ_UNCLOSED_COMMENT 1:4", "READ_NUMBER 3:1"]],
    [
      "a map",
      "{:a 1 :a 2 [] 3 4}",
      ["READ_DUPLICATE_KEY 1:7", "READ_MAP_KEY 1:12", "READ_MAP_VALUE 1:17"],
    ],
    ["an escape", '["\\x" "a\n\\y"]', ["READ_ESCAPE 1:3", "READ_ESCAPE 2:1"]],
    ["a set", "[#{1 2 3} 1/2]", ["READ_UNSUPPORTED 1:2", "READ_NUMBER 1:11"]],
    [
      "hidden characters",
      '"\u202e"\n \0',
      ["READ_HIDDEN_CHARACTER 1:2", "READ_HIDDEN_CHARACTER 2:2"],
    ],
  ])("%s", (_name, text, expected) => {
    expect(summary(text)).toEqual(expected);
  });

  test("keeps what could be read, open brackets taken as closed", () => {
    expect(heads("(f [1\n  2\n(g)\n(h 1/2)")).toEqual(["f", "g", "h"]);
    expect(heads('(f "a\n(g)')).toEqual(["f", "g"]);
    expect(heads("(f [x) (g)")).toEqual(["f", "g"]);
  });

  test("a `(` at column 1 inside a closed form is no error", () => {
    expect(summary("(f\n(g)\n)")).toEqual([]);
  });

  test("an unclosed string names the string before it that spans lines", () => {
    expect(readSource('(f "a\n(g "b")', FILE).diagnostics).toMatchObject([
      { related: [{ span: { line: 1, column: 4 } }] },
    ]);
  });

  test("reports at most 50, in the order of their places", () => {
    const { diagnostics } = readSource("(a\n".repeat(300), FILE);
    expect(diagnostics).toHaveLength(50);
    const starts = diagnostics.map(({ span }) => span.start);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  test("every diagnostic says what to do", () => {
    const piece = fc.constantFrom(
      ..."( ) [ ] { } ' ` ~ ~@ ^ #( #{ \" \\ #| |# ; : %1 a 1 . - ## #_ @ @a ^:delegation".split(
        " ",
      ),
      "\n",
      "\n(",
      "{:a ",
      "1/2 ",
      "\0",
    );
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, (source) => {
        const { diagnostics } = readSource(source, FILE);
        for (const each of diagnostics) {
          expect(each.hint).toBeTruthy();
          expect(each.code).toMatch(/^READ_[A-Z_]+$/);
          const before = source.slice(0, each.span.start).split("\n");
          expect([each.span.line, each.span.column]).toEqual([
            before.length,
            before.at(-1)!.length + 1,
          ]);
        }
        expect(readForms(source, FILE).ok).toBe(diagnostics.length === 0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("comments", () => {
  const text = ";; one\n\n;; two\n;; three\r\n(f #| in\nside |# 1) ; after\n#| block |#\n(g)\n(h)";
  const { comments, forms } = readSource(text, FILE);

  test("have their text, kind and place", () => {
    expect(
      comments.map(({ kind, text: words, span, endLine }) => [
        kind,
        words,
        span.line,
        span.column,
        endLine,
      ]),
    ).toEqual([
      ["line", ";; one", 1, 1, 1],
      ["line", ";; two", 3, 1, 3],
      ["line", ";; three", 4, 1, 4],
      ["block", "#| in\nside |#", 5, 4, 6],
      ["line", "; after", 6, 12, 6],
      ["block", "#| block |#", 7, 1, 7],
    ]);
  });

  test("those directly above a form are about it", () => {
    expect(forms.map(({ span }) => commentAbove(comments, span))).toEqual([
      "two\nthree",
      "after\nblock",
      "",
    ]);
  });

  test("stand once where a text is read again", () => {
    const again = readSource("; a\n(f ; b\n(g) ; c", FILE);
    expect(again.comments.map(({ text: words }) => words)).toEqual(["; a", "; b", "; c"]);
  });
});
