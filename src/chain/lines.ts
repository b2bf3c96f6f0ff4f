/**
 * Bytes to lines and lines to records: the one reader under verification, listing and replay.
 *
 * Read in this order: LineReader, LineChecker, readBody. The hash is checked on the bytes as they
 * stand, before anything is parsed, so that damage shows as `changed` and not as a riddle of the
 * parser. Bounded: a line over 1 MiB is refused before it is buffered further.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonObject } from "../foundation/json.ts";
import {
  type ChainBody,
  FIRST_TYPES,
  isRecordType,
  LINE_END,
  LINE_MIDDLE,
  LINE_START,
  RECORD_BYTES_MAX,
  RECORD_TAG,
  RECORD_VERSION,
} from "./record.ts";
import { scanBody } from "./scan.ts";

/** Why a line is not a record, whatever stands around it. */
export type LineFault = "changed" | "malformed" | "non-canonical" | "bad-type";

export interface Fault {
  readonly kind: "fault";
  readonly reason: LineFault;
  readonly detail: string;
}

/** What links a record to others. Every other field was checked too, and left. */
export interface Link {
  readonly kind: "record";
  readonly chain: string;
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  /** `data.config` of record 0; null when it names none, and for every other record. */
  readonly config: string | null;
}

export type Line = Link | Fault;

const NEWLINE = 10;

/** Cuts chunks into lines. `tail` is what is left without a newline. */
export class LineReader {
  #carried: Uint8Array[] = [];
  #carriedBytes = 0;

