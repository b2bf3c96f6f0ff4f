import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  add,
  compareNumbers,
  INT_MAX,
  INT_MIN,
  isFloat,
  isInt,
  makeFloat,
  makeInt,
  multiply,
  subtract,
} from "./numbers.ts";
import { RtfsError } from "./rtfs-error.ts";
import type { Value } from "./value.ts";

const int = fc.oneof(
  fc.bigInt({ min: INT_MIN, max: INT_MAX }),
  fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
  fc.constantFrom(INT_MIN, INT_MAX, 2n ** 53n, -(2n ** 53n), 2n ** 31n, 0n, -1n),
);

function outcome(run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    if (error instanceof RtfsError && error.kind === "ArithmeticOverflow") return "overflow";
    throw error;
  }
}

describe("integers", () => {
  test.each([
    ["add", add, (a: bigint, b: bigint) => a + b],
    ["subtract", subtract, (a: bigint, b: bigint) => a - b],
    ["multiply", multiply, (a: bigint, b: bigint) => a * b],
  ])("%s is exact in 64 bits or an overflow", (_name, compute, exact) => {
    fc.assert(
      fc.property(int, int, (a, b) => {
        expect(outcome(() => compute(makeInt(a)!, makeInt(b)!))).toBe(
          makeInt(exact(a, b)) ?? "overflow",
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("order is exact between integers and floats", () => {
    expect(compareNumbers(2n ** 62n + 1n, makeFloat(2 ** 62))).toBe(1);
    expect(compareNumbers(makeInt(2n ** 53n + 1n)!, makeInt(2n ** 53n)!)).toBe(1);
    expect(compareNumbers(1, 1.5)).toBe(-1);
    expect(compareNumbers(1, Number.NaN)).toBeNaN();
  });

  test("a raw -0 never stands for an integer", () => {
    expect(Object.is(multiply(0, -5), 0)).toBe(true);
    expect(isFloat(makeFloat(-0))).toBe(true);
  });
});

test("a float result is a float, also when it is whole", () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), (a, b) => {
      for (const compute of [add, subtract, multiply]) {
        const result = compute(makeFloat(a), makeFloat(b));
        expect(isInt(result)).toBe(false);
        expect(isFloat(result)).toBe(true);
      }
    }),
  );
});
