/**
 * Refinements as schemas, both ways.
 *
 * A predicate stands in two forms: as a keyword beside its type (`{type: "integer", minimum: 0}`),
 * where that reads back the same, else as a schema of its own that also names the kinds it is for:
 * a predicate on another kind fails, while a keyword on another kind is silent.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../foundation/json.ts";
import { compilePattern } from "../../regex/index.ts";
import { makeFloat } from "../../values/numbers.ts";
import { keyword, Keyword, type MapKey, WholeFloat } from "../../values/value.ts";
import { canonicalNumber } from "../parse-predicate.ts";
import type { NumberValue, Predicate, Type } from "../type.ts";
import { isPortablePattern } from "./pattern.ts";
import { BadSchema, MARK, member } from "./problem.ts";

const URL_PATTERN = "^https?:\\/\\/[^\\s]";
const EMAIL_PATTERN = "^[^\\s@]+@[^\\s@]+$";

/** Which keywords may stand beside a type, and for which predicate; in the order they read back. */
const BESIDE: readonly (readonly [Sort, string, BesideName])[] = [
  ["number", "exclusiveMinimum", ">"],
  ["number", "minimum", ">="],
  ["number", "exclusiveMaximum", "<"],
  ["number", "maximum", "<="],
  ["string", "minLength", "min-length"],
  ["string", "maxLength", "max-length"],
  ["string", "pattern", "matches-regex"],
  ["array", "minItems", "min-count"],
  ["array", "maxItems", "max-count"],
  ["object", "minProperties", "min-count"],
  ["object", "maxProperties", "max-count"],
];
type BesideName =
  | ">"
  | ">="
  | "<"
  | "<="
  | "min-length"
  | "max-length"
  | "matches-regex"
  | "min-count"
  | "max-count";
/** Kinds of JSON that keywords are for. */
export type Sort = "number" | "string" | "array" | "object";

function sortOf(type: Type): Sort | null {
  if (type.kind === "vector") return "array";
  if (type.kind === "record" || type.kind === "map-of") return "object";
  return type.kind === "primitive" ? (PRIMITIVE_SORTS.get(type.name) ?? null) : null;
}
const PRIMITIVE_SORTS: ReadonlyMap<string, Sort> = new Map<string, Sort>([
  ["int", "number"],
  ["float", "number"],
  ["number", "number"],
  ["string", "string"],
  ["vector", "array"],
  ["map", "object"],
]);

/** The keywords beside the type's schema that mean the predicates; null when there are none such. */
export function keywordsBeside(
  type: Type,
  parts: readonly (Type | Predicate)[],
  path: string,
): JsonObject | null {
  const sort = sortOf(type);
  const keywords: Record<string, JsonValue> = {};
  let last = -1;
  for (const part of parts) {
    const at = BESIDE.findIndex(([each, , name]) => each === sort && name === predicateName(part));
    if (part.kind !== "predicate" || at <= last) return null;
    last = at;
    keywords[BESIDE[at]![1]] = argumentOf(part, path);
  }
  return parts.length === 0 ? null : keywords;
}

function predicateName(part: Type | Predicate): string {
  return part.kind === "predicate" ? part.name : "";
}

function argumentOf(predicate: Predicate, path: string): JsonValue {
  if ("limit" in predicate) return jsonNumber(predicate.limit, path);
  if ("size" in predicate) return predicate.size;
  if ("pattern" in predicate) return portable(predicate.pattern, path);
  throw new BadSchema(path, `\`${predicate.name}\` has no keyword of its own`);
}

function jsonNumber(value: NumberValue, path: string): number {
  const number = value instanceof WholeFloat ? value.value : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new BadSchema(path, `The number ${number} has no JSON form`);
}

function portable(pattern: string, path: string): string {
  if (isPortablePattern(pattern)) return pattern;
  throw new BadSchema(
    path,
    "The pattern uses what patterns of JSON Schema do not have",
    "Write it without flags, \\A, \\z, \\Q, \\x{…}, named classes and named groups",
  );
}

/** A schema that holds for a value exactly when the predicate does. */
export function predicateSchema(predicate: Predicate, path: string): JsonObject {
  switch (predicate.name) {
    case ">":
    case ">=":
    case "<":
    case "<=":
      return { type: "number", [LIMIT_KEYWORDS[predicate.name]]: argumentOf(predicate, path) };
    case "=":
      return { type: "number", const: jsonNumber(predicate.limit, path) };
    case "!=":
      return { type: "number", not: { const: jsonNumber(predicate.limit, path) } };
    case "in-range": {
      const [minimum, maximum] = [predicate.low, predicate.high].map((each) =>
        jsonNumber(each, path),
      );
      return { type: "number", minimum: minimum!, maximum: maximum! };
    }
    case "min-length":
      return { type: "string", minLength: predicate.size };
    case "max-length":
      return { type: "string", maxLength: predicate.size };
    case "length":
      return { type: "string", minLength: predicate.size, maxLength: predicate.size };
    case "matches-regex":
      return { type: "string", pattern: portable(predicate.pattern, path) };
    case "is-url":
      return { type: "string", pattern: URL_PATTERN, [MARK]: "is-url" };
    case "is-email":
      return { type: "string", pattern: EMAIL_PATTERN, [MARK]: "is-email" };
    case "min-count":
    case "max-count":
    case "count":
      return countSchema(predicate.name, predicate.size);
    case "non-empty":
      return { type: ["array", "object", "string"], minItems: 1, minProperties: 1, minLength: 1 };
    case "has-key":
    case "required-keys":
      return keysSchema(predicate.name, predicate.keys, path);
  }
}

