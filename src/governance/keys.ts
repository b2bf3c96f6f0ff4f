/**
 * Keys of people, and what is signed with them.
 *
 * A public key is written `ed25519:` and base64, so its text fixes the algorithm: nothing that is signed says how it
 * is to be verified. What is signed is a tag of its purpose and canonical JSON; a signature for one purpose is none
 * for another.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { isVerifyKey } from "../config/index.ts";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import { readOwned } from "../host/index.ts";

const KEY_BYTES_MAX = 4096;
const PREFIX = "ed25519:";

/** Whoever can sign. */
export interface SigningKey {
  /** `ed25519:` and base64, as a config writes it. */
  readonly text: string;
  readonly privateKey: KeyObject;
}

/** What a signature is for; a statement of one purpose is never one of another. */
export type Purpose = "approval" | "envelope" | "policy" | "revocation";

/** @returns 64 bytes in base64. */
export function signFor(purpose: Purpose, fields: JsonObject, key: SigningKey): string {
  return sign(null, signedBytes(purpose, fields), key.privateKey).toString("base64");
}

/** @param key - As a config writes it. A text that is no key verifies nothing. */
export function isSignedFor(
  purpose: Purpose,
  fields: JsonObject,
  { key, signature }: { readonly key: string; readonly signature: string },
): boolean {
  if (!isVerifyKey(key) || !/^[A-Za-z0-9+/]{86}==$/.test(signature)) return false;
  const bytes = Buffer.from(signature, "base64");
  // Base64 has spellings that decode to the same bytes; one signature has one text.
  if (bytes.toString("base64") !== signature) return false;
  return verify(null, signedBytes(purpose, fields), publicKeyOf(key), bytes);
}

function signedBytes(purpose: Purpose, fields: JsonObject): Buffer {
  return Buffer.from(`ccos.${purpose}.v1\n${canonicalJson(fields)}`);
}

/** First 16 hex digits of SHA-256 over the raw key. A name, not a proof. */
export function nameOfKey(key: string): string {
  return hash("sha256", Buffer.from(key.slice(PREFIX.length), "base64")).slice(0, 16);
}

function publicKeyOf(key: string): KeyObject {
  const x = Buffer.from(key.slice(PREFIX.length), "base64").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/**
 * A private key from a PEM file that is this user's alone.
 *
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`: exposed to others, no PEM, or not Ed25519.
 */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const pem = await readOwned(path, KEY_BYTES_MAX);
  if (pem.ok) return signingKeyOf(path, new TextDecoder().decode(pem.value));
  if (pem.error === "absent") {
    throw new CcosError("INPUT_NOT_FOUND", {
      what: `Cannot sign with "${path}"`,
      why: "there is no such file",
      fix: `Make one: openssl genpkey -algorithm ed25519 -out ${path}`,
    });
  }
  const why = pem.error === "exposed" ? "others can read it (chmod 600)" : "it cannot be read";
  throw unusable(path, why);
}

function signingKeyOf(path: string, pem: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw unusable(path, "it is not a private key in PEM");
  }
  if (privateKey.asymmetricKeyType !== "ed25519") throw unusable(path, "it is not Ed25519");
  return signingKey(privateKey);
}

/** @param privateKey - Ed25519. */
export function signingKey(privateKey: KeyObject): SigningKey {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  const raw = Buffer.from(x ?? "", "base64url");
  return { text: PREFIX + raw.toString("base64"), privateKey };
}

function unusable(path: string, why: string): CcosError {
  return new CcosError("INPUT_UNREADABLE", {
    what: `Cannot sign with "${path}"`,
    why,
    fix: "Name an Ed25519 private key in PEM that only you can read",
  });
}
