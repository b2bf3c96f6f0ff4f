/**
 * Checks of refinements.
 *
 * A predicate on a kind it does not know is a failure. Lengths count code points.
 *
 * @module
 */
import { compilePattern } from "../regex/index.ts";
import type { Meter } from "../values/meter.ts";
import { compareNumbers, isNumber } from "../values/numbers.ts";
import { printValue } from "../values/print.ts";
import { Keyword, List, type MapKey, MapValue, type Value, Vector } from "../values/value.ts";
import type { Check } from "./failure.ts";
import { printPredicate } from "./print-type.ts";
import type { CompareName, NumberValue, Predicate, SizeName } from "./type.ts";

type Test = (value: Value, meter: Meter) => boolean;

export function checkPredicate(predicate: Predicate): Check {
  const test = testOf(predicate);
  const expected = printPredicate(predicate);
  return (value, meter) =>
    test(value, meter)
      ? null
      : { kind: "PredicateViolation", path: "", expected, actual: clipped(value) };
}

/** Small numbers are shown; everything else could be secret or huge. */
function clipped(value: Value): string {
  return isNumber(value) ? printValue(value) : "a value that does not hold it";
}

function testOf(predicate: Predicate): Test {
  switch (predicate.name) {
    case "in-range": {
      const { low, high } = predicate;
      return (value) =>
        isNumber(value) && compareNumbers(value, low) >= 0 && compareNumbers(value, high) <= 0;
    }
    case "matches-regex":
      return matches(predicate.pattern);
    case "is-url":
      return (value) => typeof value === "string" && /^https?:\/\/[^\s]/.test(value);
    case "is-email":
      return (value) => typeof value === "string" && /^[^\s@]+@[^\s@]+$/.test(value);
    case "non-empty":
      return (value, meter) => (itemCount(value) ?? codePoints(value, meter) ?? 0) > 0;
    case "has-key":
    case "required-keys":
      return hasKeys(predicate.keys);
    case "min-length":
    case "max-length":
    case "length":
    case "min-count":
    case "max-count":
    case "count":
      return sized(predicate.name, predicate.size);
    case ">":
    case ">=":
    case "<":
    case "<=":
    case "=":
    case "!=":
      return compared(predicate.name, predicate.limit);
  }
}

const ORDERS: Readonly<Record<CompareName, (order: number) => boolean>> = {
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
};

function compared(name: CompareName, limit: NumberValue): Test {
  const accept = ORDERS[name];
  return (value) => isNumber(value) && accept(compareNumbers(value, limit));
}

function sized(name: SizeName, size: number): Test {
  const measure = name.endsWith("length") ? codePoints : itemCount;
  const isLeast = name.startsWith("min");
  const isMost = name.startsWith("max");
  return (value, meter) => {
    const measured = measure(value, meter);
    if (measured === null) return false;
    if (isLeast) return measured >= size;
    return isMost ? measured <= size : measured === size;
  };
}

/** Null: no string. */
function codePoints(value: Value, meter: Meter): number | null {
  if (typeof value !== "string") return null;
  meter(value.length >>> 4);
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function itemCount(value: Value): number | null {
  if (value instanceof Vector || value instanceof List) return value.items.length;
  return value instanceof MapValue ? value.size : null;
}

/** A search: the pattern may match anywhere. A string that it does not match is refused. */
function matches(source: string): Test {
  const compiled = compilePattern(source);
  if (!compiled.ok) throw new TypeError(`A type holds a bad pattern: ${compiled.error}`);
  const pattern = compiled.value;
  return (value, meter) => typeof value === "string" && pattern.test(value, meter);
}

/** A keyword is satisfied by a string key of its name too, as a field is. */
function hasKeys(keys: readonly MapKey[]): Test {
  return (value) =>
    value instanceof MapValue &&
    keys.every((key) => value.has(key) || (key instanceof Keyword && value.has(key.name)));
}
