/**
 * The lock of an image: what each part is by digest, written by the build and compared before every boot.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";

/** The parts of an image, in the order in which they are measured. The name is the file's. */
export const IMAGE_PARTS = ["kernel", "initrd", "root"] as const;
export type ImagePart = (typeof IMAGE_PARTS)[number];

export interface ImageLock {
  /** `sha256:` and 64 hex digits. */
  readonly digests: Readonly<Record<ImagePart, string>>;
  /** What the parts were made of, for people. */
  readonly versions: { readonly kernel: string; readonly node: string };
  /** Absolute paths of everything executable inside, sorted. */
  readonly programs: readonly string[];
}

export const LOCK_FILE = "image.lock.json";
export const LOCK_BYTES_MAX: number = 4 * 1024 * 1024;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const VERSION = 1;

/** Fixed key order, one line an entry: equal locks are equal bytes. */
export function lockText({ digests, versions, programs }: ImageLock): string {
  const parts = Object.fromEntries(IMAGE_PARTS.map((part) => [part, digests[part]]));
  const { kernel, node } = versions;
  const whole = { version: VERSION, digests: parts, versions: { kernel, node }, programs };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/** @returns What is wrong with it, when something is. */
export function parseLock(text: string): Result<ImageLock, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err("it is not JSON");
  }
  if (!isJsonObject(value) || value["version"] !== VERSION) return err("its version is unknown");
  const { digests, versions, programs } = value;
  if (!isJsonObject(digests) || !IMAGE_PARTS.every((part) => isDigest(digests[part])))
    return err("a digest is missing or malformed");
  if (!isJsonObject(versions) || !isText(versions["kernel"]) || !isText(versions["node"]))
    return err("a version is missing");
  if (!Array.isArray(programs) || !programs.every(isText)) return err("its programs are missing");
  return ok({
    digests: digestsOf(digests),
    versions: { kernel: String(versions["kernel"]), node: String(versions["node"]) },
    programs: programs.map(String),
  });
}

function digestsOf(digests: JsonObject): ImageLock["digests"] {
  const { kernel, initrd, root } = digests;
  return { kernel: String(kernel), initrd: String(initrd), root: String(root) };
}

function isDigest(value: JsonValue | undefined): boolean {
  return typeof value === "string" && DIGEST.test(value);
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === "string";
}
