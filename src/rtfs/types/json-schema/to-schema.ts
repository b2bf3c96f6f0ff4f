/**
 * Types to JSON Schema (draft 2020-12).
 *
 * Read in this order: typeToJsonSchema, Writer.schema. A value fits the type exactly when its JSON
 * fits the schema. What JSON cannot say (functions, keywords as values, own kinds of text) is an
 * error with its place, never a schema that accepts anything.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../../foundation/json.ts";
import { err, ok, type Result } from "../../../foundation/result.ts";
import { jsonToValue, valueToJson } from "../../json-value.ts";
import { equalValues } from "../../values/equality.ts";
import { printValue } from "../../values/print.ts";
import type { Value } from "../../values/value.ts";
import type { PrimitiveName } from "../primitives.ts";
import {
  type Field,
  NO_ALIASES,
  type Predicate,
  type Type,
  type TypeEnvironment,
} from "../type.ts";
import { keywordsBeside, predicateSchema } from "./predicate-schema.ts";
import { BadSchema, MARK, namedObject, type SchemaProblem } from "./problem.ts";

/**
 * The schema of a type. Aliases become `$defs`, so a recursive type is as small as its text.
 *
 * @param aliases - The names the type uses.
 */
export function typeToJsonSchema(
  type: Type,
  aliases: TypeEnvironment = NO_ALIASES,
): Result<JsonObject, SchemaProblem> {
  try {
    return ok(new Writer(aliases).root(type));
  } catch (bad) {
    if (bad instanceof BadSchema) return err(bad.problem);
    throw bad;
  }
}

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

const PRIMITIVES: Readonly<Partial<Record<PrimitiveName, JsonObject>>> = {
  any: {},
  never: { not: {} },
  nil: { type: "null" },
  bool: { type: "boolean" },
  int: { type: "integer" },
  float: { type: "number", [MARK]: "float" },
  number: { type: "number" },
  string: { type: "string" },
  vector: { type: "array" },
  map: { type: "object" },
};

class Writer {
  readonly #aliases: TypeEnvironment;
  readonly #defs = new Map<string, JsonObject>();
  readonly #waiting: string[] = [];

  constructor(aliases: TypeEnvironment) {
    this.#aliases = aliases;
  }

  root(type: Type): JsonObject {
    const schema = this.#schema(type, "");
    for (let name = this.#waiting.pop(); name !== undefined; name = this.#waiting.pop()) {
      const target = this.#aliases.get(name);
      if (target === undefined) throw new BadSchema(name, `No type is called \`${name}\``);
      this.#defs.set(name, this.#schema(target, name));
    }
    const defs = this.#defs.size === 0 ? {} : { $defs: namedObject(this.#defs) };
    return { $schema: DRAFT, ...schema, ...defs };
  }

