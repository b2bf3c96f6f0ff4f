/**
 * Schemas with a `type`: the keywords that are for it, and the type they make.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../foundation/json.ts";
import type { Field, Predicate, Type } from "../type.ts";
import { predicatesBeside, type Sort } from "./predicate-schema.ts";
import { BadSchema, MARK, member } from "./problem.ts";

/** What reads schemas inside schemas, and what is told of losses. */
export interface Reading {
  type(schema: JsonValue, path: string, depthLeft: number): Type;
  /** @throws {BadSchema} unless losses are reported. */
  lose(path: string, message: string, hint?: string): void;
  /** @throws {BadSchema} when the schema is too large. */
  pay(units: number, path: string): void;
}

/** A schema's place and the one of its types that is read. */
interface At {
  readonly name: JsonValue;
  readonly path: string;
  readonly depthLeft: number;
}

/** Keywords that are for one type, by the type they are for. */
export const APPLICATORS: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "object",
    [
      "properties",
      "required",
      "additionalProperties",
      "propertyNames",
      "minProperties",
      "maxProperties",
    ],
  ],
  ["array", ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]],
  ["string", ["minLength", "maxLength", "pattern"]],
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
]);
export const TYPE_KEYWORDS: ReadonlySet<string> = new Set([...APPLICATORS.values()].flat());

const SIMPLE: ReadonlyMap<JsonValue, Type> = new Map<JsonValue, Type>([
  ["null", { kind: "primitive", name: "nil" }],
  ["boolean", { kind: "primitive", name: "bool" }],
]);

/** The type of one name in `type`, with the keywords that are for it; others say nothing here. */
export function readTyped(reading: Reading, schema: JsonObject, at: At): Type {
  const simple = SIMPLE.get(at.name);
  if (simple !== undefined) return simple;
  if (at.name === "string")
    return refined(reading, schema, at, { kind: "primitive", name: "string" });
  if (at.name === "number" || at.name === "integer") return readNumber(reading, schema, at);
  if (at.name === "array") return readArray(reading, schema, at);
  if (at.name === "object") return refined(reading, schema, at, readObject(reading, schema, at));
  throw new BadSchema(`${at.path}/type`, "No such type in JSON Schema");
}

/** The type with the predicates of the keywords beside it. */
function refined(reading: Reading, schema: JsonObject, at: At, base: Type): Type {
  const sort = at.name === "integer" ? "number" : (at.name as Sort);
  const parts: Predicate[] = predicatesBeside(schema, sort, (keyword, message) =>
    reading.lose(`${at.path}/${keyword}`, message),
  );
  return parts.length === 0 ? base : { kind: "and", base, parts };
}

function readNumber(reading: Reading, schema: JsonObject, at: At): Type {
  const divisor = member(schema, "multipleOf");
  if (divisor !== undefined && !(at.name === "integer" && divisor === 1)) {
    reading.lose(`${at.path}/multipleOf`, "No type says what `multipleOf` does");
  }
  const isFloat = at.name === "number" && member(schema, MARK) === "float";
  const name = at.name === "integer" ? "int" : isFloat ? "float" : "number";
  return refined(reading, schema, at, { kind: "primitive", name });
}

function readArray(reading: Reading, schema: JsonObject, at: At): Type {
  const unique = member(schema, "uniqueItems");
  if (unique !== undefined && unique !== false) {
    reading.lose(`${at.path}/uniqueItems`, "No type says what `uniqueItems` does");
  }
  const items = member(schema, "items");
  const prefix = member(schema, "prefixItems");
  if (prefix !== undefined || items === false) return readTuple(reading, schema, at);
  const mark = member(schema, MARK);
  if (mark === "array" && items !== undefined) return readDimensions(reading, schema, at);
  if (items === undefined) {
    return refined(reading, schema, at, { kind: "primitive", name: "vector" });
  }
  const item = reading.type(items, `${at.path}/items`, at.depthLeft - 1);
  return refined(reading, schema, at, { kind: "vector", item });
}

