/**
 * Taking values apart: `destructure` is lenient about what is missing and raises on a wrong
 * container; `matches` answers yes or no.
 *
 * @module
 */
import type { Pattern } from "../analysis/node.ts";
import { equalValues } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import { typeError } from "../values/rtfs-error.ts";
import { List, MapValue, type Value, Vector } from "../values/value.ts";
import { checkType } from "./check.ts";
import type { Environment } from "./environment.ts";
import type { Evaluation } from "./evaluation.ts";
import type { ReferenceMachine } from "./reference-machine.ts";

type VectorPattern = Extract<Pattern, { kind: "vector" }>;
type MapPattern = Extract<Pattern, { kind: "map" }>;

/** Patterns of `let` and parameters. */
export function* destructure(
  machine: ReferenceMachine,
  pattern: Pattern,
  value: Value,
  environment: Environment,
): Evaluation {
  if (pattern.kind === "vector") yield* takeItems(machine, pattern, value, environment);
  if (pattern.kind === "map") yield* takeEntries(machine, pattern, value, environment);
  if (pattern.kind === "bind") {
    const { type } = pattern;
    if (type !== null) checkType(machine, type, { value, what: "binding", span: null });
    environment.set(pattern.slot, value);
  }
  return value;
}

function* takeItems(
  machine: ReferenceMachine,
  { items, rest, whole }: VectorPattern,
  value: Value,
  environment: Environment,
): Evaluation {
  if (!(value instanceof Vector || value instanceof List)) {
    throw typeError("a vector", kindOf(value), "destructuring");
  }
  for (const [index, item] of items.entries()) {
    yield* destructure(machine, item, value.at(index) ?? null, environment);
  }
  if (rest !== null) yield* destructure(machine, rest, tail(machine, value, items), environment);
  if (whole !== null) yield* destructure(machine, whole, value, environment);
  return value;
}

/** Nil is taken apart like an empty map, but its rest is nil. */
function* takeEntries(
  machine: ReferenceMachine,
  pattern: MapPattern,
  value: Value,
  environment: Environment,
): Evaluation {
  if (value !== null && !(value instanceof MapValue)) {
    throw typeError("a map", kindOf(value), "destructuring");
  }
  for (const { key, pattern: inner, fallback } of pattern.entries) {
    let part = value?.get(key);
    if (part === undefined) part = fallback === null ? null : yield [fallback, environment];
    yield* destructure(machine, inner, part, environment);
  }
  const { rest, whole } = pattern;
  const left = value === null || rest === null ? null : without(machine, value, pattern);
  if (rest !== null) yield* destructure(machine, rest, left, environment);
  if (whole !== null) yield* destructure(machine, whole, value, environment);
  return value;
}

/** Patterns of `match`; binds on the way, also when the answer is no. */
export function matches(
  machine: ReferenceMachine,
  pattern: Pattern,
  value: Value,
  environment: Environment,
): boolean {
  switch (pattern.kind) {
    case "any":
      return true;
    case "bind":
      environment.set(pattern.slot, value);
      return true;
    case "literal":
      return equalValues(pattern.value, value, machine.meter);
    case "as":
      environment.set(pattern.slot, value);
      return matches(machine, pattern.pattern, value, environment);
    case "typed":
      if (pattern.type.check(value, machine.meter) !== null) return false;
      return matches(machine, pattern.pattern, value, environment);
    case "vector":
      return matchesItems(machine, pattern, value, environment);
    case "map":
      return matchesEntries(machine, pattern, value, environment);
  }
}

function matchesItems(
  machine: ReferenceMachine,
  { items, rest }: VectorPattern,
  value: Value,
  environment: Environment,
): boolean {
  if (!(value instanceof Vector || value instanceof List)) return false;
  const { length } = value;
  if (length < items.length || (rest === null && length > items.length)) return false;
  const isMatch = items.every((item, index) =>
    matches(machine, item, value.at(index)!, environment),
  );
  if (!isMatch || rest === null) return isMatch;
  return matches(machine, rest, tail(machine, value, items), environment);
}

function matchesEntries(
  machine: ReferenceMachine,
  pattern: MapPattern,
  value: Value,
  environment: Environment,
): boolean {
  if (!(value instanceof MapValue)) return false;
  const isMatch = pattern.entries.every(({ key, pattern: inner }) => {
    const part = value.get(key);
    return part !== undefined && matches(machine, inner, part, environment);
  });
  if (!isMatch || pattern.rest === null) return isMatch;
  return matches(machine, pattern.rest, without(machine, value, pattern), environment);
}

function tail(machine: ReferenceMachine, value: Vector | List, taken: readonly Pattern[]): List {
  machine.spend(value.length >>> 3);
  return List.rest(value, taken.length);
}

function without(machine: ReferenceMachine, map: MapValue, { entries }: MapPattern): MapValue {
  machine.spend(map.size);
  const taken = new Set(entries.map(({ key }) => key));
  return MapValue.of([...map.entries()].filter(([key]) => !taken.has(key)));
}
