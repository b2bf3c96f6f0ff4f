/**
 * Types as data: what parse-type.ts reads, print-type.ts writes and compile-type.ts turns into
 * checks. Nothing here refers to a source text.
 *
 * @module
 */
import type { MapKey, Value, WholeFloat } from "../values/value.ts";
import type { PrimitiveName } from "./primitives.ts";

export type Type =
  | { readonly kind: "primitive"; readonly name: PrimitiveName }
  /** A name of a {@link TypeEnvironment}. */
  | { readonly kind: "alias"; readonly name: string }
  /** The type or nil. */
  | { readonly kind: "optional"; readonly type: Type }
  | { readonly kind: "vector"; readonly item: Type }
  /** Nested vectors of given lengths, outermost first; null leaves a length open. */
  | { readonly kind: "array"; readonly item: Type; readonly shape: readonly (number | null)[] }
  /** A vector of these items; those from `required` on may be absent. */
  | { readonly kind: "tuple"; readonly items: readonly Type[]; readonly required: number }
  /** Other fields are allowed, and are of type `rest` unless it is null. */
  | { readonly kind: "record"; readonly fields: readonly Field[]; readonly rest: Type | null }
  | { readonly kind: "map-of"; readonly key: Type; readonly value: Type }
  | {
      readonly kind: "fn";
      readonly parameters: readonly Type[];
      readonly rest: Type | null;
      readonly result: Type;
    }
  | { readonly kind: "union"; readonly types: readonly Type[] }
  | { readonly kind: "and"; readonly base: Type; readonly parts: readonly (Type | Predicate)[] }
  /** One of these values. `isSingle`: written `[:val v]`. */
  | { readonly kind: "enum"; readonly values: readonly Value[]; readonly isSingle: boolean }
  | { readonly kind: "resource"; readonly name: string };

/** A field of a record, by keyword or by string of this name. */
export interface Field {
  readonly name: string;
  readonly type: Type;
  readonly isOptional: boolean;
}

/** A refinement. */
export type Predicate =
  | { readonly kind: "predicate"; readonly name: CompareName; readonly limit: NumberValue }
  | {
      readonly kind: "predicate";
      readonly name: "in-range";
      readonly low: NumberValue;
      readonly high: NumberValue;
    }
  | { readonly kind: "predicate"; readonly name: SizeName; readonly size: number }
  | { readonly kind: "predicate"; readonly name: "matches-regex"; readonly pattern: string }
  | { readonly kind: "predicate"; readonly name: "is-url" | "is-email" | "non-empty" }
  | {
      readonly kind: "predicate";
      readonly name: "has-key" | "required-keys";
      readonly keys: readonly MapKey[];
    };

/** A number as predicates hold it: a whole float stands as the safe integer it equals. */
export type NumberValue = number | bigint | WholeFloat;
export type CompareName = ">" | ">=" | "<" | "<=" | "=" | "!=";
/** Of strings, in code points; of vectors, lists and maps, in items. */
export type SizeName = "min-length" | "max-length" | "length" | "min-count" | "max-count" | "count";

/** Types by name; a Map is one. An alias may name itself; checking ends because values are finite. */
export interface TypeEnvironment {
  get(name: string): Type | undefined;
  has(name: string): boolean;
  keys(): Iterable<string>;
}

export const NO_ALIASES: TypeEnvironment = new Map();

/** The types directly inside. */
export function partsOf(type: Type): readonly Type[] {
  switch (type.kind) {
    case "primitive":
    case "alias":
    case "enum":
    case "resource":
      return [];
    case "optional":
      return [type.type];
    case "vector":
    case "array":
      return [type.item];
    case "tuple":
      return type.items;
    case "record": {
      const fields = type.fields.map((field) => field.type);
      return type.rest === null ? fields : [...fields, type.rest];
    }
    case "map-of":
      return [type.key, type.value];
    case "fn": {
      const parameters = [...type.parameters, type.result];
      return type.rest === null ? parameters : [...parameters, type.rest];
    }
    case "union":
      return type.types;
    case "and": {
      return [type.base, ...type.parts.filter((part) => part.kind !== "predicate")];
    }
  }
}

/**
 * Whether a value verified at compile time needs no second check: primitives, enums, and vectors,
 * tuples, maps, unions and optionals of such. Refined, array, function, resource and alias types
 * are never simple.
 */
export function isSimpleType(type: Type): boolean {
  return !NEVER_SIMPLE.has(type.kind) && partsOf(type).every(isSimpleType);
}
const NEVER_SIMPLE: ReadonlySet<Type["kind"]> = new Set([
  "alias",
  "array",
  "fn",
  "and",
  "resource",
] as const);
