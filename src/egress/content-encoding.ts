import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, inflateRaw } from "node:zlib";
import { err, ok, type Result } from "../foundation/result.ts";

/** `over`: more than the limit comes out. `opaque`: a coding that cannot be undone. `broken`: bad data. */
export type DecodeFailure = "over" | "opaque" | "broken";

/**
 * Undo one content coding: identity, gzip, deflate (with or without its zlib header) or br.
 *
 * Several codings in a row are `opaque`: no server needs them, and each layer multiplies a bomb. At most
 * `bytesMax` bytes are ever decoded.
 */
export async function decodeContent(
  body: Uint8Array,
  coding: string,
  bytesMax: number,
): Promise<Result<Uint8Array, DecodeFailure>> {
  const name = coding.trim().toLowerCase();
  if (name === "" || name === "identity" || body.length === 0) return ok(body);
  const decode = decoderOf(name, body);
  if (decode === null) return err("opaque");
  try {
    return ok(await decode(body, { maxOutputLength: Math.max(1, bytesMax) }));
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    return err(code === "ERR_BUFFER_TOO_LARGE" ? "over" : "broken");
  }
}

type Decode = (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

function decoderOf(name: string, body: Uint8Array): Decode | null {
  if (name === "gzip" || name === "x-gzip") return promisify(gunzip);
  if (name === "br") return promisify(brotliDecompress);
  if (name !== "deflate") return null;
  // 8 in the low half of the first byte is the zlib header that the coding's definition asks for.
  return (body[0]! & 0x0f) === 8 ? promisify(inflate) : promisify(inflateRaw);
}
