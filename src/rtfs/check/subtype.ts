/**
 * How types relate: whether every value of one is a value of the other, whether they have a value in
 * common, and the least type of several.
 *
 * Read in this order: isSubtype, Relation.holds, PAIRS, canFit, joinTypes. A type may name itself
 * through an alias: a pair that is being compared already is assumed to hold, so comparing ends.
 *
 * @module
 */
import { equalValues } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import { printValue } from "../values/print.ts";
import type { Value } from "../values/value.ts";
import { type PrimitiveName, primitiveName } from "../types/primitives.ts";
import { type Field, NO_ALIASES, type Type, type TypeEnvironment } from "../types/type.ts";

const ANY_TYPE: Type = { kind: "primitive", name: "any" };
const NIL_TYPE: Type = { kind: "primitive", name: "nil" };
/** Aliases that only name each other are unknown after so many. */
const ALIAS_CHAIN_MAX = 64;
/** Pairs that are looked at for one answer; beyond it nothing is proven. */
const COMPARISONS_MAX = 10_000;
/** Types that are compared at one time, one within the other; beyond it nothing is proven. */
const DEPTH_MAX = 128;

type Of<K extends Type["kind"]> = Extract<Type, { kind: K }>;

interface RelationOptions {
  readonly aliases?: TypeEnvironment;
  /** `any` fits in both directions, as for values whose type is not known. */
  readonly isGradual?: boolean;
}

/** Whether every value of `inner` is certain to be one of `outer`. `any` is the greatest type, `never` the least. */
export function isSubtype(inner: Type, outer: Type, options: RelationOptions = {}): boolean {
  return new Relation(options).holds(inner, outer);
}

/** Names that a kind of types is a part of. */
const CONTAINERS: ReadonlyMap<Type["kind"], string> = new Map([
  ["vector", "vector"],
  ["array", "vector"],
  ["tuple", "vector"],
  ["record", "map"],
  ["map-of", "map"],
  ["fn", "fn"],
  ["resource", "resource"],
]);

class Relation {
  readonly #aliases: TypeEnvironment;
  readonly #isGradual: boolean;
  /** Pairs that are being compared, one within the other. */
  readonly #active = new Map<Type, Set<Type>>();
  #depth = 0;
  #left = COMPARISONS_MAX;

  constructor({ aliases = NO_ALIASES, isGradual = false }: RelationOptions) {
    this.#aliases = aliases;
    this.#isGradual = isGradual;
  }

