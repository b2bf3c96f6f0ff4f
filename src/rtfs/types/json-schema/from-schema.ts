/**
 * JSON Schema to types.
 *
 * Read in this order: jsonSchemaToType, SchemaReader.type, SchemaReader.typed. A schema may come from anyone:
 * depth, size and references are bounded, and only the object's own members are looked at. A
 * keyword that a type cannot say is an error with its place, or a loss that is reported; annotations
 * (titles, defaults, `format`) are not kept.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../foundation/json.ts";
import { err, ok, type Result } from "../../../foundation/result.ts";
import { jsonToValue } from "../../json-value.ts";
import { RtfsError } from "../../values/rtfs-error.ts";
import type { Value } from "../../values/value.ts";
import { loopOf } from "../check-alias.ts";
import { compileParsedType } from "../compile-type.ts";
import { TYPE_DEPTH_MAX } from "../parse-type.ts";
import type { Predicate, Type } from "../type.ts";
import { References } from "./references.ts";
import { readPredicate } from "./predicate-schema.ts";
import { BadSchema, MARK, member, type SchemaProblem } from "./problem.ts";
import { APPLICATORS, readTyped, TYPE_KEYWORDS, type Reading } from "./read-typed.ts";

/** Deepest nesting of schemas: no type that this language has is written deeper. */
export const SCHEMA_DEPTH_MAX = TYPE_DEPTH_MAX;
/** Most schemas, literals and members of one conversion. */
export const SCHEMA_SIZE_MAX = 10_000;

export interface SchemaOptions {
  /**
   * `refuse` (default): a keyword without a counterpart is an error. `report`: it is left out,
   * which makes the type wider, and listed.
   */
  readonly onLoss?: "refuse" | "report";
}

export interface SchemaType {
  readonly type: Type;
  /** What the schema's references became. */
  readonly aliases: ReadonlyMap<string, Type>;
  /** In order of reading; empty unless losses are reported. */
  readonly losses: readonly SchemaProblem[];
}

/** The type of a schema: an object or a boolean, already parsed. */
export function jsonSchemaToType(
  schema: JsonValue,
  options: SchemaOptions = {},
): Result<SchemaType, SchemaProblem> {
  try {
    return ok(new SchemaReader(schema, options.onLoss ?? "refuse").root());
  } catch (bad) {
    if (bad instanceof BadSchema) return err(bad.problem);
    throw bad;
  }
}

