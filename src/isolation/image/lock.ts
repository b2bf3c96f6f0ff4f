/**
 * The lock of an image: what each part is by digest, written by the build and compared before every boot.
 *
 * @module
 */
import { isJsonObject, type JsonValue } from "../../foundation/json.ts";
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
  if (!isJsonObject(digests) || !isJsonObject(versions)) return err("a part of it is missing");
  const [kernel, initrd, root] = IMAGE_PARTS.map((part) => textOf(digests[part], DIGEST));
  if (kernel === undefined || initrd === undefined || root === undefined)
    return err("a digest is missing or malformed");
  const [kernelVersion, node] = [textOf(versions["kernel"]), textOf(versions["node"])];
  if (kernelVersion === undefined || node === undefined) return err("a version is missing");
  if (!Array.isArray(programs)) return err("its programs are missing");
  return ok({
    digests: { kernel, initrd, root },
    versions: { kernel: kernelVersion, node },
    programs: programs.filter((each) => typeof each === "string"),
  });
}

function textOf(value: JsonValue | undefined, shape = /^[^]*$/): string | undefined {
  return typeof value === "string" && shape.test(value) ? value : undefined;
}
