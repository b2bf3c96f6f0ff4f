/**
 * Compressed data inside a byte text: gzip, zlib, zip entries and zstd wherever they begin, and the
 * codings that a request declares.
 *
 * Deflate is read without its checksum, so a damaged trailer hides nothing. The output is bounded:
 * what would grow beyond it is a bomb. What says that it is compressed and cannot be read is sealed.
 * node:zlib is the one builtin of this folder: a pure function of bytes (ADR 0023).
 *
 * @module
 */
import {
  brotliDecompressSync,
  constants,
  inflateRawSync,
  zstdDecompressSync,
  type InputType,
} from "node:zlib";
import { type ByteText, ofBytes, ofUnits } from "./byte-text.ts";
import type { Meter } from "./meter.ts";

export interface Expansion {
  /** What was read, in the order of its beginnings. */
  readonly texts: readonly string[];
  /** Something says that it is compressed, and could not be read. */
  readonly sealed: boolean;
  /** Something would decode to more than the bound. */
  readonly bomb: boolean;
  /** The tries ran out: something may have been left unread. */
  readonly cut: boolean;
}

/** What one content may cost: over all its views, so that beginnings in many of them do not multiply. */
export interface ExpandBudget {
  /** Bytes that further views may have. */
  readonly bytesMax: number;
  /** Beginnings that may still be tried; a failed try costs 0.1 ms. Counted down. */
  readonly tries: { left: number };
}

type Outcome =
  | { readonly kind: "read"; readonly text: string; readonly consumed: number }
  | { readonly kind: "unreadable" }
  | { readonly kind: "bomb" };

/** One format that names itself by its first bytes. */
interface Format {
  readonly magic: string;
  /** A weak magic stands in ordinary bytes by chance, so that failing to read it says nothing. */
  readonly weak: boolean;
  /** Whether what follows the magic can be tried at all; a look at few bytes. Absent: always. */
  readonly begins?: (bytes: Uint8Array) => boolean;
  readonly read: (bytes: Uint8Array, bytesMax: number) => Outcome;
}

const FORMATS: readonly Format[] = [
  { magic: "\x1f\x8b\x08", weak: false, read: readGzip },
  { magic: "PK\x03\x04", weak: false, read: readZipEntry },
  { magic: "\x28\xb5\x2f\xfd", weak: false, read: zstd },
  ...["\x01", "\x5e", "\x9c", "\xda"].map((level) => ({
    magic: `x${level}`,
    weak: true,
    begins: (bytes: Uint8Array) => beginsDeflate(bytes, 2),
    read: (bytes: Uint8Array, bytesMax: number) => inflateAt(bytes, 2, bytesMax),
  })),
];

