import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSource } from "../source/decode.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { readForms } from "./reader.ts";

function problems(
  source: string,
  options: { depthMax?: number; bytesMax?: number } = {},
): readonly Diagnostic[] {
  const read = readForms(source, { file: "f.rtfs", ...options });
  return read.ok ? [] : read.error;
}

describe("readForms", () => {
  test("places each form: line and column from 1, end exclusive", () => {
    const read = readForms('(a\n  "x\ny" :k)', { file: "f.rtfs" });
    if (!read.ok || read.value[0]?.kind !== "list") throw new Error("not read");
    const [a, text, key] = read.value[0].items;
    expect(a?.span).toEqual({ file: "f.rtfs", start: 1, end: 2, line: 1, column: 2 });
    expect(text?.span).toEqual({ file: "f.rtfs", start: 5, end: 10, line: 2, column: 3 });
    expect(key?.span).toEqual({ file: "f.rtfs", start: 11, end: 13, line: 3, column: 4 });
  });

  test("a mismatched bracket names its opener and what would close it", () => {
    const [problem] = problems("(a\n  [b)");
    expect(problem?.message).toBe("`)` does not close `[`: `]` is needed");
    expect(problem?.span).toMatchObject({ line: 2, column: 5 });
    expect(problem?.related).toMatchObject([{ span: { line: 2, column: 3 } }]);
  });

  test("an unclosed bracket is placed at its opener, with the outermost one beside it", () => {
    const [problem] = problems("(a\n  [b c\n");
    expect(problem).toMatchObject({
      message: "`[` is never closed",
      hint: "Add `]`",
      span: { line: 2, column: 3 },
    });
    expect(problem?.related).toMatchObject([{ span: { line: 1, column: 1 } }]);
  });

  test.each([
    [")", "`)` closes nothing"],
    ["{:a 1 :a 2}", "The map has this key twice"],
    ['{"__proto__" 1 "__proto__" 2}', "The map has this key twice"],
    ["{:a}", "The map's last key has no value"],
    ["99999999999999999999", "`99999999999999999999` does not fit a 64-bit integer"],
    ["1e999", "`1e999` is over the range of a float"],
    ["1.2.3", "`1.2.3` starts like a number but is none"],
    ["1.", "`1.` starts like a number but is none"],
    [".5", "`.5` starts like a number but is none"],
    ['"\\x"', "`\\x` is no escape"],
    ['"open', "The string is never closed"],
    ["#| open", "The comment `#|` is never closed"],
    ["'", "Nothing follows `'`"],
    ["#{1}", "There are no set literals"],
    ['#"re"', "There are no regular expression literals"],
    ["#_a", "There is no `#_` comment"],
    ["#<function f>", "A printed function or error does not read back"],
    ["#(f %21)", "`#(` has parameters %1 to %20"],
    ["#(f %0)", "`#(` has parameters %1 to %20"],
    ["^", "Nothing follows `^`"],
    ["^{:a 1}", "Nothing follows `^`"],
    ["^1 f", "Metadata is a map or a keyword"],
    ["^:delegation :far f", "A delegation is :local, :local-model or :remote"],
    ["^:delegation :remote id f", "`:remote` needs the id of a model, a string"],
    ["(a ~)", "`)` does not close `~`: a form must follow `~`"],
    ["@", "A name must follow `@`"],
    ["@1", "A name must follow `@`"],
    ["@nil", "A name must follow `@`"],
    ["@ x", "A name must follow `@`"],
    ["a\0b", "U+0000 must not stand in a source text"],
    ["\ud800", "A lone surrogate must not stand in a source text"],
    ['"\u202e"', "U+202E must not stand in a source text"],
    [`:${"k".repeat(300)}`, "A keyword is over 256 characters"],
  ])("refuses %j", (source, message) => {
    expect(problems(source).map((problem) => problem.message)).toEqual([message]);
  });

  test("lexical errors are collected, at most 50", () => {
    expect(problems("1/2 0x42 (a 1. )").map(({ span }) => span.column)).toEqual([1, 5, 13]);
    expect(problems("1/2 ".repeat(100))).toHaveLength(50);
  });

  test("nesting past the limit is refused, at the limit it is read", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(problems(nested(64), { depthMax: 64 })).toEqual([]);
    expect(problems(nested(65), { depthMax: 64 })).toMatchObject([
      { message: "The text nests deeper than 64", span: { column: 65 } },
    ]);
    expect(problems(nested(512))).toEqual([]);
    expect(problems("'".repeat(600))).toMatchObject([
      { message: "The text nests deeper than 512" },
    ]);
  });

  test("200 000 open brackets are read without the JS stack when the limit allows them", () => {
    const depth = 200_000;
    const read = readForms("(".repeat(depth) + ")".repeat(depth), { file: "f", depthMax: depth });
    expect(read.ok).toBe(true);
    expect(problems("[".repeat(depth), { depthMax: depth })).toMatchObject([
      { message: "`[` is never closed" },
    ]);
  });

  test("a text over the limit is refused by its size in UTF-8", () => {
    expect(problems("é".repeat(6), { bytesMax: 11 })).toMatchObject([
      { message: "The source text has 12 bytes; the limit is 11" },
    ]);
    expect(problems('"éé"', { bytesMax: 6 })).toEqual([]);
    expect(problems("(".repeat(1024 * 1024 + 1))).toMatchObject([
      { message: "The source text has 1048577 bytes; the limit is 1048576" },
    ]);
  });

  test("never throws, and a refusal has a place inside the text", () => {
    const piece = fc.constantFrom(
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      "'",
      "#(",
      '"',
      "\\",
      "#|",
      "|#",
      ";",
      "\n",
      ":",
      "%1",
      "a",
      "1",
      ".",
      "-",
      "{:a ",
      "##",
      "\u202e",
    );
    const source = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece).map((each) => each.join("")),
    );
    fc.assert(
      fc.property(source, (text) => {
        for (const { span } of problems(text)) {
          expect(span.start).toBeGreaterThanOrEqual(0);
          expect(span.start).toBeLessThanOrEqual(text.length);
          expect(span.column).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("decodeSource", () => {
  test("refuses 100 MB by size, before it decodes", () => {
    const huge = new Uint8Array(100 * 1024 * 1024).fill(0xff);
    expect(decodeSource(huge, "f")).toMatchObject({
      ok: false,
      error: [{ message: "The source text has 104857600 bytes; the limit is 1048576" }],
    });
  });

  test("refuses invalid UTF-8 at the line of the first bad byte", () => {
    const bytes = Uint8Array.from([0x61, 0x0a, 0xc3, 0xa9, 0x62, 0xff, 0x63]);
    expect(decodeSource(bytes, "f")).toMatchObject({
      ok: false,
      error: [{ message: "The source text is not valid UTF-8", span: { line: 2, column: 3 } }],
    });
  });

  test("decodes UTF-8 and drops a byte order mark", () => {
    expect(decodeSource(Uint8Array.from([0xef, 0xbb, 0xbf, 0xc3, 0xa9]), "f")).toEqual({
      ok: true,
      value: "é",
    });
  });
});
