/**
 * Types as text. `parseType(printType(type))` is the same type, for the same aliases.
 *
 * @module
 */
import { printValue } from "../values/print.ts";
import type { Field, Predicate, Type } from "./type.ts";

/** The type as RTFS: `[:map [:url :string] [:method :string ?]]`. */
export function printType(type: Type): string {
  switch (type.kind) {
    case "primitive":
      return `:${type.name}`;
    case "alias":
      return type.name;
    case "optional":
      return type.type.kind === "primitive"
        ? `:${type.type.name}?`
        : `[:optional ${printType(type.type)}]`;
    case "vector":
      return `[:vector ${printType(type.item)}]`;
    case "array":
      return `[:array ${printType(type.item)} [${type.shape.map((size) => size ?? "?").join(" ")}]]`;
    case "tuple":
      return `[${[":tuple", ...tupleItems(type.items, type.required)].join(" ")}]`;
    case "record":
      return printRecord(type.fields, type.rest);
    case "map-of":
      return `[:map-of ${printType(type.key)} ${printType(type.value)}]`;
    case "fn": {
      const rest = type.rest === null ? [] : ["&", printType(type.rest)];
      const parameters = [...type.parameters.map(printType), ...rest];
      return `[:fn [${parameters.join(" ")}] ${printType(type.result)}]`;
    }
    case "union":
      return `[${[":union", ...type.types.map(printType)].join(" ")}]`;
    case "and":
      return `[${[":and", printType(type.base), ...type.parts.map(printPart)].join(" ")}]`;
    case "enum": {
      const values = type.values.map((value) => printValue(value));
      return `[${[type.isSingle ? ":val" : ":enum", ...values].join(" ")}]`;
    }
    case "resource":
      return `[:resource ${printValue(type.name)}]`;
  }
}

function tupleItems(items: readonly Type[], required: number): string[] {
  return items.map((item, index) => (index < required ? printType(item) : `${printType(item)} ?`));
}

function printRecord(fields: readonly Field[], rest: Type | null): string {
  const parts = fields.map(({ name, type, isOptional }) => {
    const key = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) ? `:${name}` : printValue(name);
    return `[${key} ${printType(type)}${isOptional ? " ?" : ""}]`;
  });
  if (rest !== null) parts.push(`[:* ${printType(rest)}]`);
  return `[${[":map", ...parts].join(" ")}]`;
}

function printPart(part: Type | Predicate): string {
  return part.kind === "predicate" ? printPredicate(part) : printType(part);
}

export function printPredicate(predicate: Predicate): string {
  return `[:${[predicate.name, ...printArguments(predicate)].join(" ")}]`;
}

function printArguments(predicate: Predicate): string[] {
  switch (predicate.name) {
    case "in-range":
      return [printValue(predicate.low), printValue(predicate.high)];
    case "matches-regex":
      return [printValue(predicate.pattern)];
    case "is-url":
    case "is-email":
    case "non-empty":
      return [];
    case "has-key":
      return predicate.keys.map((key) => printValue(key));
    case "required-keys":
      return [`[${predicate.keys.map((key) => printValue(key)).join(" ")}]`];
    case "min-length":
    case "max-length":
    case "length":
    case "min-count":
    case "max-count":
    case "count":
      return [String(predicate.size)];
    case ">":
    case ">=":
    case "<":
    case "<=":
    case "=":
    case "!=":
      return [printValue(predicate.limit)];
  }
}
