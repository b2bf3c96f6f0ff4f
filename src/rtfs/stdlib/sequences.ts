/**
 * Vectors, lists, and strings as sequences of characters.
 *
 * @module
 */
import { checkSize } from "../eval/limits.ts";
import type { Machine } from "../eval/machine.ts";
import { kindOf } from "../values/kind-of.ts";
import {
  add,
  compareNumbers,
  isInt,
  isNumber,
  numberOperand,
  toDouble,
} from "../values/numbers.ts";
import { typeError } from "../values/rtfs-error.ts";
import { equalValues } from "../values/equality.ts";
import { Keyword, List, type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import {
  alias,
  type Entry,
  entry,
  indexArgument,
  invalidArgument,
  itemsArgument,
  keyArgument,
  MANY,
  outOfBounds,
  sameKind,
  sequenceArgument,
} from "./entry.ts";
import { codePointCount } from "./strings.ts";

function count(value: Value | undefined, machine: Machine): number {
  if (typeof value === "string") {
    machine.spend(value.length >>> 3);
    return codePointCount(value);
  }
  if (value instanceof Vector || value instanceof List) return value.items.length;
  if (value instanceof MapValue) return value.size;
  throw typeError("a collection", kindOf(value ?? null), "count");
}

function isEmpty(value: Value): boolean {
  if (value === null || value === "") return true;
  if (value instanceof Vector || value instanceof List) return value.items.length === 0;
  return value instanceof MapValue && value.size === 0;
}

function first(value: Value | undefined): Value {
  if (typeof value === "string")
    return value === "" ? null : String.fromCodePoint(value.codePointAt(0)!);
  return itemsArgument(value, "first")[0] ?? null;
}

function last(value: Value | undefined, machine: Machine): Value {
  if (typeof value !== "string") return itemsArgument(value, "last").at(-1) ?? null;
  return (sequenceArgument(value, "last", machine).at(-1) as string | undefined) ?? "";
}

function nth([subject, position, ...absent]: readonly Value[], machine: Machine): Value {
  const isText = typeof subject === "string";
  const items = isText ? sequenceArgument(subject, "nth", machine) : itemsArgument(subject, "nth");
  const index = indexArgument(position, "nth");
  const found = index < 0 ? undefined : items[index];
  if (found !== undefined) return found;
  if (absent.length > 0) return absent[0]!;
  throw outOfBounds("nth", index, items.length);
}

/** The part of a sequence from `start` to `end`, in its own kind. */
function part(
  name: string,
  bounds: (size: number, length: number) => readonly [number, number],
): Entry["run"] {
  return ([size, subject], machine) => {
    const items = sequenceArgument(subject, name, machine);
    const wanted = Math.max(0, indexArgument(size, name));
    return sameKind(subject, items.slice(...bounds(wanted, items.length)));
  };
}

function subvec([subject, from, to]: readonly Value[], machine: Machine): Vector {
  if (!(subject instanceof Vector)) throw typeError("a vector", kindOf(subject ?? null), "subvec");
  const { items } = subject;
  const start = indexArgument(from, "subvec");
  const end = to === undefined ? items.length : indexArgument(to, "subvec");
  if (start < 0 || start > end) throw outOfBounds("subvec", start, items.length);
  if (end > items.length) throw outOfBounds("subvec", end, items.length);
  machine.spend(end - start);
  return new Vector(items.slice(start, end));
}

function conj(subject: Value, added: readonly Value[], machine: Machine): Value {
  if (subject instanceof MapValue) return conjMap(subject, added, machine);
  const items = itemsArgument(subject, "conj");
  machine.spend(added.length + (items.length >>> 3));
  checkSize(items.length + added.length, "conj");
  return sameKind(subject, items.concat(added));
}

function conjMap(map: MapValue, pairs: readonly Value[], machine: Machine): MapValue {
  machine.spend(pairs.length + map.size);
  const entries = new Map<MapKey, Value>(map.entries());
  for (const pair of pairs) {
    const [key, value, ...more] = itemsArgument(pair, "conj");
    if (value === undefined || more.length > 0)
      throw typeError("a [key value] pair", kindOf(pair), "conj");
    entries.set(keyArgument(key, "conj"), value);
  }
  checkSize(entries.size, "conj");
  return new MapValue(entries);
}

function cons([value, subject]: readonly Value[], machine: Machine): Value {
  const items = itemsArgument(subject, "cons");
  machine.spend(1 + (items.length >>> 3));
  checkSize(items.length + 1, "cons");
  return sameKind(subject, [value!, ...items]);
}

function concat(args: readonly Value[], machine: Machine): Vector {
  const result: Value[] = [];
  for (const each of args) {
    const isSequence = typeof each === "string" || each instanceof Vector || each instanceof List;
    const items = isSequence ? sequenceArgument(each, "concat", machine) : [each];
    checkSize(result.length + items.length, "concat");
    for (const item of items) result.push(item);
  }
  return new Vector(result);
}

function into([target, source]: readonly Value[], machine: Machine): Value {
  const items =
    source instanceof MapValue
      ? Array.from(source.entries(), (pair) => new Vector(pair))
      : itemsArgument(source, "into");
  return conj(target!, items, machine);
}

function contains([subject, wanted]: readonly Value[], machine: Machine): boolean {
  if (subject instanceof MapValue) {
    return subject.has(keyArgument(wanted, "contains?"));
  }
  if (typeof subject === "string") {
    machine.spend(subject.length >>> 3);
    return typeof wanted === "string" && subject.includes(wanted);
  }
  const items = itemsArgument(subject, "contains?");
  machine.spend(items.length);
  return items.some((item) => equalValues(item, wanted!, machine.meter));
}

function range(args: readonly Value[], machine: Machine): Vector {
  const [start, end, step] =
    args.length === 1 ? [0, args[0]!, 1] : [args[0]!, args[1]!, args[2] ?? 1];
  const from = numberOperand(start!, "range");
  const to = numberOperand(end!, "range");
  const by = numberOperand(step!, "range");
  if (toDouble(by) === 0) throw invalidArgument("range: the step is zero");
  const isUp = compareNumbers(by, 0) > 0;
  checkSize(Math.ceil((toDouble(to) - toDouble(from)) / toDouble(by)), "range");
  const items: Value[] = [];
  for (let at: Value = from; ; at = add(at, by)) {
    const order = isNumber(at) ? compareNumbers(at, to) : Number.NaN;
    if (!(isUp ? order < 0 : order > 0)) return new Vector(items);
    machine.spend(1);
    items.push(at);
    checkSize(items.length, "range");
  }
}

function numbers([start, end]: readonly Value[], machine: Machine): Vector {
  const from = Math.trunc(toDouble(numberOperand(start!, "numbers")));
  const to = Math.trunc(toDouble(numberOperand(end!, "numbers")));
  const isSafe = Number.isSafeInteger(from) && Number.isSafeInteger(to);
  if (!isSafe) throw invalidArgument("numbers: a bound is out of range");
  checkSize(to - from, "numbers");
  machine.spend(Math.max(0, to - from));
  return new Vector(Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index));
}

