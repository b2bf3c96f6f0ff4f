import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Form } from "./form.ts";
import { printForm } from "./print-form.ts";
import { readForms } from "./reader.ts";
import { formText, withoutSpans } from "../../../test/fuzz/form-text.ts";

function readOne(text: string): Form {
  const read = readForms(text, { file: "f" });
  if (!read.ok) throw new Error(`${read.error[0]?.message}: ${text}`);
  expect(read.value).toHaveLength(1);
  return read.value[0]!;
}

describe("printForm", () => {
  test.each([
    ["(quote x)", "'x"],
    ["(quasiquote (a (unquote b) (unquote-splicing c)))", "`(a ~b ~@c)"],
    ["(context-ref plan-id)", "@plan-id"],
    ["(unquote (context-ref x))", "~ @x"],
    ["(unquote-splicing (context-ref x))", "~@@x"],
    ["@:key", "(get :key)"],
    ['^:delegation :remote "m" (fn [] 1)', '^{:delegation [:remote "m"]} (fn [] 1)'],
    ["^:a ^{:b [1]} f", "^{:a true} ^{:b [1]} f"],
    ["(metadata 1 2)", "(metadata 1 2)"],
    ["(quote)", "(quote)"],
    ["(quote a b)", "(quote a b)"],
    ["(context-ref 1)", "(context-ref 1)"],
    ["(context-ref :)", "(context-ref :)"],
    ["#(+ %2 1.0)", "(fn [%1 %2] (+ %2 1.0))"],
    ['{:a 1, "b\\u{7}" [-0.0 ##NaN nil]}', '{:a 1 "b\\u{7}" [-0.0 ##NaN nil]}'],
    ["λ", "λ"],
  ])("%s prints as %s", (source, printed) => {
    expect(printForm(readOne(source))).toBe(printed);
  });

  test("read(print(read(x))) is read(x) for every form", () => {
    fc.assert(
      fc.property(formText, (text) => {
        const form = readOne(text);
        expect(withoutSpans(readOne(printForm(form)))).toEqual(withoutSpans(form));
      }),
      { numRuns: 2000 },
    );
  });

  test("prints nesting that the JS stack could not hold", () => {
    let form: Form = readOne("x");
    for (let depth = 0; depth < 100_000; depth++) {
      form = { kind: "vector", items: [form], span: form.span };
    }
    expect(printForm(form)).toHaveLength(200_001);
  });
});
