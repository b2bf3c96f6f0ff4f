/**
 * The server name in a TLS ClientHello, from the first bytes of a tunnel.
 *
 * Pure and bounded: records are joined, then every length is checked against what is there (RFC 8446 §4,
 * RFC 6066 §3). What a server could read in another way (two name extensions, several names, other name
 * types) is `malformed`, never a guess.
 *
 * @module
 */
export type ClientHello =
  /** More bytes are needed; never after {@link HELLO_BYTES_MAX}. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "not-tls" }
  | { readonly kind: "malformed"; readonly reason: string }
  /** `serverName` in lower case; null when the extension is absent. */
  | { readonly kind: "hello"; readonly serverName: string | null };

/** Longest ClientHello that is read, bytes with record headers; real ones end well below 4 KiB. */
export const HELLO_BYTES_MAX: number = 16 * 1024;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const RECORD_BYTES_MAX = 16 * 1024;
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** Read as much of a ClientHello as `bytes` hold. */
export function parseClientHello(bytes: Uint8Array): ClientHello {
  const joined = joinRecords(bytes.subarray(0, HELLO_BYTES_MAX));
  if ("kind" in joined) return joined;
  const { handshake } = joined;
  if (handshake.length > 0 && handshake[0] !== CLIENT_HELLO) return malformed("another message");
  const whole = handshake.length >= 4 ? 4 + uint24(handshake) : Number.POSITIVE_INFINITY;
  if (whole !== Number.POSITIVE_INFINITY && whole > HELLO_BYTES_MAX) return malformed("too long");
  if (handshake.length >= whole) return readHello(new Cursor(handshake.subarray(4, whole)));
  return bytes.length >= HELLO_BYTES_MAX ? malformed("too long") : { kind: "incomplete" };
}

function malformed(reason: string): ClientHello {
  return { kind: "malformed", reason };
}

function uint24(bytes: Uint8Array): number {
  return (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
}

/** The payload of the leading handshake records, as far as they are there. */
function joinRecords(bytes: Uint8Array): { readonly handshake: Uint8Array } | ClientHello {
  const handshake = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const header = bytes.subarray(at, at + 5);
    if (header[0] !== HANDSHAKE_RECORD) {
      return at === 0 ? { kind: "not-tls" } : afterHello(handshake.subarray(0, length));
    }
    if (header.length > 1 && header[1] !== 3) return { kind: "not-tls" };
    if (header.length < 5) break;
    const size = (header[3]! << 8) | header[4]!;
    if (size === 0 || size > RECORD_BYTES_MAX) return malformed("a record of impossible length");
    const payload = bytes.subarray(at + 5, at + 5 + size);
    handshake.set(payload, length);
    length += payload.length;
    at += 5 + size;
  }
  return { handshake: handshake.subarray(0, length) };
}

/** Another kind of record may follow a whole hello (early data), never stand inside it. */
function afterHello(handshake: Uint8Array): { readonly handshake: Uint8Array } | ClientHello {
  const whole = handshake.length >= 4 && handshake.length >= 4 + uint24(handshake);
  return whole ? { handshake } : malformed("another record inside the hello");
}

function readHello(body: Cursor): ClientHello {
  body.take(2 + 32); // legacy_version, random
  body.take(body.uint8()); // legacy_session_id
  body.take(body.uint16()); // cipher_suites
  body.take(body.uint8()); // legacy_compression_methods
  if (body.short) return malformed("cut fields");
  if (body.left === 0) return { kind: "hello", serverName: null };
  const extensions = new Cursor(body.take(body.uint16()));
  if (body.short || body.left > 0) return malformed("extensions of wrong length");
  return readExtensions(extensions);
}

function readExtensions(extensions: Cursor): ClientHello {
  let serverName: string | null = null;
  while (extensions.left > 0) {
    const type = extensions.uint16();
    const data = extensions.take(extensions.uint16());
    if (extensions.short) return malformed("a cut extension");
    if (type !== SERVER_NAME) continue;
    if (serverName !== null) return malformed("two server name extensions");
    serverName = readServerName(new Cursor(data));
    if (serverName === null) return malformed("a server name that is not one host name");
  }
  return { kind: "hello", serverName };
}

/** Exactly one entry of type host_name. Null: anything else. */
function readServerName(data: Cursor): string | null {
  const list = new Cursor(data.take(data.uint16()));
  const type = list.uint8();
  const name = list.take(list.uint16());
  if (data.short || data.left > 0 || list.short || list.left > 0 || type !== 0) return null;
  if (name.length === 0 || name.length > 253) return null;
  const text = String.fromCharCode(...name).toLowerCase();
  return NAME.test(text) ? text : null;
}

/** Reads forward; past the end it gives zeros and stays `short`. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  short = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) this.short = true;
    const from = this.#at;
    this.#at = Math.min(this.#bytes.length, from + length);
    return this.#bytes.subarray(from, this.#at);
  }

  uint8(): number {
    return this.take(1)[0] ?? 0;
  }

  uint16(): number {
    const [high = 0, low = 0] = this.take(2);
    return (high << 8) | low;
  }
}
