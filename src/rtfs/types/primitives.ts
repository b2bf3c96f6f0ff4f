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

export const PRIMITIVES = [
  "any",
  "never",
  "nil",
  "bool",
  "int",
  "float",
  "number",
  "string",
  "keyword",
  "symbol",
  "vector",
  "list",
  "map",
  "fn",
  "error",
  "timestamp",
  "uuid",
  "resource",
] as const;
/** The canonical spellings. */
export type PrimitiveName = (typeof PRIMITIVES)[number];

const TESTS: Readonly<Record<PrimitiveName, (value: Value) => boolean>> = {
  any: () => true,
  never: () => false,
  nil: (value) => value === null,
  bool: (value) => typeof value === "boolean",
  int: isInt,
  // An integer is accepted where a float is expected.
  float: (value) => isInt(value) || isFloat(value),
  number: isNumber,
  string: (value) => typeof value === "string",
  keyword: (value) => value instanceof Keyword,
  symbol: (value) => value instanceof Sym,
  vector: (value) => value instanceof Vector,
  list: (value) => value instanceof List,
  map: (value) => value instanceof MapValue,
  fn: (value) => value instanceof FunctionValue,
  error: (value) => value instanceof ErrorValue,
  timestamp: (value) => value instanceof Timestamp,
  uuid: (value) => value instanceof Uuid,
  resource: (value) => value instanceof ResourceHandle,
};

const BY_SPELLING: ReadonlyMap<string, PrimitiveName> = new Map<string, PrimitiveName>([
  ...PRIMITIVES.map((name) => [name, name] as const),
  ["integer", "int"],
  ["boolean", "bool"],
  ["str", "string"],
  ["function", "fn"],
  ["resource-handle", "resource"],
]);

/** Every spelling of a primitive in lower case. */
export const PRIMITIVE_SPELLINGS: readonly string[] = [...BY_SPELLING.keys()];

/** The canonical spelling of a primitive's name; null when there is none. */
export function primitiveName(name: string): PrimitiveName | null {
  return BY_SPELLING.get(name.charAt(0).toLowerCase() + name.slice(1)) ?? null;
}

/** Whether `name` (without colon, `?` allowed) names a type. */
export function isTypeName(name: string): boolean {
  return primitiveName(name.endsWith("?") ? name.slice(0, -1) : name) !== null;
}

/** A check of the kind alone. */
export function primitiveCheck(name: PrimitiveName): Check {
  const test = TESTS[name];
  return (value) => (test(value) ? null : mismatch(name, value));
}