/** A hash key for values that compare by content cheaply; null for the others. */
function cheapIdentity(value: Value): Value | undefined {
  const isCheap = typeof value === "string" || typeof value === "boolean" || value === null;
  if (isCheap || value instanceof Keyword || isInt(value)) return value;
  return undefined;
}

function distinct([subject]: readonly Value[], machine: Machine): Value {
  const kept: Value[] = [];
  const seen = new Set<Value>();
  const others: Value[] = [];
  for (const item of sequenceArgument(subject, "distinct", machine)) {
    const identity = cheapIdentity(item);
    if (identity !== undefined) {
      if (seen.has(identity)) continue;
      seen.add(identity);
    } else {
      machine.spend(others.length);
      if (others.some((other) => equalValues(other, item, machine.meter))) continue;
      others.push(item);
    }
    kept.push(item);
  }
  return sameKind(subject, kept);
}

function partition([size, subject]: readonly Value[], machine: Machine): Vector {
  const items = itemsArgument(subject, "partition");
  const width = indexArgument(size, "partition");
  if (width < 1) throw typeError("a size of at least 1", `${width}`, "partition");
  machine.spend(items.length);
  const parts: Value[] = [];
  for (let at = 0; at < items.length; at += width)
    parts.push(new Vector(items.slice(at, at + width)));
  return new Vector(parts);
}

function repeat([times, value]: readonly Value[], machine: Machine): Vector {
  const size = Math.max(0, indexArgument(times, "repeat"));
  checkSize(size, "repeat");
  machine.spend(size);
  return new Vector(Array<Value>(size).fill(value!));
}

const counting = entry("count", 1, "Number of items, entries or code points", ([x], machine) =>
  count(x, machine),
);

export const SEQUENCES: readonly Entry[] = [
  entry("vector", [0, MANY], "A vector of the arguments", (args, machine) => {
    machine.spend(args.length);
    return new Vector([...args]);
  }),
  counting,
  alias("length", counting),
  entry("empty?", 1, "Whether a collection is empty; nil is", ([x]) => isEmpty(x!)),
  entry("first", 1, "The first item, nil when empty", ([x]) => first(x)),
  entry("rest", 1, "All but the first", ([x], machine) =>
    sameKind(x, sequenceArgument(x, "rest", machine).slice(1)),
  ),
  entry("last", 1, "The last item, nil when empty", ([x], machine) => last(x, machine)),
  entry("nth", [2, 3], "The item at an index", nth),
  entry(
    "take",
    2,
    "The first n",
    part("take", (size) => [0, size]),
  ),
  entry(
    "drop",
    2,
    "All but the first n",
    part("drop", (size, length) => [size, length]),
  ),
  entry("subvec", [2, 3], "A vector's part, end excluded", subvec),
  entry("reverse", 1, "Backwards", ([x], machine) =>
    sameKind(x, sequenceArgument(x, "reverse", machine).toReversed()),
  ),
  entry("conj", [2, MANY], "With items added at the end", ([subject, ...added], machine) =>
    conj(subject!, added, machine),
  ),
  entry("cons", 2, "With an item before the others", cons),
  entry("concat", [0, MANY], "All sequences in one vector", concat),
  entry("into", 2, "A collection with the items of another added", into),
  entry("contains?", 2, "Whether there is a key, an item or a part", contains),
  entry("range", [1, 3], "Numbers from start, end excluded", range),
  entry("numbers", 2, "Integers from start to end, both included", numbers),
  entry("distinct", 1, "Without repetitions", distinct),
  entry("partition", 2, "Parts of n items; the last may be shorter", partition),
  entry("repeat", 2, "n times the same", repeat),
];
