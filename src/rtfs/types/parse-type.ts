/**
 * Type expressions to types.
 *
 * Read in this order: parseType, TypeParser.type, CONSTRUCTORS. Every name is looked up here, so a
 * misspelt one is an error with its place and never a type that nothing fits.
 *
 * @module
 */
import { suggestName } from "../analysis/suggest.ts";
import { type Form, formToValue } from "../syntax/form.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import { isPredicateName, parsePredicate, PREDICATE_NAMES } from "./parse-predicate.ts";
import { parseFields } from "./parse-record.ts";
import { PRIMITIVE_SPELLINGS, primitiveName } from "./primitives.ts";
import type { Predicate, Type } from "./type.ts";
import { BadType, isQuestionMark, nameOf } from "./type-form.ts";

/** Names that stand for types besides the built-in ones: a Set of names or a type environment. */
export interface AliasNames {
  has(name: string): boolean;
  keys(): Iterable<string>;
}

/** Deepest nesting of one type expression. */
export const TYPE_DEPTH_MAX = 64;

/**
 * Read a type expression such as `[:map [:url :string] [:method :string ?]]`.
 *
 * @param aliases - Names that may stand in it, also its own when it is recursive.
 * @throws {BadType} with the place of the fault.
 */
export function parseTypeForm(form: Form, aliases: AliasNames): Type {
  return new TypeParser(aliases).type(form, TYPE_DEPTH_MAX);
}

class TypeParser {
  readonly #aliases: AliasNames;

  constructor(aliases: AliasNames) {
    this.#aliases = aliases;
  }

  type(form: Form, depthLeft: number): Type {
    if (depthLeft < 0) {
      throw new BadType(form.span, `A type nests deeper than ${TYPE_DEPTH_MAX}`);
    }
    const inner = (part: Form): Type => this.type(part, depthLeft - 1);
    const name = nameOf(form);
    if (name !== null) return this.#named(form, name);
    if (form.kind === "nil") return { kind: "primitive", name: "nil" };
    if (form.kind === "map") return { kind: "record", ...parseFields([form], inner) };
    if (form.kind !== "vector") {
      throw new BadType(form.span, "A type is a name or a vector", EXAMPLE);
    }
    const head = nameOf(form.items[0]);
    const constructor = head === null ? undefined : CONSTRUCTORS.get(head);
    if (constructor === undefined) throw unknownHead(form, head);
    return constructor(form.items.slice(1), form, inner);
  }

