/** Library functions beside obvious models of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareValues, equalValues } from "../values/equality.ts";
import { boundedMeter } from "../values/meter.ts";
import { makeInt } from "../values/numbers.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { keyword, List, type Value, Vector, WholeFloat } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import { BUILTINS } from "./index.ts";
import { charactersOf, codePointCount, textPart } from "./text.ts";

const machine: BuiltinMachine = {
  host: null,
  spend: () => undefined,
  meter: boundedMeter(),
  apply: () => null,
};

/** The result, or the kind of the error. */
function call(name: string, ...args: readonly Value[]): Value {
  try {
    return BUILTINS.get(name)!.run(args, machine);
  } catch (error) {
    if (error instanceof RtfsError) return error.kind;
    throw error;
  }
}

const text = fc.string({ unit: fc.constantFrom("a", "é", "😀", "\u{ffff}", "z"), maxLength: 12 });
const position = fc.integer({ min: 0, max: 14 });

describe("texts are arrays of code points", () => {
  test("counted and cut", () => {
    fc.assert(
      fc.property(text, position, position, (each, a, b) => {
        const points = Array.from(each);
        expect(codePointCount(each)).toBe(points.length);
        expect(charactersOf(each)).toEqual(points);
        expect(textPart(each, a, a + b)).toBe(points.slice(a, a + b).join(""));
        expect(call("first", each)).toBe(points[0] ?? null);
        expect(call("last", each)).toBe(points.at(-1) ?? "");
        expect(call("rest", each)).toBe(points.slice(1).join(""));
        expect(call("take", a, each)).toBe(points.slice(0, a).join(""));
        expect(call("drop", a, each)).toBe(points.slice(a).join(""));
        expect(call("reverse", each)).toBe(points.toReversed().join(""));
        expect(call("nth", each, a, null)).toBe(points[a] ?? null);
        const isInside = a <= b && b <= points.length;
        const part = isInside ? points.slice(a, b).join("") : "IndexOutOfBounds";
        expect(call("substring", each, a, b)).toBe(part);
      }),
    );
  });
});

const item: fc.Arbitrary<Value> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom<Value>(1.5, new WholeFloat(1), new WholeFloat(2), null, true, keyword("k")),
  text,
  fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }).map((items) => new Vector(items)),
);
const items = fc.array(item, { maxLength: 20 });

describe("sequences are arrays", () => {
  test("sorted by the order of all kinds, stable, on every path", () => {
    const few = fc.oneof(items, fc.array(text), fc.array(fc.double({ noNaN: true })).map(floats));
    fc.assert(
      fc.property(few, (each) => {
        const model = each.toSorted((a, b) => compareValues(a, b));
        const sorted = (call("sort", new Vector(each)) as Vector).items;
        expect(sorted.length).toBe(model.length);
        sorted.forEach((found, at) => expect(equalValues(found, model[at]!)).toBe(true));
      }),
    );
  });

  test("distinct keeps the first of equal items", () => {
    fc.assert(
      fc.property(items, (each) => {
        const model = each.filter(
          (value, at) => each.findIndex((other) => equalValues(other, value)) === at,
        );
        expect((call("distinct", new List(each)) as List).items).toEqual(model);
      }),
    );
  });

  test("ranges are counted loops", () => {
    const bound = fc.integer({ min: -30, max: 30 });
    const step = fc.integer({ min: -4, max: 4 }).filter((each) => each !== 0);
    fc.assert(
      fc.property(bound, bound, step, (start, end, by) => {
        const model: number[] = [];
        for (let at = start; by > 0 ? at < end : at > end; at += by) model.push(at);
        expect((call("range", start, end, by) as Vector).items).toEqual(model);
      }),
    );
  });
});

function floats(all: readonly number[]): Value[] {
  return all.map((each) => (Number.isInteger(each) ? new WholeFloat(each) : each));
}

describe("integers are BigInts in 64 bits", () => {
  const int = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -20n, max: 20n }),
  );
  const value = (each: bigint): Value => makeInt(each) ?? "ArithmeticOverflow";
  test("mod and whole quotients are exact, abs and max too", () => {
    fc.assert(
      fc.property(int, int, (a, b) => {
        const [x, y] = [value(a), value(b)];
        expect(call("mod", x, y)).toBe(b === 0n ? "DivisionByZero" : value(a % b));
        if (b !== 0n && a % b === 0n) expect(call("/", x, y)).toBe(value(a / b));
        expect(call("abs", x)).toBe(value(a < 0n ? -a : a));
        expect(call("max", x, y)).toBe(a >= b ? x : y);
        expect(call("<", x, y)).toBe(a < b);
        expect(call("odd?", x)).toBe(a % 2n !== 0n);
      }),
      { numRuns: 500 },
    );
  });

  test("powers are exact or too large", () => {
    const base = fc.bigInt({ min: -12n, max: 12n });
    fc.assert(
      fc.property(base, fc.nat({ max: 70 }), (a, n) => {
        expect(call("pow", value(a), n)).toBe(value(a ** BigInt(n)));
      }),
    );
  });
});
