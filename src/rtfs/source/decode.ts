/**
 * Bytes to source text: size first, so that a huge file is refused before it is looked at.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import type { Diagnostic } from "../diagnostic.ts";

/** Largest source text, bytes of UTF-8. */
export const SOURCE_BYTES_MAX: number = 1024 * 1024;

/**
 * Decode strictly; a leading byte order mark is dropped.
 *
 * @returns the text, or one diagnostic: too large, or not UTF-8 with the line of the first bad
 *   byte.
 */
export function decodeSource(
  bytes: Uint8Array,
  file: string,
  bytesMax: number = SOURCE_BYTES_MAX,
): Result<string, readonly Diagnostic[]> {
  if (bytes.length > bytesMax) return err([tooLarge(file, bytes.length, bytesMax)]);
  try {
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const before = validPrefix(bytes);
    return err([
      {
        code: "READ_ENCODING",
        message: "The source text is not valid UTF-8",
        hint: "Save the file as UTF-8",
        span: endOf(before, file),
      },
    ]);
  }
}

export function tooLarge(file: string, bytes: number, bytesMax: number): Diagnostic {
  return {
    code: "READ_TOO_LARGE",
    message: `The source text has ${bytes} bytes; the limit is ${bytesMax}`,
    hint: "Split it",
    span: { file, start: 0, end: 0, line: 1, column: 1 },
  };
}

/** The text before the first bad byte, found by halving. */
function validPrefix(bytes: Uint8Array): string {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (isValidStart(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return new TextDecoder().decode(bytes.subarray(0, good));
}

/** Whether the bytes are the beginning of some valid text. */
function isValidStart(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function endOf(text: string, file: string): SourceSpan {
  const start = text.length;
  const line = text.split("\n").length;
  return { file, start, end: start + 1, line, column: start - text.lastIndexOf("\n") };
}

/** UTF-8 length of a well-formed text. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

const FORBIDDEN = /[\0\u202a-\u202e\u2066-\u2069]/g;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * A diagnostic for each character that would make a person see another text than the machine: NUL,
 * lone surrogates, bidirectional overrides; at most `max`.
 */
export function hiddenCharacters(text: string, file: string, max: number): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  let line = 1;
  let lineStart = 0;
  const patterns = text.isWellFormed() ? [FORBIDDEN] : [LONE_SURROGATE, FORBIDDEN];
  if (patterns.length === 1 && text.search(FORBIDDEN) < 0) return found;
  const places = patterns.flatMap((pattern) => placesOf(pattern, text, max));
  let from = 0;
  for (const at of places.toSorted((a, b) => a - b).slice(0, max)) {
    for (let next = text.indexOf("\n", from); next >= 0 && next < at; ) {
      line++;
      lineStart = next + 1;
      next = text.indexOf("\n", lineStart);
    }
    from = at;
    const unit = text.charCodeAt(at);
    const isLone = unit >= 0xd800 && unit <= 0xdfff;
    const name = `U+${unit.toString(16).toUpperCase().padStart(4, "0")}`;
    found.push({
      code: "READ_HIDDEN_CHARACTER",
      message: `${isLone ? "A lone surrogate" : name} must not stand in a source text`,
      hint: isLone ? "Save the file as UTF-8" : "In a string write it as \\u{…}",
      span: { file, start: at, end: at + 1, line, column: at - lineStart + 1 },
    });
  }
  return found;
}

function placesOf(pattern: RegExp, text: string, max: number): readonly number[] {
  const places: number[] = [];
  for (const { index } of text.matchAll(pattern)) {
    if (places.push(index) === max) break;
  }
  return places;
}
