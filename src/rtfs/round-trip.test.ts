/** Random values, and what must bring them back unchanged. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../foundation/json.ts";
import { compileProgram, runProgram } from "./program.ts";
import { formToValue } from "./syntax/form.ts";
import { readForms } from "./syntax/reader.ts";
import { equalValues } from "./values/equality.ts";
import { makeFloat, makeInt } from "./values/numbers.ts";
import { printValue } from "./values/print.ts";
import {
  ErrorValue,
  FunctionValue,
  keyword,
  List,
  MapValue,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
} from "./values/value.ts";
import { fromWire, toWire } from "./wire.ts";

const name = fc
  .stringMatching(/^[a-z_$*!?<>=+-][a-z0-9./_-]{0,8}$/)
  .filter((text) => !/^[+-]?\.?\d/.test(text) && !["nil", "true", "false"].includes(text));
const text = fc.string({ unit: "binary" });
const int = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((big) => makeInt(big)!);
const float = fc.double({ noNaN: true }).map((each) => makeFloat(each));
const atom: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(
    null,
    true,
    false,
    new Timestamp("2026-01-31T10:00:00Z"),
    new Timestamp("2026-01-31T10:00:00_123Z"),
    new Uuid("01234567-89ab-cdef-0123-456789abcdef"),
    new ResourceHandle("resource://a/b?c#d"),
    ...["ns.p:v1.2/f", "λ", ":", "&", "%", ".x", "-", "quote", "context-ref", "a@b"].map(
      (each) => new Sym(each),
    ),
    ...["1", "ns.p:v1/k", "+", "a:b", "@", "%1"].map(keyword),
  ),
  text,
  int,
  float,
  name.map(keyword),
  name.map((each) => new Sym(each)),
);
const key = fc.oneof(
  name.map(keyword),
  text,
  int,
  fc.constantFrom("__proto__", "constructor", "prototype"),
);
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Vector(items)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new List(items)),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((pairs) => MapValue.of(pairs)),
  ),
}));

describe("printValue", () => {
  test("prints text that reads, as data, to an equal value", () => {
    fc.assert(
      fc.property(value, (original) => {
        const read = readForms(printValue(original), { file: "f" });
        if (!read.ok) throw new Error(read.error[0]?.message);
        expect(read.value).toHaveLength(1);
        const again = formToValue(read.value[0]!);
        expect(equalValues(again, original)).toBe(true);
        expect(printValue(again)).toBe(printValue(original));
      }),
      { numRuns: 1000 },
    );
  });

  test("prints text that evaluates, quoted, to an equal value", () => {
    fc.assert(
      fc.property(value, (original) => {
        const read = readForms(`'${printValue(original)}`, { file: "f" });
        const program = read.ok ? compileProgram(read.value) : read;
        if (!program.ok) throw new Error(program.error[0]?.message);
        const outcome = runProgram(program.value, { fuel: 1e6, depthMax: 10 });
        expect(outcome.ok && equalValues(outcome.value, original)).toBe(true);
      }),
    );
  });
});

describe("wire", () => {
  test("fromWire(toWire(x)) is x, through JSON text", () => {
    fc.assert(
      fc.property(value, (original) => {
        const json = JSON.parse(JSON.stringify(toWire(original))) as JsonValue;
        const again = fromWire(json);
        expect(again.ok && equalValues(again.value, original)).toBe(true);
        if (again.ok) expect(JSON.stringify(toWire(again.value))).toBe(JSON.stringify(json));
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps -0.0, NaN, infinities and errors", () => {
    const values: Value[] = [
      makeFloat(-0),
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      makeFloat(1e300),
      new ErrorValue("TypeError", "m", MapValue.of([[keyword("k"), 1]])),
    ];
    for (const original of values) {
      const again = fromWire(JSON.parse(JSON.stringify(toWire(original))) as JsonValue);
      expect(again.ok && printValue(again.value)).toBe(printValue(original));
    }
  });

  test.each<[string, JsonValue]>([
    ["an unknown tag", { $t: "fn", v: "x" }],
    ["a surplus field", { $t: "kw", v: "x", w: 1 }],
    ["a missing field", { $t: "kw" }],
    ["an object without tag", { a: 1 }],
    ["an inherited tag", JSON.parse('{"__proto__":{"$t":"kw"},"v":"x"}') as JsonValue],
    ["a keyword with a space", { $t: "kw", v: "a b" }],
    ["a symbol that reads as a number", { $t: "sym", v: "1" }],
    ["a symbol that reads as nil", { $t: "sym", v: "nil" }],
    ["a small int with a tag", { $t: "int", v: "1" }],
    ["an int beyond 64 bits", { $t: "int", v: "9223372036854775808" }],
    ["a fraction with a tag", { $t: "float", v: "1.5" }],
    ["a whole float in another spelling", { $t: "float", v: "1.0" }],
    ["an unsafe raw number", 2 ** 53],
    ["a map as an object", { $t: "map", v: { a: 1 } }],
    [
      "a map with a key twice",
      {
        $t: "map",
        v: [
          ["a", 1],
          ["a", 2],
        ],
      },
    ],
    ["a map with a vector key", { $t: "map", v: [[[1], 1]] }],
    ["a lone surrogate", "\ud800"],
    ["a malformed timestamp", { $t: "ts", v: "yesterday" }],
  ])("refuses %s", (_name, json) => {
    expect(fromWire(json).ok).toBe(false);
  });

  test("refuses nesting past the limit on both sides", () => {
    let json: JsonValue = 1;
    let deep: Value = 1;
    for (let depth = 0; depth < 300; depth++) {
      json = [json];
      deep = new Vector([deep]);
    }
    expect(fromWire(json)).toEqual({ ok: false, error: "a wire value nests too deep" });
    expect(() => toWire(deep)).toThrow("A value nests deeper than 256");
    expect(fromWire([[1]], { depthMax: 1 }).ok).toBe(false);
  });

  test("a value that shares its parts ends at the limit of parts", () => {
    let value: Value = 1;
    for (let level = 0; level < 60; level++) value = new Vector([value, value]);
    expect(() => toWire(value)).toThrow("A value has over 10000000 parts");
  });

  test("a function does not cross", () => {
    expect(() => toWire(new FunctionValue("f"))).toThrow("A function cannot leave the program");
  });
});
