import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonObject, JsonValue } from "../../../foundation/json.ts";
import { jsonToValue, valueToJson } from "../../json-value.ts";
import { types, values } from "../arbitrary-type.ts";
import { compileParsedType, parseType } from "../compile-type.ts";
import { printType } from "../print-type.ts";
import { partsOf, type Type, type TypeEnvironment } from "../type.ts";
import { jsonSchemaToType, type SchemaOptions } from "./from-schema.ts";
import { typeToJsonSchema } from "./to-schema.ts";

const ALIASES: TypeEnvironment = new Map([
  ["A", parsed(":int")],
  ["B", parsed("[:union :string [:vector B]]")],
]);

function parsed(source: string): Type {
  const result = parseType(source, new Set(["A", "B", "Tree", "a.b/c"]));
  if (!result.ok) throw new Error(`${source}: ${result.error.message}`);
  return result.value;
}

function schemaOf(source: string): unknown {
  const result = typeToJsonSchema(parsed(source), ALIASES);
  if (!result.ok) return result.error;
  const { $schema, ...schema } = result.value;
  expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
  return schema;
}

/** The type of a schema as RTFS, or the problem. */
function typeOf(schema: JsonValue, options?: SchemaOptions): unknown {
  const result = jsonSchemaToType(schema, options);
  return result.ok ? printType(result.value.type) : result.error;
}

function parseJson(text: string): JsonValue {
  return JSON.parse(text) as JsonValue;
}

/** Whether a value of the type itself, and of every type in it, holds. */
function every(type: Type, holds: (part: Type) => boolean): boolean {
  return holds(type) && partsOf(type).every((part) => every(part, holds));
}

describe("typeToJsonSchema", () => {
  test.each([
    [":any", {}],
    [":never", { not: {} }],
    [":int", { type: "integer" }],
    [":float", { type: "number", "x-rtfs": "float" }],
    [":string?", { anyOf: [{ type: "string" }, { type: "null" }] }],
    ["[:and :int [:>= 0] [:< 10]]", { type: "integer", minimum: 0, exclusiveMaximum: 10 }],
    [
      "[:and :int [:< 10] [:>= 0]]",
      {
        allOf: [
          { type: "integer" },
          { type: "number", exclusiveMaximum: 10 },
          { type: "number", minimum: 0 },
        ],
      },
    ],
    [
      '[:and :string [:min-length 1] [:matches-regex "^a"]]',
      { type: "string", minLength: 1, pattern: "^a" },
    ],
    [
      "[:and [:vector :int] [:max-count 3]]",
      { type: "array", items: { type: "integer" }, maxItems: 3 },
    ],
    [
      "[:tuple :int :string ?]",
      {
        type: "array",
        prefixItems: [{ type: "integer" }, { type: "string" }],
        items: false,
        minItems: 1,
      },
    ],
    [
      "[:map [:a :int] [:b :string ?] [:* :never]]",
      {
        type: "object",
        properties: { a: { type: "integer" }, b: { type: "string" } },
        required: ["a"],
        additionalProperties: { not: {} },
      },
    ],
    [
      "[:map-of :string :int]",
      {
        type: "object",
        propertyNames: { type: "string" },
        additionalProperties: { type: "integer" },
      },
    ],
    ['[:enum "a" nil 1]', { enum: ["a", null, 1] }],
    ["[:val true]", { const: true }],
    [
      "B",
      {
        $ref: "#/$defs/B",
        $defs: {
          B: { anyOf: [{ type: "string" }, { type: "array", items: { $ref: "#/$defs/B" } }] },
        },
      },
    ],
  ])("%s", (source, schema) => {
    expect(schemaOf(source)).toEqual(schema);
  });

  test.each([
    ["[:map [:f [:vector [:fn [:int] :int]]]]", ".f[]", "[:fn …] has no JSON form"],
    ["[:map [:k :keyword]]", ".k", ":keyword has no JSON form"],
    ["[:vector :timestamp]", "[]", ":timestamp has no JSON form"],
    ["[:enum :a]", "", "The literal :a has no JSON form"],
    ["[:val 1.0]", "", "The literal 1.0 has no JSON form"],
    ["[:val {:a 1}]", "", "The literal {:a 1} has no JSON form"],
    ["[:and :int [:> 9007199254740993]]", "", "The number 9007199254740993 has no JSON form"],
    ["[:and :float [:< ##Inf]]", "", "The number Infinity has no JSON form"],
    [
      "[:map-of :keyword :int]",
      "",
      "The keys of JSON are strings, and this key type is not of strings",
    ],
    [
      '[:tuple [:and :string [:matches-regex "(?i)a"]]]',
      "[0]",
      "The pattern uses what patterns of JSON Schema do not have",
    ],
    ['[:and :map [:has-key "a"]]', "", "Only keyword keys can be required by a schema"],
    ["Tree", "Tree", "No type is called `Tree`"],
  ])("refuses %s", (source, path, message) => {
    expect(schemaOf(source)).toMatchObject({ path, message });
  });

  test("a field of any name is a plain member", () => {
    const schema = typeToJsonSchema(parsed("[:map [:__proto__ :int] [:constructor :int ?]]"));
    const text = JSON.stringify(schema.ok ? schema.value : null);
    expect(text).toContain('"__proto__":{"type":"integer"}');
    expect(typeOf(parseJson(text))).toBe("[:map [:__proto__ :int] [:constructor :int ?]]");
  });
});

