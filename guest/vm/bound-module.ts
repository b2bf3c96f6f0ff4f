/**
 * Writes bounds into a WebAssembly module before it is compiled: the most its memory and its tables may grow to.
 *
 * Read in this order: boundModule, boundLimits. Only the sections with limits are read and rewritten; all other
 * bytes stay. What cannot be bounded (two memories, 64-bit or shared ones, a start over the bound) is refused. V8
 * validates the result, so that a mistake here is a module that does not load, not one that has no bound.
 *
 * @module
 */

import { ModuleRefused, Reader } from "./reader.ts";

export interface ModuleBounds {
  /** 64 KiB each. */
  readonly memoryPagesMax: number;
  /** Of each table. */
  readonly tableElementsMax: number;
}

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { import: 2, table: 4, memory: 5 } as const;
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const HAS_MAXIMUM = 1;
const HAS_INITIALIZER = 0x40;
const TABLES_MAX = 16;

/** @throws {ModuleRefused} with the reason. */
export function boundModule(bytes: Uint8Array, bounds: ModuleBounds): Uint8Array<ArrayBuffer> {
  if (!PREAMBLE.every((byte, index) => bytes[index] === byte))
    throw new ModuleRefused("the file does not begin as a WebAssembly module of version 1");
  const reader = new Reader(bytes, PREAMBLE.length, bytes.length);
  const parts: Uint8Array[] = [bytes.subarray(0, PREAMBLE.length)];
  const count = { memories: 0, tables: 0 };
  while (!reader.isAtEnd()) {
    const from = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const section = reader.within(size);
    if (id === SECTION.memory) parts.push(memorySection(section, bounds, count));
    else if (id === SECTION.table) parts.push(tableSection(section, bounds, count));
    else {
      if (id === SECTION.import) checkImports(section);
      parts.push(bytes.subarray(from, reader.at));
    }
  }
  if (count.memories > 1) throw new ModuleRefused("it has more than one memory");
  if (count.tables > TABLES_MAX) throw new ModuleRefused(`it has more than ${TABLES_MAX} tables`);
  return joined(parts);
}

interface Count {
  memories: number;
  tables: number;
}

function memorySection(section: Reader, bounds: ModuleBounds, count: Count): Uint8Array {
  const number = section.number();
  count.memories += number;
  const out = [...encoded(number)];
  for (let index = 0; index < number; index++)
    out.push(...boundLimits(section, "memory", bounds.memoryPagesMax));
  section.finish();
  return sectionOf(SECTION.memory, out);
}

function tableSection(section: Reader, bounds: ModuleBounds, count: Count): Uint8Array {
  const number = section.number();
  count.tables += number;
  const out = [...encoded(number)];
  for (let index = 0; index < number; index++) {
    const type = section.byte();
    if (type === HAS_INITIALIZER || type === 0x63 || type === 0x64)
      throw new ModuleRefused("a table of typed references or with an initial value");
    out.push(type, ...boundLimits(section, "table", bounds.tableElementsMax));
  }
  section.finish();
  return sectionOf(SECTION.table, out);
}

/** Limits with a maximum that is at most `max`. */
function boundLimits(section: Reader, what: string, max: number): readonly number[] {
  const flags = section.byte();
  if (flags !== 0 && flags !== HAS_MAXIMUM)
    throw new ModuleRefused(`a ${what} that is shared or of 64 bits`);
  const initial = section.number();
  const declared = flags === HAS_MAXIMUM ? section.number() : max;
  if (initial > max) throw new ModuleRefused(`its ${what} begins with ${initial}, over ${max}`);
  return [HAS_MAXIMUM, ...encoded(initial), ...encoded(Math.min(declared, max))];
}

/** Memories and tables are the module's own: imported ones would be ours to bound, and there are none. */
function checkImports(section: Reader): void {
  for (let left = section.number(); left > 0; left--) {
    section.skip(section.number());
    section.skip(section.number());
    const kind = section.byte();
    if (kind !== KIND.function)
      throw new ModuleRefused("it imports something that is not a function");
    section.number();
  }
  section.finish();
}

function sectionOf(id: number, content: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...encoded(content.length), ...content]);
}

/** Unsigned LEB128. */
function encoded(value: number): readonly number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest === 0 ? low : low + 128);
  } while (rest > 0);
  return out;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
