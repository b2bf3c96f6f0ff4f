/**
 * Sets of kinds of values, as bits: what a value can be as far as it is known before a run.
 *
 * A set always holds at least what can really occur, so two sets without a common member mean a
 * certain failure, and a set within another means a certain success.
 *
 * @module
 */
import { PRIMITIVES } from "../types/primitives.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import type { Type } from "../types/type.ts";
import { kindOf } from "../values/kind-of.ts";
import type { Value } from "../values/value.ts";

/** One bit for each kind. */
export type Kinds = number;

const NAMES = PRIMITIVES.filter((name) => !["any", "never", "number"].includes(name));

const BITS: ReadonlyMap<string, Kinds> = new Map(NAMES.map((name, index) => [name, 1 << index]));
/** Words of `type-name` that differ from those of types. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["boolean", "bool"],
  ["integer", "int"],
  ["function", "fn"],
  ["resource-handle", "resource"],
]);

export const NEVER: Kinds = 0;
export const ANY: Kinds = (1 << NAMES.length) - 1;

/** The set of these names; `number` is int and float. */
export function kinds(...names: readonly string[]): Kinds {
  let all = NEVER;
  for (const name of names) {
    if (name === "any") return ANY;
    if (name === "number") all |= kinds("int", "float");
    else {
      const bit = BITS.get(name);
      if (bit === undefined && name !== "never") throw new TypeError(`No kind is called ${name}`);
      all |= bit ?? NEVER;
    }
  }
  return all;
}

export const NIL: Kinds = kinds("nil");
export const INT: Kinds = kinds("int");
export const FLOAT: Kinds = kinds("float");
export const NUMBER: Kinds = INT | FLOAT;
export const STRING: Kinds = kinds("string");
export const VECTOR: Kinds = kinds("vector");
export const LIST: Kinds = kinds("list");
export const MAP: Kinds = kinds("map");
export const FUNCTION: Kinds = kinds("fn");
export const ERROR: Kinds = kinds("error");
/** What can be false. */
export const FALSY: Kinds = kinds("nil", "bool");

export function kindsOfValue(value: Value): Kinds {
  const word = kindOf(value);
  return BITS.get(WORDS.get(word) ?? word) ?? ANY;
}

/** `string or nil`, `number`; for messages. */
export function kindsText(set: Kinds): string {
  if (set === ANY) return "anything";
  const names: string[] = NAMES.filter((name) => (set & BITS.get(name)!) !== 0);
  const [int, float] = [names.indexOf("int"), names.indexOf("float")];
  if (int >= 0 && float >= 0) names.splice(int, 2, "number");
  return names.length === 0 ? "nothing" : names.join(" or ");
}

/** What passes a type. `isExact`: everything of these kinds does. */
export interface TypeKinds {
  readonly kinds: Kinds;
  readonly isExact: boolean;
}

const UNKNOWN: TypeKinds = { kinds: ANY, isExact: false };
export function kindsOfType({ type }: TypeValidator): TypeKinds {
  return type === null ? UNKNOWN : ofType(type);
}

function ofType(type: Type): TypeKinds {
  switch (type.kind) {
    case "primitive":
      // An integer is accepted where a float is expected.
      return { kinds: type.name === "float" ? NUMBER : kinds(type.name), isExact: true };
    case "alias":
      return UNKNOWN;
    case "optional": {
      const inner = ofType(type.type);
      return { ...inner, kinds: inner.kinds | NIL };
    }
    case "vector":
    case "array":
    case "tuple":
      return { kinds: VECTOR, isExact: false };
    case "record":
    case "map-of":
      return { kinds: MAP, isExact: false };
    case "fn":
      return { kinds: FUNCTION, isExact: true };
    case "union":
      return ofAll(type.types);
    case "and":
      // Only the base is looked at: the rest can but narrow it.
      return { kinds: ofType(type.base).kinds, isExact: false };
    case "enum":
      return ofLiterals(type.values);
    case "resource":
      return { kinds: kinds("resource"), isExact: false };
  }
}

function ofAll(types: readonly Type[]): TypeKinds {
  const inner = types.map(ofType);
  return {
    kinds: inner.reduce((all, each) => all | each.kinds, NEVER),
    isExact: inner.every((each) => each.isExact),
  };
}

/** A vector equals a list of equal items. */
function ofLiterals(values: readonly Value[]): TypeKinds {
  const either = (set: Kinds): Kinds => ((set & (VECTOR | LIST)) === 0 ? set : VECTOR | LIST);
  const all = values.reduce((set: Kinds, value) => set | either(kindsOfValue(value)), NEVER);
  return { kinds: all, isExact: false };
}
