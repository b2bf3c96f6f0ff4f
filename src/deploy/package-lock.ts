/**
 * The lock of a package: what it holds, byte for byte, and what was judged of it; signed by the host that made it.
 *
 * Read in this order: PackageLock, lockBytes, parseLock. The lock is canonical JSON, so equal packages have equal locks,
 * and there is one way to write each. The signature is over the lock's bytes under a tag of its own. The key is the
 * verifier's, never the package's: the one in `keys/` is there to be looked at.
 *
 * @module
 */
import { type KeyObject, sign, verify } from "node:crypto";
import type { HostKey } from "../chain/index.ts";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { SCRIPT_LANGUAGES } from "../isolation/index.ts";
import type { ProgramFile } from "../runtime/index.ts";

/** Names in a package. */
export const LOCK_NAME = "lock.json";
export const SIGNATURE_NAME = "lock.sig";
export const CONFIG_NAME = "agent.rtfs";
export const IMAGE_NAME = "image";
export const CAPABILITIES_NAME = "capabilities";
export const KEYS_NAME = "keys";
/** Files of a program that is no plan, as they are below `/work` behind the wall. */
export const WORK_NAME = "work";
/** What an agent's own files cannot be called. */
export const OWN_NAMES: ReadonlySet<string> = new Set([
  LOCK_NAME,
  SIGNATURE_NAME,
  CONFIG_NAME,
  IMAGE_NAME,
  CAPABILITIES_NAME,
  KEYS_NAME,
  WORK_NAME,
]);

export interface PackagedFile {
  /** Relative to the package. */
  readonly path: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly bytes: number;
}

/** What runs, with the names of its files in the package. */
export type PackagedProgram =
  | {
      readonly kind: "plan";
      readonly file: string;
      readonly modules: readonly { readonly name: string; readonly file: string }[];
    }
  | {
      readonly kind: "command";
      readonly argv: readonly string[];
      /** What runs it when it is a file; null: `argv` is looked up behind the wall. */
      readonly program: ProgramFile | null;
      /** `path` is where the program sees it, `digest` as a run records it. */
      readonly staged: readonly {
        readonly path: string;
        readonly file: string;
        readonly digest: string;
      }[];
    };

export interface PackageLock {
  readonly format: 1;
  readonly agent: string;
  readonly program: PackagedProgram;
  /** Of the policy that the config compiles to without an operator's bounds. */
  readonly policy: string;
  /** Digests of the image's parts, by name; null: there is no image. */
  readonly image: JsonObject | null;
  /** Name of the key that signs. */
  readonly keyId: string;
  /** Everything but the lock and its signature, sorted by path. */
  readonly files: readonly PackagedFile[];
}

export const LOCK_BYTES_MAX: number = 1024 * 1024;
export const FILES_MAX = 1024;
const PATH_BYTES_MAX = 512;
const DEPTH_MAX = 16;
const TAG = "ccos.package.v1\n";
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function lockBytes(lock: PackageLock): Uint8Array {
  return Buffer.from(`${canonicalJson(lock as unknown as JsonValue)}\n`);
}

export function signatureText(lock: Uint8Array, key: HostKey): string {
  return `${sign(null, signed(lock), key.privateKey).toString("base64")}\n`;
}

/** Whether `key`, an Ed25519 key, signed exactly these bytes. There is one text for each signature. */
export function isSignatureOf(text: string, lock: Uint8Array, key: KeyObject): boolean {
  const signature = Buffer.from(text, "base64");
  if (`${signature.toString("base64")}\n` !== text) return false;
  return key.asymmetricKeyType === "ed25519" && verify(null, signed(lock), key, signature);
}

function signed(lock: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(TAG), lock]);
}

