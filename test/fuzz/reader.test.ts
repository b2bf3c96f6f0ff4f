/**
 * The reader and the formatter on random texts that read, damaged ones, and texts of bad shapes. For
 * mutants of real programs see fuzz.test.ts.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatSource, printForm, readForms, readSource } from "../../src/rtfs/index.ts";
import { formText, layoutText, withoutSpans } from "./form-text.ts";

const runs = 600;
/** Seeds that once found a fault, or cover much. */
const SEEDS: readonly number[] = [-1092132811, 7, 20261121];

function formatted(text: string, width: number): string {
  const result = formatSource(text, { width });
  if (!result.ok) throw new Error(`${result.error[0]?.message}: ${text}`);
  return result.value;
}

function checkFormatted(text: string, width: number): void {
  const once = formatted(text, width);
  const before = readSource(text, { file: "f" });
  const after = readSource(once, { file: "f" });
  expect(after.diagnostics).toEqual([]);
  expect(after.forms.map(withoutSpans)).toEqual(before.forms.map(withoutSpans));
  expect(after.comments.map((each) => each.text.trimEnd())).toEqual(
    before.comments.map((each) => each.text.replaceAll("\r\n", "\n").trimEnd()),
  );
  expect(formatted(once, width)).toBe(once);
}

describe.each(SEEDS)("seed %d", (seed) => {
  test("a formatted text has the same forms and comments, and formats to itself", () => {
    const width = fc.constantFrom(1, 20, 40, 100);
    fc.assert(fc.property(layoutText, width, checkFormatted), { numRuns: runs, seed });
  });

  test("a printed form reads as itself", () => {
    fc.assert(
      fc.property(formText, (text) => {
        const read = readForms(text, { file: "f" });
        if (!read.ok) throw new Error(read.error[0]?.message);
        const printed = read.value.map(printForm).join(" ");
        const again = readForms(printed, { file: "f" });
        expect(again.ok && again.value.map(withoutSpans)).toEqual(read.value.map(withoutSpans));
      }),
      { numRuns: runs, seed },
    );
  });

  test("a text cut or changed anywhere is read or refused with places inside it, never thrown at", () => {
    const damage = fc.constantFrom(
      ..."()[]{}\"';`~@^#|\\:%\n\r\0 1a".split(""),
      "",
      "\n(",
      "\u202e",
      "\ud800",
    );
    fc.assert(
      fc.property(layoutText, fc.nat(), fc.nat(3), damage, (text, at, cut, piece) => {
        const from = at % (text.length + 1);
        const damaged = text.slice(0, from) + piece + text.slice(from + cut);
        const { diagnostics, forms } = readSource(damaged, { file: "f" });
        for (const { span, hint } of diagnostics) {
          expect(span.start >= 0 && span.start <= span.end).toBe(true);
          expect(span.end).toBeLessThanOrEqual(damaged.length);
          expect(hint).toBeTruthy();
        }
        const read = readForms(damaged, { file: "f" });
        expect(read.ok).toBe(diagnostics.length === 0);
        if (read.ok) expect(read.value).toEqual(forms);
      }),
      { numRuns: runs, seed },
    );
  });
});

const files = globSync("{examples,test/conformance}/**/*.rtfs", {
  cwd: join(import.meta.dirname, "../.."),
});

test("every text of this repository that reads formats to itself", () => {
  expect(files.length).toBeGreaterThan(40);
  let read = 0;
  for (const file of files) {
    const text = readFileSync(join(import.meta.dirname, "../..", file), "utf8");
    if (readSource(text, { file }).diagnostics.length > 0) continue;
    checkFormatted(text, 100);
    read++;
  }
  expect(read).toBeGreaterThan(30);
});

test("the example of docs/rtfs/layout.md is in the house layout", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/rtfs/layout.md"), "utf8");
  const example = /^```clojure\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
  expect(example.length).toBeGreaterThan(300);
  expect(formatted(example, 100)).toBe(example);
});

/** Shapes that made readers and formatters quadratic, each close to the most a text may have. */
const SHAPES: readonly (readonly [string, string, string, string])[] = [
  ["block comments on one line", "", "#||#", ""],
  ["line comments", "", ";\n", ""],
  ["empty lists", "", "()", ""],
  ["a long vector", "[", "a ", "]"],
  ["a long map", "{", "", "}"],
  ["vectors in a let", "(let ;\n", "[];\n", ")"],
  ["a long call", "(f ", "x\n", ")"],
  ["a match of many clauses", "(match x ", "a b\n", ")"],
  ["many bindings", "(let [", "a :b 1\n", "] 1)"],
  ["nested vectors", "", `${"[".repeat(400)}${"]".repeat(400)}`, ""],
  ["nested lists that do not fit", "", `${"(a b ".repeat(400)}${")".repeat(400)}`, ""],
  ["prefixes", "", `${"'".repeat(500)}x `, ""],
  ["unclosed lists", "", "(a\n", ""],
  ["unclosed strings", "", '(a "\n', ""],
  ["unclosed comments", "", "(a #|\n", ""],
  ["stray closers", "", ")", ""],
  ["a long string of escapes", '"', "\\u{41}", '"'],
  ["a long token", "", "a", ""],
  ["a long number", "", "1", ""],
  ["bidirectional overrides", "", "\u202e", ""],
];

// Quadratic work on such a text takes minutes: the limit of the test's time decides.
test.each(SHAPES)(
  "%s: a text of 300 000 characters is read and laid out",
  { timeout: 30_000 },
  (name, before, piece, after) => {
    const size = 300_000;
    const keys =
      name === "a long map" ? Array.from({ length: size / 10 }, (_, at) => `:k${at} 1\n`) : [];
    const body = keys.length > 0 ? keys.join("") : piece.repeat(Math.floor(size / piece.length));
    const laid = formatSource(before + body + after);
    // Deep indentation may make it longer than a text may be.
    if (laid.ok && laid.value.length < 1_000_000) expect(formatSource(laid.value)).toEqual(laid);
    else if (!laid.ok) expect(laid.error.length).toBeGreaterThan(0);
  },
);
