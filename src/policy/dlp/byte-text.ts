/**
 * Content as byte text, a string whose units are bytes (0..255), so that text and binary scan alike.
 *
 * @module
 */

/** One named piece of what leaves or arrives: `body`, `path`, `host`, `header authorization`. */
export interface ContentPart {
  readonly name: string;
  readonly content: string | Uint8Array;
}

/** Content, twice: bytes are fast to walk through, text is fast to search in and to compare. */
export interface ByteText {
  readonly bytes: Uint8Array;
  /** One unit (0..255) for each byte. */
  readonly text: string;
}

export function ofBytes(bytes: Uint8Array): ByteText {
  const { buffer, byteOffset, byteLength } = bytes;
  return { bytes, text: Buffer.from(buffer, byteOffset, byteLength).toString("latin1") };
}

/** @param text - Units 0..255. */
export function ofUnits(text: string): ByteText {
  return { bytes: Buffer.from(text, "latin1"), text };
}

/** Text as its UTF-8 bytes; bytes as they are. */
export function byteText(content: string | Uint8Array): ByteText {
  return ofBytes(typeof content === "string" ? Buffer.from(content, "utf8") : content);
}
