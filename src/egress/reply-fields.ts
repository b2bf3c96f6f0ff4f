/**
 * The fields of an answer as the program gets them: without what belongs to the connection, and with one
 * length at most.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { RawFields, UpstreamReply } from "../host/index.ts";
import type { Failure } from "./types.ts";

export interface AnswerFields {
  readonly fields: RawFields;
  /** Of the body; 0 where none comes, null where its length is not known. */
  readonly announcedBytes: number | null;
}

/** Of the connection (RFC 9110 §7.6.1), and what would lead the program around this proxy. */
const DROPPED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "alt-svc",
  "http2-settings",
]);
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * @param asked - `masked`: secrets are looked for, so the body's length may change and a coding would hide them.
 */
export function answerFields(
  { status, fields }: Pick<UpstreamReply, "status" | "fields">,
  { masked, method }: { readonly masked: boolean; readonly method: string },
): Result<AnswerFields, Failure> {
  if (status < 200 || status > 599) return err(odd("its status is no answer"));
  const named = fields
    .filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.split(",").map((each) => each.trim().toLowerCase()));
  const kept = fields.filter(([name]) => !DROPPED.has(name) && !named.includes(name));
  if (!kept.every(([name, value]) => FIELD_NAME.test(name) && FIELD_VALUE.test(value))) {
    return err(odd("one of its fields is no field"));
  }
  const lengths = new Set(
    kept.filter(([name]) => name === "content-length").map(([, value]) => value),
  );
  if (lengths.size > 1) return err(odd("it has two lengths"));
  const [length] = lengths;
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    return err(odd("its length is no number"));
  const coded = kept.some(
    ([name, value]) => name === "content-encoding" && value.toLowerCase() !== "identity",
  );
  if (masked && coded) {
    const message =
      "the response is encoded although identity was asked for, so it cannot be searched";
    return err({ code: "DLP_BLOCKED", message });
  }
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  const framed = kept.filter(([name]) => name !== "content-length");
  const keepsLength = length !== undefined && (bodiless || !masked) && status !== 204;
  return ok({
    fields: keepsLength ? [...framed, ["content-length", length]] : framed,
    announcedBytes: bodiless ? 0 : length === undefined ? null : Number(length),
  });
}

function odd(why: string): Failure {
  return { code: "NETWORK_ERROR", message: `the response is refused: ${why}` };
}
