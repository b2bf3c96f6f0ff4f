/**
 * What an executable for x86-64 asks of its system: its loader, the libraries by name, for a kernel module the
 * modules before it, and for a kernel whether a monitor can start it. Reads, never runs. A file that is no such executable asks for nothing.
 *
 * @module
 */

export interface ElfNeeds {
  /** Path of the program that loads it, or null: static, or a library. */
  readonly loader: string | null;
  readonly libraries: readonly string[];
}

const NOTHING: ElfNeeds = { loader: null, libraries: [] };
const [LOAD, DYNAMIC, INTERPRETER, NOTE] = [1, 2, 3, 4];
const [NEEDED, STRING_TABLE] = [1, 5];
const ENTRIES_MAX = 4_096;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Malformed headers give what could be read of them, at least nothing. */
export function elfNeeds(file: Uint8Array): ElfNeeds {
  const view = viewOf(file);
  if (view === null) return NOTHING;
  const segments = segmentsOf(view);
  const interpreter = segments.find((each) => each.type === INTERPRETER);
  return {
    loader: interpreter === undefined ? null : textAt(file, interpreter.offset),
    libraries: librariesOf(file, view, segments),
  };
}

/** Null: it is no 64-bit ELF file, little endian. */
function viewOf(file: Uint8Array): DataView | null {
  const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
  if (file.length < 64 || magic.some((byte, at) => file[at] !== byte)) return null;
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

/** XEN_ELFNOTE_PHYS32_ENTRY: where a monitor starts an uncompressed kernel. */
const PVH_NOTE = 18;

/** Whether a kernel's file has the note by which a monitor boots it without a loader. */
export function hasPvhEntry(file: Uint8Array): boolean {
  const view = viewOf(file);
  if (view === null) return false;
  const notes = segmentsOf(view).filter(({ type }) => type === NOTE);
  return notes.some(({ offset, size }) => {
    const end = Math.min(offset + size, file.length);
    for (let at = offset, count = 0; at + 12 <= end && count < ENTRIES_MAX; count++) {
      const [name, content, type] = [0, 4, 8].map((field) => view.getUint32(at + field, true));
      if (type === PVH_NOTE && textAt(file, at + 12) === "Xen") return true;
      at += 12 + padded(name ?? 0) + padded(content ?? 0);
    }
    return false;
  });
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function wordAt(view: DataView, at: number): number {
  return at + 8 <= view.byteLength ? Number(view.getBigUint64(at, true)) : 0;
}

function segmentsOf(view: DataView): readonly Segment[] {
  const start = wordAt(view, 32);
  const [size, count] = [view.getUint16(54, true), view.getUint16(56, true)];
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * size;
    if (size < 56 || at + 56 > view.byteLength) break;
    segments.push({
      type: view.getUint32(at, true),
      offset: wordAt(view, at + 8),
      address: wordAt(view, at + 16),
      size: wordAt(view, at + 32),
    });
  }
  return segments;
}

function librariesOf(
  file: Uint8Array,
  view: DataView,
  segments: readonly Segment[],
): readonly string[] {
  const dynamic = segments.find((each) => each.type === DYNAMIC);
  if (dynamic === undefined) return [];
  const names: number[] = [];
  let table = 0;
  for (let index = 0; index < ENTRIES_MAX; index++) {
    const at = dynamic.offset + index * 16;
    const tag = wordAt(view, at);
    if (tag === 0 || index * 16 >= dynamic.size) break;
    if (tag === NEEDED) names.push(wordAt(view, at + 8));
    if (tag === STRING_TABLE) table = wordAt(view, at + 8);
  }
  const home = segments.find(
    ({ type, address, size }) => type === LOAD && table >= address && table < address + size,
  );
  if (home === undefined) return [];
  return names.map((name) => textAt(file, table - home.address + home.offset + name));
}

function textAt(file: Uint8Array, start: number): string {
  const end = file.indexOf(0, start);
  return new TextDecoder("latin1").decode(file.subarray(start, end < 0 ? start : end));
}

/** Names of the kernel modules that this module asks for. */
export function moduleNeeds(module: Uint8Array): readonly string[] {
  const found = /\0depends=([\w,-]*)\0/.exec(new TextDecoder("latin1").decode(module))?.[1] ?? "";
  return found.split(",").filter((name) => name !== "");
}
