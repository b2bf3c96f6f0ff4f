/**
 * Base64 and hexadecimal inside any text, found without decoding what cannot matter.
 *
 * Read in this order: MASKS, decodeRuns, Collector. Most words of ordinary text are made of base64
 * digits, so decoding all of them is nearly all the work of a scan. What is looked for in them is
 * text (every detector matches printable units, and a nested encoding is text too), and text shows
 * in the digits: a group of four base64 digits that holds three printable bytes is one in eleven.
 * So one pass runs a shift-and automaton over the digits, without a branch; only a run that
 * somewhere holds WINDOW printable bytes, or that is too long to be a word, is decoded, at every
 * alignment. Blanks and line breaks inside a run are stepped over, once it is found.
 *
 * @module
 */
import type { ByteText } from "./byte-text.ts";
import { WINDOW_BYTES } from "./entropy.ts";
import type { Meter } from "./meter.ts";

/** An unbroken run of so many digits is decoded whatever it holds: compressed data, keys. */
const LONG_RUN = 48;
/** Where a long run is looked for: it covers one of these places, with its half on one side. */
const STRIDE: number = LONG_RUN / 2;

const BASE64_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX_DIGITS = "0123456789abcdef";
/** Two groups, six bytes: enough for every second line of base64 that is broken after ten digits. */
const BASE64_STEPS = 8;
const HEX_STEPS = 16;
/** A step of the base64 window and of the hexadecimal window begins anew at every digit. */
const BEGIN = 1 | (1 << BASE64_STEPS);
const BASE64_HIT = 1 << (BASE64_STEPS - 1);
const HEX_HIT = 1 << (BASE64_STEPS + HEX_STEPS - 1);

/**
 * For each unit, the steps of both windows at which it may stand: first those of the base64 digits
 * that begin a group, then those of the hexadecimal digits that begin a pair.
 */
const MASKS: Int32Array = new Int32Array(256);
/** For each unit: 1 a base64 digit, 2 a hexadecimal one, 4 a blank. */
const KINDS: Uint8Array = new Uint8Array(256);
const IS_BASE64 = 1;
const IS_HEX = 2;
const IS_BLANK = 4;

for (const [value, digit] of BASE64_DIGITS.split("").entries()) allowBase64(digit, value);
allowBase64("-", 62);
allowBase64("_", 63);
for (const [value, digit] of HEX_DIGITS.split("").entries()) {
  for (const written of new Set([digit, digit.toUpperCase()])) allowHex(written, value);
}
for (const blank of " \t\r\n") KINDS[blank.charCodeAt(0)] = IS_BLANK;

/** Bytes counted as text: NUL (of UTF-16), tabulator and line breaks, 0x20..0x7f. */
function allowBase64(digit: string, value: number): void {
  const unit = digit.charCodeAt(0);
  const inGroup = [
    value === 0 || value === 2 || value === 3 || (value >= 8 && value <= 31),
    (value & 15) === 0 || ((value & 15) >= 2 && (value & 15) <= 7),
    (value & 2) === 0,
    true,
  ];
  for (let step = 0; step < BASE64_STEPS; step += 1) {
    if (inGroup[step % 4] === true) MASKS[unit] = MASKS[unit]! | (1 << step);
  }
  KINDS[unit] = KINDS[unit]! | IS_BASE64;
}

function allowHex(digit: string, value: number): void {
  const unit = digit.charCodeAt(0);
  const isHigh = value === 0 || (value >= 2 && value <= 7);
  for (let step = 0; step < HEX_STEPS; step += 1) {
    if (step % 2 === 1 || isHigh) MASKS[unit] = MASKS[unit]! | (1 << (BASE64_STEPS + step));
  }
  KINDS[unit] = KINDS[unit]! | IS_HEX;
}

export interface DecodedRuns {
  /** Short decodings put together, a line break after each: at most one of base64, one of hexadecimal. */
  readonly pieces: readonly string[];
  /** Decodings long enough to be judged by themselves, in the alignment in which they begin. */
  readonly wholes: readonly string[];
}