describe("jsonSchemaToType", () => {
  test("gives back every type that has a schema", () => {
    let count = 0;
    fc.assert(
      fc.property(types, (type) => {
        const schema = typeToJsonSchema(type, ALIASES);
        if (!schema.ok) return;
        count++;
        const read = jsonSchemaToType(parseJson(JSON.stringify(schema.value)));
        expect(read).toMatchObject({ ok: true });
        if (!read.ok) return;
        expect(read.value.type).toEqual(type);
        for (const [name, each] of read.value.aliases) expect(each).toEqual(ALIASES.get(name));
        expect(read.value.losses).toEqual([]);
      }),
      { numRuns: 4000 },
    );
    expect(count).toBeGreaterThan(1000);
  });

  test.each([
    "[:and :number [:and :number [:>= 0]]]",
    "[:and :string [:and :string [:min-length 1]]]",
    "[:and :any [:and :map [:min-count 1]] [:has-key :a]]",
    "[:and [:vector :int] [:min-count 1] [:max-count 2]]",
    "[:and :vector [:and :vector [:count 2]]]",
    "[:and :int]",
    "[:union :int :nil]",
    "[:optional :int?]",
    "[:array [:array :int [2]] [3 ?]]",
    "[:vector [:array :int [?]]]",
    "[:map-of :any :any]",
    "[:map [:* :any]]",
    "[:map]",
    "[:vector :never]",
    "[:tuple]",
    "[:tuple :any ?]",
    "[:and :string [:is-url]]",
    '[:enum "a"]',
  ])("gives back %s", (source) => {
    const schema = typeToJsonSchema(parsed(source));
    if (!schema.ok) throw new Error(schema.error.message);
    expect(typeOf(parseJson(JSON.stringify(schema.value)))).toBe(source);
  });

  test.each<[JsonValue, string]>([
    [true, ":any"],
    [false, ":never"],
    [{}, ":any"],
    [{ type: ["string", "null"] }, ":string?"],
    [{ type: ["string", "integer"] }, "[:union :string :int]"],
    [{ type: "string", enum: ["a", "b"] }, '[:enum "a" "b"]'],
    [{ type: "string", enum: ["a", 1] }, '[:and [:enum "a" 1] :string]'],
    [{ enum: [] }, ":never"],
    [{ type: "object", required: ["a"] }, "[:map [:a :any]]"],
    [
      { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
      "[:map [:a :string ?] [:* :never]]",
    ],
    [
      { type: "object", properties: {}, required: ["x"], additionalProperties: { type: "null" } },
      "[:map [:x :nil] [:* :nil]]",
    ],
    [{ type: "object", additionalProperties: { type: "integer" } }, "[:map-of :any :int]"],
    [{ type: "integer", minimum: 1, maximum: 5 }, "[:and :int [:>= 1] [:<= 5]]"],
    [{ type: "string", format: "date-time", title: "When", default: "" }, ":string"],
    [{ type: "array", items: false }, "[:tuple]"],
    [{ type: "array", prefixItems: [{}, {}], items: false, maxItems: 1 }, "[:tuple :any ?]"],
    [{ type: "array", prefixItems: [{}], items: false, minItems: 2 }, ":never"],
    [{ type: "integer", multipleOf: 1 }, ":int"],
    [{ type: "number", minLength: 3 }, ":number"],
    [{ $ref: "#/definitions/X", definitions: { X: { type: "null" } } }, "X"],
    [{ $ref: "#/$defs/int", $defs: { int: { type: "null" } } }, "T-int"],
    [{ $ref: "#/$defs/a%20b", $defs: { "a b": { type: "null" } } }, "a-b"],
    [{ $ref: "#/$defs/a~1b", $defs: { "a/b": { type: "null" } } }, "a/b"],
    [{ type: "object", properties: { next: { $ref: "#" } } }, "[:map [:next Root ?]]"],
    [
      { allOf: [{ $ref: "#/$defs/X" }, { type: "object", required: ["a"] }], $defs: { X: {} } },
      "[:and X [:has-key :a]]",
    ],
  ])("%j", (schema, printed) => {
    expect(typeOf(schema)).toBe(printed);
  });

  test.each<[JsonValue, string, string]>([
    [1, "", "A schema is an object or a boolean"],
    [{ type: "text" }, "/type", "No such type in JSON Schema"],
    [{ type: [] }, "", "`type` is empty"],
    [{ minimum: 1 }, "", "`minimum` without `type` also accepts every other kind"],
    [{ oneOf: [{}, {}] }, "/oneOf", "A union does not refuse what fits twice"],
    [{ anyOf: [] }, "/anyOf", "must be a list of schemas"],
    [{ not: { type: "string" } }, "/not", "No type says what `not` does, except { not: {} }"],
    [{ if: {} }, "", "No type says what the keyword `if` does"],
    [
      { type: "object", patternProperties: {} },
      "",
      "No type says what the keyword `patternProperties` does",
    ],
    [{ type: "array", uniqueItems: true }, "/uniqueItems", "No type says what `uniqueItems` does"],
    [
      { type: "object", properties: { a: { type: "number", multipleOf: 2 } } },
      "/properties/a/multipleOf",
      "No type says what `multipleOf` does",
    ],
    [
      { type: "string", pattern: "a(?=b)" },
      "/pattern",
      "is no pattern of this dialect: Look-ahead is not part of this dialect (at character 2)",
    ],
    [{ type: "string", minLength: -1 }, "/minLength", "must be a count"],
    [{ type: "number", exclusiveMinimum: true }, "/exclusiveMinimum", "must be a number"],
    [{ type: "object", required: [1] }, "/required", "must be a list of strings"],
    [{ type: "object", properties: [] }, "/properties", "must be an object"],
    [{ type: "array", prefixItems: [{}] }, "/prefixItems", "A tuple ends"],
    [{ $ref: "https://x.org/s" }, "", "A reference is `#`, `#/$defs/name` or `#/definitions/name`"],
    [{ $ref: "#/$defs/__proto__" }, "", "Nothing stands at `#/$defs/__proto__`"],
    [{ $ref: "#/$defs/%zz", $defs: {} }, "", "Nothing stands at `#/$defs/%zz`"],
    [{ $ref: "#" }, "", "The reference is only to itself"],
    [
      {
        $ref: "#/$defs/A",
        $defs: { A: { $ref: "#/$defs/B" }, B: { anyOf: [{ $ref: "#/$defs/A" }] } },
      },
      "/$defs/A",
      "The reference is only to itself",
    ],
  ])("refuses %j", (schema, path, message) => {
    expect(typeOf(schema)).toMatchObject({ path, message });
  });

  test("losses can be reported instead", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "number", multipleOf: 2 } },
      patternProperties: {},
    };
    const read = jsonSchemaToType(schema, { onLoss: "report" });
    expect(read.ok && printType(read.value.type)).toBe("[:map [:a :number ?]]");
    expect(read.ok && read.value.losses.map(({ path }) => path)).toEqual([
      "",
      "/properties/a/multipleOf",
    ]);
  });
});

