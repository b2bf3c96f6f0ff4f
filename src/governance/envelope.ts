/**
 * The envelope of an admitted plan: what was judged, for whom, until when, signed. Pure.
 *
 * Read in this order: EnvelopeBody (what the judgement depends on and what it found; the same inputs give the same
 * bytes), SignedEnvelope, envelopeFlaw. Whoever starts a run computes the body anew and compares: an envelope grants
 * nothing, it only says that somebody saw exactly this.
 *
 * @module
 */
import { digestOf } from "../chain/index.ts";
import { isVerifyKey } from "../config/index.ts";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { isSignedFor, signFor, type SigningKey } from "./keys.ts";

/** What a plan was judged to be. Digests are `sha256:` and 64 hex digits. */
export interface EnvelopeBody {
  readonly agent: string;
  readonly plan: string;
  readonly modules: JsonValue;
  readonly config: string;
  readonly policy: string;
  /** Of the profiles of all steps. */
  readonly profiles: string;
  readonly effects: JsonValue;
  readonly contracts: readonly JsonObject[];
  /** Most that the plan can need; null: no bound is known. */
  readonly resources: JsonObject;
  /** How many must agree before it starts. */
  readonly approvals: number;
  readonly riskTier: string;
}

/** Where it may run. */
export interface Audience {
  /** Digest of the program that evaluates plans. */
  readonly guest: string;
  /** The parts of a machine's image, each by its digest; null: no machine. */
  readonly image: JsonObject | null;
}

export interface SignedEnvelope {
  readonly v: 1;
  readonly body: EnvelopeBody;
  readonly audience: Audience;
  /** Milliseconds since the Unix epoch. */
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** `ed25519:` and base64. Who verifies has a key of their own and compares. */
  readonly key: string;
  /** 64 bytes in base64. */
  readonly signature: string;
}

export function signEnvelope(
  fields: Pick<SignedEnvelope, "body" | "audience" | "issuedMs" | "expiresMs">,
  key: SigningKey,
): SignedEnvelope {
  const unsigned = { v: 1, ...fields, key: key.text } as const;
  const signature = signFor("envelope", unsigned as unknown as JsonObject, key);
  return { ...unsigned, signature };
}

export function bodyDigest(body: EnvelopeBody): string {
  return digestOf(body as unknown as JsonObject);
}

export interface EnvelopeCheck {
  /** As computed here and now. */
  readonly body: EnvelopeBody;
  readonly audience: Audience;
  /** The only key whose signature counts; null: any, and nothing depends on it. */
  readonly key: string | null;
  readonly nowMs: number;
}

/** Why a run may not start from an envelope; null: it may. */
export function envelopeFlaw(envelope: SignedEnvelope, check: EnvelopeCheck): string | null {
  const { signature, ...fields } = envelope;
  if (check.key !== null && envelope.key !== check.key)
    return `it is signed with ${envelope.key}, and the config names ${check.key}`;
  const signed = { key: envelope.key, signature };
  if (!isSignedFor("envelope", fields as unknown as JsonObject, signed))
    return "its signature does not verify";
  if (check.nowMs < envelope.issuedMs) return "it is not valid yet";
  if (check.nowMs >= envelope.expiresMs) return "it has expired";
  const other = firstDifference(envelope.body, check.body);
  if (other !== null) return `it was signed for another ${other}`;
  const place = firstDifference(envelope.audience, check.audience);
  return place === null ? null : `it was signed for another ${place}`;
}

function firstDifference<T extends object>(one: T, other: T): string | null {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const text = (value: T, name: string): string =>
    Object.hasOwn(value, name) ? canonicalJson((value as JsonObject)[name] ?? null) : "absent";
  return names.find((name) => text(one, name) !== text(other, name)) ?? null;
}

const FIELDS = ["v", "body", "audience", "issuedMs", "expiresMs", "key", "signature"];

/** @returns Null for what is no envelope. Its signature is not checked here. */
export function envelopeOf(value: unknown): SignedEnvelope | null {
  if (!isJsonObject(value) || Object.keys(value).length !== FIELDS.length) return null;
  const { v, body, audience, issuedMs, expiresMs, key, signature } = value;
  const isSound =
    v === 1 &&
    isJsonObject(body) &&
    isJsonObject(audience) &&
    [issuedMs, expiresMs].every((each) => Number.isSafeInteger(each) && Number(each) >= 0) &&
    typeof key === "string" &&
    isVerifyKey(key) &&
    typeof signature === "string";
  return isSound ? (value as unknown as SignedEnvelope) : null;
}
