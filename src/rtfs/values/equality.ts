/**
 * Structural equality and the total order of `sort`.
 *
 * @module
 */
import { type Kind, kindOf } from "./kind-of.ts";
import { boundedMeter, type Meter } from "./meter.ts";
import { compareNumbers, isNumber } from "./numbers.ts";
import { typeError } from "./rtfs-error.ts";
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

/** Nesting up to which equality uses the machine's stack, which is faster than one of its own. */
const STACK_DEPTH_MAX = 200;

/**
 * `=`: integer and float differ, NaN differs from itself, 0.0 is -0.0, a vector equals a list of
 * equal items, maps ignore order, functions compare by identity. Values may nest as deep as memory
 * allows.
 *
 * @param meter - Pays one unit for each part; default: at most ten million, then LimitExceeded.
 */
export function equalValues(a: Value, b: Value, meter?: Meter): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return equalNear(a, b, { meter: meter ?? boundedMeter(), depth: 0, far: [] });
}

/** One comparison. */
interface Walk {
  readonly meter: Meter;
  depth: number;
  /** Pairs that nest too deep for the stack, to be compared when it is empty again. */
  readonly far: (Value & object)[];
}

function equalNear(a: Value & object, b: Value & object, walk: Walk): boolean {
  if (!equalObjects(a, b, walk)) return false;
  for (let y = walk.far.pop(); y !== undefined; y = walk.far.pop()) {
    if (!equalObjects(walk.far.pop()!, y, walk)) return false;
  }
  return true;
}

function equalParts(a: Value, b: Value, walk: Walk): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (walk.depth >= STACK_DEPTH_MAX) {
    walk.far.push(a, b);
    return true;
  }
  walk.depth++;
  const isEqual = equalObjects(a, b, walk);
  walk.depth--;
  return isEqual;
}

function equalObjects(a: Value & object, b: Value & object, walk: Walk): boolean {
  if (a instanceof Vector || a instanceof List) {
    return (b instanceof Vector || b instanceof List) && equalItems(a, b, walk);
  }
  if (a instanceof MapValue) return b instanceof MapValue && equalMaps(a, b, walk);
  if (a instanceof ErrorValue && b instanceof ErrorValue) {
    const isSame = a.kind === b.kind && a.message === b.message;
    return isSame && equalMaps(a.payload, b.payload, walk);
  }
  return equalAtoms(a, b);
}

function equalItems(a: Vector | List, b: Vector | List, walk: Walk): boolean {
  if (a.length !== b.length) return false;
  walk.meter(a.length);
  const { items } = a;
  const others = b.items;
  for (let index = 0; index < items.length; index++) {
    if (!equalParts(items[index]!, others[index]!, walk)) return false;
  }
  return true;
}

function equalMaps(a: MapValue, b: MapValue, walk: Walk): boolean {
  if (a.size !== b.size) return false;
  walk.meter(a.size);
  const keys = a.keyList();
  const values = a.valueList();
  for (let at = 0; at < keys.length; at++) {
    const other = b.get(keys[at]!);
    if (other === undefined || !equalParts(values[at]!, other, walk)) return false;
  }
  return true;
}

/** Parts that {@link shallowHash} looks at. */
const HASHED_PARTS = 8;

/**
 * A number that equal values share and that others seldom do: of the kind, the length and the first
 * parts.
 */
export function shallowHash(value: Value, depth = 2): number {
  if (value instanceof Vector || value instanceof List) {
    let hash = value.length;
    for (let at = 0; at < Math.min(value.length, HASHED_PARTS); at++) {
      hash = (Math.imul(hash, 31) + (depth === 0 ? 0 : shallowHash(value.at(at)!, depth - 1))) | 0;
    }
    return hash;
  }
  if (value instanceof MapValue) {
    // Order does not count, so parts are added up, and of a large map none is looked at.
    let hash = value.size;
    if (depth === 0 || value.size > HASHED_PARTS) return hash;
    value.forEach((item, key) => {
      hash = (hash + Math.imul(shallowHash(key, 0), 31) + shallowHash(item, depth - 1)) | 0;
    });
    return hash;
  }
  return hashOfAtom(value);
}

