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

const ASCII = /^[\0-\x7f]*$/;
const encoder = new TextEncoder();
/** Widened bytes are UTF-16 units; the decoder labelled latin1 would remap 0x80..0x9f. */
const decoder = new TextDecoder("utf-16le", { ignoreBOM: true });

/** Bytes, one unit each. */
export function bytesToText(bytes: Uint8Array): string {
  return decoder.decode(new Uint16Array(bytes));
}

/** Text as the units of its UTF-8 bytes; bytes as they are. */
export function byteText(content: string | Uint8Array): string {
  if (typeof content !== "string") return bytesToText(content);
  return ASCII.test(content) ? content : bytesToText(encoder.encode(content));
}
