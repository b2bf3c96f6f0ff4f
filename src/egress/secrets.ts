/**
 * Secrets at the edge: placeholder to value on the way out, value to placeholder on the way back.
 *
 * A value is put in only where `bindingAllows` says so for this very hop; a placeholder anywhere else is
 * an attempt to carry a secret elsewhere and ends the call. What comes back is masked in its plain form;
 * a response that holds the value in another form is withheld.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import {
  bindingAllows,
  findKnownSecrets,
  type HttpTarget,
  type SecretBinding,
} from "../policy/index.ts";
import { type Fields, isFieldValue } from "./request-headers.ts";
import type { BrokerReply, EdgeSecret, Failure } from "./types.ts";

export interface SecretEdge {
  readonly secrets: readonly EdgeSecret[];
  readonly bindings: readonly SecretBinding[];
}

interface Outgoing {
  readonly target: HttpTarget;
  readonly fields: Fields;
  readonly body: Uint8Array | null;
}

export interface Filled {
  /** The fields as they go on the wire. Only here are secrets in the clear; never recorded. */
  readonly fields: Fields;
  /** Names of the secrets in them. */
  readonly placed: readonly string[];
}

/** Put each secret in where it is bound, or say what is not. */
export function putSecretsIn(edge: SecretEdge, outgoing: Outgoing): Result<Filled, Failure> {
  const { target, fields, body } = outgoing;
  for (const secret of placeable(edge)) {
    const elsewhere = placeOutsideHeaders(secret, target, body);
    if (elsewhere !== null) return err(blocked(secret.name, elsewhere));
  }
  const wire: (readonly [string, string])[] = [];
  const names = new Set<string>();
  for (const [name, value] of fields) {
    const held = placeable(edge).filter(({ placeholder }) => value.includes(placeholder));
    const unbound = held.find((secret) => !isBound(edge, secret, target, name));
    if (unbound !== undefined) return err(blocked(unbound.name, `header ${name}`));
    const filled = held.reduce(
      (text, each) => text.replaceAll(each.placeholder, () => each.value),
      value,
    );
    if (!isFieldValue(filled)) return err(unfit(held[0]?.name ?? ""));
    wire.push([name, filled]);
    for (const secret of held) names.add(secret.name);
  }
  return ok({ fields: wire, placed: [...names] });
}

function placeable({ secrets }: SecretEdge): readonly EdgeSecret[] {
  return secrets.filter(({ placeholder }) => placeholder !== "");
}

function isBound(
  edge: SecretEdge,
  secret: EdgeSecret,
  target: HttpTarget,
  header: string,
): boolean {
  return edge.bindings.some(
    (binding) => binding.name === secret.name && bindingAllows(binding, target, header),
  );
}

function placeOutsideHeaders(
  { placeholder }: EdgeSecret,
  target: HttpTarget,
  body: Uint8Array | null,
): string | null {
  if (decodedText(target.url).toLowerCase().includes(placeholder.toLowerCase())) return "the URL";
  return body !== null && asBuffer(body).includes(placeholder) ? "the body" : null;
}

/** Percent escapes of unreserved characters undone; malformed ones stay. */
function decodedText(url: string): string {
  return url.replaceAll(/%([2-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function blocked(name: string, where: string): Failure {
  const message = `secret ${name} is not bound to ${where} of this request`;
  return { code: "DLP_BLOCKED", message };
}

function unfit(name: string): Failure {
  return { code: "SECRET_UNAVAILABLE", message: `secret ${name} cannot stand in a header` };
}

/** What stays for a hop to another origin: no credentials, nothing that holds a placeholder. */
export function withoutCredentials(edge: SecretEdge, fields: Fields): Fields {
  return fields.filter(
    ([name, value]) =>
      name !== "authorization" &&
      name !== "cookie" &&
      !placeable(edge).some(({ placeholder }) => value.includes(placeholder)),
  );
}

/** Names of secrets whose value stands in a text that a server sent, in any simple form. */
export function secretsIn(edge: SecretEdge, part: string, content: string): readonly string[] {
  return findKnownSecrets([{ name: part, content }], edge.secrets).map(({ name }) => name);
}

/**
 * The reply as the agent may see it, or why it is withheld.
 *
 * @param sent - Names of the secrets that this call carried: only they can come back in another form.
 */
export function maskReply(
  edge: SecretEdge,
  reply: BrokerReply,
  sent: ReadonlySet<string>,
): Result<BrokerReply, Failure> {
  if (edge.secrets.length === 0) return ok(reply);
  let body = asBuffer(reply.body);
  for (const { value, placeholder } of edge.secrets) body = replaceBytes(body, value, placeholder);
  const headers = reply.headers.map(([name, value]) => [name, maskText(edge, value)] as const);
  const carried = edge.secrets.filter(({ name }) => sent.has(name));
  const parts = [
    { name: "body", content: body },
    ...headers.map(([name, content]) => ({ name: `header ${name}`, content })),
  ];
  const found = findKnownSecrets(parts, carried)[0];
  if (found === undefined) return ok({ ...reply, headers, body });
  const how = found.form === "unscannable" ? "cannot be scanned for" : "holds an encoded form of";
  return err({
    code: "DLP_BLOCKED",
    message: `the response ${how} secret ${found.name} in its ${found.part}`,
  });
}

/** `text` with the value of every secret replaced. */
export function maskText({ secrets }: SecretEdge, text: string): string {
  return secrets.reduce(
    (masked, { value, placeholder }) => masked.replaceAll(value, () => placeholder),
    text,
  );
}

/** `bytes` with every occurrence of `value` replaced. */
export function replaceBytes(bytes: Buffer, value: string, placeholder: string): Buffer {
  if (value === "" || !bytes.includes(value)) return bytes;
  const needle = Buffer.from(value);
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, from)) {
    parts.push(bytes.subarray(from, at), Buffer.from(placeholder));
    from = at + needle.length;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}