/** What the runs of the text decode to. */
export function decodeRuns(content: ByteText, meter: Meter): DecodedRuns {
  const { bytes } = content;
  const base64 = new Collector(content, { kind: IS_BASE64, group: 4 }, meter);
  const hex = new Collector(content, { kind: IS_HEX, group: 2 }, meter);
  let steps = 0;
  for (let from = 0; from < bytes.length; from += STRIDE) {
    base64.takeLongRunAt(from);
    const before = steps;
    const to = Math.min(from + STRIDE, bytes.length);
    let hits = 0;
    for (let at = from; at < to; at += 1) {
      steps = ((steps << 1) | BEGIN) & MASKS[bytes[at]!]!;
      hits |= steps;
    }
    if ((hits & (BASE64_HIT | HEX_HIT)) === 0) continue;
    steps = before;
    for (let at = from; at < to; at += 1) {
      steps = ((steps << 1) | BEGIN) & MASKS[bytes[at]!]!;
      if ((steps & BASE64_HIT) !== 0) base64.takeWindowAt(at);
      if ((steps & HEX_HIT) !== 0) hex.takeWindowAt(at);
    }
  }
  meter.add(bytes.length);
  return {
    pieces: [base64.joined(), hex.joined()],
    wholes: [...base64.wholes, ...hex.wholes],
  };
}

interface Digits {
  readonly kind: number;
  /** Digits that write whole bytes: 4 or 2. */
  readonly group: number;
}

/** Decodes runs of one kind of digits, each run once at each place where its groups may begin. */
class Collector {
  readonly #content: ByteText;
  readonly #digits: Digits;
  readonly #meter: Meter;
  readonly #pieces: string[] = [];
  readonly wholes: string[] = [];
  /** The run that was seen last, its blanks left out, and the alignments at which it is decoded. */
  #run = "";
  #end = 0;
  #decoded = 0;
  /** Digits of the run up to a place. */
  #counted = 0;
  #countedTo = 0;

  constructor(content: ByteText, digits: Digits, meter: Meter) {
    this.#content = content;
    this.#digits = digits;
    this.#meter = meter;
  }

  /** Decode the run in which a window ends at `at`, in the window's alignment. */
  takeWindowAt(at: number): void {
    this.#enterRun(at);
    this.#decode(this.#countTo(at + 1) % this.#digits.group, false);
  }

  /** Decode the run around `at` as its word begins, when the word is long. */
  takeLongRunAt(at: number): void {
    const { kind, group } = this.#digits;
    if (!this.#isAt(at, kind) || at < this.#countedTo) return;
    let start = at;
    while (at - start < STRIDE && this.#isAt(start - 1, kind)) start -= 1;
    let end = at + 1;
    while (end - start < LONG_RUN && this.#isAt(end, kind)) end += 1;
    if (end - start < LONG_RUN || start < this.#countedTo) return;
    this.#enterRun(at);
    this.#decode(this.#countTo(start) % group, true);
  }

  joined(): string {
    return this.#pieces.join("\n");
  }

  #enterRun(at: number): void {
    if (at < this.#end) return;
    const accepted = this.#digits.kind | IS_BLANK;
    let start = at;
    while (start > this.#end && this.#isAt(start - 1, accepted)) start -= 1;
    let end = at + 1;
    while (this.#isAt(end, accepted)) end += 1;
    this.#meter.add(end - start);
    this.#run = this.#content.text.slice(start, end).replace(/[ \t\r\n]+/g, "");
    this.#end = end;
    this.#decoded = 0;
    this.#counted = 0;
    this.#countedTo = start;
  }

  /** Digits of the run before `to`. */
  #countTo(to: number): number {
    for (; this.#countedTo < to; this.#countedTo += 1) {
      if (this.#isAt(this.#countedTo, this.#digits.kind)) this.#counted += 1;
    }
    return this.#counted;
  }

  #decode(skip: number, isJudged: boolean): void {
    if ((this.#decoded & (1 << skip)) !== 0) return;
    this.#decoded |= 1 << skip;
    this.#meter.add(this.#run.length);
    const encoding = this.#digits.kind === IS_BASE64 ? "base64" : "hex";
    const decoded = Buffer.from(this.#run.slice(skip), encoding).toString("latin1");
    (isJudged && decoded.length >= WINDOW_BYTES ? this.wholes : this.#pieces).push(decoded);
  }

  #isAt(at: number, accepted: number): boolean {
    const { bytes } = this.#content;
    return at >= 0 && at < bytes.length && (KINDS[bytes[at]!]! & accepted) !== 0;
  }
}
