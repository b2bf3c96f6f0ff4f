/**
 * Numbers. Integers are exact or an error.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import {
  add,
  compareNumbers,
  decrement,
  divide,
  fit,
  increment,
  INT_MIN,
  isFloat,
  isInt,
  isNumber,
  makeFloat,
  makeInt,
  modulo,
  multiply,
  numberOperand,
  subtract,
  toDouble,
} from "../values/numbers.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import { alias, type Entry, entry, invalidArgument, MANY } from "./entry.ts";

type Fold = (a: Value, b: Value) => Value;

function fold(args: readonly Value[], start: Value, combine: Fold): Value {
  let result = start;
  for (const value of args) result = combine(result, value);
  return result;
}

function extreme(name: "max" | "min"): Entry["run"] {
  return ([first, ...others]) => {
    let best = numberOperand(first!, name);
    for (const other of others) {
      const value = numberOperand(other, name);
      const order = compareNumbers(value, best);
      if (name === "max" ? order > 0 : order < 0) best = value;
    }
    return best;
  };
}

function integerOf(value: Value, operation: string): bigint {
  if (isInt(value)) return BigInt(value);
  throw typeError("an integer", kindOf(value), operation);
}

function absolute(value: Value): Value {
  const number = numberOperand(value, "abs");
  if (typeof number === "number") return Math.abs(number);
  if (isInt(number)) return fit(BigInt(number) < 0n ? -BigInt(number) : BigInt(number), "abs");
  return makeFloat(Math.abs(toDouble(number)));
}

function power(base: Value, exponent: Value): Value {
  const x = numberOperand(base, "pow");
  const y = numberOperand(exponent, "pow");
  if (!isInt(x) || !isInt(y) || BigInt(y) < 0n) return makeFloat(toDouble(x) ** toDouble(y));
  const small = BigInt(x) >= -1n && BigInt(x) <= 1n;
  if (small) return fit(BigInt(x) ** (BigInt(y) === 0n ? 0n : 2n - (BigInt(y) % 2n)), "pow");
  // 2^64 is the first power of any other base that cannot fit.
  return BigInt(y) > 63n ? fit(INT_MIN * 2n, "pow") : fit(BigInt(x) ** BigInt(y), "pow");
}

function factorial(value: Value): Value {
  const n = integerOf(value, "factorial");
  if (n < 0n) throw invalidArgument("factorial: the argument is negative");
  if (n > 20n) return fit(INT_MIN * 2n, "factorial");
  let product = 1n;
  for (let factor = 2n; factor <= n; factor++) product *= factor;
  return fit(product, "factorial");
}

function squareRoot(value: Value): Value {
  const number = toDouble(numberOperand(value, "sqrt"));
  if (number < 0) throw invalidArgument("sqrt: the argument is negative");
  return makeFloat(Math.sqrt(number));
}

function isOdd(value: Value, operation: string): boolean {
  const number = numberOperand(value, operation);
  if (typeof number === "bigint") return number % 2n !== 0n;
  return Math.abs(Math.trunc(toDouble(number)) % 2) === 1;
}

function isEven(value: Value): boolean {
  const isFinite = Number.isFinite(toDouble(numberOperand(value, "even?")));
  return isFinite && !isOdd(value, "even?");
}

/** Towards zero; null outside of 64 bits. */
function truncated(value: number): number | bigint | null {
  const whole = Math.trunc(value);
  return Number.isFinite(whole) ? makeInt(BigInt(whole)) : null;
}

function truncate(value: number): Value {
  const int = truncated(value);
  if (int !== null) return int;
  throw new RtfsError("ArithmeticOverflow", "int: the value does not fit a 64-bit integer");
}

/** A decimal in 64 bits; null otherwise. */
function parseInteger(text: string): Value {
  const trimmed = text.length > 64 ? "" : text.trim();
  return /^[+-]?[0-9]{1,40}$/.test(trimmed) ? makeInt(BigInt(trimmed.replace(/^\+/, ""))) : null;
}

function parseFloating(text: string): Value {
  const trimmed = text.length > 1024 ? "" : text.trim();
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(trimmed)) return null;
  return makeFloat(Number(trimmed));
}

