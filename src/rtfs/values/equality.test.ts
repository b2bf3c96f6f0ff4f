import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareText, compareValues, equalValues, shallowHash } from "./equality.ts";
import { keyword, List, MapValue, type Value, Vector, WholeFloat } from "./value.ts";

const DEPTH = 100_000;

function nested(depth: number, core: Value): Value {
  let value = core;
  for (let level = 0; level < depth; level++) {
    value = level % 3 === 0 ? MapValue.of([["k", value]]) : new Vector([value]);
  }
  return value;
}

function nestedVector(depth: number, core: Value): Value {
  let value = core;
  for (let level = 0; level < depth; level++) value = new Vector([value]);
  return value;
}

describe("values that nest 100 000 deep", () => {
  test("are equal, or not, without a stack", () => {
    expect(equalValues(nested(DEPTH, 1), nested(DEPTH, 1))).toBe(true);
    expect(equalValues(nested(DEPTH, 1), nested(DEPTH, 2))).toBe(false);
    expect(equalValues(nested(DEPTH, 1), nested(DEPTH + 1, 1))).toBe(false);
  });

  test("are ordered without a stack", () => {
    expect(compareValues(nestedVector(DEPTH, 1), nestedVector(DEPTH, 2))).toBeLessThan(0);
    expect(compareValues(nestedVector(DEPTH, 1), nestedVector(DEPTH, 1))).toBe(0);
  });
});

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, "a", "b", keyword("a"), Number.NaN, 2n ** 60n),
    fc.integer({ min: -2, max: 2 }),
    fc.constantFrom<Value>(new WholeFloat(1), new WholeFloat(-0), new WholeFloat(0), 1.5),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => new Vector(items)),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => new List(items)),
    fc
      .array(fc.tuple(fc.constantFrom("a", "b", 1), tie("value")), { maxLength: 3 })
      .map((pairs) => MapValue.of(pairs)),
  ),
})).value;

describe("order and hash", () => {
  test("the order is total: antisymmetric and transitive", () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(Math.sign(compareValues(a, b))).toBe(-Math.sign(compareValues(b, a)) + 0);
        if (compareValues(a, b) <= 0 && compareValues(b, c) <= 0) {
          expect(compareValues(a, c)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("equal values have one hash", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        if (equalValues(a, b)) expect(shallowHash(a)).toBe(shallowHash(b));
      }),
      { numRuns: 3000 },
    );
  });

  test("texts order by code point", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\u{e000}", "\u{ffff}", "😀") });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [x, y] = [a, b].map((each) => Array.from(each, (one) => one.codePointAt(0)!));
        const at = x!.findIndex((point, index) => point !== y![index]);
        const order = at < 0 ? x!.length - y!.length : x![at]! - (y![at] ?? -1);
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(order));
      }),
    );
  });
});
