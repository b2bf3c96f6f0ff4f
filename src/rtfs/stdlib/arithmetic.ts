/**
 * Numbers. Integers are exact or an error.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import {
  add,
  compareNumbers,
  divide,
  fit,
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
import { type Entry, entry, invalidArgument, MANY } from "./entry.ts";

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

function parity(value: Value, operation: string): boolean {
  const number = numberOperand(value, operation);
  return isInt(number) ? BigInt(number) % 2n === 0n : Math.trunc(toDouble(number)) % 2 === 0;
}

function truncate(value: number): Value {
  const whole = Math.trunc(value);
  const int = Number.isFinite(whole) ? makeInt(BigInt(whole)) : null;
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
  if (isFloat(value)) return truncate(toDouble(value));
  return typeof value === "string" ? parseInteger(value) : null;
}

function floatFrom(value: Value): Value {
  if (isNumber(value)) return makeFloat(toDouble(value));
  return typeof value === "string" ? parseFloating(value) : null;
}

function sign(name: string, accept: (order: number) => boolean): Entry {
  return entry(name, 1, "Compares a number with zero", ([x]) =>
    accept(compareNumbers(numberOperand(x!, name), 0)),
  );
}

export const ARITHMETIC: readonly Entry[] = [
  entry("+", [0, MANY], "Sum; 0 without arguments", (args) => fold(args, 0, add)),
  entry("-", [1, MANY], "Difference; one argument: negation", ([first, ...rest]) =>
    rest.length === 0 ? subtract(0, first!) : fold(rest, first!, subtract),
  ),
  entry("*", [0, MANY], "Product; 1 without arguments", (args) => fold(args, 1, multiply)),
  entry("/", [1, MANY], "Quotient: an integer when both are and it is whole", ([first, ...rest]) =>
    fold(rest, numberOperand(first!, "/"), divide),
  ),
  entry("mod", 2, "Remainder with the sign of the dividend", ([a, b]) => modulo(a!, b!)),
  entry("inc", 1, "One more", ([x]) => add(x!, 1)),
  entry("dec", 1, "One less", ([x]) => subtract(x!, 1)),
  entry("max", [1, MANY], "The greatest; ties keep the first", extreme("max")),
  entry("min", [1, MANY], "The least; ties keep the first", extreme("min")),
  entry("abs", 1, "Without sign", ([x]) => absolute(x!)),
  entry("sqrt", 1, "Square root, a float", ([x]) => squareRoot(x!)),
  entry("pow", 2, "Power; exact for integers", ([x, y]) => power(x!, y!)),
  entry("factorial", 1, "Product of 1 to n; n at most 20", ([n]) => factorial(n!)),
  entry("even?", 1, "Whether a number is even; floats are truncated", ([x]) => parity(x!, "even?")),
  entry("odd?", 1, "Whether a number is odd; floats are truncated", ([x]) => !parity(x!, "odd?")),
  sign("zero?", (order) => order === 0),
  sign("pos?", (order) => order > 0),
  sign("neg?", (order) => order < 0),
  entry("int", 1, "To an integer, towards zero; 0 for what is no number", ([x]) => toInt(x!)),
  entry("float", 1, "To a float; 0.0 for what is no number", ([x]) => toFloat(x!)),
  entry("parse-int", 1, "A decimal text to an integer, else nil", ([x]) => integerFrom(x!)),
  entry("parse-float", 1, "A decimal text to a float, else nil", ([x]) => floatFrom(x!)),
];
