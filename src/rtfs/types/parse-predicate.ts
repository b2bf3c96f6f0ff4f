/**
 * Refinements: `[:and :int [:>= 0] [:< 10]]`.
 *
 * @module
 */
import { compilePattern } from "../regex/index.ts";
import { type Form, keyOf } from "../syntax/form.ts";
import { makeFloat } from "../values/numbers.ts";
import { type MapKey, WholeFloat } from "../values/value.ts";
import type { NumberValue, Predicate } from "./type.ts";
import { BadType } from "./type-form.ts";

type Arguments = readonly Form[];
type Parse = (args: Arguments, form: Form) => Predicate;

/** @param name - One that {@link isPredicateName} knows; the head of `form`. */
export function parsePredicate(form: Form, name: string): Predicate {
  const args = form.kind === "vector" ? form.items.slice(1) : [];
  return PARSERS.get(name)!(args, form);
}

export function isPredicateName(name: string): boolean {
  return PARSERS.has(name);
}

function count(args: Arguments, form: Form, expected: number, what: string): void {
  if (args.length !== expected) throw new BadType(form.span, `This predicate needs ${what}`);
}

function numberArgument(argument: Form | undefined, form: Form, what: string): NumberValue {
  if (argument?.kind === "integer") return argument.value;
  if (argument?.kind === "float" && !Number.isNaN(argument.value)) {
    return canonicalNumber(makeFloat(argument.value));
  }
  throw new BadType(form.span, `This predicate needs ${what}`);
}

/** Predicates compare by value, so a whole float is the integer it equals. */
export function canonicalNumber(value: NumberValue): NumberValue {
  const isSafe = value instanceof WholeFloat && Number.isSafeInteger(value.value);
  return isSafe ? value.value + 0 : value;
}

function comparison(name: ">" | ">=" | "<" | "<=" | "=" | "!="): Parse {
  return (args, form) => {
    count(args, form, 1, "a number");
    return { kind: "predicate", name, limit: numberArgument(args[0], form, "a number") };
  };
}

const inRange: Parse = (args, form) => {
  count(args, form, 2, "two numbers");
  const low = numberArgument(args[0], form, "two numbers");
  const high = numberArgument(args[1], form, "two numbers");
  return { kind: "predicate", name: "in-range", low, high };
};

function sized(
  name: "min-length" | "max-length" | "length" | "min-count" | "max-count" | "count",
): Parse {
  return ([argument, ...more], form) => {
    const isCount =
      argument?.kind === "integer" &&
      more.length === 0 &&
      argument.value >= 0 &&
      Number.isSafeInteger(Number(argument.value));
    if (!isCount) throw new BadType(form.span, "This predicate needs a count");
    return { kind: "predicate", name, size: Number(argument.value) };
  };
}

const matchesRegex: Parse = ([argument, ...more], form) => {
  if (argument?.kind !== "string" || more.length > 0) {
    throw new BadType(form.span, "This predicate needs a pattern in a string");
  }
  const compiled = compilePattern(argument.value);
  if (!compiled.ok) {
    throw new BadType(argument.span, `This is no pattern: ${compiled.error}`, DIALECT);
  }
  return { kind: "predicate", name: "matches-regex", pattern: argument.value };
};
const DIALECT = "The dialect is RE2's: no back-references, no look-around";

function plain(name: "is-url" | "is-email" | "non-empty"): Parse {
  return (args, form) => {
    count(args, form, 0, "nothing behind its name");
    return { kind: "predicate", name };
  };
}

function keyArgument(form: Form | undefined, whole: Form): MapKey {
  const key = form === undefined ? null : keyOf(form);
  if (key === null) throw new BadType(whole.span, "This predicate needs a key");
  return key;
}

const hasKey: Parse = (args, form) => {
  count(args, form, 1, "a key");
  return { kind: "predicate", name: "has-key", keys: [keyArgument(args[0], form)] };
};

const requiredKeys: Parse = ([keys, ...more], form) => {
  if (keys?.kind !== "vector" || more.length > 0) {
    throw new BadType(form.span, "`required-keys` needs a vector");
  }
  const wanted = keys.items.map((key) => keyArgument(key, form));
  return { kind: "predicate", name: "required-keys", keys: wanted };
};

const PARSERS: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  [">", comparison(">")],
  [">=", comparison(">=")],
  ["<", comparison("<")],
  ["<=", comparison("<=")],
  ["=", comparison("=")],
  ["!=", comparison("!=")],
  ["in-range", inRange],
  ["min-length", sized("min-length")],
  ["max-length", sized("max-length")],
  ["length", sized("length")],
  ["matches-regex", matchesRegex],
  ["is-url", plain("is-url")],
  ["is-email", plain("is-email")],
  ["min-count", sized("min-count")],
  ["max-count", sized("max-count")],
  ["count", sized("count")],
  ["non-empty", plain("non-empty")],
  ["has-key", hasKey],
  ["required-keys", requiredKeys],
]);

export const PREDICATE_NAMES: readonly string[] = [...PARSERS.keys()];