function toInt(value: Value): Value {
  if (isInt(value)) return value;
  if (isFloat(value)) return truncate(toDouble(value));
  if (typeof value === "string") return parseInteger(value) ?? 0;
  return value === true ? 1 : 0;
}

function toFloat(value: Value): Value {
  if (isNumber(value)) return makeFloat(toDouble(value));
  if (typeof value === "string") return parseFloating(value) ?? makeFloat(0);
  return makeFloat(value === true ? 1 : 0);
}

function integerFrom(value: Value): Value {
  if (isInt(value)) return value;
  if (isFloat(value)) return truncated(toDouble(value));
  return typeof value === "string" ? parseInteger(value) : null;
}

function floatFrom(value: Value): Value {
  if (isNumber(value)) return makeFloat(toDouble(value));
  return typeof value === "string" ? parseFloating(value) : null;
}

/** `-x`; of 0.0 it is -0.0. */
function negated(value: Value): Value {
  return isFloat(value) ? makeFloat(-toDouble(value)) : subtract(0, value);
}

const NOT_A_NUMBER = "TypeError";
const EXACT = "TypeError ArithmeticOverflow";

function sign(name: string, example: string, accept: (order: number) => boolean): Entry {
  const words = {
    type: "num → bool",
    doc: "Compares a number with zero",
    example,
    errors: NOT_A_NUMBER,
  };
  return entry(name, 1, words, ([x]) => accept(compareNumbers(numberOperand(x!, name), 0)));
}

const remainder = entry(
  "mod",
  2,
  {
    type: "num num → num",
    doc: "Remainder with the sign of the dividend",
    example: "[(mod -7 3) (mod 7 -3) (mod 5.5 2)] ;; => [-1 1 1.5]",
    errors: "TypeError DivisionByZero",
  },
  ([a, b]) => modulo(a!, b!),
);

const OPERATORS: readonly Entry[] = [
  entry(
    "+",
    [0, MANY],
    {
      type: "num… → num",
      doc: "Sum; 0 without arguments; a float when one of them is",
      example: "[(+) (+ 1 2) (+ 1 2.0)] ;; => [0 3 3.0]",
      errors: EXACT,
    },
    (args) => fold(args, 0, add),
  ),
  entry(
    "-",
    [1, MANY],
    {
      type: "num num… → num",
      doc: "Difference from left to right; of one number its negation",
      example: "[(- 5) (- 10 2 3)] ;; => [-5 5]",
      errors: EXACT,
    },
    ([first, ...rest]) => (rest.length === 0 ? negated(first!) : fold(rest, first!, subtract)),
  ),
  entry(
    "*",
    [0, MANY],
    {
      type: "num… → num",
      doc: "Product; 1 without arguments",
      example: "[(*) (* 2 3) (* 2 0.5)] ;; => [1 6 1.0]",
      errors: EXACT,
    },
    (args) => fold(args, 1, multiply),
  ),
  entry(
    "/",
    [1, MANY],
    {
      type: "num num… → num",
      doc: "Quotient: an integer when all are and it is whole, else a float; of one number itself",
      example: "[(/ 10 2) (/ 7 2) (/ 5.0 1) (/ 3)] ;; => [5 3.5 5.0 3]",
      errors: "TypeError DivisionByZero ArithmeticOverflow",
    },
    ([first, ...rest]) => fold(rest, numberOperand(first!, "/"), divide),
  ),
  remainder,
  alias("%", remainder, "(% 7 3) ;; => 1"),
  entry(
    "inc",
    1,
    { type: "num → num", doc: "One more", example: "(inc 1.5) ;; => 2.5", errors: EXACT },
    ([x]) => increment(x!),
  ),
  entry(
    "dec",
    1,
    { type: "num → num", doc: "One less", example: "(dec 1) ;; => 0", errors: EXACT },
    ([x]) => decrement(x!),
  ),
];

