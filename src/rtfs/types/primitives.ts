/**
 * Type names: `int`, `:int` and `Int` are the same; `int?` is int or nil.
 *
 * @module
 */
import { isFloat, isInt, isNumber } from "../values/numbers.ts";
import {
  ErrorValue,
  FunctionValue,
  Keyword,
  List,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  MapValue,
} from "../values/value.ts";
import { type Check, mismatch } from "./failure.ts";

const TESTS: ReadonlyMap<string, (value: Value) => boolean> = new Map<
  string,
  (value: Value) => boolean
>([
  ["any", () => true],
  ["never", () => false],
  ["nil", (value) => value === null],
  ["bool", (value) => typeof value === "boolean"],
  ["int", isInt],
  // An integer is accepted where a float is expected.
  ["float", (value) => isInt(value) || isFloat(value)],
  ["number", isNumber],
  ["string", (value) => typeof value === "string"],
  ["keyword", (value) => value instanceof Keyword],
  ["symbol", (value) => value instanceof Sym],
  ["vector", (value) => value instanceof Vector],
  ["list", (value) => value instanceof List],
  ["map", (value) => value instanceof MapValue],
  ["fn", (value) => value instanceof FunctionValue],
  ["error", (value) => value instanceof ErrorValue],
  ["timestamp", (value) => value instanceof Timestamp],
  ["uuid", (value) => value instanceof Uuid],
  ["resource", (value) => value instanceof ResourceHandle],
]);
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["integer", "int"],
  ["boolean", "bool"],
  ["str", "string"],
  ["function", "fn"],
  ["resource-handle", "resource"],
]);

/** The canonical spelling of a primitive's name; null when there is none. */
export function primitiveName(name: string): string | null {
  const lower = name.charAt(0).toLowerCase() + name.slice(1);
  const canonical = ALIASES.get(lower) ?? lower;
  return TESTS.has(canonical) ? canonical : null;
}

/** Whether `name` (without colon, `?` allowed) names a type. */
export function isTypeName(name: string): boolean {
  return primitiveName(name.endsWith("?") ? name.slice(0, -1) : name) !== null;
}

/** @param name - A result of {@link primitiveName}. */
export function primitiveCheck(name: string): Check {
  const test = TESTS.get(name)!;
  return (value) => (test(value) ? null : mismatch(name, value));
}