  #schema(type: Type, path: string): JsonObject {
    switch (type.kind) {
      case "primitive":
        return PRIMITIVES[type.name] ?? noJson(`:${type.name}`, path);
      case "alias":
        return this.#reference(type.name);
      case "optional":
        return { anyOf: [this.#schema(type.type, path), { type: "null" }] };
      case "vector":
        return { type: "array", items: this.#schema(type.item, `${path}[]`) };
      case "array":
        return this.#array(type.item, type.shape, path);
      case "tuple":
        return this.#tuple(type.items, type.required, path);
      case "record":
        return this.#record(type.fields, type.rest, path);
      case "map-of":
        return this.#mapOf(type.key, type.value, path);
      case "union":
        return this.#union(type.types, path);
      case "and":
        return this.#and(type.base, type.parts, path);
      case "enum": {
        const values = type.values.map((value) => literal(value, path));
        return type.isSingle ? { const: values[0]! } : { enum: values };
      }
      case "fn":
      case "resource":
        return noJson(`[:${type.kind} …]`, path);
    }
  }

  #reference(name: string): JsonObject {
    if (!this.#defs.has(name)) {
      this.#defs.set(name, {});
      this.#waiting.push(name);
    }
    const pointer = encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
    return { $ref: `#/$defs/${pointer}` };
  }

  #array(item: Type, [size, ...inner]: readonly (number | null)[], path: string): JsonObject {
    const below = `${path}[]`;
    const items =
      inner.length === 0
        ? this.#schema(item, below)
        : { ...this.#array(item, inner, below), [MARK]: "dimension" };
    const sizes = size === null || size === undefined ? {} : { minItems: size, maxItems: size };
    return { type: "array", items, ...sizes, [MARK]: "array" };
  }

  #tuple(items: readonly Type[], required: number, path: string): JsonObject {
    const prefixItems = items.map((item, index) => this.#schema(item, `${path}[${index}]`));
    return {
      type: "array",
      ...(prefixItems.length === 0 ? {} : { prefixItems }),
      items: false,
      ...(required === 0 ? {} : { minItems: required }),
    };
  }

  #record(fields: readonly Field[], rest: Type | null, path: string): JsonObject {
    const required = fields.filter((field) => !field.isOptional).map((field) => field.name);
    const properties = namedObject(
      fields.map(({ name, type }) => [name, this.#schema(type, `${path}.${name}`)] as const),
    );
    return {
      type: "object",
      properties,
      ...(required.length === 0 ? {} : { required }),
      ...(rest === null ? {} : { additionalProperties: this.#schema(rest, `${path}.*`) }),
    };
  }

  #mapOf(key: Type, value: Type, path: string): JsonObject {
    const isAny = key.kind === "primitive" && key.name === "any";
    if (!isAny && !isText(key)) {
      throw new BadSchema(
        path,
        "The keys of JSON are strings, and this key type is not of strings",
        "Write [:map-of :string V] or [:map-of :any V]",
      );
    }
    const names = isAny ? {} : { propertyNames: this.#schema(key, `${path}.*`) };
    return { type: "object", ...names, additionalProperties: this.#schema(value, `${path}.*`) };
  }

  #union(types: readonly Type[], path: string): JsonObject {
    const anyOf = types.map((type) => this.#schema(type, path));
    // Two schemas of which the second is null read as an optional.
    const last = types[1];
    const isLikeOptional = types.length === 2 && last?.kind === "primitive" && last.name === "nil";
    return isLikeOptional ? { anyOf, [MARK]: "union" } : { anyOf };
  }

  #and(base: Type, parts: readonly (Type | Predicate)[], path: string): JsonObject {
    const beside = keywordsBeside(base, parts, path);
    if (beside !== null) return { ...this.#schema(base, path), ...beside };
    return { allOf: [this.#schema(base, path), ...parts.map((part) => this.#part(part, path))] };
  }

  /** A type behind the first never has keywords beside it: they would read as a predicate. */
  #part(part: Type | Predicate, path: string): JsonObject {
    if (part.kind === "predicate") return predicateSchema(part, path);
    const schema = this.#schema(part, path);
    const isPlain = part.kind !== "and" || Object.hasOwn(schema, "allOf");
    if (isPlain) return schema;
    const inner = part.parts.map((each) => this.#part(each, path));
    return { allOf: [this.#schema(part.base, path), ...inner] };
  }
}

/** Whether only strings fit. */
function isText(type: Type): boolean {
  if (type.kind === "primitive") return type.name === "string";
  if (type.kind === "enum") return type.values.every((value) => typeof value === "string");
  if (type.kind === "union") return type.types.every(isText);
  return type.kind === "and" && isText(type.base);
}

function noJson(what: string, path: string): never {
  throw new BadSchema(path, `${what} has no JSON form`, "Write :string, or a type JSON has");
}

/** A literal that JSON gives back as the same value. */
function literal(value: Value, path: string): JsonValue {
  const json = valueToJson(value);
  if (json.ok && equalValues(jsonToValue(json.value), value)) return json.value;
  throw new BadSchema(path, `The literal ${printValue(value).slice(0, 60)} has no JSON form`);
}
