/** What an exported function takes and gives, which the JavaScript interface does not tell. */
import { ModuleRefused, Reader } from "./reader.ts";

export type NumberType = "i32" | "i64" | "f32" | "f64";

export interface Signature {
  readonly parameters: readonly NumberType[];
  readonly results: readonly NumberType[];
}

/** Null stands for a type that is no number. */
type Types = readonly (NumberType | null)[];

interface FunctionType {
  readonly parameters: Types;
  readonly results: Types;
}

const NUMBERS: ReadonlyMap<number, NumberType> = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
]);
const TYPED_REFERENCES = [0x63, 0x64];
const FUNCTION_TYPE = 0x60;
const SECTION = { type: 1, import: 2, function: 3, export: 7 } as const;
const PREAMBLE_BYTES = 8;

/**
 * @param bytes - A module that V8 took.
 * @returns Null when no function is exported under the name.
 * @throws {ModuleRefused} when it takes or gives what is no number.
 */
export function signatureOf(bytes: Uint8Array, name: string): Signature | null {
  const sections = sectionsOf(bytes);
  const functions = [
    ...vectorOf(sections.get(SECTION.import), importedFunction),
    ...vectorOf(sections.get(SECTION.function), (reader) => reader.number()),
  ];
  const exported = vectorOf(sections.get(SECTION.export), exportOf);
  const found = exported.find((each) => each.name === name && each.kind === 0);
  if (found === undefined) return null;
  const types = vectorOf(sections.get(SECTION.type), functionType);
  const type = types[functions[found.index] ?? -1];
  if (type === undefined) return null;
  return { parameters: numbers(type.parameters, name), results: numbers(type.results, name) };
}

function numbers(types: Types, name: string): readonly NumberType[] {
  return types.map((type) => {
    if (type === null) throw new ModuleRefused(`"${name}" takes or gives what is no number`);
    return type;
  });
}

function sectionsOf(bytes: Uint8Array): ReadonlyMap<number, Reader> {
  const sections = new Map<number, Reader>();
  const reader = new Reader(bytes, PREAMBLE_BYTES, bytes.length);
  while (!reader.isAtEnd()) {
    const id = reader.byte();
    sections.set(id, reader.within(reader.number()));
  }
  return sections;
}

function vectorOf<T>(reader: Reader | undefined, each: (reader: Reader) => T): readonly T[] {
  if (reader === undefined) return [];
  const items: T[] = [];
  for (let left = reader.number(); left > 0; left--) items.push(each(reader));
  return items;
}

/** The type's index; boundModule let functions only be imported. */
function importedFunction(reader: Reader): number {
  reader.skip(reader.number());
  reader.skip(reader.number());
  reader.byte();
  return reader.number();
}

function exportOf(reader: Reader): { name: string; kind: number; index: number } {
  const name = new TextDecoder().decode(reader.take(reader.number()));
  return { name, kind: reader.byte(), index: reader.number() };
}

function functionType(reader: Reader): FunctionType {
  if (reader.byte() !== FUNCTION_TYPE)
    throw new ModuleRefused(
      "it has types of structures or arrays, which this version does not run",
    );
  return { parameters: vectorOf(reader, valueType), results: vectorOf(reader, valueType) };
}

function valueType(reader: Reader): NumberType | null {
  const type = reader.byte();
  if (TYPED_REFERENCES.includes(type)) while (reader.byte() >= 128);
  return NUMBERS.get(type) ?? null;
}
