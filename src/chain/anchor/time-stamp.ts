/**
 * RFC 3161: the request for a time stamp over a text, and what an answer says.
 *
 * Read in this order: stampRequest, readAnswer. The authority's signature over the token is not checked here, for
 * whom to trust is not ours to say: `openssl ts -verify -in TOKEN -token_in -data NOTE -CAfile …` does.
 *
 * @module
 */
import { hash, randomBytes } from "node:crypto";
import { err, ok, type Result } from "../../foundation/result.ts";
import { der, type Element, elements, TAG } from "./der.ts";

/** 2.16.840.1.101.3.4.2.1 */
const SHA256 = Buffer.from("0609608648016503040201", "hex");
/** 1.2.840.113549.1.7.2 */
const SIGNED_DATA = Buffer.from("06092a864886f70d010702", "hex");
/** 1.2.840.113549.1.9.16.1.4 */
const TST_INFO = Buffer.from("060b2a864886f70d0109100104", "hex");
const NULL = Buffer.of(0x05, 0x00);
const TRUE = Buffer.of(0x01, 0x01, 0xff);

const NONCE_BYTES = 8;

export interface StampRequest {
  readonly bytes: Buffer;
  /** DER of the nonce; the answer must have it too. */
  readonly nonce: Buffer;
}

/** Ask for a stamp over `text`, with the authority's certificate in it. */
export function stampRequest(text: string): StampRequest {
  const random = randomBytes(NONCE_BYTES);
  // A positive integer in its shortest form.
  random[0] = (random[0]! & 0x7f) | 0x40;
  const nonce = der(TAG.integer, random);
  const version = der(TAG.integer, Buffer.of(1));
  return { bytes: der(TAG.sequence, version, imprintOf(text), nonce, TRUE), nonce };
}

function imprintOf(text: string): Buffer {
  const digest = Buffer.from(hash("sha256", Buffer.from(text)), "hex");
  return der(TAG.sequence, der(TAG.sequence, SHA256, NULL), der(TAG.octets, digest));
}

export interface Stamp {
  /** DER of the token, a CMS structure that `openssl ts -verify` takes. */
  readonly token: Buffer;
  /** Seconds, as the authority wrote them: `20261122010203Z`. */
  readonly time: string;
}

/** An answer to a request over `text`. */
export function readAnswer(answer: Buffer, text: string, nonce: Buffer): Result<Stamp, string> {
  const [response, ...more] = elements(answer) ?? [];
  const [status, token] = partsOf(response);
  if (response?.tag !== TAG.sequence || more.length > 0 || status === undefined) {
    return err("it is not a time stamp response");
  }
  const code = partsOf(status)[0];
  const granted = code?.tag === TAG.integer && code.content.length === 1 && code.content[0]! <= 1;
  if (!granted || token === undefined) return err("the authority refused the stamp");
  const stamp = readToken(token.whole, text);
  if (!stamp.ok) return stamp;
  const hasNonce = stamp.value.info.some(({ whole }) => whole.equals(nonce));
  return hasNonce ? stamp : err("it has another nonce");
}

/** A token over `text`, as {@link readAnswer} gave it. */
export function readToken(
  token: Buffer,
  text: string,
): Result<Stamp & { readonly info: readonly Element[] }, string> {
  const info = tstInfoOf(token);
  if (info === null) return err("it has no time stamp in it");
  const [, , imprint, , time] = info;
  if (imprint === undefined || !isImprintOf(imprint, text)) return err("it is of another text");
  if (time?.tag !== 0x18) return err("it has no time");
  return ok({ token, time: time.content.toString("latin1"), info });
}

/** ContentInfo, SignedData, EncapsulatedContentInfo, TSTInfo. */
function tstInfoOf(token: Buffer): readonly Element[] | null {
  const [kind, explicit] = partsOf(elements(token)?.[0]);
  if (!kind?.whole.equals(SIGNED_DATA) || explicit?.tag !== TAG.context) return null;
  const [, , content] = partsOf(elements(explicit.content)?.[0]);
  const [type, wrapped] = partsOf(content);
  if (!type?.whole.equals(TST_INFO) || wrapped?.tag !== TAG.context) return null;
  const octets = elements(wrapped.content)?.[0];
  if (octets?.tag !== TAG.octets) return null;
  const parts = partsOf(elements(octets.content)?.[0]);
  return parts.length >= 5 ? parts : null;
}

/** Some authorities leave the algorithm's NULL out. */
function isImprintOf({ content }: Element, text: string): boolean {
  const [algorithm, digest] = elements(content) ?? [];
  const name = partsOf(algorithm)[0];
  const isSha256 = name?.whole.equals(SHA256) ?? false;
  return isSha256 && (digest?.content.toString("hex") ?? "") === hash("sha256", Buffer.from(text));
}

function partsOf(element: Element | undefined): readonly Element[] {
  return element === undefined ? [] : (elements(element.content) ?? []);
}