  holds(inner: Type, outer: Type): boolean {
    const [one, other] = [resolve(inner, this.#aliases), resolve(outer, this.#aliases)];
    if (one === other || isAny(other) || isPrimitive(one, "never")) return true;
    if (isAny(one) && this.#isGradual) return true;
    const active = this.#active.get(one) ?? new Set();
    if (active.has(other)) return true;
    if (this.#depth >= DEPTH_MAX || --this.#left < 0) return false;
    this.#active.set(one, active.add(other));
    this.#depth++;
    const isHeld = this.#compare(one, other);
    this.#depth--;
    active.delete(other);
    return isHeld;
  }

  #compare(inner: Type, outer: Type): boolean {
    if (inner.kind === "alias" || outer.kind === "alias") return this.#sameAlias(inner, outer);
    const parts = alternatives(inner) ?? singles(inner);
    if (parts !== null) return parts.every((part) => this.holds(part, outer));
    if (outer.kind === "and") {
      return [outer.base, ...outer.parts].every(
        (part) => part.kind !== "predicate" && this.holds(inner, part),
      );
    }
    if (inner.kind === "and" && this.#some(inner, outer)) return true;
    const choices = alternatives(outer);
    if (choices !== null) return choices.some((choice) => this.holds(inner, choice));
    if (inner.kind === "and") return false;
    if (inner.kind === "enum") return inner.values.every((value) => this.#isOf(value, outer));
    if (outer.kind === "primitive") return isWithinPrimitive(inner, outer.name);
    return this.#structure(inner, outer);
  }

  #some({ base, parts }: Of<"and">, outer: Type): boolean {
    return [base, ...parts].some((part) => part.kind !== "predicate" && this.holds(part, outer));
  }

  #sameAlias(inner: Type, outer: Type): boolean {
    return inner.kind === "alias" && outer.kind === "alias" && inner.name === outer.name;
  }

  #isOf(value: Value, outer: Type): boolean {
    if (outer.kind === "enum") return outer.values.some((each) => equalValues(each, value));
    return outer.kind === "primitive" && isWithinPrimitive(typeOfValue(value), outer.name);
  }

  #structure(inner: Type, outer: Type): boolean {
    switch (outer.kind) {
      case "vector":
        return itemsOf(inner)?.every((item) => this.holds(item, outer.item)) ?? false;
      case "array":
        return inner.kind === "array" && this.#array(inner, outer);
      case "tuple":
        return inner.kind === "tuple" && this.#tuple(inner, outer);
      case "record":
        return inner.kind === "record" && this.#record(inner, outer);
      case "map-of":
        return (
          inner.kind === "map-of" &&
          this.holds(inner.key, outer.key) &&
          this.holds(inner.value, outer.value)
        );
      case "fn":
        return inner.kind === "fn" && this.#function(inner, outer);
      case "resource":
        return inner.kind === "resource" && inner.name === outer.name;
      case "primitive":
      case "alias":
      case "optional":
      case "union":
      case "and":
      case "enum":
        return false;
    }
  }

  #array(inner: Of<"array">, outer: Of<"array">): boolean {
    return (
      inner.shape.length === outer.shape.length &&
      outer.shape.every((size, index) => size === null || size === inner.shape[index]) &&
      this.holds(inner.item, outer.item)
    );
  }

  #tuple(inner: Of<"tuple">, outer: Of<"tuple">): boolean {
    return (
      inner.required >= outer.required &&
      inner.items.length <= outer.items.length &&
      inner.items.every((item, index) => this.holds(item, outer.items[index]!))
    );
  }

  /** Fields by name. A field that is not named may be anything, unless `rest` says what. */
  #record(inner: Of<"record">, outer: Of<"record">): boolean {
    const own = new Map(inner.fields.map((field) => [field.name, field]));
    const named = new Set(outer.fields.map(({ name }) => name));
    const isNamed = outer.fields.every((field) =>
      this.#field(own.get(field.name), field, inner.rest),
    );
    if (!isNamed || outer.rest === null) return isNamed;
    const others = inner.fields.filter(({ name }) => !named.has(name));
    const rest = inner.rest ?? ANY_TYPE;
    return [rest, ...others.map(({ type }) => type)].every((type) => this.holds(type, outer.rest!));
  }

  #field(own: Field | undefined, field: Field, rest: Type | null): boolean {
    if (own === undefined) return field.isOptional && this.holds(rest ?? ANY_TYPE, field.type);
    return (field.isOptional || !own.isOptional) && this.holds(own.type, field.type);
  }

  /** Parameters the other way round, the result the same way. */
  #function(inner: Of<"fn">, outer: Of<"fn">): boolean {
    if (inner.parameters.length !== outer.parameters.length) return false;
    if ((inner.rest === null) !== (outer.rest === null)) return false;
    const isCallable = outer.parameters.every((type, at) =>
      this.holds(type, inner.parameters[at]!),
    );
    const isRest = inner.rest === null || this.holds(outer.rest!, inner.rest);
    return isCallable && isRest && this.holds(inner.result, outer.result);
  }
}

function resolve(type: Type, aliases: TypeEnvironment): Type {
  let at = type;
  for (let left = ALIAS_CHAIN_MAX; at.kind === "alias" && left > 0; left--) {
    const named = aliases.get(at.name);
    if (named === undefined) return at;
    at = named;
  }
  return at;
}

function isPrimitive(type: Type, name: string): boolean {
  return type.kind === "primitive" && type.name === name;
}

function isAny(type: Type): boolean {
  return isPrimitive(type, "any");
}

/** The members of a union or an optional. */
function alternatives(type: Type): readonly Type[] | null {
  if (type.kind === "union") return type.types;
  return type.kind === "optional" ? [type.type, NIL_TYPE] : null;
}

