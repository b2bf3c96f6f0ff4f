/**
 * Refinements: `[:and :int [:>= 0] [:< 10]]`.
 *
 * A predicate on a kind it does not know is a failure. Lengths count code points. `:matches-regex`
 * is not compiled by this version and is refused.
 *
 * @module
 */
import { type Form, formToValue, keyOf } from "../syntax/form.ts";
import { compareNumbers, isNumber } from "../values/numbers.ts";
import { printValue } from "../values/print.ts";
import { List, type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import type { Check } from "./failure.ts";
import { BadType, nameOf } from "./type-form.ts";

type Test = (value: Value) => boolean;
type Build = (args: readonly Form[], form: Form) => Test;

/**
 * Whether the form looks like a refinement. An unknown name of that look is refused when compiled.
 */
export function isPredicate(form: Form): boolean {
  const name = form.kind === "vector" ? nameOf(form.items[0]) : null;
  return name !== null && (PREDICATES.has(name) || name === "matches-regex");
}

export function compilePredicate(form: Form): Check {
  const items = form.kind === "vector" ? form.items : [];
  const build = PREDICATES.get(nameOf(items[0]) ?? "");
  if (build === undefined) {
    throw new BadType(form.span, "This version does not check regular expressions in types");
  }
  const test = build(items.slice(1), form);
  const expected = printValue(formToValue(form));
  return (value) => (test(value) ? null : { path: "", expected, actual: clipped(value) });
}

/** Small numbers are shown; everything else could be secret or huge. */
function clipped(value: Value): string {
  return isNumber(value) ? printValue(value) : "a value that does not hold it";
}

function compare(accept: (order: number) => boolean): Build {
  return (args, form) => {
    const limit = numberArgument(args, 0, form);
    return (value) => isNumber(value) && accept(compareNumbers(value, limit));
  };
}

function numberArgument(args: readonly Form[], index: number, form: Form): number | bigint {
  const argument = args[index];
  if (argument?.kind === "integer" || argument?.kind === "float") return argument.value;
  throw new BadType(form.span, "This predicate needs a number");
}

function size(
  measure: (value: Value) => number | null,
  accept: (size: number, limit: number) => boolean,
): Build {
  return (args, form) => {
    const limit = Number(numberArgument(args, 0, form));
    return (value) => {
      const measured = measure(value);
      return measured !== null && accept(measured, limit);
    };
  };
}

function codePoints(value: Value): number | null {
  if (typeof value !== "string") return null;
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function itemCount(value: Value): number | null {
  if (value instanceof Vector || value instanceof List) return value.items.length;
  return value instanceof MapValue ? value.size : null;
}

const atLeast = (measured: number, limit: number): boolean => measured >= limit;
const atMost = (measured: number, limit: number): boolean => measured <= limit;
const exactly = (measured: number, limit: number): boolean => measured === limit;

function hasKeys(keys: readonly MapKey[]): Test {
  return (value) => value instanceof MapValue && keys.every((key) => value.has(key));
}

function keyArgument(form: Form | undefined, whole: Form): MapKey {
  const key = form === undefined ? null : keyOf(form);
  if (key === null) throw new BadType(whole.span, "This predicate needs a key");
  return key;
}

const PREDICATES: ReadonlyMap<string, Build> = new Map<string, Build>([
  [">", compare((order) => order > 0)],
  [">=", compare((order) => order >= 0)],
  ["<", compare((order) => order < 0)],
  ["<=", compare((order) => order <= 0)],
  ["=", compare((order) => order === 0)],
  ["!=", compare((order) => order !== 0)],
  [
    "in-range",
    (args, form) => {
      const low = numberArgument(args, 0, form);
      const high = numberArgument(args, 1, form);
      return (value) =>
        isNumber(value) && compareNumbers(value, low) >= 0 && compareNumbers(value, high) <= 0;
    },
  ],
  ["min-length", size(codePoints, atLeast)],
  ["max-length", size(codePoints, atMost)],
  ["length", size(codePoints, exactly)],
  ["is-url", () => (value) => typeof value === "string" && /^https?:\/\/[^\s]/.test(value)],
  ["is-email", () => (value) => typeof value === "string" && /^[^\s@]+@[^\s@]+$/.test(value)],
  ["min-count", size(itemCount, atLeast)],
  ["max-count", size(itemCount, atMost)],
  ["count", size(itemCount, exactly)],
  ["non-empty", () => (value) => (itemCount(value) ?? codePoints(value) ?? 0) > 0],
  ["has-key", (args, form) => hasKeys([keyArgument(args[0], form)])],
  [
    "required-keys",
    (args, form) => {
      const [keys] = args;
      if (keys?.kind !== "vector") throw new BadType(form.span, "`required-keys` needs a vector");
      return hasKeys(keys.items.map((key) => keyArgument(key, form)));
    },
  ],
]);
