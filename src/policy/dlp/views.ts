/**
 * The views of a content: itself, and what it decodes to, to depth 3.
 *
 * A view is byte text. Decoders: percent, JSON escapes, base64 and base64url at all four alignments
 * (line breaks and blanks inside are skipped), hexadecimal at both, UTF-16 (NUL bytes dropped).
 * Equal views are made once. Work is bounded by a budget in proportion to the input; over it the
 * answer is `complete: false`, and the caller must not call the content clean.
 *
 * @module
 */
import { bytesToText } from "./byte-text.ts";

const DEPTH_MAX = 3;
/** View bytes per input byte. Nested encodings of ordinary content need about 10. */
const BUDGET_FACTOR = 32;
/** Small contents may always be decoded fully, 1 MiB of views. */
const BUDGET_FLOOR = 1 << 20;
/** No content may cost more than this, 64 MiB of views; larger contents are not scanned at all. */
const BUDGET_CEILING = 64 << 20;

/** Shorter runs cannot hold a secret worth the name: 6 units of base64 are 4 bytes. */
const BASE64_RUN_MIN = 6;
const HEX_RUN_MIN = 8;

/** Counts work in bytes looked at, so that tests can show growth without a clock. */
export class Meter {
  work = 0;
  add(amount: number): void {
    this.work += amount;
  }
}

export interface Views {
  /** Shallow views first. Not empty unless the input is too large. */
  readonly texts: readonly string[];
  readonly complete: boolean;
}

/** All views of one byte text. */
export function viewsOf(text: string, meter: Meter): Views {
  if (text.length > BUDGET_CEILING) return { texts: [], complete: false };
  const budget = Math.min(text.length * BUDGET_FACTOR + BUDGET_FLOOR, BUDGET_CEILING);
  const seen = new Set([text]);
  let layer = [text];
  let spent = text.length;
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const next: string[] = [];
    for (const view of layer) {
      meter.add(view.length * DECODERS.length);
      for (const decoded of DECODERS.flatMap((decode) => decode(view))) {
        if (decoded === "" || seen.has(decoded)) continue;
        spent += decoded.length;
        if (spent > budget) return { texts: [...seen], complete: false };
        seen.add(decoded);
        next.push(decoded);
      }
    }
    layer = next;
  }
  return { texts: [...seen], complete: true };
}

/** A decoder answers the empty text when there is nothing to decode. */
type Decoder = (text: string) => string | readonly string[];

const DECODERS: readonly Decoder[] = [
  decodePercent,
  decodeJsonEscapes,
  dropNulBytes,
  decodeBase64Runs,
  decodeHexRuns,
];

function decodePercent(text: string): string {
  if (!text.includes("%")) return "";
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["b", "\b"],
  ["f", "\f"],
]);

function decodeJsonEscapes(text: string): string {
  if (!text.includes("\\")) return "";
  const decoded = text.replace(
    /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([\0-\xff]))/gi,
    (_, unit: string | undefined, byte: string | undefined, simple: string | undefined) => {
      const digits = unit ?? byte;
      if (digits !== undefined) return utf8Units(Number.parseInt(digits, 16));
      return SIMPLE_ESCAPES.get(simple ?? "") ?? simple ?? "";
    },
  );
  return decoded;
}

/** A UTF-16 unit as its UTF-8 bytes. Halves of a pair stay apart: no secret depends on them. */
function utf8Units(unit: number): string {
  if (unit < 0x80) return String.fromCharCode(unit);
  if (unit < 0x800) return String.fromCharCode(0xc0 | (unit >> 6), 0x80 | (unit & 63));
  return String.fromCharCode(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63));
}

function dropNulBytes(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "") : "";
}

const LINE_BREAK = 10;
const NONE = 255;
const BLANK = 254;
const BASE64_VALUES = valuesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
BASE64_VALUES["-".charCodeAt(0)] = 62;
BASE64_VALUES["_".charCodeAt(0)] = 63;
const HEX_VALUES = valuesOf("0123456789abcdef");
for (const [index, digit] of "ABCDEF".split("").entries())
  HEX_VALUES[digit.charCodeAt(0)] = 10 + index;

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(NONE);
  for (const blank of " \t\r\n") values[blank.charCodeAt(0)] = BLANK;
  for (const [index, digit] of alphabet.split("").entries()) values[digit.charCodeAt(0)] = index;
  return values;
}

/** Long enough runs of digits, put together: their values, and where each run ends. */
interface Runs {
  readonly digits: Uint8Array;
  readonly ends: readonly number[];
}

function runsOf(text: string, values: Uint8Array, runMin: number): Runs {
  const digits = new Uint8Array(text.length);
  const ends: number[] = [];
  let length = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const value = at === text.length ? NONE : values[text.charCodeAt(at)]!;
    if (value < BLANK) digits[length++] = value;
    else if (value === NONE && length > start) {
      if (length - start < runMin) length = start;
      else ends.push(length);
      start = length;
    }
  }
  return { digits, ends };
}

/** Every run at the four places where a group of four digits may begin; a line break ends each. */
function decodeBase64Runs(text: string): readonly string[] {
  const { digits, ends } = runsOf(text, BASE64_VALUES, BASE64_RUN_MIN);
  return [0, 1, 2, 3].map((skip) => {
    const out = new Uint8Array((ends.at(-1) ?? 0) + ends.length);
    let length = 0;
    let at = 0;
    for (const end of ends) {
      for (at += skip; at + 3 < end; at += 4) {
        out[length++] = (digits[at]! << 2) | (digits[at + 1]! >> 4);
        out[length++] = (digits[at + 1]! << 4) | (digits[at + 2]! >> 2);
        out[length++] = (digits[at + 2]! << 6) | digits[at + 3]!;
      }
      if (at + 1 < end) out[length++] = (digits[at]! << 2) | (digits[at + 1]! >> 4);
      if (at + 2 < end) out[length++] = (digits[at + 1]! << 4) | (digits[at + 2]! >> 2);
      out[length++] = LINE_BREAK;
      at = end;
    }
    return bytesToText(out.subarray(0, length));
  });
}

/** Every run at the two places where a pair of digits may begin; a line break ends each. */
function decodeHexRuns(text: string): readonly string[] {
  const { digits, ends } = runsOf(text, HEX_VALUES, HEX_RUN_MIN);
  return [0, 1].map((skip) => {
    const out = new Uint8Array((ends.at(-1) ?? 0) + ends.length);
    let length = 0;
    let at = 0;
    for (const end of ends) {
      for (at += skip; at + 1 < end; at += 2) {
        out[length++] = (digits[at]! << 4) | digits[at + 1]!;
      }
      out[length++] = LINE_BREAK;
      at = end;
    }
    return bytesToText(out.subarray(0, length));
  });
}