describe("hostile schemas", () => {
  const refused = (schema: JsonValue): string => {
    const read = jsonSchemaToType(schema, { onLoss: "report" });
    return read.ok ? "read" : read.error.message;
  };

  test("deep ones are refused", () => {
    let schema: JsonObject = {};
    for (let level = 0; level < 100_000; level++) schema = { type: "array", items: schema };
    expect(refused(schema)).toBe("The schema nests deeper than 64");
    let either: JsonObject = {};
    for (let level = 0; level < 100_000; level++) either = { anyOf: [either] };
    expect(refused(either)).toBe("The schema nests deeper than 64");
    let literal: JsonValue = 1;
    for (let level = 0; level < 100_000; level++) literal = [literal];
    expect(refused({ const: literal })).toContain("JSON nests deeper than");
  });

  test("wide ones are refused", () => {
    const many = Array.from({ length: 20_000 }, () => ({}));
    expect(refused({ anyOf: many })).toBe("The schema has over 10000 parts");
    expect(refused({ enum: many.map((_, index) => index) })).toBe(
      "The schema has over 10000 parts",
    );
    const names = Array.from({ length: 20_000 }, (_, index) => `f${index}`);
    expect(refused({ type: "object", required: names })).toBe("The schema has over 10000 parts");
    expect(refused(Object.fromEntries(names.map((name) => [name, 1])))).toBe(
      "The schema has over 10000 parts",
    );
  });

  test("references that double each other make no large type", () => {
    const $defs: Record<string, JsonObject> = { D0: { type: "integer" } };
    for (let index = 1; index < 60; index++) {
      const below = { $ref: `#/$defs/D${index - 1}` };
      $defs[`D${index}`] = { type: "array", prefixItems: [below, below], items: false };
    }
    const read = jsonSchemaToType({ $ref: "#/$defs/D59", $defs });
    expect(read.ok && read.value.aliases.size).toBe(60);
    const compiled = read.ok ? compileParsedType(read.value.type, read.value.aliases) : null;
    expect(compiled?.ok && compiled.value.check(1)).toMatchObject({ kind: "TypeMismatch" });
  });

  test("any JSON is read or refused, and what is read compiles and can be written", () => {
    const keywords = fc.constantFrom(
      ...`type enum const anyOf allOf oneOf not $ref $defs items prefixItems
properties required additionalProperties propertyNames minItems maxItems minimum maximum pattern minLength x-rtfs a`.split(
        /\s+/,
      ),
    );
    const soup = fc.letrec<{ json: JsonValue }>((tie) => ({
      json: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom<JsonValue>("string", "object", "array", "number", "integer", "null"),
        fc.constantFrom<JsonValue>("#", "#/$defs/a", "array", "dimension", "float", "is-url", "("),
        fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.dictionary(keywords, tie("json"), { maxKeys: 4 }),
      ),
    })).json;
    let count = 0;
    fc.assert(
      fc.property(soup, fc.constantFrom("refuse", "report"), (schema, onLoss) => {
        const read = jsonSchemaToType(schema, { onLoss });
        if (!read.ok) return;
        count++;
        expect(compileParsedType(read.value.type, read.value.aliases).ok).toBe(true);
        typeToJsonSchema(read.value.type, read.value.aliases);
      }),
      { numRuns: 5000 },
    );
    expect(count).toBeGreaterThan(100);
  });

  test("names of prototypes are plain names", () => {
    const schema = parseJson('{"type":"object","properties":{"__proto__":{"type":"integer"}}}');
    expect(typeOf(schema)).toBe("[:map [:__proto__ :int ?]]");
    expect(typeOf(parseJson('{"__proto__":{"type":"integer"}}'))).toMatchObject({
      message: "No type says what the keyword `__proto__` does",
    });
    expect(({} as { type?: string }).type).toBeUndefined();
  });
});