const LIMIT_KEYWORDS = {
  ">": "exclusiveMinimum",
  ">=": "minimum",
  "<": "exclusiveMaximum",
  "<=": "maximum",
} as const;

function countSchema(name: "min-count" | "max-count" | "count", size: number): JsonObject {
  const least = name === "max-count" ? {} : { minItems: size, minProperties: size };
  const most = name === "min-count" ? {} : { maxItems: size, maxProperties: size };
  return { type: ["array", "object"], ...least, ...most };
}

function keysSchema(
  name: "has-key" | "required-keys",
  keys: readonly MapKey[],
  path: string,
): JsonObject {
  const required = keys.map((key) => {
    if (key instanceof Keyword) return key.name;
    throw new BadSchema(path, "Only keyword keys can be required by a schema", "Write `:key`");
  });
  return { type: "object", required, ...(name === "has-key" ? {} : { [MARK]: name }) };
}

/** The predicate whose own schema this is; null when it is none. */
export function readPredicate(schema: JsonValue): Predicate | null {
  if (!isJsonObject(schema)) return null;
  const found = readLimit(schema) ?? readSize(schema) ?? readOther(schema);
  // Nothing of the schema may be left over: written again it is the same.
  return found !== null && sameKeys(predicateSchema(found, ""), schema) ? found : null;
}

function sameKeys(written: JsonObject, schema: JsonObject): boolean {
  const names = Object.keys(schema);
  return (
    names.length === Object.keys(written).length &&
    names.every((name) => JSON.stringify(member(written, name)) === JSON.stringify(schema[name]))
  );
}

function readLimit(schema: JsonObject): Predicate | null {
  if (member(schema, "type") !== "number") return null;
  const low = member(schema, "minimum");
  const high = member(schema, "maximum");
  if (typeof low === "number" && typeof high === "number") {
    return { kind: "predicate", name: "in-range", low: ownNumber(low), high: ownNumber(high) };
  }
  const not = member(schema, "not");
  const limits = [
    [">", member(schema, "exclusiveMinimum")],
    [">=", low],
    ["<", member(schema, "exclusiveMaximum")],
    ["<=", high],
    ["=", member(schema, "const")],
    ["!=", isJsonObject(not) ? member(not, "const") : undefined],
  ] as const;
  for (const [name, limit] of limits) {
    if (typeof limit === "number") return { kind: "predicate", name, limit: ownNumber(limit) };
  }
  return null;
}

function readSize(schema: JsonObject): Predicate | null {
  const isString = member(schema, "type") === "string";
  const least = count(schema, isString ? "minLength" : "minItems");
  const most = count(schema, isString ? "maxLength" : "maxItems");
  const size = least ?? most;
  if (size === null) return null;
  if (Array.isArray(member(schema, "type")) && count(schema, "minLength") !== null) {
    return { kind: "predicate", name: "non-empty" };
  }
  const what = isString ? "length" : "count";
  if (least !== null && most !== null) return { kind: "predicate", name: what, size };
  return { kind: "predicate", name: `${least === null ? "max" : "min"}-${what}`, size };
}

function count(schema: JsonObject, name: string): number | null {
  const value = member(schema, name);
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function readOther(schema: JsonObject): Predicate | null {
  const mark = member(schema, MARK);
  if (mark === "is-url" || mark === "is-email") return { kind: "predicate", name: mark };
  const pattern = member(schema, "pattern");
  if (typeof pattern === "string") {
    const isPattern = compilePattern(pattern).ok && isPortablePattern(pattern);
    return isPattern ? { kind: "predicate", name: "matches-regex", pattern } : null;
  }
  const required = member(schema, "required");
  if (!Array.isArray(required) || !required.every((name) => typeof name === "string")) return null;
  const keys = required.map((name) => keyword(name));
  const name = mark === "required-keys" ? mark : "has-key";
  return name === "has-key" && keys.length !== 1 ? null : { kind: "predicate", name, keys };
}

/** A number of a schema as predicates hold it. */
export function ownNumber(value: number): NumberValue {
  return canonicalNumber(Number.isSafeInteger(value) ? value + 0 : makeFloat(value));
}

/**
 * The predicates that keywords beside a type stand for, in their order.
 *
 * @param refuse - Called for a keyword whose value means nothing.
 */
export function predicatesBeside(
  schema: JsonObject,
  sort: Sort,
  refuse: (keyword: string, message: string) => void,
): Predicate[] {
  const predicates: Predicate[] = [];
  for (const [each, name, predicate] of BESIDE) {
    const value = each === sort ? member(schema, name) : undefined;
    if (value === undefined) continue;
    const read = predicateOf(predicate, value);
    if (typeof read === "string") refuse(name, read);
    else predicates.push(read);
  }
  return predicates;
}

function predicateOf(name: BesideName, value: JsonValue): Predicate | string {
  switch (name) {
    case ">":
    case ">=":
    case "<":
    case "<=":
      if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
      return { kind: "predicate", name, limit: ownNumber(value) };
    case "matches-regex": {
      if (typeof value !== "string") return "must be a string";
      const compiled = compilePattern(value);
      if (!compiled.ok) return `is no pattern of this dialect: ${compiled.error}`;
      return { kind: "predicate", name, pattern: value };
    }
    case "min-length":
    case "max-length":
    case "min-count":
    case "max-count": {
      const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
      return isCount ? { kind: "predicate", name, size: value } : "must be a count";
    }
  }
}
