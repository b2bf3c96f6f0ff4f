/**
 * Checks that choose: optionals, unions, enums; and kinds that are only looked at from outside.
 *
 * @module
 */
import { equalValues } from "../values/equality.ts";
import { printValue } from "../values/print.ts";
import { FunctionValue, ResourceHandle, type Value } from "../values/value.ts";
import { type Check, mismatch, type TypeFailure } from "./failure.ts";

/** Nil, or a value that fits. */
export function checkOptional(check: Check, expected: string): Check {
  return (value, meter) => {
    const failure = value === null ? null : check(value, meter);
    const isOutside = failure !== null && failure.path === "" && failure.kind === "TypeMismatch";
    return isOutside ? { ...failure, expected } : failure;
  };
}

/** A value that fits one of them; the first that does ends the search. */
export function checkUnion(checks: readonly Check[]): Check {
  return (value, meter) => {
    const failures: TypeFailure[] = [];
    meter(1);
    for (const check of checks) {
      const failure = check(value, meter);
      if (failure === null) return null;
      failures.push(failure);
    }
    return nearest(failures);
  };
}

/** Of the failed alternatives the one that went deepest; several at the top are named together. */
function nearest(failures: readonly TypeFailure[]): TypeFailure {
  const deepest = failures.reduce((best, each) =>
    each.path.length > best.path.length ? each : best,
  );
  if (deepest.path !== "") return deepest;
  const expected = [...new Set(failures.map((failure) => failure.expected))].join(" or ");
  return { ...deepest, expected };
}

/** One of the literals, by `=`. */
export function checkEnum(literals: readonly Value[]): Check {
  const expected = literals.map((literal) => printValue(literal)).join(" or ");
  return (value, meter) =>
    literals.some((literal) => equalValues(literal, value, meter))
      ? null
      : mismatch(expected, value);
}

export const isFunction: Check = (value) =>
  value instanceof FunctionValue ? null : mismatch("fn", value);

export const isResource: Check = (value) =>
  value instanceof ResourceHandle ? null : mismatch("resource", value);
