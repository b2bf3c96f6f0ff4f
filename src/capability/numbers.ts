import { isInt, makeFloat, makeInt, toDouble, type Value, WholeFloat } from "../rtfs/index.ts";

type Numeric = number | bigint | WholeFloat;

export function isNumeric(value: Value | undefined): value is Numeric {
  return typeof value === "number" || typeof value === "bigint" || value instanceof WholeFloat;
}

/** `a + b`: exact while both are integers, else a float. Null: over 64 bits. */
export function addNumbers(a: Numeric, b: Numeric): Value | null {
  if (isInt(a) && isInt(b)) return makeInt(BigInt(a) + BigInt(b));
  return makeFloat(toDouble(a) + toDouble(b));
}
