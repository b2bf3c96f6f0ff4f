/**
 * The two archive formats that an image is made of, with nothing in them but what was given: cpio (newc) is what
 * the kernel unpacks as its first root, tar is what mksquashfs reads. No time, no host user, entries in the order of
 * their paths: the same entries give the same bytes.
 *
 * @module
 */

/** One name in an image. `path` is absolute; its parents are made, 0755, where they are not given. */
export type Entry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly content: Uint8Array;
    }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** Sorted, parents included. Of two entries of one path the later one counts. */
export function completed(entries: readonly Entry[]): readonly Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    for (let at = parentOf(entry.path); at !== "/"; at = parentOf(at)) {
      if (!all.has(at)) all.set(at, { kind: "directory", path: at, mode: 0o755 });
    }
  }
  for (const entry of entries) all.set(entry.path, entry);
  return [...all.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

const TYPE_BITS = {
  directory: 0o040000,
  file: 0o100000,
  link: 0o120000,
  device: 0o020000,
} as const;

/** cpio in the format `newc`. */
export function cpioOf(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let inode = 0;
  const put = (name: string, fields: readonly number[], content: Uint8Array): void => {
    const bytes = encoder.encode(`${name}\0`);
    const head = fields.map((each) => each.toString(16).padStart(8, "0")).join("");
    parts.push(encoder.encode(`070701${head}`), bytes);
    parts.push(new Uint8Array(-(110 + bytes.length) & 3), content);
    parts.push(new Uint8Array(-content.length & 3));
  };
  for (const entry of completed(entries)) {
    const content = contentOf(entry);
    const mode = TYPE_BITS[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode);
    const device = entry.kind === "device" ? [entry.major, entry.minor] : [0, 0];
    const name = entry.path.slice(1);
    const size = encoder.encode(name).length + 1;
    put(name, [++inode, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, size, 0], content);
  }
  put("TRAILER!!!", [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0], NOTHING);
  return joined(parts);
}

/** Parts of a tar archive (ustar), to be written one after another. */
export function* tarOf(entries: readonly Entry[]): Generator<Uint8Array, void, undefined> {
  for (const entry of completed(entries)) {
    const content = contentOf(entry);
    yield tarHeader(entry, entry.kind === "file" ? content.length : 0);
    if (entry.kind !== "file") continue;
    yield content;
    yield new Uint8Array(-content.length & 511);
  }
  yield new Uint8Array(1024);
}

const TAR_TYPES = { directory: "5", file: "0", link: "2", device: "3" } as const;

function tarHeader(entry: Entry, size: number): Uint8Array {
  const header = new Uint8Array(512);
  const put = (at: number, text: string, room: number): void => {
    const bytes = encoder.encode(text);
    if (bytes.length > room) throw new RangeError(`"${text}" is too long for an image`);
    header.set(bytes, at);
  };
  const octal = (at: number, value: number, digits: number): void =>
    put(at, value.toString(8).padStart(digits, "0"), digits);
  const { name, prefix } = splitName(entry.path.slice(1));
  put(0, name, 100);
  octal(100, entry.kind === "link" ? 0o777 : entry.mode, 7);
  octal(108, 0, 7);
  octal(116, 0, 7);
  octal(124, size, 11);
  octal(136, 0, 11);
  put(148, "        ", 8);
  put(156, TAR_TYPES[entry.kind], 1);
  if (entry.kind === "link") put(157, entry.to, 100);
  put(257, "ustar\u000000", 8);
  if (entry.kind === "device") {
    octal(329, entry.major, 7);
    octal(337, entry.minor, 7);
  }
  put(345, prefix, 155);
  octal(
    148,
    header.reduce((total, byte) => total + byte, 0),
    6,
  );
  header.set([0, 32], 154);
  return header;
}

/** ustar keeps a long name in two fields, cut at a slash. */
function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (encoder.encode(path).length <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (encoder.encode(name).length <= 100) return { name, prefix };
  }
  return { name: path, prefix: "" };
}

function contentOf(entry: Entry): Uint8Array {
  if (entry.kind === "file") return entry.content;
  return entry.kind === "link" ? encoder.encode(entry.to) : NOTHING;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