/** A name that leads nowhere but below the package. */
export function isPackagePath(path: string): boolean {
  const parts = path.split("/");
  const plain = (part: string): boolean =>
    part !== "" && part !== "." && part !== ".." && !/[\p{Cc}\\]/u.test(part);
  return (
    parts.length <= DEPTH_MAX && Buffer.byteLength(path) <= PATH_BYTES_MAX && parts.every(plain)
  );
}

/** The text of a `lock.json`; its signature is not checked here. @returns What is wrong with it. */
export function parseLock(bytes: Uint8Array): Result<PackageLock, string> {
  const value = parseJson(bytes);
  if (!isJsonObject(value)) return err("it is not a JSON object");
  const { format, agent, program, policy, image, keyId, files, ...others } = value;
  if (format !== 1) return err("its format is unknown");
  const sound =
    Object.keys(others).length === 0 &&
    isText(agent) &&
    isProgram(program) &&
    isDigest(policy) &&
    (image === null || (isJsonObject(image) && Object.values(image).every(isDigest))) &&
    isText(keyId) &&
    isFiles(files);
  if (!sound) return err("a field is missing, malformed or unknown");
  const lock = value as unknown as PackageLock;
  if (!Buffer.from(lockBytes(lock)).equals(bytes)) return err("it is not canonical");
  return ok(lock);
}

function parseJson(bytes: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    return null;
  }
}

type Check = (value: JsonValue | undefined) => boolean;
const isText: Check = (value) => typeof value === "string" && value.length <= 4096;
const isDigest: Check = (value) => typeof value === "string" && DIGEST.test(value);
const isPath: Check = (value) => typeof value === "string" && isPackagePath(value);
const isListOf = (value: JsonValue | undefined, check: Check): boolean =>
  Array.isArray(value) && value.length <= FILES_MAX && value.every(check);

/** Sorted, each path once. */
function isFiles(value: JsonValue | undefined): boolean {
  if (!isListOf(value, isFile)) return false;
  const paths = (value as unknown as readonly PackagedFile[]).map(({ path }) => path);
  return paths.every((path, at) => at === 0 || (paths[at - 1] ?? "") < path);
}

function isFile(value: JsonValue | undefined): boolean {
  return (
    isJsonObject(value) &&
    hasOnly(value, ["path", "digest", "bytes"]) &&
    isPath(value["path"]) &&
    isDigest(value["digest"]) &&
    Number.isSafeInteger(value["bytes"]) &&
    Number(value["bytes"]) >= 0
  );
}

function isProgram(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  if (value["kind"] === "plan") {
    return (
      hasOnly(value, ["kind", "file", "modules"]) &&
      isPath(value["file"]) &&
      isListOf(value["modules"], isModule)
    );
  }
  return (
    value["kind"] === "command" &&
    hasOnly(value, ["kind", "argv", "program", "staged"]) &&
    isListOf(value["argv"], isText) &&
    isProgramFile(value["program"]) &&
    isListOf(value["staged"], isStaged)
  );
}

function isModule(value: JsonValue | undefined): boolean {
  return (
    isJsonObject(value) &&
    hasOnly(value, ["name", "file"]) &&
    isText(value["name"]) &&
    isPath(value["file"])
  );
}

function isProgramFile(value: JsonValue | undefined): boolean {
  if (value === null) return true;
  if (!isJsonObject(value)) return false;
  const { kind, language } = value;
  if (kind === "bytecode") return hasOnly(value, ["kind"]);
  const isLanguage = SCRIPT_LANGUAGES.some((each) => each === language);
  return kind === "script" && hasOnly(value, ["kind", "language"]) && isLanguage;
}

function isStaged(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  const { path, file, digest } = value;
  return (
    hasOnly(value, ["path", "file", "digest"]) &&
    typeof file === "string" &&
    isPackagePath(file) &&
    path === `/${file}` &&
    isDigest(digest)
  );
}

function hasOnly(value: JsonObject, names: readonly string[]): boolean {
  const own = Object.keys(value);
  return own.length === names.length && own.every((name) => names.includes(name));
}
