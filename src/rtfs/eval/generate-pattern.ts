/**
 * Patterns: destructuring is lenient and raises on a wrong container, matching answers yes or no.
 *
 * @module
 */
import type { MapPatternEntry, Node, Pattern } from "../analysis/node.ts";
import { equalValues } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import { typeError } from "../values/rtfs-error.ts";
import { List, type Value, Vector, MapValue } from "../values/value.ts";
import { checkType, type Generation } from "./generation.ts";
import type { Frame, Run } from "./machine.ts";

type Bind = (frame: Frame, value: Value) => void;
type Match = (frame: Frame, value: Value) => boolean;

/** `bind`: take the value apart; the value itself is the result. */
export function generateDestructure(
  generator: Generation,
  node: Extract<Node, { op: "bind" }>,
): Run {
  const value = generator.run(node.value);
  const bind = binder(generator, node.pattern);
  const { machine } = generator;
  const { span } = node;
  return (frame) => {
    const taken = value(frame);
    machine.at = span;
    bind(frame, taken);
    return taken;
  };
}

function binder(generator: Generation, pattern: Pattern): Bind {
  switch (pattern.kind) {
    case "bind": {
      const { slot, type } = pattern;
      return (frame, value) => {
        if (type !== null)
          checkType(generator.machine, type, { value, what: "binding", span: null });
        frame[slot] = value;
      };
    }
    case "vector":
      return vectorBinder(generator, pattern);
    case "map":
      return mapBinder(generator, pattern);
    case "any":
    case "literal":
    case "as":
    case "typed":
      return () => undefined;
  }
}

function optionalBinder(generator: Generation, pattern: Pattern | null): Bind | null {
  return pattern === null ? null : binder(generator, pattern);
}

function vectorBinder(generator: Generation, pattern: Extract<Pattern, { kind: "vector" }>): Bind {
  const items = pattern.items.map((item) => binder(generator, item));
  const rest = optionalBinder(generator, pattern.rest);
  const whole = optionalBinder(generator, pattern.whole);
  return (frame, value) => {
    if (!(value instanceof Vector || value instanceof List)) {
      throw typeError("a vector", kindOf(value), "destructuring");
    }
    for (let index = 0; index < items.length; index++) {
      items[index]!(frame, value.items[index] ?? null);
    }
    if (rest !== null) {
      generator.machine.spend(value.items.length >>> 3);
      rest(frame, new List(value.items.slice(items.length)));
    }
    whole?.(frame, value);
  };
}

function mapBinder(generator: Generation, pattern: Extract<Pattern, { kind: "map" }>): Bind {
  const entries = pattern.entries.map((entry) => ({
    key: entry.key,
    bind: binder(generator, entry.pattern),
    fallback: entry.fallback === null ? null : generator.run(entry.fallback),
  }));
  const rest = optionalBinder(generator, pattern.rest);
  const whole = optionalBinder(generator, pattern.whole);
  return (frame, value) => {
    if (value !== null && !(value instanceof MapValue)) {
      throw typeError("a map", kindOf(value), "destructuring");
    }
    for (const { key, bind, fallback } of entries) {
      const found = value?.get(key);
      bind(frame, found === undefined ? (fallback?.(frame) ?? null) : found);
    }
    rest?.(frame, value === null ? null : without(generator, value, pattern.entries));
    whole?.(frame, value);
  };
}

function without(
  generator: Generation,
  map: MapValue,
  entries: readonly MapPatternEntry[],
): MapValue {
  generator.machine.spend(map.size);
  const taken = new Set(entries.map(({ key }) => key));
  return MapValue.of([...map.entries()].filter(([key]) => !taken.has(key)));
}

/** Whether the value has the pattern's shape; binds on the way. */
export function matcher(generator: Generation, pattern: Pattern): Match {
  switch (pattern.kind) {
    case "any":
      return () => true;
    case "bind": {
      const { slot } = pattern;
      return (frame, value) => {
        frame[slot] = value;
        return true;
      };
    }
    case "literal": {
      const { value: literal } = pattern;
      const { meter } = generator.machine;
      return (_, value) => equalValues(literal, value, meter);
    }
    case "as": {
      const { slot } = pattern;
      const inner = matcher(generator, pattern.pattern);
      return (frame, value) => {
        frame[slot] = value;
        return inner(frame, value);
      };
    }
    case "typed": {
      const { type } = pattern;
      const inner = matcher(generator, pattern.pattern);
      return (frame, value) =>
        type.check(value, generator.machine.meter) === null && inner(frame, value);
    }
    case "vector":
      return vectorMatcher(generator, pattern);
    case "map":
      return mapMatcher(generator, pattern);
  }
}

function vectorMatcher(
  generator: Generation,
  pattern: Extract<Pattern, { kind: "vector" }>,
): Match {
  const items = pattern.items.map((item) => matcher(generator, item));
  const rest = pattern.rest === null ? null : matcher(generator, pattern.rest);
  return (frame, value) => {
    if (!(value instanceof Vector || value instanceof List)) return false;
    const { length } = value.items;
    if (rest === null ? length !== items.length : length < items.length) return false;
    for (let index = 0; index < items.length; index++) {
      if (!items[index]!(frame, value.items[index]!)) return false;
    }
    if (rest === null) return true;
    generator.machine.spend(length >>> 3);
    return rest(frame, new List(value.items.slice(items.length)));
  };
}

/** Open: keys that the pattern does not name are allowed. */
function mapMatcher(generator: Generation, pattern: Extract<Pattern, { kind: "map" }>): Match {
  const entries = pattern.entries.map(({ key, pattern: inner }) => ({
    key,
    match: matcher(generator, inner),
  }));
  const rest = pattern.rest === null ? null : matcher(generator, pattern.rest);
  return (frame, value) => {
    if (!(value instanceof MapValue)) return false;
    for (const { key, match } of entries) {
      const found = value.get(key);
      if (found === undefined || !match(frame, found)) return false;
    }
    return rest === null || rest(frame, without(generator, value, pattern.entries));
  };
}
