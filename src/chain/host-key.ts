/**
 * The host's signing key: one Ed25519 pair per state directory, made at the first run.
 *
 * The private half is readable by its owner only, or it is refused. The public half lies beside it;
 * to verify elsewhere, copy that file out of the program's reach: a head never brings its own key.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { createExclusive, ensurePrivateDir, readBounded, readOwned } from "../host/index.ts";

export const PRIVATE_KEY_FILE = "host.key.pem";
export const PUBLIC_KEY_FILE = "host.pub.pem";
const KEY_BYTES_MAX = 4096;

export interface HostKey {
  /** First 16 hex digits of SHA-256 over the raw public key. A name, not a proof. */
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * The key pair in `directory`; made (PKCS 8, 0600) when there is none. Two processes that start at
 * once get the same one.
 *
 * @throws {CcosError} `INPUT_UNREADABLE` when a key is exposed, malformed, not Ed25519, or the
 *   halves do not belong together.
 */
export async function loadOrCreateHostKey(directory: string): Promise<HostKey> {
  await ensurePrivateDir(directory);
  const path = join(directory, PRIVATE_KEY_FILE);
  let pem = await readOwned(path, KEY_BYTES_MAX);
  if (!pem.ok && pem.error === "absent") {
    await createExclusive(path, newPrivateKey(), 0o600);
    pem = await readOwned(path, KEY_BYTES_MAX);
  }
  if (!pem.ok) throw unusable(path, REFUSALS[pem.error]);
  const key = hostKeyOf(path, pem.value);
  await keepPublicHalf(directory, key);
  return key;
}

/** @returns Null when the directory has no public key: no run of this host was ever sealed. */
export async function loadPublicKey(directory: string): Promise<KeyObject | null> {
  return await readPublicKey(join(directory, PUBLIC_KEY_FILE));
}

/**
 * A public key from a PEM file of its own, e.g. one kept away from the host.
 *
 * @returns Null when there is no such file.
 * @throws {CcosError} `INPUT_UNREADABLE` for anything that is not an Ed25519 public key.
 */
export async function readPublicKey(path: string): Promise<KeyObject | null> {
  const pem = await readBounded(path, KEY_BYTES_MAX);
  if (pem.ok) return publicKeyOf(path, pem.value);
  if (pem.error === "absent") return null;
  throw unusable(path, REFUSALS[pem.error]);
}

export function keyIdOf(publicKey: KeyObject): string {
  const { x } = publicKey.export({ format: "jwk" });
  return hash("sha256", Buffer.from(x ?? "", "base64url")).slice(0, 16);
}

const REFUSALS = {
  absent: "it vanished while it was read",
  "too-large": "it is too large to be a key",
  unreadable: "it is not a regular file that can be read",
  exposed: "it is not this user's alone: others could sign in this host's name",
} as const;

function newPrivateKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ed25519");
  return Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }));
}

function hostKeyOf(path: string, pem: Uint8Array): HostKey {
  const text = new TextDecoder().decode(pem);
  const privateKey = parseKey(path, () => createPrivateKey(text));
  const publicKey = createPublicKey(privateKey);
  return { keyId: keyIdOf(publicKey), privateKey, publicKey };
}

function publicKeyOf(path: string, pem: Uint8Array): KeyObject {
  const text = new TextDecoder().decode(pem);
  // The library would derive a public key from a private one without a word.
  if (!text.trimStart().startsWith("-----BEGIN PUBLIC KEY-----")) {
    throw unusable(path, "it is not a public key in PEM");
  }
  return parseKey(path, () => createPublicKey(text));
}

function parseKey(path: string, parse: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch (cause) {
    throw unusable(path, "it is not a key in PEM", cause);
  }
  if (key.asymmetricKeyType !== "ed25519") throw unusable(path, "it is not an Ed25519 key");
  return key;
}

async function keepPublicHalf(directory: string, key: HostKey): Promise<void> {
  const path = join(directory, PUBLIC_KEY_FILE);
  const pem = Buffer.from(key.publicKey.export({ type: "spki", format: "pem" }));
  let kept = await readPublicKey(path);
  if (kept === null && (await createExclusive(path, pem, 0o644))) return;
  kept ??= await readPublicKey(path);
  if (kept === null || keyIdOf(kept) !== key.keyId) {
    throw unusable(path, `it does not belong to the private key beside it (${key.keyId})`);
  }
}

function unusable(path: string, why: string, cause?: unknown): CcosError {
  return new CcosError("INPUT_UNREADABLE", {
    what: `Cannot use key "${path}"`,
    why,
    fix: "Restore the key from a copy; a new one cannot verify the runs signed so far",
    cause,
  });
}
