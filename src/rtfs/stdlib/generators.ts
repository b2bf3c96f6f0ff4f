/**
 * Sequences from numbers, and sequences without repetitions.
 *
 * @module
 */
import { equalValues, shallowHash } from "../values/equality.ts";
import { checkSize } from "../values/limits.ts";
import {
  add,
  compareNumbers,
  isInt,
  isNumber,
  numberOperand,
  toDouble,
} from "../values/numbers.ts";
import { Keyword, type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  type Entry,
  entry,
  indexArgument,
  invalidArgument,
  partsArgument,
  sameKind,
} from "./entry.ts";

function range(args: readonly Value[], machine: BuiltinMachine): Vector {
  const [start, end, step] =
    args.length === 1 ? [0, args[0]!, 1] : [args[0]!, args[1]!, args[2] ?? 1];
  const from = numberOperand(start!, "range");
  const to = numberOperand(end!, "range");
  const by = numberOperand(step!, "range");
  if (toDouble(by) === 0) throw invalidArgument("range: the step is zero");
  const size = Math.ceil((toDouble(to) - toDouble(from)) / toDouble(by));
  if (Number.isNaN(size)) throw invalidArgument("range: a bound or the step is not a number");
  checkSize(size, "range");
  machine.spend(Math.max(0, size));
  const isExact = [from, to, by].every((each) => typeof each === "number" && isInt(each));
  if (isExact && Number.isSafeInteger((to as number) - (from as number)))
    return plainRange(from as number, by as number, Math.max(0, size));
  const isUp = compareNumbers(by, 0) > 0;
  const items: Value[] = [];
  for (let at: Value = from; isNumber(at); at = add(at, by)) {
    const order = compareNumbers(at, to);
    if (!(isUp ? order < 0 : order > 0)) break;
    items.push(at);
    checkSize(items.length, "range");
  }
  return new Vector(items);
}

/** All of it lies between two safe integers. */
function plainRange(from: number, by: number, size: number): Vector {
  const items: Value[] = Array(size);
  for (let index = 0; index < size; index++) items[index] = from + index * by;
  return new Vector(items);
}

function numbers([start, end]: readonly Value[], machine: BuiltinMachine): Vector {
  const from = Math.trunc(toDouble(numberOperand(start!, "numbers")));
  const to = Math.trunc(toDouble(numberOperand(end!, "numbers")));
  const isSafe = Number.isSafeInteger(from) && Number.isSafeInteger(to);
  if (!isSafe) throw invalidArgument("numbers: a bound is out of range");
  checkSize(to - from + 1, "numbers");
  machine.spend(Math.max(0, to - from));
  return plainRange(from + 0, 1, Math.max(0, to - from + 1));
}

function repeat([times, value]: readonly Value[], machine: BuiltinMachine): Vector {
  const size = Math.max(0, indexArgument(times, "repeat"));
  checkSize(size, "repeat");
  machine.spend(size);
  return new Vector(Array<Value>(size).fill(value!));
}

/** Values that are the same object when they are equal. */
function isPlain(value: Value): boolean {
  const isScalar = typeof value === "string" || typeof value === "boolean" || value === null;
  return isScalar || value instanceof Keyword || isInt(value);
}

function distinct([subject]: readonly Value[], machine: BuiltinMachine): Value {
  const kept: Value[] = [];
  const plain = new Set<Value>();
  const others = new Map<number, Value[]>();
  for (const item of partsArgument(subject, "distinct", machine)) {
    if (isPlain(item)) {
      if (plain.has(item)) continue;
      plain.add(item);
    } else {
      const hash = shallowHash(item);
      const alike = others.get(hash) ?? [];
      machine.spend(1 + alike.length);
      if (alike.some((other) => equalValues(other, item, machine.meter))) continue;
      alike.push(item);
      others.set(hash, alike);
    }
    kept.push(item);
  }
  return sameKind(subject, kept);
}

export const GENERATORS: readonly Entry[] = [
  entry(
    "range",
    [1, 3],
    {
      type: "end, or start end step? → vector",
      doc: "Numbers from 0 or a start, up or down to an end that is left out",
      example:
        "[(range 3) (range 1 3) (range 3 0 -1) (range 5 1)] ;; => [[0 1 2] [1 2] [3 2 1] []]",
      errors: "TypeError InvalidArgument",
    },
    range,
  ),
  entry(
    "numbers",
    2,
    {
      type: "num num → vector of int",
      doc: "Integers from a start to an end, both included",
      example: "[(numbers 1 3) (numbers 1.9 2.9) (numbers 2 1)] ;; => [[1 2 3] [1 2] []]",
      errors: "TypeError InvalidArgument",
    },
    numbers,
  ),
  entry(
    "repeat",
    2,
    {
      type: "int any → vector",
      doc: "n times the same",
      example: "[(repeat 2 :a) (repeat -1 0)] ;; => [[:a :a] []]",
      errors: "TypeError",
    },
    repeat,
  ),
  entry(
    "distinct",
    1,
    {
      type: "seq or string → same kind",
      doc: "Only the first of equal items",
      example: '[(distinct [1 1.0 1 [2] [2]]) (distinct "abab")] ;; => [[1 1.0 [2]] "ab"]',
      errors: "TypeError",
    },
    distinct,
  ),
];
