/**
 * Content as byte text: a string whose units are bytes (0..255), so text and binary scan alike.
 *
 * @module
 */

/** One named piece of what leaves or arrives: `body`, `path`, `host`, `header authorization`. */
export interface ContentPart {
  readonly name: string;
  readonly content: string | Uint8Array;
}

const CHUNK = 8192;
const ASCII = /^[\0-\x7f]*$/;
const encoder = new TextEncoder();

/** Bytes, one unit each. */
export function bytesToText(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes);
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    chunks.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return chunks.join("");
}

/** Text as the units of its UTF-8 bytes; bytes as they are. */
export function byteText(content: string | Uint8Array): string {
  if (typeof content !== "string") return bytesToText(content);
  return ASCII.test(content) ? content : bytesToText(encoder.encode(content));
}