const MEASURES: readonly Entry[] = [
  entry(
    "max",
    [1, MANY],
    {
      type: "num num… → num",
      doc: "The greatest; ties keep the first",
      example: "[(max 1 2.5) (max 1 1.0)] ;; => [2.5 1]",
      errors: NOT_A_NUMBER,
    },
    extreme("max"),
  ),
  entry(
    "min",
    [1, MANY],
    {
      type: "num num… → num",
      doc: "The least; ties keep the first",
      example: "(min 3 -1 2) ;; => -1",
      errors: NOT_A_NUMBER,
    },
    extreme("min"),
  ),
  entry(
    "abs",
    1,
    {
      type: "num → num",
      doc: "Without sign",
      example: "[(abs -3) (abs -2.5)] ;; => [3 2.5]",
      errors: EXACT,
    },
    ([x]) => absolute(x!),
  ),
  entry(
    "sqrt",
    1,
    {
      type: "num → float",
      doc: "Square root",
      example: "(sqrt 16) ;; => 4.0",
      errors: "TypeError InvalidArgument",
    },
    ([x]) => squareRoot(x!),
  ),
  entry(
    "pow",
    2,
    {
      type: "num num → num",
      doc: "Power: an exact integer when both are and the exponent is not negative, else a float",
      example: "[(pow 2 10) (pow 2 -1) (pow 4 0.5)] ;; => [1024 0.5 2.0]",
      errors: EXACT,
    },
    ([x, y]) => power(x!, y!),
  ),
  entry(
    "factorial",
    1,
    {
      type: "int → int",
      doc: "Product of the integers from 1; at most of 20",
      example: "(factorial 5) ;; => 120",
      errors: "TypeError InvalidArgument ArithmeticOverflow",
    },
    ([n]) => factorial(n!),
  ),
  entry(
    "even?",
    1,
    {
      type: "num → bool",
      doc: "Whether a number, without its fraction, is even",
      example: "[(even? 2) (even? 3.9)] ;; => [true false]",
      errors: NOT_A_NUMBER,
    },
    ([x]) => isEven(x!),
  ),
  entry(
    "odd?",
    1,
    {
      type: "num → bool",
      doc: "Whether a number, without its fraction, is odd",
      example: "(odd? -3) ;; => true",
      errors: NOT_A_NUMBER,
    },
    ([x]) => isOdd(x!, "odd?"),
  ),
  sign("zero?", "[(zero? 0) (zero? -0.0)] ;; => [true true]", (order) => order === 0),
  sign("pos?", "(pos? 0.1) ;; => true", (order) => order > 0),
  sign("neg?", "(neg? 0) ;; => false", (order) => order < 0),
];

const CONVERSIONS: readonly Entry[] = [
  entry(
    "int",
    1,
    {
      type: "any → int",
      doc: "A float towards zero, a decimal text, true as 1; 0 for anything else",
      example: '[(int -1.7) (int " 9 ") (int true) (int nil)] ;; => [-1 9 1 0]',
      errors: "ArithmeticOverflow",
    },
    ([x]) => toInt(x!),
  ),
  entry(
    "float",
    1,
    {
      type: "any → float",
      doc: "A number, a decimal text, true as 1.0; 0.0 for anything else",
      example: '[(float 1) (float "1e2") (float [])] ;; => [1.0 100.0 0.0]',
    },
    ([x]) => toFloat(x!),
  ),
  entry(
    "parse-int",
    1,
    {
      type: "any → int?",
      doc: "An integer, a float towards zero, a decimal text in 64 bits; nil for anything else",
      example: '[(parse-int " 42 ") (parse-int "4x") (parse-int 1.9)] ;; => [42 nil 1]',
    },
    ([x]) => integerFrom(x!),
  ),
  entry(
    "parse-float",
    1,
    {
      type: "any → float?",
      doc: "A number or a decimal text as a float; nil for anything else",
      example: '[(parse-float "1.5") (parse-float 2) (parse-float "x")] ;; => [1.5 2.0 nil]',
    },
    ([x]) => floatFrom(x!),
  ),
];

export const ARITHMETIC: readonly Entry[] = [...OPERATORS, ...MEASURES, ...CONVERSIONS];
