/**
 * Functions that call functions. Each callback pays for itself, may be anything that can be called,
 * and may call the host; the walk pays by length.
 *
 * @module
 */
import { isInt } from "../values/numbers.ts";
import { displayMetered } from "../values/print.ts";
import { checkSize } from "../values/limits.ts";
import { equalValues } from "../values/equality.ts";
import { isTruthy, Keyword, type MapKey, MapValue, type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  binaryOf,
  callable,
  callingEntry,
  type Entry,
  entry,
  invalidArgument,
  itemsArgument,
  MANY,
  partsArgument,
  sameKind,
  unaryOf,
} from "./entry.ts";

type Args = readonly Value[];

function map([f, subject]: Args, machine: BuiltinMachine): Vector {
  const change = unaryOf(f, "map", machine);
  const items = partsArgument(subject, "map", machine);
  const { length } = items;
  const results: Value[] = Array(length);
  for (let at = 0; at < length; at++) results[at] = change(items[at]!);
  return new Vector(results);
}

function mapIndexed([f, subject]: Args, machine: BuiltinMachine): Vector {
  const change = binaryOf(f, "map-indexed", machine);
  const items = partsArgument(subject, "map-indexed", machine);
  return new Vector(items.map((item, index) => change(index, item)));
}

function mapcat([f, subject]: Args, machine: BuiltinMachine): Vector {
  const change = unaryOf(f, "mapcat", machine);
  const results: Value[] = [];
  for (const item of partsArgument(subject, "mapcat", machine)) {
    const made = partsArgument(change(item), "mapcat", machine);
    checkSize(results.length + made.length, "mapcat");
    for (const each of made) results.push(each);
  }
  return new Vector(results);
}

function keep(name: string, isKept: boolean): Entry["run"] {
  return ([f, subject], machine) => {
    const test = unaryOf(f, name, machine);
    const items = partsArgument(subject, name, machine);
    const kept: Value[] = [];
    for (let at = 0; at < items.length; at++) {
      const item = items[at]!;
      if (isTruthy(test(item)) === isKept) kept.push(item);
    }
    return name === "filter" ? new Vector(kept) : sameKind(subject, kept);
  };
}

/** The index of the first item that fails; the length when none does. */
function prefixLength(items: readonly Value[], test: (item: Value) => Value): number {
  let at = 0;
  while (at < items.length && isTruthy(test(items[at]!))) at++;
  return at;
}

function prefix(name: string, isTaken: boolean): Entry["run"] {
  return ([f, subject], machine) => {
    const test = unaryOf(f, name, machine);
    const items = partsArgument(subject, name, machine);
    const end = prefixLength(items, test);
    return sameKind(subject, isTaken ? items.slice(0, end) : items.slice(end));
  };
}

/** Where `reduce` begins without an initial value. @throws {RtfsError} InvalidArgument. */
export function firstItem(items: readonly Value[]): Value {
  if (items.length > 0) return items[0]!;
  throw invalidArgument("reduce: the collection is empty and there is no initial value");
}

function reduce([f, ...rest]: Args, machine: BuiltinMachine): Value {
  const combine = binaryOf(f, "reduce", machine);
  const items = partsArgument(rest.at(-1), "reduce", machine);
  let result: Value = rest.length === 2 ? rest[0]! : firstItem(items);
  for (let index = 2 - rest.length; index < items.length; index++) {
    result = combine(result, items[index]!);
  }
  return result;
}

function apply([f, ...rest]: Args, machine: BuiltinMachine): Value {
  const spread = spreadArgument(rest.at(-1)!, machine);
  return machine.apply(callable(f, "apply"), rest.slice(0, -1).concat(spread));
}

function spreadArgument(value: Value, machine: BuiltinMachine): readonly Value[] {
  if (value === null) return [];
  if (!(value instanceof MapValue)) return partsArgument(value, "apply", machine);
  machine.spend(value.size);
  return [...value.entries()].flat();
}

/** A value as a map key; what is no key becomes its text. */
function groupKey(value: Value, { meter }: BuiltinMachine): MapKey {
  if (value instanceof Keyword || typeof value === "string" || isInt(value)) return value;
  return displayMetered(value, meter);
}

