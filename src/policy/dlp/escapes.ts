/**
 * The decoders of escapes: percent, JSON and source text, quoted-printable, and the NUL bytes of UTF-16.
 *
 * Each answers the empty text when there is nothing to decode. What is decoded is not the whole text
 * but the surroundings of its escapes: else a few of them in a large text would double the scan of
 * it, and three kinds of them in each other make it eight times. They write bytes, as a replacement
 * with a function for each escape is ten times slower on content that is escapes throughout.
 *
 * @module
 */
import { ofBytes, ofUnits } from "./byte-text.ts";
import { isAt, unitClass } from "./detector.ts";

const NONE = 255;
const HEX = new Uint8Array(256).fill(NONE);
for (const [value, digit] of "0123456789abcdef".split("").entries()) {
  HEX[digit.charCodeAt(0)] = value;
  HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The byte that two hexadecimal digits at `at` write; -1 when they do not stand there. */
function byteAt(bytes: Uint8Array, at: number): number {
  if (at + 1 >= bytes.length) return -1;
  const high = HEX[bytes[at]!]!;
  const low = HEX[bytes[at + 1]!]!;
  return high === NONE || low === NONE ? -1 : (high << 4) | low;
}

/** Text on both sides of an escape that is decoded with it, and on to the next blank, up to REACH_MAX. */
const REACH = 160;
const REACH_MAX = 4096;

/** The surroundings of each place that `next` finds, joined by line breaks; empty when there is none. */
function surroundings(text: string, next: (from: number) => number): string {
  const pieces: string[] = [];
  let start = -1;
  let end = 0;
  for (let at = next(0); at !== -1; at = next(at + 1)) {
    if (start === -1 || at - REACH > end) {
      if (start !== -1) pieces.push(text.slice(start, end));
      start = leftEdge(text, at, end);
    }
    end = rightEdge(text, at, end);
  }
  if (start !== -1) pieces.push(text.slice(start, end));
  return pieces.join("\n");
}

function leftEdge(text: string, at: number, least: number): number {
  const most = Math.max(least, at - REACH_MAX);
  let start = Math.max(least, at - REACH);
  while (start > most && !isBlank(text.charCodeAt(start - 1))) start -= 1;
  return start;
}

function rightEdge(text: string, at: number, least: number): number {
  const most = Math.min(text.length, at + REACH_MAX);
  let end = Math.max(least, at + REACH);
  while (end < most && !isBlank(text.charCodeAt(end))) end += 1;
  return Math.min(end, text.length);
}

function isBlank(unit: number): boolean {
  return unit === 32 || unit === 10;
}

export function decodePercent(text: string): string {
  return decode(
    surroundings(text, (from) => nextEscape(text, "%", from)),
    "%",
  );
}

/** Escaped bytes and soft line breaks. */
export function decodeQuotedPrintable(text: string): string {
  return decode(
    surroundings(text, (from) => nextEscape(text, "=", from)),
    "=",
  );
}

function nextEscape(text: string, mark: "%" | "=", from: number): number {
  let at = text.indexOf(mark, from);
  while (at !== -1 && !isEscape(text, mark, at + 1)) at = text.indexOf(mark, at + 1);
  return at;
}

function isEscape(text: string, mark: "%" | "=", at: number): boolean {
  const high = text.charCodeAt(at);
  if (mark === "=" && (high === 10 || (high === 13 && text.charCodeAt(at + 1) === 10))) return true;
  return at + 1 < text.length && HEX[high] !== NONE && HEX[text.charCodeAt(at + 1)] !== NONE;
}

/** Replace the mark and two hexadecimal digits by their byte, and `=` at the end of a line by nothing. */
function decode(text: string, mark: "%" | "="): string {
  const { bytes } = ofUnits(text);
  const unit = mark.charCodeAt(0);
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] === unit ? byteAt(bytes, at + 1) : -1;
    if (byte !== -1) {
      out[length++] = byte;
      at += 2;
    } else if (bytes[at] === unit && mark === "=" && softBreak(bytes, at + 1) > 0) {
      at += softBreak(bytes, at + 1);
    } else out[length++] = bytes[at]!;
  }
  return ofBytes(out.subarray(0, length)).text;
}

/** The length of a line break at `at`. */
function softBreak(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 10) return 1;
  return bytes[at] === 13 && bytes[at + 1] === 10 ? 2 : 0;
}

/** What may stand after a backslash; other units are bytes of something else. */
const ESCAPED = unitClass("nrtbfux\"'\\/0");

function nextBackslash(text: string, from: number): number {
  let at = text.indexOf("\\", from);
  while (at !== -1 && !isAt(text, at + 1, ESCAPED)) at = text.indexOf("\\", at + 1);
  return at;
}

const SIMPLE: ReadonlyMap<number, number> = new Map([
  [110, 10],
  [114, 13],
  [116, 9],
  [98, 8],
  [102, 12],
]);
const BACKSLASH = 92;
const LETTER_U = 117;
const LETTER_X = 120;

/** Escapes of JSON and of source text: `\n`, `\"`, `\u0041`, `\x41`. */
export function decodeBackslashes(text: string): string {
  const { bytes } = ofUnits(surroundings(text, (from) => nextBackslash(text, from)));
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const kind = bytes[at + 1];
    if (bytes[at] !== BACKSLASH || kind === undefined) {
      out[length++] = bytes[at]!;
      continue;
    }
    const digits = kind === LETTER_U ? 4 : kind === LETTER_X ? 2 : 0;
    const code = digits === 0 ? -1 : codeAt(bytes, at + 2, digits);
    if (code === -1) out[length++] = SIMPLE.get(kind) ?? kind;
    else length = writeUtf8(out, length, code);
    at += 1 + (code === -1 ? 0 : digits);
  }
  return ofBytes(out.subarray(0, length)).text;
}

function codeAt(bytes: Uint8Array, at: number, digits: number): number {
  const high = byteAt(bytes, at);
  if (digits === 2 || high === -1) return high;
  const low = byteAt(bytes, at + 2);
  return low === -1 ? -1 : (high << 8) | low;
}

/** A UTF-16 unit as its UTF-8 bytes. Halves of a pair stay apart: no secret depends on them. */
function writeUtf8(out: Uint8Array, from: number, unit: number): number {
  let length = from;
  if (unit < 0x80) out[length++] = unit;
  else {
    if (unit < 0x800) out[length++] = 0xc0 | (unit >> 6);
    else {
      out[length++] = 0xe0 | (unit >> 12);
      out[length++] = 0x80 | ((unit >> 6) & 63);
    }
    out[length++] = 0x80 | (unit & 63);
  }
  return length;
}

export function dropNulBytes(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "") : "";
}