  #named(form: Form, name: string): Type {
    const primitive = primitiveName(name);
    if (primitive !== null) return { kind: "primitive", name: primitive };
    if (this.#aliases.has(name)) return { kind: "alias", name };
    if (name.endsWith("?")) {
      const base = name.slice(0, -1);
      const optional = primitiveName(base);
      if (optional !== null) {
        return { kind: "optional", type: { kind: "primitive", name: optional } };
      }
      if (this.#aliases.has(base)) return { kind: "optional", type: { kind: "alias", name: base } };
    }
    throw this.#unknownName(form, name);
  }

  #unknownName(form: Form, name: string): BadType {
    if (CONSTRUCTORS.has(name)) {
      return new BadType(
        form.span,
        `No type is called \`${name}\``,
        `Write it with its parts: [:${name} …]`,
      );
    }
    const near = suggestName(name, [...PRIMITIVE_SPELLINGS, ...this.#aliases.keys()]);
    const hint = near === null ? EXAMPLE : `Did you mean \`${near}\`?`;
    return new BadType(form.span, `No type is called \`${name}\``, hint);
  }
}

const EXAMPLE = "A type is written :int, :string?, [:vector :int] or [:map [:key :string]]";

function unknownHead(form: Form, head: string | null): BadType {
  if (head === "set") {
    return new BadType(
      form.span,
      "There are no sets in this language",
      "Write [:vector T], or [:map-of T :bool]",
    );
  }
  if (head !== null && isPredicateName(head)) {
    return new BadType(
      form.span,
      `\`${head}\` is a predicate, not a type`,
      `Write it behind a type: [:and :any [:${head} …]]`,
    );
  }
  const near = suggestName(head ?? "", CONSTRUCTORS.keys());
  const hint = near === null ? EXAMPLE : `Did you mean \`${near}\`?`;
  return new BadType(form.span, `No type constructor is called \`${head ?? ""}\``, hint);
}

type Inner = (part: Form) => Type;
type Constructor = (parts: readonly Form[], form: Form, inner: Inner) => Type;

function one(parts: readonly Form[], form: Form): Form {
  if (parts.length === 1) return parts[0]!;
  throw new BadType(form.span, "This type takes exactly one part");
}

/** `[:tuple A B C ?]`: a `?` makes the element before it optional; optional ones stand last. */
const tuple: Constructor = (parts, form, inner) => {
  const items: Type[] = [];
  let required = 0;
  for (let index = 0; index < parts.length; index++) {
    const isOptional = isQuestionMark(parts[index + 1]);
    items.push(inner(parts[index]!));
    if (isOptional) index++;
    else if (required === items.length - 1) required++;
    else throw new BadType(form.span, "A required element stands after an optional one");
  }
  return { kind: "tuple", items, required };
};

const union: Constructor = (parts, form, inner) => {
  if (parts.length === 0) throw new BadType(form.span, "A union needs at least one type");
  return { kind: "union", types: parts.map(inner) };
};

const enumeration: Constructor = (parts, form) => {
  const values = parts.map(literalOf);
  if (values.length === 0) throw new BadType(form.span, "An enum needs at least one literal");
  return { kind: "enum", values, isSingle: false };
};

function literalOf(form: Form): Value {
  if (form.kind === "list") throw new BadType(form.span, "A literal is needed");
  try {
    return formToValue(form);
  } catch (error) {
    if (error instanceof RtfsError) throw new BadType(error.span ?? form.span, error.message);
    throw error;
  }
}

/** `[:and Base part…]`: a part is a refinement such as `[:>= 0]`, or another type. */
const intersection: Constructor = ([first, ...rest], form, inner) => {
  if (first === undefined) throw new BadType(form.span, "`and` needs at least one type");
  return { kind: "and", base: inner(first), parts: rest.map((part) => refinement(part, inner)) };
};

function refinement(form: Form, inner: Inner): Type | Predicate {
  const head = form.kind === "vector" ? nameOf(form.items[0]) : null;
  if (head === null || CONSTRUCTORS.has(head)) return inner(form);
  if (isPredicateName(head)) return parsePredicate(form, head);
  if (head === "set") return inner(form);
  const near = suggestName(head, [...PREDICATE_NAMES, ...CONSTRUCTORS.keys()]);
  throw new BadType(
    form.span,
    `No predicate is called \`${head}\``,
    near === null ? `The predicates are ${PREDICATE_NAMES.join(" ")}` : `Did you mean \`${near}\`?`,
  );
}

/** Most dimensions of an array. */
const DIMENSIONS_MAX = 8;

/** `[:array T [2 ?]]`: two vectors of any length; without a shape one dimension of any length. */
const array: Constructor = ([item, shape, ...more], form, inner) => {
  if (item === undefined || more.length > 0) {
    throw new BadType(form.span, "`array` is [:array T [n]]");
  }
  const dimensions = shape === undefined ? [null] : dimensionsOf(shape);
  return { kind: "array", item: inner(item), shape: dimensions };
};

function dimensionsOf(shape: Form): (number | null)[] {
  const items = shape.kind === "vector" ? shape.items : [];
  const dimensions = items.map((each) => {
    if (isQuestionMark(each)) return null;
    // An integer that is no JS number is over what a JS number counts exactly.
    const isSize = each.kind === "integer" && typeof each.value === "number" && each.value >= 0;
    return isSize ? Number(each.value) : undefined;
  });
  const isShape = dimensions.length > 0 && dimensions.length <= DIMENSIONS_MAX;
  if (isShape && dimensions.every((each) => each !== undefined)) return dimensions;
  throw new BadType(shape.span, "A shape is [n] or [?]", "Several dimensions: [2 3 ?]");
}

/** `[:fn [A B & C] R]`; a value is only checked to be a function. */
const functionType: Constructor = ([parameters, result, ...more], form, inner) => {
  if (parameters?.kind !== "vector" || result === undefined || more.length > 0) {
    throw new BadType(form.span, "A function type is [:fn [A B & C] R]");
  }
  const { items } = parameters;
  const marker = items.findIndex((item) => item.kind === "symbol" && item.name === "&");
  if (marker !== -1 && marker !== items.length - 2) {
    throw new BadType(parameters.span, "One type stands behind `&`, and it is the last");
  }
  return {
    kind: "fn",
    parameters: (marker === -1 ? items : items.slice(0, marker)).map(inner),
    rest: marker === -1 ? null : inner(items[marker + 1]!),
    result: inner(result),
  };
};

const mapOf: Constructor = ([key, value, ...more], form, inner) => {
  if (key === undefined || value === undefined || more.length > 0) {
    throw new BadType(form.span, "`map-of` is [:map-of K V]");
  }
  return { kind: "map-of", key: inner(key), value: inner(value) };
};

/** A record, or `[:map K V]`: two parts of which one is no vector are no fields. */
const map: Constructor = (parts, form, inner) => {
  const isPair = parts.length === 2 && parts.some((part) => part.kind !== "vector");
  return isPair ? mapOf(parts, form, inner) : { kind: "record", ...parseFields(parts, inner) };
};

const resource: Constructor = (parts, form) => {
  const part = one(parts, form);
  const name = nameOf(part) ?? (part.kind === "string" ? part.value : null);
  if (name === null) throw new BadType(part.span, "A resource's type is a name");
  return { kind: "resource", name };
};

const CONSTRUCTORS: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["vector", (parts, form, inner) => ({ kind: "vector", item: inner(one(parts, form)) })],
  ["array", array],
  ["tuple", tuple],
  ["union", union],
  ["optional", (parts, form, inner) => ({ kind: "optional", type: inner(one(parts, form)) })],
  ["enum", enumeration],
  [
    "val",
    (parts, form) => ({ kind: "enum", values: [literalOf(one(parts, form))], isSingle: true }),
  ],
  ["and", intersection],
  ["intersection", intersection],
  ["fn", functionType],
  ["=>", functionType],
  ["map", map],
  ["record", (parts, _form, inner) => ({ kind: "record", ...parseFields(parts, inner) })],
  ["map-of", mapOf],
  ["dict", mapOf],
  ["resource", resource],
]);
