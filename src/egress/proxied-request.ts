/**
 * A request that a program sent to the proxy, read once: what is decided on is what is made anew from it.
 *
 * Read in this order: readProxied, its parts target, framing and fields. Node's parser has refused what is no
 * HTTP; here everything is refused that a second reader could take for another request: two lengths, a
 * length with a coding, a coding other than chunked, a Host that is not the target, another protocol. What
 * belongs to the connection is dropped. Pure.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { RawFields, ServedRequest } from "../host/index.ts";
import {
  type Authority,
  formatHost,
  type HttpTarget,
  parseAuthority,
  parseTarget,
} from "../policy/index.ts";
import { checkFields, type Fields } from "./request-headers.ts";

export type RequestHead = Pick<
  ServedRequest,
  "version" | "method" | "target" | "pseudo" | "fields"
>;

export interface ProxiedRequest {
  readonly method: string;
  readonly target: HttpTarget;
  /** End to end, checked; without Host, lengths and Accept-Encoding. */
  readonly fields: Fields;
  readonly acceptEncoding: string | null;
  /** Null: the request has no body. `bytes` null: it is not known before it ends. */
  readonly body: { readonly bytes: number | null } | null;
}

const METHOD = /^[A-Z]{1,16}$/;
const DIGITS = /^\d{1,15}$/;
/** Of the connection, not of the message (RFC 9110 §7.6.1), and what a program says to a proxy. */
const HOP_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "trailer",
  "http2-settings",
]);
/** What Connection may name: itself, and fields that are dropped anyway. */
const CONNECTION_OPTIONS: ReadonlySet<string> = new Set(["close", ...HOP_FIELDS]);
/** Read here, and written anew by who sends the request on. */
const FRAMING_FIELDS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "expect",
  "accept-encoding",
  "cookie",
]);

/**
 * @param inside - The target of the tunnel that the request came through; null: it came in the open.
 * @returns The reason for people when it is refused.
 */
export function readProxied(
  head: RequestHead,
  inside: Authority | null,
): Result<ProxiedRequest, string> {
  if (head.version === "1.0") return err("HTTP/1.0 is not served; send HTTP/1.1");
  if (!METHOD.test(head.method)) return err("the method is not in upper-case letters");
  const target = inside === null ? openTarget(head) : innerTarget(head, inside);
  if (!target.ok) return target;
  const connection = checkConnection(head.fields);
  if (connection !== null) return err(connection);
  const body = framing(head);
  if (!body.ok) return body;
  const kept = head.fields.filter(([name]) => !HOP_FIELDS.has(name) && !FRAMING_FIELDS.has(name));
  const fields = checkFields([...kept, ...cookies(head.fields)]);
  if (!fields.ok) return fields;
  const coding = valuesOf(head.fields, "accept-encoding");
  if (coding.length > 1) return err('header "accept-encoding" is given twice');
  return ok({
    method: head.method,
    target: target.value,
    fields: fields.value,
    acceptEncoding: coding[0] ?? null,
    body: body.value,
  });
}

function valuesOf(fields: RawFields, name: string): readonly string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

/** HTTP/2 may cut a cookie into crumbs (RFC 9113 §8.2.3). */
function cookies(fields: RawFields): RawFields {
  const crumbs = valuesOf(fields, "cookie");
  return crumbs.length === 0 ? [] : [["cookie", crumbs.join("; ")]];
}

/** In the open: a whole `http:` URL, and a Host that says the same. */
function openTarget(head: RequestHead): Result<HttpTarget, string> {
  if (/^https:/i.test(head.target)) return err("https: goes through a CONNECT tunnel");
  const target = parseTarget(head.target);
  if (!target.ok) return target;
  if (hasFragment(head.target)) return err("the target has a fragment");
  return namesTarget(head, target.value) ? target : err("Host is not the host of the target");
}

/** Inside a tunnel: a path; host and port are the tunnel's, and Host must say the same. */
function innerTarget(head: RequestHead, inside: Authority): Result<HttpTarget, string> {
  if (!/^\/[\x21-\x7e]*$/.test(head.target)) return err("the target is not a path");
  if (hasFragment(head.target)) return err("the target has a fragment");
  const origin = `https://${formatHost(inside.host)}:${inside.port}`;
  const target = parseTarget(`${origin}${head.target}`);
  if (!target.ok) return target;
  return namesTarget(head, target.value) ? target : err("Host is not the host of the tunnel");
}

function hasFragment(text: string): boolean {
  return text.includes("#");
}

/** Exactly one Host or `:authority`, or both alike, and it names the target. */
function namesTarget({ pseudo, fields }: RequestHead, target: HttpTarget): boolean {
  if (pseudo !== null && pseudo.scheme !== target.scheme) return false;
  const named = [...valuesOf(fields, "host"), ...(pseudo?.authority ? [pseudo.authority] : [])];
  const once = pseudo === null ? named.length === 1 : named.length > 0 && named.length < 3;
  return once && named.every((text) => sameAuthority(text, target));
}

function sameAuthority(text: string, target: HttpTarget): boolean {
  const standard = target.scheme === "https" ? 443 : 80;
  const explicit = /:\d+$/.test(text) && !text.endsWith("]");
  const authority = parseAuthority(explicit ? text : `${text}:${standard}`);
  if (!authority.ok) return false;
  return authority.value.host === target.host && authority.value.port === target.port;
}

function checkConnection(fields: RawFields): string | null {
  if (fields.some(([name]) => name === "upgrade")) return "another protocol is asked for";
  const options = valuesOf(fields, "connection").flatMap((value) => value.split(","));
  const odd = options.find((option) => !CONNECTION_OPTIONS.has(option.trim().toLowerCase()));
  return odd === undefined ? null : "Connection names a field of the message";
}

/** How long the body is; refused where two readers could differ (RFC 9112 §6.3). */
function framing({ version, method, fields }: RequestHead): Result<ProxiedRequest["body"], string> {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  const expects = valuesOf(fields, "expect");
  if (expects.some((value) => value.toLowerCase() !== "100-continue")) return err("Expect is odd");
  if (lengths.length > 1) return err("two lengths are given");
  if (lengths.length > 0 && codings.length > 0) return err("a length and a coding are given");
  if (codings.length > 0) {
    const chunked = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
    if (!chunked || version !== "1.1") return err("the transfer coding is not chunked alone");
    return ok({ bytes: null });
  }
  const [length] = lengths;
  if (length !== undefined) {
    if (!DIGITS.test(length)) return err("the length is not a number");
    return ok(Number(length) === 0 && isBodiless(method) ? null : { bytes: Number(length) });
  }
  return ok(version === "2.0" && !isBodiless(method) ? { bytes: null } : null);
}

function isBodiless(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "DELETE" || method === "OPTIONS";
}