function hashOfAtom(value: Value): number {
  if (typeof value === "string") return hashOfText(value);
  if (typeof value === "number") return (value * 2_654_435) | 0;
  if (typeof value === "bigint") return Number(BigInt.asIntN(32, value));
  if (value instanceof WholeFloat) return (value.value * 40_503) | 0;
  if (value instanceof Keyword || value instanceof Sym) return hashOfText(value.name);
  return 0;
}

function hashOfText(text: string): number {
  let hash = text.length;
  for (let at = 0; at < Math.min(text.length, 32); at++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  }
  return hash;
}

function equalAtoms(a: Value & object, b: Value & object): boolean {
  if (a instanceof WholeFloat) return b instanceof WholeFloat && a.value === b.value;
  if (a instanceof Sym) return b instanceof Sym && a.name === b.name;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.text === b.text;
  if (a instanceof Uuid) return b instanceof Uuid && a.text.toLowerCase() === b.text.toLowerCase();
  return a instanceof ResourceHandle && b instanceof ResourceHandle && a.text === b.text;
}

const KIND_ORDER: ReadonlyMap<Kind, number> = new Map(
  (
    [
      "nil",
      "boolean",
      "float",
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
    ] as const
  ).map((kind, rank) => [kind, rank]),
);

/**
 * Total order across kinds; integers and floats compare as numbers, NaN after all numbers. Takes no
 * stack.
 *
 * @param meter - As for {@link equalValues}.
 */
export function compareValues(a: Value, b: Value, meter: Meter = boundedMeter()): number {
  const order = compareShallow(a, b, meter);
  if (order !== null) return order;
  const open: OpenPair[] = [opened(a as Sequential, b as Sequential, meter)];
  for (let pair = open.at(-1); pair !== undefined; pair = open.at(-1)) {
    const { left, right } = pair;
    const at = pair.at++;
    if (at >= left.length || at >= right.length) {
      if (left.length !== right.length) return left.length - right.length;
      open.pop();
      continue;
    }
    const [x, y] = [left[at]!, right[at]!];
    const inner = compareShallow(x, y, meter);
    if (inner === null) open.push(opened(x as Sequential, y as Sequential, meter));
    else if (inner !== 0) return inner;
  }
  return 0;
}

type Sequential = Vector | List;

interface OpenPair {
  readonly left: readonly Value[];
  readonly right: readonly Value[];
  at: number;
}

function opened(a: Sequential, b: Sequential, meter: Meter): OpenPair {
  meter(Math.min(a.length, b.length));
  return { left: a.items, right: b.items, at: 0 };
}

/** Null: two vectors or two lists, and their items decide. */
function compareShallow(a: Value, b: Value, meter: Meter): number | null {
  if (isNumber(a) && isNumber(b)) {
    const order = compareNumbers(a, b);
    return Number.isNaN(order) ? Number(isNotANumber(a)) - Number(isNotANumber(b)) : order;
  }
  if (typeof a === "string" && typeof b === "string") {
    meter(Math.min(a.length, b.length) >>> 3);
    return compareText(a, b);
  }
  const rank = rankOf(a) - rankOf(b);
  return rank === 0 ? compareSameKind(a, b) : rank;
}

function isNotANumber(value: Value): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

function rankOf(value: Value): number {
  return KIND_ORDER.get(isNumber(value) ? "float" : kindOf(value))!;
}

function compareSameKind(a: Value, b: Value): number | null {
  if (typeof a === "boolean") return Number(a) - Number(b);
  if (a instanceof Keyword || a instanceof Sym) return compareText(a.name, (b as Keyword).name);
  if (a instanceof Vector || a instanceof List) return null;
  if (a instanceof Timestamp || a instanceof Uuid || a instanceof ResourceHandle) {
    return compareText(a.text, (b as Timestamp).text);
  }
  return 0;
}

/**
 * Order of two numbers or two strings; NaN when one is NaN.
 *
 * @throws {RtfsError} TypeError for anything else.
 */
export function compareOrdered(operation: string, a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  const isFirst = !isNumber(a) && typeof a !== "string";
  throw typeError("two numbers or two strings", kindOf(isFirst ? a : b), operation);
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
