/**
 * `ccos.network.http-fetch`: one request, as data, for the host to make.
 *
 * The arguments are read once (`readCall`); what policy decides on, what DLP scans and what the port is
 * handed are the same object's parts. The answer is `{:status :headers :body :encoding}`: a body that
 * is UTF-8 is text with `:encoding "utf-8"`, any other is base64 with `:encoding "base64"`.
 *
 * @module
 */
import { ok, type Result } from "../../../foundation/result.ts";
import { parseTarget } from "../../../policy/index.ts";
import type { Value } from "../../../rtfs/index.ts";
import { type Bound, defineCapability, done, failed, invalid } from "../../define.ts";
import type { Capability, HttpCall, HttpReply, InvalidInput, OutgoingPart } from "../../types.ts";
import { keywordMap, namedEntries, stringMap } from "../../values.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Methods whose meaning is the connection's, not the resource's. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

export const NETWORK: readonly Capability[] = [
  defineCapability({
    id: "ccos.network.http-fetch",
    summary: "One HTTP request by the host, under the config's egress rules",
    effects: ["network"],
    parameters: [
      { name: "url", type: ":string" },
      { name: "method", type: ":string", optional: true },
      { name: "headers", type: "[:map-of [:union :string :keyword] :string]", optional: true },
      { name: "body", type: ":string", optional: true },
    ],
    output:
      "[:map [:status :int] [:headers [:map-of :string :string]] [:body :string] [:encoding :string]]",
    decisive: ["url", "method"],
    access(bound) {
      const call = readCall(bound);
      if (!call.ok) return call;
      return ok({ kind: "http", method: call.value.method, target: call.value.target });
    },
    outgoing(bound) {
      const call = readCall(bound);
      return call.ok ? partsOf(call.value) : [];
    },
    async invoke(bound, ports, signal) {
      const call = readCall(bound);
      if (!call.ok) return failed("SCHEMA_INPUT", `${call.error.path}: ${call.error.message}`);
      const answer = await ports.http(call.value, signal);
      return answer.ok ? done(replyValue(answer.value), answer.facts) : answer;
    },
  }),
];

function readCall([url, method, headers, body]: Bound): Result<HttpCall, InvalidInput> {
  if (typeof url !== "string") return invalid("[0].url", "expected a string");
  const target = parseTarget(url);
  if (!target.ok) return invalid("[0].url", target.error);
  const verb = method ?? "GET";
  if (typeof verb !== "string" || !/^[a-z]{1,16}$/i.test(verb)) {
    return invalid("[0].method", "expected 1 to 16 letters");
  }
  const upper = verb.toUpperCase();
  if (REFUSED_METHODS.has(upper)) return invalid("[0].method", `${upper} is not a request to make`);
  const fields = readHeaders(headers ?? null);
  if (!fields.ok) return fields;
  const content = body ?? null;
  if (content !== null && (typeof content !== "string" || !content.isWellFormed())) {
    return invalid("[0].body", "expected a string without lone surrogates");
  }
  return ok({
    method: upper,
    target: target.value,
    headers: fields.value,
    body: content === null ? null : encoder.encode(content),
  });
}

/** Names are lower case; grammar and forbidden names are the broker's to refuse. */
function readHeaders(headers: Value): Result<readonly (readonly [string, string])[], InvalidInput> {
  if (headers === null) return ok([]);
  const entries = namedEntries(headers);
  if (entries === null) return invalid("[0].headers", "expected a map of strings");
  const fields: (readonly [string, string])[] = [];
  for (const [name, value] of entries) {
    if (typeof value !== "string") return invalid("[0].headers", "each value is a string");
    fields.push([name.toLowerCase(), value]);
  }
  return ok(fields);
}

/** Everything that would leave, named as DLP rules name it. */
function partsOf(call: HttpCall): readonly OutgoingPart[] {
  const parts: OutgoingPart[] = [
    { name: "host", content: call.target.host },
    { name: "path", content: call.target.path },
  ];
  for (const [name, value] of call.headers) {
    parts.push({ name: `header ${name}`, content: value }, { name: "header name", content: name });
  }
  if (call.body !== null) parts.push({ name: "body", content: call.body });
  return parts;
}

function replyValue(reply: HttpReply): Value {
  const { text, encoding } = readable(reply.body);
  return keywordMap([
    ["status", reply.status],
    ["headers", stringMap(joined(reply.headers))],
    ["body", text],
    ["encoding", encoding],
  ]);
}

function readable(body: Uint8Array): { text: string; encoding: "utf-8" | "base64" } {
  try {
    return { text: decoder.decode(body), encoding: "utf-8" };
  } catch {
    return { text: Buffer.from(body).toString("base64"), encoding: "base64" };
  }
}

/** Repeated fields become one, joined by a comma as HTTP defines it; order of first appearance. */
function joined(headers: HttpReply["headers"]): readonly (readonly [string, string])[] {
  const byName = new Map<string, string>();
  for (const [name, value] of headers) {
    const known = byName.get(name);
    byName.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return [...byName];
}