describe("against zod", () => {
  const isPlain = (part: Type): boolean =>
    part.kind !== "enum" ||
    part.values.every((value) => typeof value !== "object" || value === null);
  const isClosed = (part: Type): boolean =>
    part.kind === "record" && part.rest?.kind === "primitive" && part.rest.name === "never";
  const hasZodSemantics = (part: Type): boolean =>
    part.kind !== "and" ||
    (every(part, (each) => !isClosed(each)) &&
      part.parts.every((each) => each.kind !== "predicate" || each.name !== "!="));
  /**
   * Zod compares literals by identity, cannot say `not`, and lets one side of an intersection open
   * what the other closes.
   */
  const isComparable = (type: Type): boolean =>
    every(type, (part) => isPlain(part) && hasZodSemantics(part));
  /** Zod forgets the sizes of an array without `items`, and `required` without `properties`. */
  const completed = (_key: string, part: unknown): unknown => {
    const { type, items, prefixItems, required, properties } = (part ?? {}) as JsonObject;
    const isBare = items === undefined && prefixItems === undefined;
    if (isBare && [type].flat().includes("array")) return { ...(part as JsonObject), items: {} };
    if (!Array.isArray(required) || properties !== undefined) return part;
    const named = Object.fromEntries(required.map((name) => [name as string, {}]));
    return { ...(part as JsonObject), properties: named };
  };
  const forZod = (schema: JsonObject): z.ZodType =>
    z.fromJSONSchema(
      JSON.parse(JSON.stringify(schema, completed)) as Parameters<typeof z.fromJSONSchema>[0],
    );
  const hasPrototypeName = (json: JsonValue): boolean => JSON.stringify(json).includes("__proto__");

  test("a value fits a type exactly when its JSON fits the schema", () => {
    let fitting = 0;
    let unfit = 0;
    fc.assert(
      fc.property(
        types.filter(isComparable),
        fc.array(values, { minLength: 5, maxLength: 20 }),
        (type, some) => {
          const schema = typeToJsonSchema(type, ALIASES);
          const compiled = compileParsedType(type, ALIASES);
          if (!schema.ok || !compiled.ok || hasPrototypeName(schema.value)) return;
          const theirs = forZod(schema.value);
          for (const value of some) {
            const json = valueToJson(value);
            if (!json.ok || hasPrototypeName(json.value)) continue;
            const again = jsonToValue(json.value);
            const fits = compiled.value.check(again) === null;
            if (fits) fitting++;
            else unfit++;
            expect([printType(type), json.value, theirs.safeParse(json.value).success]).toEqual([
              printType(type),
              json.value,
              fits,
            ]);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(fitting).toBeGreaterThan(1000);
    expect(unfit).toBeGreaterThan(1000);
  });

  test.each([
    z.object({ a: z.string(), b: z.number().optional() }),
    z.strictObject({ a: z.int().min(0).max(9), b: z.boolean() }),
    z.array(z.union([z.string(), z.null()])).min(1),
    z.tuple([z.string(), z.number()]),
    z.record(z.string(), z.int()),
    z.enum(["a", "b"]),
    z.literal("a"),
    z.string().min(2).max(3).regex(/^a/),
    z.nullable(z.object({ a: z.array(z.string()) })),
    z.object({
      a: z.string(),
      get next() {
        return z.nullable(z.array(z.string()));
      },
    }),
  ])("reads the schema that zod writes: %#", (theirs) => {
    const read = jsonSchemaToType(z.toJSONSchema(theirs, { io: "input" }) as JsonValue);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const compiled = compileParsedType(read.value.type, read.value.aliases);
    if (!compiled.ok) throw new Error(compiled.error.message);
    const samples = fc.sample(fc.jsonValue({ maxDepth: 3 }), {
      seed: 1,
      numRuns: 300,
    }) as JsonValue[];
    const near: JsonValue[] = [
      { a: "x" },
      { a: "x", b: 1 },
      { a: 3, b: true },
      { a: 3, b: true, c: 1 },
      { a: ["x"] },
      { a: "x", next: ["y"] },
      ["a", 1],
      ["a"],
      [null],
      [],
      "a",
      "ab",
      "abcd",
      null,
      {},
    ];
    for (const sample of [...samples, ...near]) {
      const fits = compiled.value.check(jsonToValue(sample)) === null;
      expect([sample, fits]).toEqual([sample, theirs.safeParse(sample).success]);
    }
  });
});
