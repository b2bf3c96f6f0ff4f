import canonicalize from "canonicalize";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CANONICAL_DEPTH_MAX, canonicalJson } from "./canonical-json.ts";
import { CcosError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

function nested(depth: number): JsonValue {
  let value: JsonValue = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

describe("canonicalJson", () => {
  test("writes the example of RFC 8785, section 3.2.3", () => {
    const value = {
      numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("sorts keys by UTF-16 code units, as in RFC 8785, section 3.2.3", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    expect(Object.values(JSON.parse(canonicalJson(value)) as object).length).toBe(7);
    expect(canonicalJson(value)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",' +
        '"\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  test("does not take the engine's order of integer keys", () => {
    expect(canonicalJson({ 9: 1, 10: 2 })).toBe('{"10":2,"9":1}');
  });

  test.each<[string, JsonValue, string]>([
    ["minus zero", -0, "0"],
    ["the largest safe integer", 9007199254740991, "9007199254740991"],
    ["an exponent", 1e21, "1e+21"],
    [
      "an own __proto__",
      JSON.parse('{"__proto__":{"b":1},"a":2}') as JsonValue,
      '{"__proto__":{"b":1},"a":2}',
    ],
    [
      "an object without prototype",
      Object.assign(Object.create(null) as object, { b: 1, a: 2 }),
      '{"a":2,"b":1}',
    ],
    ["text that looks like an escape", "\\ud800", '"\\\\ud800"'],
    ["keys that begin alike", { ab: 1, aa: 2, a: 3 }, '{"a":3,"aa":2,"ab":1}'],
    ["an empty key", { "": 1, a: 2 }, '{"":1,"a":2}'],
  ])("writes %s", (_name, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test.each<[string, unknown, string]>([
    ["undefined in an object", { a: { b: undefined } }, ".a.b"],
    ["a hole", Object.assign([], { 0: 1, 2: 2 }), "[1]"],
    ["NaN", [Number.NaN], "[0]"],
    ["an infinity", { n: Number.NEGATIVE_INFINITY }, ".n"],
    ["a BigInt", { n: 1n }, ".n"],
    ["a function", { toJSON: () => 1 }, ".toJSON"],
    ["a symbol", Symbol("s"), ""],
    ["a date", { at: new Date(0) }, ".at"],
    ["a map", new Map(), ""],
    ["a lone high surrogate", ["\ud800"], "[0]"],
    ["a lone low surrogate in an unsorted object", { b: "\udfff", a: 1 }, ".b"],
    ["a lone surrogate as a key", { "\ud800": 1 }, ".\ufffd"],
    ["a boxed string", { s: Object("x") as unknown }, ".s"],
  ])("refuses %s and names the place", (_name, value, path) => {
    const refused = catchError(() => canonicalJson(value as JsonValue));
    expect(refused.code).toBe("NOT_CANONICAL");
    expect(refused.details).toEqual({ path });
  });

  test("writes depth 200 and refuses depth 201", () => {
    expect(CANONICAL_DEPTH_MAX).toBe(200);
    expect(canonicalJson(nested(200)).length).toBeGreaterThan(400);
    expect(catchError(() => canonicalJson(nested(201))).code).toBe("NOT_CANONICAL");
  });

  test("refuses a cycle", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    expect(catchError(() => canonicalJson(cycle as JsonValue)).code).toBe("NOT_CANONICAL");
  });

  test("equals the reference implementation for every JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        expect(canonicalJson(value as JsonValue)).toBe(canonicalize(value));
      }),
      { numRuns: 3000 },
    );
  });

  test("is its own inverse with JSON.parse: parsing and writing again changes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const text = canonicalJson(value as JsonValue);
        expect(canonicalJson(JSON.parse(text) as JsonValue)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});

function catchError(action: () => unknown): CcosError {
  try {
    action();
  } catch (cause) {
    if (cause instanceof CcosError) return cause;
    throw cause;
  }
  throw new Error("nothing was refused");
}
