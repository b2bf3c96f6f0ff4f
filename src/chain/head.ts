/**
 * The signed head: how many records a chain has and the hash of the last, signed when the run ends.
 *
 * It alone proves that no tail was cut. The algorithm is pinned; the key is the caller's, never the
 * head's.
 *
 * @module
 */
import { type KeyObject, sign, verify } from "node:crypto";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { type HostKey, keyIdOf } from "./host-key.ts";

/** Content of `head.json`. */
export interface SignedHead {
  /** 1: sealed before there was a host log; such a head has no `root`. */
  readonly v: 1 | 2;
  readonly chain: string;
  /** How many records the chain has; the last one's `seq` is one less. At least 1. */
  readonly records: number;
  /** Hash of the last record, 64 hex digits. */
  readonly head: string;
  /** Root of the Merkle tree whose leaves are the records' hashes, 64 hex digits. */
  readonly root?: string;
  readonly keyId: string;
  readonly algorithm: "ed25519";
  /** 64 bytes in base64. */
  readonly signature: string;
}

/** Its name beside the chain. */
export const HEAD_FILE = "head.json";

const HEAD_TAG = "ccos.head.v1\n";

export function signHead(
  head: Pick<SignedHead, "chain" | "records" | "head"> & { readonly root: string },
  key: HostKey,
): SignedHead {
  const { keyId, privateKey } = key;
  const fields = { v: 2, ...head, keyId, algorithm: "ed25519" } as const;
  return { ...fields, signature: sign(null, signedBytes(fields), privateKey).toString("base64") };
}

/** Whether `publicKey`, an Ed25519 key, signed exactly this head. */
export function isSignedBy(head: SignedHead, publicKey: KeyObject): boolean {
  if (publicKey.asymmetricKeyType !== "ed25519" || head.keyId !== keyIdOf(publicKey)) return false;
  const { signature, ...fields } = head;
  return verify(null, signedBytes(fields), publicKey, Buffer.from(signature, "base64"));
}

function signedBytes(head: Omit<SignedHead, "signature">): Buffer {
  const { v, chain, records, root, keyId, algorithm } = head;
  const common: JsonObject = { algorithm, chain, head: head.head, keyId, records, v };
  const fields = root === undefined ? common : { ...common, root };
  return Buffer.from(HEAD_TAG + canonicalJson(fields));
}

type Check = (value: JsonValue) => boolean;
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);

const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["v", (value) => value === 2],
  ["chain", matches(/^[\x21-\x7e]{1,128}$/)],
  ["records", (value) => Number.isSafeInteger(value) && Number(value) >= 1],
  ["head", matches(/^[0-9a-f]{64}$/)],
  ["root", matches(/^[0-9a-f]{64}$/)],
  ["keyId", matches(/^[0-9a-f]{16}$/)],
  ["algorithm", (value) => value === "ed25519"],
  ["signature", matches(/^[A-Za-z0-9+/]{86}==$/)],
]);

/** Fields of a head that was sealed before there was a host log. */
const FIELDS_V1: ReadonlyMap<string, Check> = new Map(
  [...FIELDS, ["v", (value: JsonValue) => value === 1] as const].filter(
    ([name]) => name !== "root",
  ),
);

/** Content of a `head.json`: one head has one spelling, but those of the first version. */
export function parseHeadFile(content: string): Result<SignedHead, string> {
  const head = parseHead(content);
  if (!head.ok || head.value.v === 1 || content === `${headText(head.value)}\n`) return head;
  return err("it is not spelled as it was written");
}

/** Text of a head. Its signature is not checked here. */
export function parseHead(text: string): Result<SignedHead, string> {
  const value = parseJson(text);
  if (!isJsonObject(value)) return err("it is not a JSON object");
  const fields = value["v"] === 1 ? FIELDS_V1 : FIELDS;
  for (const [name, check] of fields) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined;
    if (field === undefined || !check(field)) return err(`"${name}" is missing or malformed`);
  }
  if (Object.keys(value).length !== fields.size) return err("it has a field that no head has");
  return ok(value as unknown as SignedHead);
}

/** The one text of a head: the leaf of the host log, and the line of its file. */
export function headText(head: SignedHead): string {
  return canonicalJson(head as unknown as JsonObject);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
