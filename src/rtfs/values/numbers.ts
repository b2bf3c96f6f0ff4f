/**
 * 64-bit integers and IEEE doubles in one normal form.
 *
 * A raw JS number is an integer when `Number.isInteger` says so (it is then safe and not -0), else
 * a float. Read in this order: makeInt, makeFloat, add. Overflow is an error, never a rounding:
 * integer results beyond the safe range are computed again in BigInt.
 *
 * @module
 */
import { kindOf } from "./kind-of.ts";
import { RtfsError, typeError } from "./rtfs-error.ts";
import { type Value, WholeFloat } from "./value.ts";

export const INT_MIN: bigint = -(2n ** 63n);
export const INT_MAX: bigint = 2n ** 63n - 1n;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** The normal form of an integer; null when it does not fit 64 bits. */
export function makeInt(value: bigint): number | bigint | null {
  if (value <= SAFE_MAX && value >= -SAFE_MAX) return Number(value);
  return value <= INT_MAX && value >= INT_MIN ? value : null;
}

/** The normal form of a float. */
export function makeFloat(value: number): number | WholeFloat {
  return Number.isInteger(value) ? new WholeFloat(value) : value;
}

export function isInt(value: Value): value is number | bigint {
  return typeof value === "number" ? Number.isInteger(value) : typeof value === "bigint";
}

export function isFloat(value: Value): value is number | WholeFloat {
  return value instanceof WholeFloat || (typeof value === "number" && !Number.isInteger(value));
}

export function isNumber(value: Value): value is number | bigint | WholeFloat {
  return typeof value === "number" || typeof value === "bigint" || value instanceof WholeFloat;
}

/** Nearest double. */
export function toDouble(value: number | bigint | WholeFloat): number {
  if (typeof value === "number") return value;
  return typeof value === "bigint" ? Number(value) : value.value;
}

type Operator = "+" | "-" | "*";

/** `a + b`, exact for integers. @throws {RtfsError} TypeError, ArithmeticOverflow. */
export function add(a: Value, b: Value): Value {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum) && Number.isInteger(a) && Number.isInteger(b)) return sum;
  }
  return slowArithmetic("+", a, b);
}

export function subtract(a: Value, b: Value): Value {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (Number.isSafeInteger(difference) && Number.isInteger(a) && Number.isInteger(b)) {
      return difference;
    }
  }
  return slowArithmetic("-", a, b);
}

export function multiply(a: Value, b: Value): Value {
  if (typeof a === "number" && typeof b === "number") {
    // + 0 turns the -0 of `0 * -1` into the integer 0.
    const product = a * b + 0;
    if (Number.isSafeInteger(product) && Number.isInteger(a) && Number.isInteger(b)) return product;
  }
  return slowArithmetic("*", a, b);
}

/** `a + 1`, as `inc` tells its errors. */
export function increment(a: Value): Value {
  return typeof a === "number" ? add(a, 1) : slowArithmetic("+", a, 1, "inc");
}

export function decrement(a: Value): Value {
  return typeof a === "number" ? subtract(a, 1) : slowArithmetic("-", a, 1, "dec");
}

/** @param name - What errors call it. */
function slowArithmetic(operator: Operator, a: Value, b: Value, name: string = operator): Value {
  const left = numberOperand(a, name);
  const right = numberOperand(b, name);
  if (isInt(left) && isInt(right)) return fit(bigArithmetic(operator, left, right), name);
  const x = toDouble(left);
  const y = toDouble(right);
  if (operator === "+") return makeFloat(x + y);
  return makeFloat(operator === "-" ? x - y : x * y);
}

function bigArithmetic(operator: Operator, a: number | bigint, b: number | bigint): bigint {
  const x = BigInt(a);
  const y = BigInt(b);
  if (operator === "+") return x + y;
  return operator === "-" ? x - y : x * y;
}

/** @throws {RtfsError} ArithmeticOverflow when `value` is no 64-bit integer. */
export function fit(value: bigint, operation: string): number | bigint {
  const int = makeInt(value);
  if (int !== null) return int;
  const message = `${operation}: the result does not fit a 64-bit integer`;
  throw new RtfsError("ArithmeticOverflow", message, { operation });
}

/** @throws {RtfsError} TypeError when `value` is no number. */
export function numberOperand(value: Value, operation: string): number | bigint | WholeFloat {
  if (isNumber(value)) return value;
  throw typeError("a number", kindOf(value), operation);
}

/** True division: an integer when both are integers and it is whole, else a float. */
export function divide(a: Value, b: Value): Value {
  const left = numberOperand(a, "/");
  const right = numberOperand(b, "/");
  if (toDouble(right) === 0) throw divisionByZero("/");
  if (!isInt(left) || !isInt(right)) return makeFloat(toDouble(left) / toDouble(right));
  if (typeof left === "number" && typeof right === "number") {
    const quotient = left / right;
    // A safe dividend divided by an integer is rounded to a whole number only when it is one.
    return left % right === 0 ? quotient + 0 : makeFloat(quotient);
  }
  const x = BigInt(left);
  const y = BigInt(right);
  return x % y === 0n ? fit(x / y, "/") : makeFloat(Number(x) / Number(y));
}

/** Remainder with the sign of the dividend. */
export function modulo(a: Value, b: Value): Value {
  const left = numberOperand(a, "mod");
  const right = numberOperand(b, "mod");
  if (toDouble(right) === 0) throw divisionByZero("mod");
  if (!isInt(left) || !isInt(right)) return makeFloat(toDouble(left) % toDouble(right));
  if (typeof left === "number" && typeof right === "number") return (left % right) + 0;
  return fit(BigInt(left) % BigInt(right), "mod");
}

function divisionByZero(operation: string): RtfsError {
  return new RtfsError("DivisionByZero", `${operation}: division by zero`, { operation });
}

/** Exact comparison of two numbers: negative, 0, positive; NaN when one of them is NaN. */
export function compareNumbers(
  a: number | bigint | WholeFloat,
  b: number | bigint | WholeFloat,
): number {
  const x = a instanceof WholeFloat ? a.value : a;
  const y = b instanceof WholeFloat ? b.value : b;
  // JS compares a BigInt with a Number exactly.
  if (x < y) return -1;
  if (x > y) return 1;
  return x >= y ? 0 : Number.NaN;
}
