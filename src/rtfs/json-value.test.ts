import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../foundation/json.ts";
import { jsonToValue, valueToJson } from "./json-value.ts";
import { parseJson, serializeJson } from "./stdlib/json-text.ts";
import { equalValues } from "./values/equality.ts";
import { printValue } from "./values/print.ts";
import { ErrorValue, FunctionValue, keyword, MapValue, type Value } from "./values/value.ts";

const json = fc.jsonValue({ noUnicodeString: false } as object) as fc.Arbitrary<JsonValue>;

describe("JSON", () => {
  test("jsonToValue and back is the same JSON", () => {
    fc.assert(
      fc.property(json, (original) => {
        const text = JSON.stringify(original);
        const back = valueToJson(jsonToValue(JSON.parse(text) as JsonValue));
        expect(back.ok && JSON.stringify(back.value)).toBe(text);
      }),
    );
  });

  test("parseJson agrees with JSON.parse on what JSON.stringify writes", () => {
    fc.assert(
      fc.property(json, (original) => {
        const text = JSON.stringify(original, null, 1);
        // JSON.parse rounds integers beyond 2^53; parseJson keeps them.
        fc.pre(!/[0-9]{16}/.test(text));
        const expected = jsonToValue(JSON.parse(text) as JsonValue);
        const again = parseJson(serializeJson(parseJson(text), 2, () => undefined));
        expect(equalValues(parseJson(serializeJson(expected, 0, () => undefined)), again)).toBe(
          true,
        );
      }),
    );
  });

  test("refuses exactly the texts that JSON.parse refuses", () => {
    const text = fc
      .array(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          '"a"',
          '"',
          "1",
          "-",
          "0",
          ".5",
          "e1",
          "true",
          "nul",
          "null",
          " ",
          "\n",
          "\\u0041",
          "\t",
        ),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (each) => {
        const parse = (): unknown => JSON.parse(each);
        const isJson = !throws(parse);
        const isTwice = /"a":.*"a":/s.test(each);
        if (!isTwice) expect(throws(() => parseJson(each))).toBe(!isJson);
      }),
      { numRuns: 3000 },
    );
  });

  test.each<[string, Value]>([
    ["a keyword", keyword("k")],
    ["a function", new FunctionValue("f")],
    ["an error", new ErrorValue("TypeError", "m", MapValue.EMPTY)],
    ["NaN", Number.NaN],
    [
      "two keys of one name",
      MapValue.of([
        [keyword("a"), 1],
        ["a", 2],
      ]),
    ],
    ["an integer beyond 2^53", 2n ** 60n],
  ])("valueToJson refuses %s", (_name, value) => {
    expect(valueToJson(value).ok).toBe(false);
  });

  test("__proto__ is an ordinary member both ways", () => {
    const value = jsonToValue(JSON.parse('{"__proto__":{"x":1}}') as JsonValue);
    expect(printValue(value)).toBe('{"__proto__" {"x" 1}}');
    const back = valueToJson(value);
    expect(back.ok && JSON.stringify(back.value)).toBe('{"__proto__":{"x":1}}');
  });

  test("nesting is bounded, long strings are not a problem", () => {
    expect(() => parseJson("[".repeat(100_000))).toThrow("nesting over 256");
    expect(parseJson(`"${"x".repeat(1_000_000)}"`)).toHaveLength(1_000_000);
  });
});

function throws(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return true;
  }
}