function groupBy([f, subject]: Args, machine: BuiltinMachine): MapValue {
  const keyOf = unaryOf(f, "group-by", machine);
  const items = subject === null ? [] : itemsArgument(subject, "group-by", machine);
  const groups = new Map<MapKey, Value[]>();
  for (const item of items) {
    const key = groupKey(keyOf(item), machine);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return MapValue.of([...groups].map(([key, group]) => [key, new Vector(group)] as const));
}

function frequencies([subject]: Args, machine: BuiltinMachine): MapValue {
  const counts = new Map<MapKey, number>();
  for (const item of itemsArgument(subject, "frequencies", machine)) {
    const key = groupKey(item, machine);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new MapValue(counts);
}

function partitionBy([f, subject]: Args, machine: BuiltinMachine): Vector {
  const keyOf = unaryOf(f, "partition-by", machine);
  const parts: Value[][] = [];
  let last: Value | undefined;
  for (const item of itemsArgument(subject, "partition-by", machine)) {
    const key = keyOf(item);
    if (last !== undefined && equalValues(last, key, machine.meter)) parts.at(-1)!.push(item);
    else parts.push([item]);
    last = key;
  }
  return new Vector(parts.map((part) => new Vector(part)));
}

function every([f, subject]: Args, machine: BuiltinMachine): boolean {
  const test = unaryOf(f, "every?", machine);
  const items = partsArgument(subject, "every?", machine);
  return prefixLength(items, test) === items.length;
}

function some([f, subject]: Args, machine: BuiltinMachine): boolean {
  const test = unaryOf(f, "some?", machine);
  return partsArgument(subject, "some?", machine).some((item) => isTruthy(test(item)));
}

function firstTruth([f, subject]: Args, machine: BuiltinMachine): Value {
  const test = unaryOf(f, "some", machine);
  for (const item of partsArgument(subject, "some", machine)) {
    const found = test(item);
    if (isTruthy(found)) return found;
  }
  return null;
}

type Plain = readonly [name: string, type: string, doc: string, example: string, run: Entry["run"]];

const CALLING_FIRST: readonly Plain[] = [
  [
    "map",
    "fn, seq or string → vector",
    "What a function makes of each item or character",
    '[(map inc [1 2]) (map :a [{:a 1} {}]) (map str "ab")] ;; => [[2 3] [1 nil] ["a" "b"]]',
    map,
  ],
  [
    "map-indexed",
    "fn, seq or string → vector",
    "Like `map`; the function gets the index from 0 and the item",
    "(map-indexed vector [:a :b]) ;; => [[0 :a] [1 :b]]",
    mapIndexed,
  ],
  [
    "mapcat",
    "fn, seq or string → vector",
    "Like `map`, with the sequences that the function makes in one",
    "(mapcat #(repeat % %) [1 2]) ;; => [1 2 2]",
    mapcat,
  ],
  [
    "filter",
    "fn, seq or string → vector",
    "The items that pass",
    "(filter odd? '(1 2 3)) ;; => [1 3]",
    keep("filter", true),
  ],
  [
    "remove",
    "fn, seq or string → same kind",
    "Without the items that pass",
    "[(remove odd? '(1 2 3)) (remove :done [{:done 1} {}])] ;; => [(2) [{}]]",
    keep("remove", false),
  ],
  [
    "take-while",
    "fn, seq or string → same kind",
    "The items before the first that fails",
    "(take-while pos? [2 1 0 3]) ;; => [2 1]",
    prefix("take-while", true),
  ],
  [
    "drop-while",
    "fn, seq or string → same kind",
    "The items from the first that fails",
    "(drop-while pos? [2 1 0 3]) ;; => [0 3]",
    prefix("drop-while", false),
  ],
  [
    "group-by",
    "fn, seq or nil → map of vectors",
    "The items by what a function makes of them; what is no key becomes its text",
    '(group-by odd? [1 2 3]) ;; => {"true" [1 3] "false" [2]}',
    groupBy,
  ],
  [
    "partition-by",
    "fn seq → vector of vectors",
    "Runs of items of which a function makes the same",
    "(partition-by odd? [1 3 2 5]) ;; => [[1 3] [2] [5]]",
    partitionBy,
  ],
  [
    "every?",
    "fn, seq or string → bool",
    "Whether all pass; of none, true. Stops at the first that fails",
    "[(every? odd? [1 3]) (every? odd? [])] ;; => [true true]",
    every,
  ],
  [
    "some?",
    "fn, seq or string → bool",
    "Whether one passes. Stops there",
    "[(some? odd? [2 3]) (some? odd? [])] ;; => [true false]",
    some,
  ],
  [
    "some",
    "fn, seq or string → any",
    "The first true value that a function makes of an item, else nil",
    "[(some :a [{} {:a 7}]) (some odd? [2])] ;; => [7 nil]",
    firstTruth,
  ],
];

export const HIGHER_ORDER: readonly Entry[] = [
  ...CALLING_FIRST.map(([name, type, doc, example, run]) =>
    callingEntry([0], entry(name, 2, { type, doc, example, errors: "TypeError" }, run)),
  ),
  callingEntry(
    [0],
    entry(
      "reduce",
      [2, 3],
      {
        type: "fn, any?, seq or string → any",
        doc: "Items combined from left to right, from a first value or the first item",
        example: "[(reduce + [1 2 3]) (reduce conj [] '(1 2))] ;; => [6 [1 2]]",
        errors: "TypeError InvalidArgument",
      },
      reduce,
    ),
  ),
  callingEntry(
    [0],
    entry(
      "apply",
      [2, MANY],
      {
        type: "fn any… coll → any",
        doc: "Calls a function with the last argument spread: items, characters, keys and values; nothing of nil",
        example: '[(apply + 1 [2 3]) (apply hash-map {:a 1}) (apply str nil)] ;; => [6 {:a 1} ""]',
        errors: "TypeError",
      },
      apply,
    ),
  ),
  entry(
    "frequencies",
    1,
    {
      type: "seq → map of int",
      doc: "How often each item is there; what is no key becomes its text",
      example: "(frequencies [:a :b :a]) ;; => {:a 2 :b 1}",
      errors: "TypeError",
    },
    frequencies,
  ),
];