/** Containers that are known and never read: xz, 7z, rar, bzip2. */
const SEALED: readonly string[] = ["\xfd7zXZ\0", "7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "1AY&SY"];

/** Compressed content begins with a byte that plain text does not hold, but for zip's and zlib's. */
const CONTROL = /[\0-\x08\x0e-\x1f\x80-\xff]/;

const UNREADABLE: Outcome = { kind: "unreadable" };

/** Everything in the text that can be expanded, to `bytesMax` bytes together. */
export function expand(
  { bytes, text }: ByteText,
  { bytesMax, tries }: ExpandBudget,
  meter: Meter,
): Expansion {
  meter.add(text.length);
  if (!CONTROL.test(text)) return { texts: [], sealed: false, bomb: false, cut: false };
  const texts: string[] = [];
  let sealed = SEALED.some((magic) => text.includes(magic));
  let bomb = false;
  let left = bytesMax;
  for (const { magic, weak, begins, read } of FORMATS) {
    for (let at = text.indexOf(magic); at !== -1; at = text.indexOf(magic, at)) {
      const rest = bytes.subarray(at);
      if (begins?.(rest) === false) {
        at += magic.length;
        continue;
      }
      if (tries.left === 0) return { texts, sealed, bomb, cut: true };
      tries.left -= 1;
      const outcome = read(rest, left);
      bomb ||= outcome.kind === "bomb";
      sealed ||= outcome.kind === "unreadable" && !weak;
      if (outcome.kind === "read" && outcome.text !== "") {
        texts.push(outcome.text);
        left -= outcome.text.length;
        meter.add(outcome.text.length);
      }
      at += outcome.kind === "read" ? Math.max(outcome.consumed, 1) : magic.length;
    }
  }
  return { texts, sealed, bomb, cut: false };
}

/**
 * Undo content codings that a header declares, the last applied first.
 *
 * @param codings - As in `Content-Encoding`: `gzip`, `deflate`, `br`, `zstd`, `identity`.
 */
export function undoCodings(text: string, codings: string, bytesMax: number): Expansion {
  let current = text;
  for (const coding of codings.toLowerCase().split(",").toReversed()) {
    const read = CODINGS.get(coding.trim());
    if (read === undefined) return { texts: [], sealed: true, bomb: false, cut: false };
    const outcome = read(ofUnits(current).bytes, bytesMax);
    if (outcome.kind !== "read") {
      return { texts: [], sealed: true, bomb: outcome.kind === "bomb", cut: false };
    }
    current = outcome.text;
  }
  return { texts: [current], sealed: false, bomb: false, cut: false };
}

const CODINGS: ReadonlyMap<string, Format["read"]> = new Map<string, Format["read"]>([
  ["gzip", readGzip],
  ["x-gzip", readGzip],
  ["br", brotli],
  ["zstd", zstd],
  ["deflate", readDeflate],
  ["identity", identity],
  ["", identity],
]);

function identity(bytes: Uint8Array): Outcome {
  return { kind: "read", text: ofBytes(bytes).text, consumed: bytes.length };
}

/** RFC 1952: ten bytes, then what the flags announce. */
function readGzip(bytes: Uint8Array, bytesMax: number): Outcome {
  const flags = bytes[3] ?? 0xff;
  if ((flags & 0xe0) !== 0) return UNREADABLE;
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + (bytes[at] ?? 0) + ((bytes[at + 1] ?? 0) << 8);
  for (const named of [8, 16]) {
    if ((flags & named) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) return UNREADABLE;
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return inflateAt(bytes, at, bytesMax);
}

/** A local file header; stored entries stand in the clear. */
function readZipEntry(bytes: Uint8Array, bytesMax: number): Outcome {
  const short = (at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const from = 30 + short(26) + short(28);
  const isEncrypted = (short(6) & 1) === 1;
  if (bytes.length < from || isEncrypted) return UNREADABLE;
  if (short(8) === 0) return { kind: "read", text: "", consumed: from };
  return short(8) === 8 ? inflateAt(bytes, from, bytesMax) : UNREADABLE;
}

/** The coding `deflate` is zlib's format; some send raw deflate, which has no header that is a multiple of 31. */
function readDeflate(bytes: Uint8Array, bytesMax: number): Outcome {
  const header = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const isZlib = (header & 0x0f00) === 0x0800 && header % 31 === 0;
  return inflateAt(bytes, isZlib ? 2 : 0, bytesMax);
}

/** Whether a deflate block may begin here: its type is known, its counts are in range. */
function beginsDeflate(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at] ?? 0xff;
  switch ((first >> 1) & 3) {
    case 0:
      return ((bytes[at + 1] ?? 0) ^ (bytes[at + 3] ?? 0)) === 0xff;
    case 1:
      return true;
    case 2:
      return first >> 3 <= 29;
    default:
      return false;
  }
}

interface Read {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** What zlib's functions give with `info: true`, which its types leave out. */
type WithInfo = (bytes: InputType, options: object) => unknown;

function inflateAt(bytes: Uint8Array, at: number, bytesMax: number): Outcome {
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  const outcome = attempt(inflateRawSync, bytes.subarray(at), { options, bytesMax });
  if (outcome.kind !== "read") return outcome;
  return outcome.text === "" ? UNREADABLE : { ...outcome, consumed: outcome.consumed + at };
}

function brotli(bytes: Uint8Array, bytesMax: number): Outcome {
  return attempt(brotliDecompressSync, bytes, { options: {}, bytesMax });
}

function zstd(bytes: Uint8Array, bytesMax: number): Outcome {
  return attempt(zstdDecompressSync, bytes, { options: {}, bytesMax });
}

function attempt(
  decode: WithInfo,
  bytes: Uint8Array,
  { options, bytesMax }: { readonly options: object; readonly bytesMax: number },
): Outcome {
  if (bytesMax < 1) return { kind: "bomb" };
  try {
    const read = decode(bytes, { ...options, info: true, maxOutputLength: bytesMax }) as Read;
    const { text } = ofBytes(read.buffer);
    return { kind: "read", text, consumed: read.engine.bytesWritten };
  } catch (cause) {
    const isBomb = cause instanceof RangeError && "code" in cause;
    return isBomb && cause.code === "ERR_BUFFER_TOO_LARGE" ? { kind: "bomb" } : UNREADABLE;
  }
}
