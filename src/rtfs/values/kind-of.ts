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
} from "./value.ts";

/** Names of the kinds of values, as `type-name` gives them. */
export type Kind =
  | "nil"
  | "boolean"
  | "integer"
  | "float"
  | "string"
  | "keyword"
  | "symbol"
  | "vector"
  | "list"
  | "map"
  | "function"
  | "error"
  | "timestamp"
  | "uuid"
  | "resource-handle";

export function kindOf(value: Value): Kind {
  if (value === null) return "nil";
  if (typeof value === "string") return "string";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "float";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "bigint" ? "integer" : kindOfObject(value);
}

function kindOfObject(value: Exclude<Value, null | boolean | number | bigint | string>): Kind {
  if (value instanceof Keyword) return "keyword";
  if (value instanceof Vector) return "vector";
  if (value instanceof MapValue) return "map";
  if (value instanceof List) return "list";
  if (value instanceof FunctionValue) return "function";
  if (value instanceof Sym) return "symbol";
  if (value instanceof ErrorValue) return "error";
  if (value instanceof Timestamp) return "timestamp";
  if (value instanceof Uuid) return "uuid";
  return value instanceof ResourceHandle ? "resource-handle" : "float";
}
