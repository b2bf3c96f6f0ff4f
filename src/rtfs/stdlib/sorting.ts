/**
 * Sorting by the total order of all kinds. Pays n·log2 n.
 *
 * Items that are all plain numbers, or all texts that order by their units, take the machine's own
 * sorts; both give the order of compareValues, and equal plain items cannot be told apart.
 *
 * @module
 */
import { compareValues } from "../values/equality.ts";
import type { Value } from "../values/value.ts";
import { Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  callingEntry,
  type Entry,
  entry,
  itemsArgument,
  partsArgument,
  sameKind,
  unaryOf,
} from "./entry.ts";
import { ordersByUnits } from "./text.ts";

function paySort(machine: BuiltinMachine, size: number): void {
  machine.spend(size * Math.ceil(Math.log2(size + 2)));
}

function sorted(items: readonly Value[], machine: BuiltinMachine): Value[] {
  const numbers = sortedNumbers(items);
  if (numbers !== null) return numbers;
  if (items.every((item) => typeof item === "string" && ordersByUnits(item))) {
    const texts = items as readonly string[];
    machine.spend(texts.reduce((sum, { length }) => sum + length, 0) >>> 3);
    return texts.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
  }
  return items.toSorted((a, b) => compareValues(a, b, machine.meter));
}

/** Plain numbers in order; null when something else is among them. */
function sortedNumbers(items: readonly Value[]): Value[] | null {
  const { length } = items;
  let areSmall = true;
  for (let at = 0; at < length; at++) {
    const item = items[at];
    if (typeof item !== "number") return null;
    areSmall &&= (item | 0) === item;
  }
  const numbers = items as readonly number[];
  const order = areSmall ? new Int32Array(numbers).sort() : new Float64Array(numbers).sort();
  const sortedItems: Value[] = Array(length);
  for (let at = 0; at < length; at++) sortedItems[at] = order[at]!;
  return sortedItems;
}

function sort([subject]: readonly Value[], machine: BuiltinMachine): Value {
  const items = partsArgument(subject, "sort", machine);
  paySort(machine, items.length);
  return sameKind(subject, sorted(items, machine));
}

function sortBy([f, subject]: readonly Value[], machine: BuiltinMachine): Vector {
  const keyOf = unaryOf(f, "sort-by", machine);
  const items = itemsArgument(subject, "sort-by", machine);
  paySort(machine, items.length);
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  keyed.sort((a, b) => compareValues(a.key, b.key, machine.meter));
  return new Vector(keyed.map(({ item }) => item));
}

export const SORTING: readonly Entry[] = [
  entry(
    "sort",
    1,
    {
      type: "seq or string → same kind",
      doc: "In the order of all kinds, stable",
      example: '[(sort [:b "a" 2 nil 1.5]) (sort "cab")] ;; => [[nil 1.5 2 "a" :b] "abc"]',
      errors: "TypeError",
    },
    sort,
  ),
  callingEntry(
    [0],
    entry(
      "sort-by",
      2,
      {
        type: "fn seq → vector",
        doc: "In the order of what a function makes of each item, stable",
        example: "(sort-by :n [{:n 2} {:n 1}]) ;; => [{:n 1} {:n 2}]",
        errors: "TypeError",
      },
      sortBy,
    ),
  ),
];