/** One type for each of several literals. */
function singles(type: Type): readonly Type[] | null {
  if (type.kind !== "enum" || type.values.length < 2) return null;
  return type.values.map((value) => ({ kind: "enum", values: [value], isSingle: true }));
}

function isWithinPrimitive(type: Type, name: string): boolean {
  if (name === "any") return true;
  if (type.kind !== "primitive") return CONTAINERS.get(type.kind) === name;
  return (
    type.name === name || (name === "number" && (type.name === "int" || type.name === "float"))
  );
}

const WORDS: ReadonlyMap<string, PrimitiveName> = new Map([
  ["boolean", "bool"],
  ["integer", "int"],
  ["function", "fn"],
  ["resource-handle", "resource"],
]);

/** The primitive a literal belongs to. A vector equals a list, so neither is certain. */
function typeOfValue(value: Value): Type {
  const word = kindOf(value);
  const name = WORDS.get(word) ?? primitiveName(word);
  return name === null || word === "vector" || word === "list"
    ? ANY_TYPE
    : { kind: "primitive", name };
}

/** Types of the items of what is a vector for certain; null for other types. */
function itemsOf(type: Type): readonly Type[] | null {
  if (type.kind === "vector") return [type.item];
  if (type.kind === "array") {
    return type.shape.length === 1 ? [type.item] : [{ ...type, shape: type.shape.slice(1) }];
  }
  return type.kind === "tuple" ? type.items : null;
}

/**
 * Whether a value of the first type can pass a check against the second. False only when none can.
 * An integer passes where a float is expected.
 */
export function canFit(given: Type, wanted: Type, aliases: TypeEnvironment = NO_ALIASES): boolean {
  return new Overlap(aliases).holds(given, wanted);
}

class Overlap {
  readonly #aliases: TypeEnvironment;
  #depth = 0;
  #left = COMPARISONS_MAX;

  constructor(aliases: TypeEnvironment) {
    this.#aliases = aliases;
  }

  /** What is too deep to be followed may fit. */
  holds(given: Type, wanted: Type): boolean {
    const [one, other] = [resolve(given, this.#aliases), resolve(wanted, this.#aliases)];
    if (isPrimitive(one, "never") || isPrimitive(other, "never")) return false;
    const isOpen = (type: Type): boolean => isAny(type) || type.kind === "alias";
    if (isOpen(one) || isOpen(other)) return true;
    if (this.#depth >= DEPTH_MAX || --this.#left < 0) return true;
    this.#depth++;
    const isHeld = this.#compare(one, other);
    this.#depth--;
    return isHeld;
  }

  #compare(one: Type, other: Type): boolean {
    const parts = alternatives(one);
    if (parts !== null) return parts.some((part) => this.holds(part, other));
    const choices = alternatives(other);
    if (choices !== null) return choices.some((choice) => this.holds(one, choice));
    if (one.kind === "and") return this.#all(one, (part) => this.holds(part, other));
    if (other.kind === "and") return this.#all(other, (part) => this.holds(one, part));
    if (one.kind === "enum") return one.values.some((value) => this.#hasValue(value, other));
    if (other.kind === "enum") return other.values.some((value) => this.#hasValue(value, one));
    const [left, right] = [baseOf(one), baseOf(other)];
    if (!isSameBase(left, right)) return false;
    return this.#structure(one, other);
  }

  #all({ base, parts }: Of<"and">, holds: (part: Type) => boolean): boolean {
    return [base, ...parts].every((part) => part.kind === "predicate" || holds(part));
  }

  #hasValue(value: Value, type: Type): boolean {
    if (type.kind === "enum") return type.values.some((each) => equalValues(each, value));
    const own = typeOfValue(value);
    return isAny(own)
      ? ["vector", "list"].includes(baseOf(type))
      : isSameBase(baseOf(own), baseOf(type));
  }

  #structure(one: Type, other: Type): boolean {
    const [left, right] = [sizedItems(one), sizedItems(other)];
    if (left !== null && right !== null) return this.#items(left, right);
    if (one.kind === "record" && other.kind === "record") return this.#record(one, other);
    if (one.kind === "record" && other.kind === "map-of") return this.#mapOf(one, other);
    if (one.kind === "map-of" && other.kind === "record") return this.#mapOf(other, one);
    return true;
  }

  #items(one: Sized, other: Sized): boolean {
    const required = Math.max(one.required, other.required);
    if (required > Math.min(one.most, other.most)) return false;
    const looked = Math.min(required, Math.max(one.items.length, other.items.length));
    for (let index = 0; index < looked; index++) {
      if (!this.holds(itemAt(one, index), itemAt(other, index))) return false;
    }
    return true;
  }