/** Keywords that constrain nothing. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "format",
  "contentEncoding",
  "contentMediaType",
  MARK,
]);
const GENERAL_KEYWORDS: ReadonlySet<string> = new Set([
  "$ref",
  "type",
  "enum",
  "const",
  "anyOf",
  "oneOf",
  "allOf",
  "not",
]);

class SchemaReader implements Reading {
  readonly #root: JsonValue;
  readonly #isStrict: boolean;
  readonly #references: References;
  readonly #losses: SchemaProblem[] = [];
  #left = SCHEMA_SIZE_MAX;

  constructor(root: JsonValue, onLoss: "refuse" | "report") {
    this.#root = root;
    this.#isStrict = onLoss === "refuse";
    this.#references = new References(root);
  }

  root(): SchemaType {
    const type = this.type(this.#root, "", SCHEMA_DEPTH_MAX);
    const aliases = new Map<string, Type>();
    for (let next = this.#references.take(); next !== null; next = this.#references.take()) {
      aliases.set(next.name, this.type(next.schema, next.path, SCHEMA_DEPTH_MAX));
    }
    for (const name of aliases.keys()) {
      const loop = loopOf(name, aliases);
      if (loop !== null) {
        throw new BadSchema(this.#references.pathOf(name), "The reference is only to itself");
      }
    }
    return { type, aliases, losses: this.#losses };
  }

  lose(path: string, message: string, hint?: string): void {
    const problem = new BadSchema(path, message, hint);
    if (this.#isStrict) throw problem;
    this.#losses.push(problem.problem);
  }

  pay(units: number, path: string): void {
    this.#left -= units;
    if (this.#left < 0) {
      throw new BadSchema(path, `The schema has over ${SCHEMA_SIZE_MAX} parts`);
    }
  }

  type(schema: JsonValue, path: string, depthLeft: number): Type {
    if (depthLeft < 0) {
      throw new BadSchema(path.slice(0, 200), `The schema nests deeper than ${SCHEMA_DEPTH_MAX}`);
    }
    this.pay(1, path);
    if (schema === true) return { kind: "primitive", name: "any" };
    if (schema === false) return { kind: "primitive", name: "never" };
    if (!isJsonObject(schema)) throw new BadSchema(path, "A schema is an object or a boolean");
    this.#refuseUnknown(schema, path);
    const literals = this.#literals(schema, path);
    const types = [
      ...this.#reference(schema, path),
      ...literals,
      ...this.#unions(schema, path, depthLeft),
      ...this.#negation(schema, path),
      ...this.#typed(schema, path, depthLeft, literals),
    ];
    return this.#all(types, schema, path, depthLeft);
  }

  #refuseUnknown(schema: JsonObject, path: string): void {
    for (const name of Object.keys(schema)) {
      this.pay(1, path);
      if (ANNOTATIONS.has(name) || GENERAL_KEYWORDS.has(name) || TYPE_KEYWORDS.has(name)) continue;
      const shown = name.slice(0, 40).toWellFormed();
      this.lose(path, `No type says what the keyword \`${shown}\` does`);
    }
  }

  /** The types together, and what `allOf` adds. */
  #all(types: Type[], schema: JsonObject, path: string, depthLeft: number): Type {
    const parts: (Type | Predicate)[] = [...types];
    const all = member(schema, "allOf");
    if (all !== undefined) {
      for (const [index, each] of this.#schemas(all, `${path}/allOf`).entries()) {
        const predicate = parts.length === 0 ? null : readPredicate(each);
        parts.push(predicate ?? this.type(each, `${path}/allOf/${index}`, depthLeft - 1));
      }
    }
    const [base, ...rest] = parts;
    if (base === undefined || base.kind === "predicate") return { kind: "primitive", name: "any" };
    return rest.length === 0 && all === undefined ? base : { kind: "and", base, parts: rest };
  }

  #schemas(value: JsonValue, path: string): readonly JsonValue[] {
    if (Array.isArray(value) && value.length > 0) return value;
    throw new BadSchema(path, "must be a list of schemas");
  }

  #reference(schema: JsonObject, path: string): Type[] {
    const reference = member(schema, "$ref");
    if (reference === undefined) return [];
    return [{ kind: "alias", name: this.#references.name(reference, path) }];
  }

  /** `const` and `enum`; a `type` beside them leaves the literals of that type. */
  #literals(schema: JsonObject, path: string): Type[] {
    const types: Type[] = [];
    const single = member(schema, "const");
    if (single !== undefined) {
      types.push({ kind: "enum", values: [this.#literal(single, path)], isSingle: true });
    }
    const literals = member(schema, "enum");
    if (literals !== undefined) {
      if (!Array.isArray(literals)) throw new BadSchema(`${path}/enum`, "must be a list");
      const values = literals.map((each: JsonValue) => this.#literal(each, `${path}/enum`));
      if (values.length === 0) types.push({ kind: "primitive", name: "never" });
      else types.push({ kind: "enum", values, isSingle: false });
    }
    return types;
  }

  #literal(json: JsonValue, path: string): Value {
    try {
      const value = jsonToValue(json);
      this.pay(1 + (JSON.stringify(json).length >>> 3), path);
      return value;
    } catch (bad) {
      if (bad instanceof RtfsError) throw new BadSchema(path, bad.message);
      throw bad;
    }
  }

  #unions(schema: JsonObject, path: string, depthLeft: number): Type[] {
    const types: Type[] = [];
    for (const name of ["anyOf", "oneOf"]) {
      const value = member(schema, name);
      if (value === undefined) continue;
      if (name === "oneOf") {
        this.lose(`${path}/oneOf`, "A union does not refuse what fits twice", "Write anyOf");
      }
      const schemas = this.#schemas(value, `${path}/${name}`);
      const each = schemas.map((schema_, index) =>
        this.type(schema_, `${path}/${name}/${index}`, depthLeft - 1),
      );
      types.push(unionOf(each, member(schema, MARK) !== "union"));
    }
    return types;
  }

  #negation(schema: JsonObject, path: string): Type[] {
    const not = member(schema, "not");
    if (not === undefined) return [];
    const isAll = not === true || (isJsonObject(not) && Object.keys(not).length === 0);
    if (isAll) return [{ kind: "primitive", name: "never" }];
    this.lose(`${path}/not`, "No type says what `not` does, except { not: {} }");
    return [];
  }

  /** What `type` and the keywords for it say, unless the literals beside them say it already. */
  #typed(schema: JsonObject, path: string, depthLeft: number, literals: readonly Type[]): Type[] {
    const written = member(schema, "type");
    const names = written === undefined ? this.#impliedTypes(schema, path) : [written].flat();
    if (written !== undefined && names.length === 0) throw new BadSchema(path, "`type` is empty");
    const types = names.map((name) => readTyped(this, schema, { name, path, depthLeft }));
    if (types.length === 0) return [];
    const type = types.length === 1 ? types[0]! : unionOf(types, true);
    return literals.length > 0 && literals.every((each) => isInside(each, type)) ? [] : [type];
  }

  /** Keywords for one kind say nothing about the others: without `type` no type says that. */
  #impliedTypes(schema: JsonObject, path: string): string[] {
    for (const [name, keywords] of APPLICATORS) {
      const found = keywords.find((keyword) => Object.hasOwn(schema, keyword));
      if (found === undefined) continue;
      this.lose(path, `\`${found}\` without \`type\` also accepts every other kind`, "Add `type`");
      return [name];
    }
    return [];
  }
}

/** Whether every literal fits the type. A reference is not followed. */
function isInside(literals: Type, type: Type): boolean {
  const compiled = compileParsedType(type);
  if (!compiled.ok || literals.kind !== "enum") return false;
  return literals.values.every((value) => compiled.value.check(value) === null);
}

function unionOf(types: readonly Type[], mayBeOptional: boolean): Type {
  const [first, second] = types;
  if (first === undefined) return { kind: "primitive", name: "never" };
  const isNil = second?.kind === "primitive" && second.name === "nil";
  if (types.length === 2 && isNil && mayBeOptional) return { kind: "optional", type: first };
  return { kind: "union", types };
}
