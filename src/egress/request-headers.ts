/**
 * Header fields of a request: checked against the grammar, then made anew.
 *
 * What frames a message or belongs to the connection (Host, lengths, codings, hop-by-hop fields) is the
 * broker's own; a program that sends such a field is refused, because two readers could disagree about
 * it. Accept-Encoding is replaced: the broker must be able to read what comes back.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { HttpTarget } from "../policy/index.ts";

export type Fields = readonly (readonly [string, string])[];

const FIELDS_MAX = 64;
const FIELD_BYTES_MAX = 16 * 1024;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/;
const VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
]);
const ACCEPTED_CODINGS = "gzip, deflate, br";

/** The fields a program may send, or why not. */
export function checkFields(fields: Fields): Result<Fields, string> {
  if (fields.length > FIELDS_MAX) return err(`there are over ${FIELDS_MAX} header fields`);
  const seen = new Set<string>();
  const kept: (readonly [string, string])[] = [];
  let bytes = 0;
  for (const [name, value] of fields) {
    const shown = JSON.stringify(name.slice(0, 64));
    if (!TOKEN.test(name)) return err(`header name ${shown} is not a lower-case token`);
    if (!VALUE.test(value)) return err(`the value of header ${shown} is not visible ASCII`);
    if (OWN_FIELDS.has(name) || name.startsWith("proxy-")) {
      return err(`header ${shown} is the host's own; leave it out`);
    }
    if (seen.has(name)) return err(`header ${shown} is given twice`);
    seen.add(name);
    bytes += name.length + value.length + 4;
    if (name !== "accept-encoding") kept.push([name, value]);
  }
  return bytes > FIELD_BYTES_MAX ? err(`headers are over ${FIELD_BYTES_MAX} bytes`) : ok(kept);
}

/** Whether `value` can stand in a field: no line break, NUL or non-ASCII, no blanks at its ends. */
export function isFieldValue(value: string): boolean {
  return VALUE.test(value);
}

/** The complete header section, in sending order. */
export function wireFields(
  target: HttpTarget,
  { method, fields, body }: { method: string; fields: Fields; body: Uint8Array | null },
): Fields {
  const given = new Set(fields.map(([name]) => name));
  const wire: (readonly [string, string])[] = [["host", hostField(target)]];
  if (!given.has("user-agent")) wire.push(["user-agent", "ccos"]);
  if (!given.has("accept")) wire.push(["accept", "*/*"]);
  wire.push(...fields, ["accept-encoding", ACCEPTED_CODINGS], ["connection", "close"]);
  const expectsBody = method === "POST" || method === "PUT" || method === "PATCH";
  if (body !== null || expectsBody) wire.push(["content-length", String(body?.length ?? 0)]);
  return wire;
}

function hostField({ scheme, host, port }: HttpTarget): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
}