  /** A field that both demand must have a value for both. */
  #record(one: Of<"record">, other: Of<"record">): boolean {
    const fields = new Map(other.fields.map((field) => [field.name, field]));
    return one.fields.every((field) => {
      const peer = fields.get(field.name);
      if (peer === undefined || (field.isOptional && peer.isOptional)) return true;
      return this.holds(field.type, peer.type);
    });
  }

  #mapOf({ fields }: Of<"record">, { value }: Of<"map-of">): boolean {
    return fields.every(({ isOptional, type }) => isOptional || this.holds(type, value));
  }
}

/** The kind of value a type is about. */
function baseOf(type: Type): string {
  return type.kind === "primitive" ? type.name : (CONTAINERS.get(type.kind) ?? type.kind);
}

const NUMBERS = new Set(["int", "float", "number"]);

/** An integer passes as a float, so all numbers may meet. */
function isSameBase(one: string, other: string): boolean {
  return one === other || (NUMBERS.has(one) && NUMBERS.has(other));
}

interface Sized {
  readonly items: readonly Type[];
  readonly required: number;
  readonly most: number;
}

/** How many items a vector has, and of which types; null: nothing is known of them. */
function sizedItems(type: Type): Sized | null {
  if (type.kind === "vector") {
    return { items: [type.item], required: 0, most: Number.POSITIVE_INFINITY };
  }
  if (type.kind === "tuple") {
    return { items: type.items, required: type.required, most: type.items.length };
  }
  if (type.kind !== "array") return null;
  const [size = null] = type.shape;
  const items = itemsOf(type)!;
  return { items, required: size ?? 0, most: size ?? Number.POSITIVE_INFINITY };
}

/** A vector's items are all of its one type. */
function itemAt({ items, most }: Sized, index: number): Type {
  return (
    items[Math.min(index, items.length - 1)] ??
    (most === 0 ? { kind: "primitive", name: "never" } : ANY_TYPE)
  );
}

/** Members of a union that are still worth naming. */
const JOINED_MAX = 5;

/**
 * The type of a value that has one of these: the same stays, int and float make number, up to five
 * distinct ones a union, more are any. None: any.
 */
export function joinTypes(types: readonly Type[]): Type {
  const distinct = new Map<string, Type>();
  const waiting = [...types].reverse();
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    const parts = type.kind === "union" ? type.types : null;
    if (parts === null) distinct.set(keyOf(type), type);
    else waiting.push(...[...parts].reverse());
  }
  const members = withNumber([...distinct.values()]);
  if (members.length === 1) return members[0]!;
  const isNamed = members.length > 0 && members.length <= JOINED_MAX && !members.some(isAny);
  return isNamed ? { kind: "union", types: members } : ANY_TYPE;
}

function withNumber(members: readonly Type[]): readonly Type[] {
  const has = (name: string): boolean => members.some((member) => isPrimitive(member, name));
  if (!has("number") && !(has("int") && has("float"))) return members;
  const others = members.filter(
    (member) => !(member.kind === "primitive" && NUMBERS.has(member.name)),
  );
  return [{ kind: "primitive", name: "number" }, ...others];
}

/** Equal for types that are written alike. */
function keyOf(type: Type): string {
  return JSON.stringify(type, (key, value: unknown) =>
    key === "values" ? (value as readonly Value[]).map((each) => printValue(each)) : value,
  );
}
