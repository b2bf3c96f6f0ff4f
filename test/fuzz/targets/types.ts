/**
 * Types: any text is parsed or refused; a type prints as itself, agrees with its schema, its subtypes
 * and with both engines about every value. A case is types and values: `T1 T2 value …`.
 */
import fc from "fast-check";
import {
  compileTypeForm,
  type CompiledType,
  type Form,
  formToValue,
  jsonSchemaToType,
  jsonToValue,
  printType,
  printValue,
  readForms,
  type Type,
  typeToJsonSchema,
  type Value,
  valueToJson,
  compileParsedType,
} from "../../../src/rtfs/index.ts";
import { canFit, isSubtype } from "../../../src/rtfs/check/subtype.ts";
import { types, values } from "../../../src/rtfs/types/arbitrary-type.ts";
import { ENGINES, observe, programOf } from "../observe.ts";
import { lawTexts } from "../start.ts";
import { holds, same, type Random, type Target } from "../target.ts";

const ALIASES: ReadonlyMap<string, Type> = new Map<string, Type>([
  ["A", { kind: "primitive", name: "int" }],
  [
    "B",
    {
      kind: "optional",
      type: {
        kind: "tuple",
        required: 1,
        items: [
          { kind: "alias", name: "A" },
          { kind: "alias", name: "B" },
        ],
      },
    },
  ],
]);

const POOL = readForms(
  `nil true 0 1 -1 7 1.5 2.0 9007199254740993 "" "a" "aa" "http://x.org" "a@b" :k :a s (1 2) [] [1] [1 [2]]
   [1 nil] ["a"] [[1 2] [3 4]] {} {:a 1} {"a" 1} {:a 1 :b "x"} {1 2} {:constructor 1} {:url "u" :method nil}
   2026-01-31T10:00:00Z 01234567-89ab-cdef-0123-456789abcdef`,
  { file: "pool" },
);

function typeOf(form: Form): CompiledType | null {
  const type = compileTypeForm(form, ALIASES);
  if (type.ok) return type.value;
  holds("a refused type has a place", type.error.span.file === form.span.file);
  return null;
}

function dataOf(form: Form): Value | undefined {
  const hasPattern = (each: Form): boolean => {
    if (each.kind === "list" || each.kind === "vector") return each.items.some(hasPattern);
    if (each.kind !== "map") return false;
    return each.entries.some(({ key, value }) => key.kind === "symbol" || hasPattern(value));
  };
  return hasPattern(form) ? undefined : formToValue(form);
}

function checkPrinted(type: CompiledType, data: readonly Value[]): void {
  const printed = printType(type.type);
  const form = readForms(printed, { file: "printed" });
  const again = form.ok && form.value.length === 1 ? typeOf(form.value[0]!) : null;
  holds("a printed type parses", again !== null, printed);
  if (again === null) return;
  same("a printed type prints as itself", printType(again.type), printed);
  for (const value of data) {
    const [one, two] = [type.check(value) === null, again.check(value) === null];
    same(`a printed type takes what the type takes: ${printed} ${printValue(value)}`, two, one);
  }
}

/** A value as JSON knows it, and the JSON; null: JSON does not know it. */
function throughJson(value: Value): Value | undefined {
  const json = valueToJson(value);
  return json.ok ? jsonToValue(json.value) : undefined;
}

function checkSchema(type: CompiledType, data: readonly Value[]): void {
  const schema = typeToJsonSchema(type.type, ALIASES);
  if (!schema.ok) return;
  const back = jsonSchemaToType(schema.value);
  holds("a schema that was written is read", back.ok, JSON.stringify(schema.value));
  if (!back.ok) return;
  const again = compileParsedType(back.value.type, back.value.aliases);
  holds("a type from a schema compiles", again.ok);
  if (!again.ok) return;
  for (const value of data) {
    const plain = throughJson(value);
    if (plain === undefined) continue;
    const [one, two] = [type.check(plain) === null, again.value.check(plain) === null];
    const case_ = `${printType(type.type)} ${printType(back.value.type)} ${printValue(plain)}`;
    same(`a type agrees with its schema`, `${case_} ${two}`, `${case_} ${one}`);
  }
}

function checkRelation(one: CompiledType, other: CompiledType, data: readonly Value[]): void {
  const isWithin = isSubtype(one.type, other.type, { aliases: ALIASES });
  const couldFit = canFit(one.type, other.type, ALIASES);
  const names = `${printType(one.type)} ${printType(other.type)}`;
  for (const value of data) {
    if (one.check(value) !== null) continue;
    const fits = other.check(value) === null;
    holds("a value of a subtype fits the type", fits || !isWithin, `${names} ${printValue(value)}`);
    holds("types that share a value can fit", couldFit || !fits, `${names} ${printValue(value)}`);
  }
  holds("a type is within itself", isSubtype(one.type, one.type, { aliases: ALIASES }), names);
}

/** What a program's annotation says of a value is what the type says. */
function checkProgram(form: string, type: CompiledType, value: Value): void {
  const source = `(deftype A :int) (deftype B [:optional [:tuple A B ?]]) (let [x : ${form} '${printValue(value)}] x)`;
  const { program } = programOf(source, {});
  if (program === null) return;
  for (const [name, engine] of ENGINES) {
    const { outcome } = observe(program, { engine, fuel: 1_000_000 });
    const fits = outcome.ok || outcome.error.kind !== "TypeValidationError";
    same(`${name}: an annotation says what its type says`, fits, type.check(value) === null);
  }
}

function check(text: string): readonly string[] {
  const read = readForms(text, { file: "case" });
  if (!read.ok) return [`read ${read.error[0]!.code}`];
  const all = read.value.slice(0, 12);
  const compiled = all.slice(0, 2).map(typeOf);
  const data = [...all.slice(2), ...(POOL.ok ? POOL.value : [])]
    .map(dataOf)
    .filter((value) => value !== undefined);
  const known = compiled.filter((type) => type !== null);
  for (const type of known) {
    checkPrinted(type, data);
    checkSchema(type, data);
  }
  const [one, other] = compiled;
  if (one && other) {
    checkRelation(one, other, data);
    checkRelation(other, one, data);
  }
  if (one) {
    const { start, end } = all[0]!.span;
    const own = data.slice(0, Math.max(1, Math.min(3, all.length - 2)));
    for (const value of own) checkProgram(text.slice(start, end), one, value);
  }
  return known.map(({ type }) => type.kind);
}

function sampled<T>(arbitrary: fc.Arbitrary<T>, random: Random): T {
  return fc.sample(arbitrary, { seed: Math.floor(random() * 2 ** 31), numRuns: 1 })[0]!;
}

function fresh(random: Random): string {
  const [one, two] = [sampled(types, random), sampled(types, random)].map(printType);
  return `${one} ${two} ${printValue(sampled(values, random))}`;
}

/** The types that laws write: what stands behind a colon, and the parts of `deftype`. */
function written(): string[] {
  const found = lawTexts().flatMap((text) => text.match(/\[:[a-z-]+ [^()]*\]|:[a-z]+\??/g) ?? []);
  return [...new Set(found)].map(
    (type, at, all) => `${type} ${all[(at * 7) % all.length]} [1 "a"]`,
  );
}

export const typesTarget: Target = {
  name: "rtfs-types",
  lengthMax: 1500,
  seeds: written,
  fresh,
  check,
};
