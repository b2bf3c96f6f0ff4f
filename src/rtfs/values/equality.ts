/**
 * Structural equality and the total order of `sort`.
 *
 * @module
 */
import { kindOf } from "./kind-of.ts";
import { boundedMeter, type Meter } from "./meter.ts";
import { compareNumbers, isNumber } from "./numbers.ts";
import {
  ErrorValue,
  Keyword,
  List,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
  MapValue,
} from "./value.ts";

/**
 * `=`: integer and float differ, NaN differs from itself, 0.0 is -0.0, a vector equals a list of
 * equal items, maps ignore order, functions compare by identity.
 *
 * @param meter - Pays one unit for each part; default: at most ten million, then LimitExceeded.
 */
export function equalValues(a: Value, b: Value, meter?: Meter): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return equalObjects(a, b, meter ?? boundedMeter());
}

function equalObjects(a: Value & object, b: Value & object, meter: Meter): boolean {
  if (a instanceof Vector || a instanceof List) {
    return (b instanceof Vector || b instanceof List) && equalItems(a.items, b.items, meter);
  }
  if (a instanceof MapValue) return b instanceof MapValue && equalMaps(a, b, meter);
  if (a instanceof ErrorValue && b instanceof ErrorValue) {
    const isSame = a.kind === b.kind && a.message === b.message;
    return isSame && equalMaps(a.payload, b.payload, meter);
  }
  return equalAtoms(a, b);
}

function equalAtoms(a: Value & object, b: Value & object): boolean {
  if (a instanceof WholeFloat) return b instanceof WholeFloat && a.value === b.value;
  if (a instanceof Sym) return b instanceof Sym && a.name === b.name;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.text === b.text;
  if (a instanceof Uuid) return b instanceof Uuid && a.text.toLowerCase() === b.text.toLowerCase();
  return a instanceof ResourceHandle && b instanceof ResourceHandle && a.text === b.text;
}

function equalItems(a: readonly Value[], b: readonly Value[], meter: Meter): boolean {
  if (a.length !== b.length) return false;
  meter(a.length);
  for (let index = 0; index < a.length; index++) {
    if (!equalValues(a[index]!, b[index]!, meter)) return false;
  }
  return true;
}

function equalMaps(a: MapValue, b: MapValue, meter: Meter): boolean {
  if (a.size !== b.size) return false;
  meter(a.size);
  for (const [key, value] of a.entries()) {
    const other = b.get(key);
    if (other === undefined || !equalValues(value, other, meter)) return false;
  }
  return true;
}

const KIND_ORDER: readonly string[] = [
  "nil",
  "boolean",
  "number",
  "string",
  "keyword",
  "symbol",
  "vector",
  "list",
  "map",
  "timestamp",
  "uuid",
  "resource-handle",
  "error",
  "function",
];

/**
 * Total order across kinds; integers and floats compare as numbers, NaN after all numbers.
 *
 * @param meter - As for {@link equalValues}.
 */
export function compareValues(a: Value, b: Value, meter: Meter = boundedMeter()): number {
  if (isNumber(a) && isNumber(b)) {
    const order = compareNumbers(a, b);
    return Number.isNaN(order) ? Number(isNotANumber(a)) - Number(isNotANumber(b)) : order;
  }
  if (typeof a === "string" && typeof b === "string") {
    meter(Math.min(a.length, b.length) >>> 3);
    return compareText(a, b);
  }
  const rank = rankOf(a) - rankOf(b);
  return rank === 0 ? compareSameKind(a, b, meter) : rank;
}

function isNotANumber(value: Value): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

function rankOf(value: Value): number {
  return KIND_ORDER.indexOf(isNumber(value) ? "number" : kindOf(value));
}

function compareSameKind(a: Value, b: Value, meter: Meter): number {
  if (typeof a === "boolean") return Number(a) - Number(b);
  if (a instanceof Keyword || a instanceof Sym) return compareText(a.name, (b as Keyword).name);
  if (a instanceof Vector || a instanceof List)
    return compareItems(a.items, (b as Vector).items, meter);
  if (a instanceof Timestamp || a instanceof Uuid || a instanceof ResourceHandle) {
    return compareText(a.text, (b as Timestamp).text);
  }
  return 0;
}

function compareItems(a: readonly Value[], b: readonly Value[], meter: Meter): number {
  const shorter = Math.min(a.length, b.length);
  meter(shorter);
  for (let index = 0; index < shorter; index++) {
    const order = compareValues(a[index]!, b[index]!, meter);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Code-point order. UTF-16 order differs from it only where a surrogate meets U+E000…U+FFFF. */
export function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
