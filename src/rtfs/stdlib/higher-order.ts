/**
 * Functions that call functions. Each callback pays for itself; the walk pays by length.
 *
 * @module
 */
import type { Machine } from "../eval/machine.ts";
import { compareValues } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import { isInt } from "../values/numbers.ts";
import { displayMetered } from "../values/print.ts";
import { typeError } from "../values/rtfs-error.ts";
import {
  FunctionValue,
  isTruthy,
  Keyword,
  type MapKey,
  type Value,
  Vector,
  MapValue,
} from "../values/value.ts";
import {
  callingEntry,
  type Entry,
  entry,
  invalidArgument,
  itemsArgument,
  MANY,
  sameKind,
  sequenceArgument,
} from "./entry.ts";

function callable(value: Value | undefined, operation: string): Value {
  if (value instanceof FunctionValue || value instanceof Keyword) return value;
  throw typeError("a function", kindOf(value ?? null), operation);
}

function keep(name: string, isKept: boolean): Entry["run"] {
  return ([f, subject], machine) => {
    const test = callable(f, name);
    const items = sequenceArgument(subject, name, machine);
    const kept = items.filter((item) => isTruthy(machine.apply(test, [item])) === isKept);
    return name === "filter" ? new Vector(kept) : sameKind(subject, kept);
  };
}

function reduce([f, ...rest]: readonly Value[], machine: Machine): Value {
  const combine = callable(f, "reduce");
  const items = sequenceArgument(rest.at(-1), "reduce", machine);
  if (rest.length === 1 && items.length === 0) {
    throw invalidArgument("reduce: the collection is empty and there is no initial value");
  }
  let result: Value = rest.length === 2 ? rest[0]! : items[0]!;
  for (let index = 2 - rest.length; index < items.length; index++) {
    result = machine.apply(combine, [result, items[index]!]);
  }
  return result;
}

function apply([f, ...rest]: readonly Value[], machine: Machine): Value {
  const spread = spreadArgument(rest.at(-1)!, machine);
  return machine.apply(callable(f, "apply"), rest.slice(0, -1).concat(spread));
}

function spreadArgument(value: Value, machine: Machine): readonly Value[] {
  if (value === null) return [];
  if (!(value instanceof MapValue)) return sequenceArgument(value, "apply", machine);
  machine.spend(value.size);
  return [...value.entries()].flat();
}

/** Sorting pays n·log2 n. */
function paySort(machine: Machine, size: number): void {
  machine.spend(size * Math.ceil(Math.log2(size + 2)));
}

function sort([subject]: readonly Value[], machine: Machine): Value {
  const items = sequenceArgument(subject, "sort", machine);
  paySort(machine, items.length);
  if (items.every((item) => typeof item === "number" && Number.isInteger(item))) {
    return sameKind(subject, Array.from(Float64Array.from(items as readonly number[]).sort()));
  }
  return sameKind(
    subject,
    items.toSorted((a, b) => compareValues(a, b, machine.meter)),
  );
}

function sortBy([f, subject]: readonly Value[], machine: Machine): Vector {
  const keyOf = callable(f, "sort-by");
  const items = itemsArgument(subject, "sort-by");
  paySort(machine, items.length);
  const keyed = items.map((item) => ({ item, key: machine.apply(keyOf, [item]) }));
  keyed.sort((a, b) => compareValues(a.key, b.key, machine.meter));
  return new Vector(keyed.map(({ item }) => item));
}

/** A value as a map key; what is no key becomes its text. */
function groupKey(value: Value, { meter }: Machine): MapKey {
  if (value instanceof Keyword || typeof value === "string" || isInt(value)) return value;
  return displayMetered(value, meter);
}

function groupBy([f, subject]: readonly Value[], machine: Machine): MapValue {
  const keyOf = callable(f, "group-by");
  const items = subject === null ? [] : itemsArgument(subject, "group-by");
  machine.spend(items.length);
  const groups = new Map<MapKey, Value[]>();
  for (const item of items) {
    const key = groupKey(machine.apply(keyOf, [item]), machine);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return MapValue.of([...groups].map(([key, group]) => [key, new Vector(group)] as const));
}

function frequencies([subject]: readonly Value[], machine: Machine): MapValue {
  const items = itemsArgument(subject, "frequencies");
  machine.spend(items.length);
  const counts = new Map<MapKey, number>();
  for (const item of items) {
    const key = groupKey(item, machine);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new MapValue(counts);
}

function every([f, subject]: readonly Value[], machine: Machine): boolean {
  const test = callable(f, "every?");
  const items = sequenceArgument(subject, "every?", machine);
  return items.every((item) => isTruthy(machine.apply(test, [item])));
}

function some([f, subject]: readonly Value[], machine: Machine): boolean {
  const test = callable(f, "some?");
  const items = sequenceArgument(subject, "some?", machine);
  return items.some((item) => isTruthy(machine.apply(test, [item])));
}

function map([f, subject]: readonly Value[], machine: Machine): Vector {
  const change = callable(f, "map");
  const items = sequenceArgument(subject, "map", machine);
  return new Vector(items.map((item) => machine.apply(change, [item])));
}

function mapIndexed([f, subject]: readonly Value[], machine: Machine): Vector {
  const change = callable(f, "map-indexed");
  const items = sequenceArgument(subject, "map-indexed", machine);
  return new Vector(items.map((item, index) => machine.apply(change, [index, item])));
}

export const HIGHER_ORDER: readonly Entry[] = [
  ...[
    entry("map", 2, "A vector of what a function makes of each item", map),
    entry("map-indexed", 2, "Like `map`; the function gets index and item", mapIndexed),
    entry("filter", 2, "A vector of the items that pass", keep("filter", true)),
    entry("remove", 2, "Without the items that pass", keep("remove", false)),
    entry("reduce", [2, 3], "Items combined from left to right", reduce),
    entry("apply", [2, MANY], "Calls a function with the last argument spread", apply),
    entry("sort-by", 2, "Sorted by a key, stable", sortBy),
    entry("group-by", 2, "A map from key to the items that have it", groupBy),
    entry("every?", 2, "Whether all pass", every),
    entry("some?", 2, "Whether one passes", some),
  ].map((plain) => callingEntry([0], plain)),
  entry("sort", 1, "Sorted by the total order, stable", sort),
  entry("frequencies", 1, "A map from item to how often it stands there", frequencies),
];