  /**
   * The whole lines up to the end of `chunk`, without newlines; each is valid until the next is
   * asked for. Null stands for a line over 1 MiB; nothing follows it.
   */
  *push(chunk: Buffer): Generator<Buffer | null, void, undefined> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end === -1) break;
      const line = this.#line(chunk.subarray(from, end));
      yield line;
      if (line === null) return;
      from = end + 1;
    }
    const rest = chunk.length - from;
    if (rest === 0) return;
    if (this.#carriedBytes + rest >= RECORD_BYTES_MAX) return yield null;
    // A copy: the chunk's buffer is used again.
    this.#carried.push(Uint8Array.from(chunk.subarray(from)));
    this.#carriedBytes += rest;
  }

  tail(): Buffer {
    return Buffer.concat(this.#carried);
  }

  #line(end: Buffer): Buffer | null {
    if (this.#carriedBytes + end.length >= RECORD_BYTES_MAX) return null;
    if (this.#carriedBytes === 0) return end;
    const line = Buffer.concat([...this.#carried, end]);
    this.#carried = [];
    this.#carriedBytes = 0;
    return line;
  }
}

const HASH_LENGTH = 64;
const TRAILER_LENGTH: number = LINE_MIDDLE.length + HASH_LENGTH + LINE_END.length;
const LINE_LENGTH_MIN: number = LINE_START.length + 2 + TRAILER_LENGTH;
const HASH_PATTERN = /^[0-9a-f]{64}$/;
const CHAIN_PATTERN = /^[!#-[\]-~]{1,128}$/;
const PREV_KEY_LENGTH = ',"prev":"'.length;
/** Trailer, type, time, number and `prev` of a usual record. */
const LINK_TAIL_LENGTH = 256;
const BODY_KEYS = 8;
const TAG: Buffer = Buffer.from(RECORD_TAG);

/**
 * Checks lines for themselves: envelope, hash, form, fields. Their place in the chain is the
 * caller's.
 */
export class LineChecker {
  #workspace: Workspace = workspaceFor(4096);

  check(line: Buffer): Line {
    const opened = this.#open(line);
    if (opened.kind === "fault") return opened;
    const { whole, bodyEnd } = opened;
    const simple = this.#isSimple(bodyEnd - LINE_START.length);
    const scanned = simple ? scanBody(whole, LINE_START.length, bodyEnd) : null;
    if (scanned === null || scanned.seq === 0) return linkOf(readBody(line), opened.hash);
    const { chain, seq, prev, type } = scanned;
    if (!isRecordType(type)) return badType(type);
    return { kind: "record", chain, seq, prev, hash: opened.hash, config: null };
  }

  /** What links a line, of its bytes alone; null when only {@link check} can tell. */
  link(line: Buffer): Pick<Link, "prev" | "hash"> | null {
    const bodyEnd = line.length - TRAILER_LENGTH;
    if (bodyEnd < LINE_START.length) return null;
    const tail = line.toString("latin1", Math.max(0, line.length - LINK_TAIL_LENGTH));
    const trailer = tail.length - TRAILER_LENGTH;
    const prevEnd = tail.lastIndexOf('","seq":', trailer);
    const prevStart = prevEnd - HASH_LENGTH;
    const own = this.#hash(line, bodyEnd);
    const fits =
      tail.startsWith(',"prev":"', prevStart - PREV_KEY_LENGTH) &&
      tail.startsWith(LINE_MIDDLE, trailer) &&
      tail.startsWith(own, trailer + LINE_MIDDLE.length) &&
      tail.endsWith(LINE_END);
    return fits ? { prev: tail.slice(prevStart, prevEnd), hash: own } : null;
  }

  read(line: Buffer): ReadLine {
    const opened = this.#open(line);
    if (opened.kind === "fault") return opened;
    const body = readBody(line);
    return "reason" in body ? body : { kind: "record", body, hash: opened.hash };
  }

  #open(line: Buffer): Opened | Fault {
    const bodyEnd = line.length - TRAILER_LENGTH;
    const whole = line.toString("latin1");
    const enveloped =
      line.length >= LINE_LENGTH_MIN &&
      whole.startsWith(LINE_START) &&
      whole.startsWith(LINE_MIDDLE, bodyEnd) &&
      whole.endsWith(LINE_END);
    if (!enveloped) return fault("malformed", 'the line is not {"body":{…},"hash":"…"}');
    const own = this.#hash(line, bodyEnd);
    if (whole.startsWith(own, bodyEnd + LINE_MIDDLE.length)) {
      return { kind: "opened", whole, bodyEnd, hash: own };
    }
    return fault("changed", "its content and its hash do not fit");
  }

  #hash(line: Buffer, bodyEnd: number): string {
    const end = BODY_AT + bodyEnd - LINE_START.length;
    if (end > this.#workspace.bytes.length) this.#workspace = workspaceFor(2 * end);
    const { bytes } = this.#workspace;
    line.copy(bytes, BODY_AT, LINE_START.length, bodyEnd);
    return hash("sha256", bytes.subarray(BODY_AT - TAG.length, end));
  }

  /**
   * Whether the body just hashed is ASCII without backslash and control characters, so that a quote
   * ends a string. Four bytes at a time: a byte's high bit comes out set when it is over 0x7f,
   * under 0x20, or 0x5c. A borrow may add a false alarm, never hide one. Up to three bytes after
   * the last whole word are left to {@link scanBody}, which knows how a body ends.
   */
  #isSimple(length: number): boolean {
    const { words } = this.#workspace;
    const end = (BODY_AT + length) >> 2;
    let alarm = 0;
    for (let at = BODY_AT >> 2; at < end; at++) {
      const word = words[at]!;
      const backslash = word ^ 0x5c5c5c5c;
      alarm |= word | ((word - 0x20202020) & ~word) | ((backslash - 0x01010101) & ~backslash);
    }
    return (alarm & 0x80808080) === 0;
  }
}

/** The tag and a body side by side; the body begins at a word. */
interface Workspace {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

const BODY_AT = 16;

function workspaceFor(length: number): Workspace {
  const memory = new ArrayBuffer((length + 3) & ~3);
  const bytes = Buffer.from(memory);
  TAG.copy(bytes, BODY_AT - TAG.length);
  return { bytes, words: new Int32Array(memory) };
}

export type ReadLine =
  | { readonly kind: "record"; readonly body: ChainBody; readonly hash: string }
  | Fault;

/**
 * A line whose hash fits. `whole` is its bytes as Latin-1: offsets are the same, and it stays one
 * flat string, several times faster to look into than a slice.
 */
interface Opened {
  readonly kind: "opened";
  readonly whole: string;
  readonly bodyEnd: number;
  readonly hash: string;
}

function linkOf(body: ChainBody | Fault, recordHash: string): Line {
  if ("reason" in body) return body;
  const { chain, seq, prev, type, data } = body;
  const named = seq === 0 && FIRST_TYPES.has(type) ? data["config"] : null;
  const config = typeof named === "string" ? named : null;
  return { kind: "record", chain, seq, prev, hash: recordHash, config };
}

/** The body of an opened line, by the full parser. */
function readBody(line: Buffer): ChainBody | Fault {
  const bytes = line.subarray(LINE_START.length, line.length - TRAILER_LENGTH);
  if (!isUtf8(bytes)) return fault("malformed", "the body is not UTF-8");
  const text = bytes.toString("utf8");
  const value = parseObject(text);
  if (value === null) return fault("malformed", "the body is not a JSON object");
  if (!isCanonical(value, text)) return fault("non-canonical", "the body is not canonical JSON");
  const { v, chain, seq, prev, ts, type, data, facts } = value;
  if (typeof type !== "string" || !isRecordType(type)) return badType(type);
  const sound =
    v === RECORD_VERSION &&
    typeof chain === "string" &&
    CHAIN_PATTERN.test(chain) &&
    typeof prev === "string" &&
    HASH_PATTERN.test(prev) &&
    isCount(seq) &&
    isCount(ts) &&
    isJsonObject(data) &&
    isJsonObject(facts) &&
    Object.keys(value).length === BODY_KEYS;
  if (!sound) return fault("malformed", "a field of the body is missing, surplus or malformed");
  return { v, chain, seq, prev, ts, type, data, facts };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isCanonical(value: JsonObject, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch (cause) {
    if (cause instanceof CcosError) return false;
    throw cause;
  }
}

function badType(type: unknown): Fault {
  const shown = JSON.stringify(type ?? null).slice(0, 60);
  return fault("bad-type", `no record is called ${shown}`);
}

function fault(reason: LineFault, detail: string): Fault {
  return { kind: "fault", reason, detail };
}
