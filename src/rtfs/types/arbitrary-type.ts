/**
 * Types and values at random, for property tests.
 *
 * @module
 */
import fc from "fast-check";
import { keyword, MapValue, Sym, type Value, Vector } from "../values/value.ts";
import { makeFloat } from "../values/numbers.ts";
import type { Field, Predicate, Type } from "./type.ts";

const names = fc.constantFrom("a", "b", "url", "__proto__", "constructor", "two words", "*", "π");
const numbers = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom(0.5, 2.5, 9007199254740993n),
);

const predicates: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constantFrom(">", ">=", "<", "<=", "=", "!="),
    limit: numbers,
  }),
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constant("in-range" as const),
    low: numbers,
    high: numbers,
  }),
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constantFrom("min-length", "max-length", "length", "min-count", "max-count", "count"),
    size: fc.nat(4),
  }),
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constant("matches-regex" as const),
    pattern: fc.constantFrom("^a+$", "[0-9]", "b|\\d", '"'),
  }),
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constantFrom("is-url", "is-email", "non-empty"),
  }),
  fc.record({
    kind: fc.constant("predicate" as const),
    name: fc.constantFrom("has-key", "required-keys"),
    keys: fc.tuple(fc.oneof(fc.constantFrom("a", "b").map(keyword), fc.constant("k"), fc.nat(3))),
  }),
);

/** Literals of every kind that a type can hold. */
export const literals: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(null, true, 7, "a", "b", 1.5, keyword("k"), new Sym("s"), makeFloat(2)),
  fc.constantFrom<Value>(
    new Vector([1]),
    MapValue.of([["a", 1]]),
    MapValue.of([[keyword("a"), 1]]),
  ),
);

/** Types over the aliases `A` and `B`. */
export const types: fc.Arbitrary<Type> = fc.letrec<{ type: Type }>((tie) => {
  const type = tie("type");
  const fields: fc.Arbitrary<readonly Field[]> = fc.uniqueArray(
    fc.record({ name: names, type, isOptional: fc.boolean() }),
    { selector: (field) => field.name, maxLength: 3 },
  );
  const some = fc.array(type, { minLength: 1, maxLength: 3 });
  const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);
  return {
    type: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.record({
        kind: kind("primitive"),
        name: fc.constantFrom("any", "never", "nil", "bool", "int", "float", "number", "string"),
      }),
      fc.record({
        kind: kind("primitive"),
        name: fc.constantFrom("keyword", "symbol", "vector", "list", "map", "fn", "timestamp"),
      }),
      fc.record({ kind: kind("alias"), name: fc.constantFrom("A", "B") }),
      fc.record({
        kind: kind("enum"),
        values: fc.array(literals, { minLength: 1, maxLength: 3 }),
        isSingle: fc.constant(false),
      }),
      fc.record({
        kind: kind("enum"),
        values: fc.tuple(literals),
        isSingle: fc.constant(true),
      }),
      fc.record({ kind: kind("resource"), name: fc.constantFrom("File", "two words") }),
      fc.record({ kind: kind("optional"), type }),
      fc.record({ kind: kind("vector"), item: type }),
      fc.record({
        kind: kind("array"),
        item: type,
        shape: fc.array(fc.option(fc.nat(3)), { minLength: 1, maxLength: 3 }),
      }),
      fc.tuple(fc.array(type, { maxLength: 3 }), fc.nat(3)).map(([items, required]) => ({
        kind: "tuple" as const,
        items,
        required: Math.min(required, items.length),
      })),
      fc.record({ kind: kind("record"), fields, rest: fc.option(type) }),
      fc.record({ kind: kind("map-of"), key: type, value: type }),
      fc.record({
        kind: kind("fn"),
        parameters: fc.array(type, { maxLength: 2 }),
        rest: fc.option(type),
        result: type,
      }),
      fc.record({ kind: kind("union"), types: some }),
      fc.record({
        kind: kind("and"),
        base: type,
        parts: fc.array(fc.oneof(predicates, type), { maxLength: 3 }),
      }),
    ),
  };
}).type;

/** Values that types of {@link types} nearly fit. */
export const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    literals,
    fc.constantFrom<Value>(0, -1, 9, "", "aa", "http://x.org", "a@b", "5"),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => new Vector(items)),
    fc
      .uniqueArray(fc.tuple(names, fc.boolean(), tie("value")), {
        selector: ([name]) => name,
        maxLength: 3,
      })
      .map((entries) =>
        MapValue.of(
          entries.map(([name, isKeyword, value]) => [isKeyword ? keyword(name) : name, value]),
        ),
      ),
  ),
})).value;
