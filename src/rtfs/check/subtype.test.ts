import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram, compileType, readForms, runProgram, type Value } from "../index.ts";
import type { PrimitiveName } from "../types/primitives.ts";
import { printType } from "../types/print-type.ts";
import type { Type } from "../types/type.ts";
import { canFit, isSubtype, joinTypes } from "./subtype.ts";

const names = (text: string) => text.split(" ") as PrimitiveName[];
const p = (name: PrimitiveName): Type => ({ kind: "primitive", name });
const [INT, FLOAT, NUMBER, STRING, NIL, ANY, NEVER] = names(
  "int float number string nil any never",
).map(p) as [Type, Type, Type, Type, Type, Type, Type];
const vector = (item: Type): Type => ({ kind: "vector", item });
const tuple = (...items: Type[]): Type => ({
  kind: "tuple",
  items,
  required: items.length,
});
const union = (...types: Type[]): Type => ({ kind: "union", types });
const optional = (type: Type): Type => ({ kind: "optional", type });
const alias = (name: string): Type => ({ kind: "alias", name });
const fn = (parameters: Type[], result: Type): Type => ({
  kind: "fn",
  parameters,
  rest: null,
  result,
});
const field = (name: string, type: Type, isOptional = false) => ({ name, type, isOptional });
const record = (...fields: ReturnType<typeof field>[]): Type => ({
  kind: "record",
  fields,
  rest: null,
});
const mapOf = (key: Type, value: Type): Type => ({ kind: "map-of", key, value });
const one = (...values: Value[]): Type => ({ kind: "enum", values, isSingle: false });
const refined = (base: Type): Type => ({
  kind: "and",
  base,
  parts: [{ kind: "predicate", name: "non-empty" }],
});

describe("isSubtype", () => {
  test.each<[Type, Type, boolean]>([
    [INT, ANY, true],
    [ANY, INT, false],
    [NEVER, STRING, true],
    [STRING, NEVER, false],
    [INT, NUMBER, true],
    [FLOAT, NUMBER, true],
    [INT, FLOAT, false],
    [NUMBER, INT, false],
    [INT, optional(INT), true],
    [optional(INT), INT, false],
    [NIL, optional(INT), true],
    [union(INT, FLOAT), NUMBER, true],
    [union(INT, STRING), NUMBER, false],
    [INT, union(STRING, NUMBER), true],
    [vector(INT), vector(NUMBER), true],
    [vector(NUMBER), vector(INT), false],
    [vector(INT), p("vector"), true],
    [p("vector"), vector(INT), false],
    [tuple(INT, INT), vector(INT), true],
    [tuple(INT, STRING), vector(INT), false],
    [tuple(INT), tuple(INT, INT), false],
    [tuple(INT, INT), tuple(INT, NUMBER), true],
    [record(field("a", INT), field("b", INT)), record(field("a", NUMBER)), true],
    [record(field("b", INT)), record(field("a", INT)), false],
    [record(field("a", INT, true)), record(field("a", INT)), false],
    [record(field("a", INT)), record(field("a", INT, true)), true],
    [record(), record(field("a", INT, true)), false],
    [record(), p("map"), true],
    [mapOf(STRING, INT), mapOf(STRING, NUMBER), true],
    [fn([NUMBER], INT), fn([INT], NUMBER), true],
    [fn([INT], INT), fn([NUMBER], INT), false],
    [fn([INT], NUMBER), fn([INT], INT), false],
    [fn([], INT), fn([INT], INT), false],
    [fn([], INT), p("fn"), true],
    [one(1, 2), INT, true],
    [one(1, "a"), INT, false],
    [one(1), one(1, 2), true],
    [one(1, 3), one(1, 2), false],
    [INT, one(1), false],
    [refined(INT), NUMBER, true],
    [INT, refined(INT), false],
  ])("%j within %j: %s", (inner, outer, expected) => {
    expect(isSubtype(inner, outer)).toBe(expected);
  });
  test("gradual: what is not known fits", () => {
    expect(isSubtype(vector(ANY), vector(INT), { isGradual: true })).toBe(true);
    expect(isSubtype(vector(STRING), vector(INT), { isGradual: true })).toBe(false);
  });
  test("types that name themselves are compared to an end", () => {
    const aliases = new Map<string, Type>([
      ["list", optional(tuple(INT, alias("list")))],
      ["wide", optional(tuple(NUMBER, alias("wide")))],
      ["odd", optional(tuple(INT, alias("even")))],
      ["even", optional(tuple(STRING, alias("odd")))],
      ["loop", alias("loop")],
    ]);
    const within = (a: string, b: string) => isSubtype(alias(a), alias(b), { aliases });
    expect([within("list", "wide"), within("wide", "list")]).toEqual([true, false]);
    expect([within("odd", "list"), within("loop", "list"), within("loop", "loop")]).toEqual([
      false,
      false,
      true,
    ]);
    expect(canFit(alias("odd"), alias("list"), aliases)).toBe(true);
  });
  test("many types that name each other cost a bounded amount of work", () => {
    const names = Array.from({ length: 60 }, (_, index) => `t${index}`);
    const aliases = new Map(
      names.map((name, index) => [
        name,
        tuple(
          ...names.map((_, at) => alias(names[(at * 7 + index) % 60]!)),
          index % 2 === 0 ? INT : NUMBER,
        ),
      ]),
    );
    expect(isSubtype(alias("t1"), alias("t2"), { aliases })).toBe(false);
    expect(canFit(alias("t1"), alias("t2"), aliases)).toBe(true);
  });
});

