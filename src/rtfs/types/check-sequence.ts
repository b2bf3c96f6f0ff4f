/**
 * Checks of vectors, tuples and arrays.
 *
 * @module
 */
import { Vector } from "../values/value.ts";
import { type Check, inside, mismatch, misshapen } from "./failure.ts";

/** A vector whose every item fits. */
export function checkVector(item: Check): Check {
  return (value, meter) => {
    if (!(value instanceof Vector)) return mismatch("vector", value);
    meter(value.items.length);
    for (let index = 0; index < value.items.length; index++) {
      const failure = item(value.items[index]!, meter);
      if (failure !== null) return inside(`[${index}]`, failure);
    }
    return null;
  };
}

/** A vector of these items; those from `required` on may be absent. */
export function checkTuple(checks: readonly Check[], required: number): Check {
  const expected = lengthText(required, checks.length);
  return (value, meter) => {
    if (!(value instanceof Vector)) return mismatch(expected, value);
    const { items } = value;
    meter(items.length);
    if (items.length < required || items.length > checks.length) {
      return misshapen(expected, `${items.length}`);
    }
    for (let index = 0; index < items.length; index++) {
      const failure = checks[index]!(items[index]!, meter);
      if (failure !== null) return inside(`[${index}]`, failure);
    }
    return null;
  };
}

function lengthText(required: number, most: number): string {
  const count = required === most ? `${most}` : `${required} to ${most}`;
  return `a vector of ${count} ${count === "1" ? "item" : "items"}`;
}

/** Vectors in vectors of these lengths; null leaves a length open. */
export function checkArray(item: Check, [size, ...inner]: readonly (number | null)[]): Check {
  const items = checkVector(inner.length === 0 ? item : checkArray(item, inner));
  if (size === null || size === undefined) return items;
  return (value, meter) => {
    if (!(value instanceof Vector)) return mismatch("vector", value);
    const { length } = value.items;
    return length === size ? items(value, meter) : misshapen(`${size} items`, `${length}`);
  };
}
