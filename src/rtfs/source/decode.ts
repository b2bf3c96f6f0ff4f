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
        code: "PARSE_ERROR",
        message: "The source text is not valid UTF-8",
        hint: "Save the file as UTF-8",
        span: endOf(before, file),
      },
    ]);
  }
}

export function tooLarge(file: string, bytes: number, bytesMax: number): Diagnostic {
  return {
    code: "PARSE_ERROR",
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