describe("joinTypes", () => {
  test.each<[Type[], Type]>([
    [[], ANY],
    [[INT, INT], INT],
    [[INT, FLOAT], NUMBER],
    [[INT, FLOAT, STRING], union(NUMBER, STRING)],
    [[vector(INT), vector(INT)], vector(INT)],
    [[STRING, union(NIL, STRING)], union(STRING, NIL)],
    [[STRING, ANY], ANY],
    [
      names("nil bool string keyword symbol").map(p),
      union(...names("nil bool string keyword symbol").map(p)),
    ],
    [names("nil bool string keyword symbol map").map(p), ANY],
    [[one(1), one(1)], one(1)],
  ])("%j", (types, expected) => {
    expect(joinTypes(types)).toEqual(expected);
  });
});

const { type } = fc.letrec<{ type: Type }>((tie) => {
  const inner = tie("type");
  return {
    type: fc.oneof(
      { maxDepth: 3, depthIdentifier: "t" },
      fc
        .constantFrom(
          "int",
          "float",
          "number",
          "string",
          "nil",
          "any",
          "bool",
          "keyword",
          "vector",
          "map",
          "fn",
        )
        .map(p),
      inner.map(vector),
      fc.array(inner, { minLength: 1, maxLength: 3 }).map((items) => tuple(...items)),
      fc
        .tuple(inner, inner)
        .map(([a, b]) => ({ kind: "tuple" as const, items: [a, b], required: 1 })),
      fc.array(inner, { minLength: 1, maxLength: 3 }).map((items) => union(...items)),
      inner.map(optional),
      fc
        .tuple(inner, inner, fc.boolean(), fc.boolean())
        .map(([a, b, c, d]) => record(field("a", a, c), field("b", b, d))),
      fc
        .tuple(inner, fc.option(inner))
        .map(([a, rest]) => ({ kind: "record" as const, fields: [field("a", a)], rest })),
      inner.map((value) => mapOf(union(p("keyword"), STRING), value)),
      fc.subarray<Value>([1, 2, "a", null, true], { minLength: 1 }).map((values) => one(...values)),
      fc.tuple(inner, inner).map(([base, part]) => ({ kind: "and" as const, base, parts: [part] })),
    ),
  };
});

const VALUES = valuesOf(
  `[1 2 1.5 2.0 "a" "b" nil true :k [] [1] [2 1] [1.5] ["a"] [nil] [1 "a"] [[1]] [[]] {} {:a 1} {:a 1.5 :b 2} {:a "a"} {:b 1} {"a" 1} {:a nil :b nil} {:a [1]} {:a 1 :c "x"} {:a {:a 1}} str [1 2 1] {:c 1}]`,
);

function valuesOf(source: string): readonly Value[] {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  const outcome = program.ok ? runProgram(program.value, { fuel: 10_000, depthMax: 50 }) : null;
  if (outcome?.ok !== true) throw new Error("no values");
  return (outcome.value as { items: readonly Value[] }).items;
}

/** The values that pass the check of the type. */
function members(of: Type): readonly Value[] {
  const compiled = compileType(printType(of));
  if (!compiled.ok) throw new Error(`${printType(of)}: ${compiled.error.message}`);
  return VALUES.filter((value) => compiled.value.check(value) === null);
}

test("what passes a type passes every type it is within, and none it cannot fit", () => {
  const seen = { within: 0, apart: 0, joined: 0 };
  fc.assert(
    fc.property(type, type, (a, b) => {
      const [left, right] = [members(a), members(b)];
      const common = left.filter((value) => right.includes(value));
      if (isSubtype(a, b)) {
        seen.within++;
        expect([printType(a), printType(b), common.length]).toEqual([
          printType(a),
          printType(b),
          left.length,
        ]);
      }
      if (!canFit(a, b)) {
        seen.apart++;
        expect([printType(a), printType(b), common]).toEqual([printType(a), printType(b), []]);
      }
      const join = joinTypes([a, b]);
      const joined = members(join);
      seen.joined++;
      expect([...left, ...right].filter((value) => !joined.includes(value))).toEqual([]);
    }),
    { numRuns: 6000 },
  );
  expect(seen.within).toBeGreaterThan(100);
  expect(seen.apart).toBeGreaterThan(300);
});

/** Types that often hold one another. */
const related = fc.tuple(type, type, type, fc.nat(5), fc.nat(5)).map(([a, b, c, first, second]) => {
  const wider = (narrow: Type, other: Type, how: number): Type =>
    [
      narrow,
      optional(narrow),
      union(other, narrow),
      joinTypes([narrow, other]),
      vector(narrow),
      other,
    ][how]!;
  const middle = wider(a, b, first);
  return [a, middle, wider(middle, c, second)] as const;
});

test("within is reflexive and transitive, and a join holds what it joins", () => {
  let chains = 0;
  fc.assert(
    fc.property(related, ([a, b, c]) => {
      const shown = [a, b, c].map(printType);
      expect(isSubtype(a, a)).toBe(true);
      expect([shown, isSubtype(a, joinTypes([a, b]))]).toEqual([shown, true]);
      if (!isSubtype(a, b) || !isSubtype(b, c)) return;
      chains++;
      expect([shown, isSubtype(a, c)]).toEqual([shown, true]);
    }),
    { numRuns: 6000 },
  );
  expect(chains).toBeGreaterThan(1000);
});