function readTuple(reading: Reading, schema: JsonObject, at: At): Type {
  const prefix = member(schema, "prefixItems") ?? [];
  if (!Array.isArray(prefix)) throw new BadSchema(`${at.path}/prefixItems`, "must be a list");
  if (member(schema, "items") !== false) {
    reading.lose(`${at.path}/prefixItems`, "A tuple ends", "Add items: false");
    return { kind: "primitive", name: "vector" };
  }
  const items = prefix.map((each: JsonValue, index) =>
    reading.type(each, `${at.path}/prefixItems/${index}`, at.depthLeft - 1),
  );
  const least = length(schema, "minItems", at) ?? 0;
  const most = length(schema, "maxItems", at);
  if (least > items.length) return { kind: "primitive", name: "never" };
  const kept = most === null ? items : items.slice(0, most);
  if (least > kept.length) return { kind: "primitive", name: "never" };
  return { kind: "tuple", items: kept, required: least };
}

function length(schema: JsonObject, name: string, at: At): number | null {
  const value = member(schema, name);
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new BadSchema(`${at.path}/${name}`, "must be a count");
}

/** An array of fixed lengths, and the dimensions inside it. */
function readDimensions(reading: Reading, schema: JsonObject, at: At): Type {
  const shape: (number | null)[] = [];
  let current = schema;
  let { path } = at;
  for (let depthLeft = at.depthLeft - 1; ; depthLeft--) {
    const least = length(current, "minItems", { ...at, path });
    if (least !== length(current, "maxItems", { ...at, path })) {
      throw new BadSchema(path, "An array of fixed length has minItems equal to maxItems");
    }
    shape.push(least);
    path += "/items";
    const items = member(current, "items");
    if (items === undefined || depthLeft < 0) {
      throw new BadSchema(path, "An array of fixed lengths has items in each dimension");
    }
    if (!isJsonObject(items) || member(items, MARK) !== "dimension") {
      return { kind: "array", item: reading.type(items, path, depthLeft), shape };
    }
    current = items;
  }
}

function readObject(reading: Reading, schema: JsonObject, at: At): Type {
  const additional = member(schema, "additionalProperties");
  const isOpen = additional === undefined || additional === true;
  const rest = isOpen
    ? null
    : reading.type(additional, `${at.path}/additionalProperties`, at.depthLeft - 1);
  const names = member(schema, "propertyNames");
  const hasFields =
    member(schema, "properties") !== undefined || requiredNames(schema, at).length > 0;
  if (!hasFields) return readMap(reading, at, names, rest);
  if (names !== undefined) {
    reading.lose(`${at.path}/propertyNames`, "A record does not say how its keys look");
  }
  return { kind: "record", fields: readFields(reading, schema, at, rest), rest };
}

function readMap(reading: Reading, at: At, names: JsonValue | undefined, value: Type | null): Type {
  if (names === undefined && value === null) return { kind: "primitive", name: "map" };
  const key: Type =
    names === undefined
      ? { kind: "primitive", name: "any" }
      : reading.type(names, `${at.path}/propertyNames`, at.depthLeft - 1);
  return { kind: "map-of", key, value: value ?? { kind: "primitive", name: "any" } };
}

function requiredNames(schema: JsonObject, at: At): readonly string[] {
  const required = member(schema, "required") ?? [];
  if (Array.isArray(required) && required.every((name) => typeof name === "string")) {
    return required;
  }
  throw new BadSchema(`${at.path}/required`, "must be a list of strings");
}

/** @param rest - The type of a required field that `properties` does not name. */
function readFields(
  reading: Reading,
  schema: JsonObject,
  at: At,
  rest: Type | null,
): readonly Field[] {
  const properties = member(schema, "properties") ?? {};
  if (!isJsonObject(properties)) throw new BadSchema(`${at.path}/properties`, "must be an object");
  const required = new Set(requiredNames(schema, at));
  reading.pay(required.size, at.path);
  const fields = Object.entries(properties).map(([name, property]): Field => {
    const path = `${at.path}/properties/${name.slice(0, 40).toWellFormed()}`;
    const type = reading.type(property, path, at.depthLeft - 1);
    return { name, type, isOptional: !required.delete(name) };
  });
  const others = Array.from(required, (name): Field => {
    const type = rest ?? { kind: "primitive", name: "any" };
    return { name, type, isOptional: false };
  });
  return [...fields, ...others];
}
