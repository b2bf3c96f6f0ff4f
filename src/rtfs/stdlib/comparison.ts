/**
 * Equality, order, truth.
 *
 * @module
 */
import { compareOrdered, equalValues } from "../values/equality.ts";
import { isTruthy, type Value } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import { alias, type Entry, entry, MANY } from "./entry.ts";

function ordered(name: string, example: string, accept: (order: number) => boolean): Entry {
  const words = {
    type: "num num → bool, or string string → bool",
    doc: "Compares two numbers exactly, or two strings by code point",
    example,
    errors: "TypeError",
  };
  return entry(name, 2, words, ([a, b]) => accept(compareOrdered(name, a!, b!)));
}

function allEqual([first, ...others]: readonly Value[], machine: BuiltinMachine): boolean {
  machine.spend(others.length);
  return others.every((other) => equalValues(first!, other, machine.meter));
}

/** The value that decides a row of truths, the last when none does, as a function. */
function decider(isAnd: boolean): Entry["run"] {
  return (args, machine) => {
    machine.spend(args.length);
    if (args.length === 0) return isAnd;
    const deciding = args.findIndex((value) => isTruthy(value) !== isAnd);
    return args.at(deciding)!;
  };
}

const differ = entry(
  "!=",
  2,
  {
    type: "any any → bool",
    doc: "Whether two values are not equal",
    example: "[(!= 1 2) (!= ##NaN ##NaN)] ;; => [true true]",
  },
  ([a, b], { meter }) => !equalValues(a!, b!, meter),
);

export const COMPARISON: readonly Entry[] = [
  entry(
    "=",
    [1, MANY],
    {
      type: "any any… → bool",
      doc: "Whether all equal the first, by content; an integer never equals a float",
      example:
        "[(= 1 1 1) (= 1 1.0) (= [1] '(1)) (= {:a 1 :b 2} {:b 2 :a 1})] ;; => [true false true true]",
    },
    allEqual,
  ),
  differ,
  alias("not=", differ, '(not= :a "a") ;; => true'),
  ordered("<", "(< 9007199254740992 9007199254740993) ;; => true", (order) => order < 0),
  ordered(">", '(> "b" "a") ;; => true', (order) => order > 0),
  ordered("<=", "(<= 1 1.0) ;; => true", (order) => order <= 0),
  ordered(">=", "(>= 1 ##NaN) ;; => false", (order) => order >= 0),
  entry(
    "not",
    1,
    {
      type: "any → bool",
      doc: "True for nil and false, else false",
      example: "[(not nil) (not 0)] ;; => [true false]",
    },
    ([x]) => !isTruthy(x!),
  ),
  entry(
    "and",
    [0, MANY],
    {
      type: "any… → any",
      doc: "The first false argument, else the last; true without. Called by name it stops there",
      example: "[(and) (and 1 nil 2) (reduce and [1 2])] ;; => [true nil 2]",
    },
    decider(true),
  ),
  entry(
    "or",
    [0, MANY],
    {
      type: "any… → any",
      doc: "The first true argument, else the last; false without. Called by name it stops there",
      example: "[(or) (or nil 2 3) (apply or [false nil])] ;; => [false 2 nil]",
    },
    decider(false),
  ),
];
