import { compareOrdered } from "../eval/generate-operator.ts";
import type { Machine } from "../eval/machine.ts";
import { equalValues } from "../values/equality.ts";
import { isTruthy, type Value } from "../values/value.ts";
import { type Entry, entry, MANY } from "./entry.ts";

function ordered(name: string, accept: (order: number) => boolean): Entry {
  return entry(name, 2, "Compares two numbers or two strings", ([a, b]) =>
    accept(compareOrdered(name, a!, b!)),
  );
}

function allEqual([first, ...others]: readonly Value[], machine: Machine): boolean {
  machine.spend(others.length);
  return others.every((other) => equalValues(first!, other, machine.meter));
}

function differ([a, b]: readonly Value[], { meter }: Machine): boolean {
  return !equalValues(a!, b!, meter);
}

/** The value that decides a row of truths, as a function. */
function decider(isAnd: boolean): Entry["run"] {
  return (args) => {
    const deciding = args.find((value) => isTruthy(value) !== isAnd);
    return deciding === undefined ? (args.at(-1) ?? isAnd) : deciding;
  };
}

export const COMPARISON: readonly Entry[] = [
  entry("=", [1, MANY], "Whether all equal the first", allEqual),
  entry("!=", 2, "Whether two differ", differ),
  entry("not=", 2, "Whether two differ", differ),
  ordered("<", (order) => order < 0),
  ordered(">", (order) => order > 0),
  ordered("<=", (order) => order <= 0),
  ordered(">=", (order) => order >= 0),
  entry("not", 1, "True for nil and false", ([x]) => !isTruthy(x!)),
  entry("and", [0, MANY], "The first falsy argument, else the last", decider(true)),
  entry("or", [0, MANY], "The first truthy argument, else the last", decider(false)),
];
