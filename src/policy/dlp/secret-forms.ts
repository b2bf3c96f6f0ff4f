/**
 * The forms of a known value that are searched for as they are, in every view of a content.
 *
 * Decoding finds any encoding of text that is long enough to show itself (encoded-runs.ts); a known
 * value can be searched for directly, which also finds what is short, is no text, or is broken up.
 *
 * @module
 */
import { ofBytes } from "./byte-text.ts";

export interface SecretForms {
  /** The value and its reverse. */
  readonly plain: readonly string[];
  readonly encoded: readonly string[];
}

/** Longer values are found by their first 512 bytes. */
const VALUE_BYTES_MAX = 512;
/** Of longer values, encoded forms are those of 64 bytes from the middle: what begins a key is no secret. */
const ENCODED_BYTES_MAX = 64;
/** The encoded forms of fewer bytes stand everywhere by chance. */
const ENCODED_BYTES_MIN = 5;

/** Forms as byte text. Both empty for an empty value. */
export function formsOf(value: string): SecretForms {
  const bytes = Buffer.from(value, "utf8");
  const start = bytes.subarray(0, VALUE_BYTES_MAX);
  const plain = [start, start.toReversed()].map((each) => ofBytes(each).text);
  if (bytes.length < ENCODED_BYTES_MIN) return { plain, encoded: [] };
  const from = Math.max(0, (bytes.length - ENCODED_BYTES_MAX) >> 1);
  const middle = bytes.subarray(from, from + ENCODED_BYTES_MAX);
  const encoded = [Buffer.from(middle), Buffer.from(middle.toReversed())].flatMap(digitsOf);
  return { plain, encoded: [...encoded, ...escapesOf(middle)] };
}

/** Base64 in both alphabets, as it stands at each place of a group of three bytes; hexadecimal. */
function digitsOf(bytes: Buffer): readonly string[] {
  const base64 = [0, 1, 2].flatMap((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    // The digits that no other byte has a part in.
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((shifted.length * 8) / 6);
    return (["base64", "base64url"] as const).map((alphabet) =>
      shifted.toString(alphabet).slice(first, last),
    );
  });
  const hex = bytes.toString("hex");
  return [...base64, hex, hex.toUpperCase()];
}

/** Percent and JSON escapes, once and twice, as their encoders write them; every byte as an escape. */
function escapesOf(bytes: Buffer): readonly string[] {
  const text = bytes.toString("utf8");
  const json = (each: string): string => JSON.stringify(each).slice(1, -1);
  const hex = bytes.toString("hex");
  const percent = encodeURIComponent(text);
  const forms = [json(text), json(json(text)), percent, encodeURIComponent(percent)];
  return [...forms, ...[hex, hex.toUpperCase()].map((each) => each.replace(/../g, "%$&"))].map(
    (form) => Buffer.from(form, "utf8").toString("latin1"),
  );
}
