import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyword, MapValue, type Value, Vector } from "../values/value.ts";
import { types, values } from "./arbitrary-type.ts";
import { compileParsedType, compileType, type CompiledType, parseType } from "./compile-type.ts";
import { printType } from "./print-type.ts";
import { isSimpleType, type Type, type TypeEnvironment } from "./type.ts";
import { DEFAULT_VALIDATION, validate, validationError } from "./validate.ts";

const A: Type = { kind: "primitive", name: "int" };
const ALIASES: TypeEnvironment = new Map<string, Type>([
  ["A", A],
  ["B", { kind: "union", types: [A, { kind: "vector", item: { kind: "alias", name: "B" } }] }],
]);

function type(source: string, aliases: TypeEnvironment = ALIASES): CompiledType {
  const compiled = compileType(source, aliases);
  if (!compiled.ok) throw new Error(`${source}: ${compiled.error.message}`);
  return compiled.value;
}

function parsed(source: string): Type {
  const result = parseType(source, ALIASES);
  if (!result.ok) throw new Error(`${source}: ${result.error.message}`);
  return result.value;
}

describe("printType", () => {
  test("parsing what it prints gives the same type", () => {
    fc.assert(
      fc.property(types, (each) => {
        expect(parsed(printType(each))).toEqual(each);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["Int", ":int"],
    ["[:union int nil]", "[:union :int :nil]"],
    ["integer?", ":int?"],
    ["[:dict :keyword A]", "[:map-of :keyword A]"],
    ["[:map :string :int]", "[:map-of :string :int]"],
    ["[:map {:a :int}]", "[:map [:a :int]]"],
    ["{:a A?}", "[:map [:a [:optional A]]]"],
    ['[:record ["two words" :int ?] [:* :any]]', '[:map ["two words" :int ?] [:* :any]]'],
    ["[:=> [:int & :string] :nil]", "[:fn [:int & :string] :nil]"],
    ["[:array :int]", "[:array :int [?]]"],
    ["[:array :int [2 ?]]", "[:array :int [2 ?]]"],
    ["[:intersection :int [:>= 1.0]]", "[:and :int [:>= 1]]"],
    ["[:resource File]", '[:resource "File"]'],
    ["[:tuple :int :string ?]", "[:tuple :int :string ?]"],
  ])("%s prints as %s", (source, printed) => {
    expect(printType(parsed(source))).toBe(printed);
  });
});

describe("parseType", () => {
  test.each([
    ["strng", "No type is called `strng`", "Did you mean `string`?", 1],
    ["vectro", "No type is called `vectro`", "Did you mean `vector`?", 1],
    ["tuple", "No type is called `tuple`", "Write it with its parts: [:tuple …]", 1],
    [
      "[:vector [:tupel :int]]",
      "No type constructor is called `tupel`",
      "Did you mean `tuple`?",
      10,
    ],
    ["[:set :int]", "There are no sets in this language", "Write [:vector T]", 1],
    [
      "[:min-length 3]",
      "`min-length` is a predicate, not a type",
      "[:and :any [:min-length …]]",
      1,
    ],
    [
      "[:and :string [:min-lenght 3]]",
      "No predicate is called `min-lenght`",
      "Did you mean `min-length`?",
      15,
    ],
    ["[:and :int [:zzzzzzzz 3]]", "No predicate is called `zzzzzzzz`", "The predicates are", 12],
    [
      '[:and :string [:matches-regex "a(?=b)"]]',
      "This is no pattern: Look-ahead is not part of this dialect (at character 2)",
      "The dialect is RE2's",
      31,
    ],
    [
      "[:and :string [:matches-regex]]",
      "This predicate needs a pattern in a string",
      undefined,
      15,
    ],
    ["[:and :int [:> 1 2]]", "This predicate needs a number", undefined, 12],
    ["[:and :int [:> ##NaN]]", "This predicate needs a number", undefined, 12],
    ["[:and :int [:in-range 1]]", "This predicate needs two numbers", undefined, 12],
    ["[:and :string [:min-length -1]]", "This predicate needs a count", undefined, 15],
    ["[:and :string [:min-length 1.5]]", "This predicate needs a count", undefined, 15],
    ["[:and :string [:is-url 1]]", "This predicate needs nothing behind its name", undefined, 15],
    ["[:and :map [:has-key nil]]", "This predicate needs a key", undefined, 12],
    ["[:and :map [:required-keys :a]]", "`required-keys` needs a vector", undefined, 12],
    ["[:fn :int :int]", "A function type is [:fn [A B & C] R]", undefined, 1],
    ["[:fn [:int]]", "A function type is [:fn [A B & C] R]", undefined, 1],
    ["[:fn [& :int :int] :int]", "One type stands behind `&`, and it is the last", undefined, 6],
    ["[:array :int [2 -1]]", "A shape is [n] or [?]", "Several dimensions: [2 3 ?]", 14],
    ["[:map [:* :int] [:* :int]]", "`:*` stands twice", undefined, 18],
    ["[:map [:a :int] [:a :int ?]]", "The field `a` stands twice", undefined, 21],
    ['[:map [:a :int] ["a" :int]]', "The field `a` stands twice", undefined, 22],
    ["[:map-of :string]", "`map-of` is [:map-of K V]", undefined, 1],
    ["(vector :int)", "A type is a name or a vector", "A type is written", 1],
    ["[:enum (a)]", "A literal is needed", undefined, 8],
    ["[:resource 1]", "A resource's type is a name", undefined, 12],
  ])("refuses %s", (source, message, hint, column) => {
    const result = parseType(source, ALIASES);
    expect(result.ok ? null : result.error).toMatchObject({ message, span: { column } });
    if (hint !== undefined) expect(result.ok ? null : result.error.hint).toContain(hint);
  });
});

test("any text is a type or is refused", () => {
  const words = fc.constantFrom(
    ...`[ ] { } ( ) :map :vector :tuple :and :fn :enum :* ? & A
B? int nil :k "s" 1 1.5 ##NaN :> :has-key :matches-regex :array :map-of :required-keys :resource :union 'x`.split(
      /\s+/,
    ),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), values, (parts, value) => {
      const compiled = compileType(parts.join(" "), ALIASES);
      if (compiled.ok) compiled.value.check(value);
      else expect(compiled.error.message).not.toBe("");
    }),
    { numRuns: 3000 },
  );
});

describe("aliases", () => {
  const tree = (depth: number): Value => {
    let value: Value = 1;
    for (let level = 0; level < depth; level++) value = new Vector([value]);
    return value;
  };

  test("a recursive type checks nested values", () => {
    expect(type("B").check(tree(300))).toBeNull();
    expect(type("[:vector B?]").check(new Vector([null, tree(3)]))).toBeNull();
    expect(type("B").check(new Vector([1, new Vector(["x"])]))).toMatchObject({ path: "[1][0]" });
  });

  test("a value deeper than the bound does not fit, and the machine's stack is not reached", () => {
    expect(type("B").check(tree(100_000))).toMatchObject({
      actual: "A value of the type B nests too deep",
    });
    const wide: Type = parsed(`${"[:optional ".repeat(30)}[:map [:a B ?]]${"]".repeat(30)}`);
    let value: Value = null;
    for (let level = 0; level < 50_000; level++) value = MapValue.of([[keyword("a"), value]]);
    const recursive = new Map([["B", wide]]);
    const compiled = type("B", recursive);
    expect(compiled.check(value)).toMatchObject({ actual: expect.stringContaining("too deep") });
    // The depth is given back after a failure.
    expect(compiled.check(MapValue.of([[keyword("a"), null]]))).toBeNull();
  });

  test.each([
    [[["X", "X"]], "The type `X` is only itself: X → X"],
    [[["X", "[:union :int [:optional X]]"]], "The type `X` is only itself: X → X"],
    [
      [
        ["X", "[:and :int Y]"],
        ["Y", "[:union Z :nil]"],
        ["Z", "X"],
      ],
      "The type `X` is only itself: X → Y → Z → X",
    ],
    [[["X", "[:vector Nowhere]"]], "No type is called `Nowhere`"],
  ])("refuses %j", (definitions, message) => {
    const names = new Set([...definitions.map(([name]) => name!), "Nowhere"]);
    const aliases = new Map(
      definitions.map(([name, source]) => {
        const result = parseType(source!, names);
        return [name!, result.ok ? result.value : A] as const;
      }),
    );
    const compiled = compileType("X", aliases);
    expect(compiled.ok ? null : compiled.error.message).toBe(message);
  });

  test("a chain of names is bounded", () => {
    const aliases = new Map<string, Type>([["T0", A]]);
    for (let index = 1; index < 50_000; index++) {
      aliases.set(`T${index}`, { kind: "alias", name: `T${index - 1}` });
    }
    const compiled = compileType("T49999", aliases);
    expect(compiled.ok ? null : compiled.error.message).toBe(
      "Over 64 types are built on each other",
    );
  });

  test("a bomb of unions of unions is paid for and ends", () => {
    const aliases = new Map<string, Type>([["T0", A]]);
    for (let index = 1; index < 60; index++) {
      const below: Type = { kind: "alias", name: `T${index - 1}` };
      aliases.set(`T${index}`, { kind: "union", types: [below, below] });
    }
    const failure = type("T59", aliases).check("no integer");
    expect(failure).toMatchObject({ actual: "A value has over 10000000 parts" });
  });
});

test("a bomb of intersections of names is paid for and ends", () => {
  const aliases = new Map<string, Type>([["T0", A]]);
  for (let index = 1; index < 60; index++) {
    const below: Type = { kind: "alias", name: `T${index - 1}` };
    aliases.set(`T${index}`, { kind: "and", base: below, parts: [below] });
  }
  expect(type("T59", aliases).check(1)).toMatchObject({
    actual: "A value has over 10000000 parts",
  });
});

describe("refinements", () => {
  test.each([
    ['[:and :string [:matches-regex "[0-9]+"]]', "a1", null],
    ['[:and :string [:matches-regex "^[0-9]+$"]]', "a1", "PredicateViolation"],
    ["[:and :map [:has-key :a]]", MapValue.of([["a", 1]]), null],
    ['[:and :map [:has-key "a"]]', MapValue.of([[keyword("a"), 1]]), "PredicateViolation"],
    ["[:and :int [:> 9007199254740992]]", 9007199254740993n, null],
    ["[:and :number [:= 1]]", 1, null],
    ["[:and :any [:non-empty]]", "", "PredicateViolation"],
    ["[:map [:a :int]]", MapValue.EMPTY, "MissingRequiredKey"],
    ["[:tuple :int]", new Vector([]), "ShapeViolation"],
    ["[:array :int [2 1]]", new Vector([new Vector([1]), new Vector([2])]), null],
    ["[:array :int [2 1]]", new Vector([new Vector([1]), new Vector([])]), "ShapeViolation"],
    ["[:array :int [1]]", null, "TypeMismatch"],
    [":int", "a", "TypeMismatch"],
  ])("%s on %o: %s", (source, value, kind) => {
    expect(type(source).check(value)?.kind ?? null).toBe(kind);
  });

  test("a pattern on a hostile string is paid for", () => {
    const hostile = `${"a".repeat(100_000)}!`;
    let units = 0;
    type('[:and :string [:matches-regex "(a+)+$"]]').check(hostile, (more) => (units += more));
    expect(units).toBeGreaterThan(50_000);
    expect(units).toBeLessThan(1_000_000);
  });
});

describe("validate", () => {
  const context = {
    compileTimeVerified: true,
    isCapabilityBoundary: false,
    isExternalData: false,
    trust: "trusted",
  } as const;
  const skipping = { ...DEFAULT_VALIDATION, skipCompileTimeVerified: true };
  const int = type(":int");

  test("skips a simple type that was verified", () => {
    expect(validate("wrong", int, skipping, context)).toBeNull();
    expect(validate("wrong", int, DEFAULT_VALIDATION, context)).not.toBeNull();
    expect(
      validate("wrong", int, skipping, { ...context, compileTimeVerified: false }),
    ).not.toBeNull();
  });

  test.each([
    ["A", false],
    ["[:and :int [:> 0]]", false],
    ["[:array :int]", false],
    ["[:fn [:int] :int]", false],
    ["[:vector A]", false],
    ["[:map [:a [:union :int [:tuple :string :nil]]]]", true],
    ["[:enum 1 2]", true],
  ])("of %s it skips: %s", (source, isSkipped) => {
    expect(isSimpleType(parsed(source))).toBe(isSkipped);
    expect(validate(new Map() as unknown as Value, type(source), skipping, context)).toEqual(
      isSkipped ? null : expect.anything(),
    );
  });

  test.each([
    { isCapabilityBoundary: true },
    { isExternalData: true },
    { trust: "untrusted" as const },
  ])("never skips at %o, whatever the level", (boundary) => {
    const at = { ...context, ...boundary };
    expect(validate("wrong", int, skipping, at)).not.toBeNull();
    const positive = type("[:and :int [:> 0]]");
    expect(validate(-1, positive, { ...skipping, level: "basic" }, at)).not.toBeNull();
    const open = { ...skipping, enforceCapabilityBoundaries: false, validateExternalData: false };
    expect(validate("wrong", int, open, at)).toBeNull();
  });

  test("basic leaves out the refinements of the type itself only", () => {
    const basic = { ...DEFAULT_VALIDATION, level: "basic" } as const;
    const unproven = { ...context, compileTimeVerified: false };
    expect(validate(-1, type("[:and :int [:> 0]]"), basic, unproven)).toBeNull();
    expect(validate("a", type("[:and :int [:> 0]]"), basic, unproven)).not.toBeNull();
    const inner = type("[:vector [:and :int [:> 0]]]");
    expect(validate(new Vector([-1]), inner, basic, unproven)).toMatchObject({ path: "[0]" });
  });

  test("skipping changes nothing for values that were verified", () => {
    fc.assert(
      fc.property(types, values, (each, value) => {
        const compiled = compileParsedType(each, ALIASES);
        if (!compiled.ok) throw new Error(compiled.error.message);
        const verified = compiled.value.check(value) === null;
        const at = { ...context, compileTimeVerified: verified };
        expect(validate(value, compiled.value, skipping, at)).toEqual(
          validate(value, compiled.value, DEFAULT_VALIDATION, at),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test("a failure becomes an error that a program can read", () => {
    const point = type("[:map [:at [:tuple :int :int]]]");
    const value = MapValue.of([[keyword("at"), new Vector([1, "x"])]]);
    const failure = validate(value, point, DEFAULT_VALIDATION, context)!;
    const sourceLocation = { file: "f", start: 0, end: 1, line: 1, column: 1 };
    const error = validationError(failure, "point", { sourceLocation });
    expect(error).toMatchObject({
      kind: "TypeValidationError",
      message: "point at .at[1]: expected int, got string",
      span: sourceLocation,
    });
    expect(error.payload.get(keyword("failure"))).toBe(keyword("type-mismatch"));
  });
});
