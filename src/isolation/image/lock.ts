/**
 * The lock of an image: what each part is by digest, written by the build and compared before every boot. It has one
 * form and a digest of itself, so that no byte of it can differ unseen either.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isJsonObject, type JsonValue } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import type { Verity } from "./verity.ts";

/** The parts of an image, in the order in which they are measured. The name is the file's. */
export const IMAGE_PARTS = ["kernel", "initrd", "root"] as const;
export type ImagePart = (typeof IMAGE_PARTS)[number];

export interface ImageLock {
  /** `sha256:` and 64 hex digits. */
  readonly digests: Readonly<Record<ImagePart, string>>;
  /** The tree behind the root's data: what the guest's kernel checks each block of it against. */
  readonly verity: Verity;
  /** What the parts were made of, for people. */
  readonly versions: { readonly kernel: string; readonly node: string };
  /** Absolute paths of everything executable inside, sorted. */
  readonly programs: readonly string[];
}

export const LOCK_FILE = "image.lock.json";
export const LOCK_BYTES_MAX: number = 4 * 1024 * 1024;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HEX_64 = /^[0-9a-f]{64}$/;
const VERSION = 2;

/** Fixed key order, one line an entry: equal locks are equal bytes. */
export function lockText({ digests, verity, versions, programs }: ImageLock): string {
  const parts = Object.fromEntries(IMAGE_PARTS.map((part) => [part, digests[part]]));
  const { rootHash, salt, dataBlocks } = verity;
  const { kernel, node } = versions;
  const whole = {
    version: VERSION,
    digests: parts,
    verity: { rootHash, salt, dataBlocks },
    versions: { kernel, node },
    programs,
  };
  const self = createHash("sha256").update(JSON.stringify(whole)).digest("hex");
  return `${JSON.stringify({ ...whole, self: `sha256:${self}` }, null, 2)}\n`;
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
  const verity = verityOf(value["verity"]);
  if (verity === undefined) return err("its verity tree is missing or malformed");
  if (!isJsonObject(digests) || !isJsonObject(versions)) return err("a part of it is missing");
  const [kernel, initrd, root] = IMAGE_PARTS.map((part) => textOf(digests[part], DIGEST));
  if (kernel === undefined || initrd === undefined || root === undefined)
    return err("a digest is missing or malformed");
  const [kernelVersion, node] = [textOf(versions["kernel"]), textOf(versions["node"])];
  if (kernelVersion === undefined || node === undefined) return err("a version is missing");
  if (!Array.isArray(programs)) return err("its programs are missing");
  const lock: ImageLock = {
    digests: { kernel, initrd, root },
    verity,
    versions: { kernel: kernelVersion, node },
    programs: programs.filter((each) => typeof each === "string"),
  };
  return lockText(lock) === text ? ok(lock) : err("it is not what the build wrote");
}

function verityOf(value: JsonValue | undefined): Verity | undefined {
  if (!isJsonObject(value)) return undefined;
  const { dataBlocks } = value;
  const [rootHash, salt] = [textOf(value["rootHash"], HEX_64), textOf(value["salt"], HEX_64)];
  if (rootHash === undefined || salt === undefined) return undefined;
  if (typeof dataBlocks !== "number" || !Number.isSafeInteger(dataBlocks) || dataBlocks < 1)
    return undefined;
  return { rootHash, salt, dataBlocks };
}

function textOf(value: JsonValue | undefined, shape = /^[^]*$/): string | undefined {
  return typeof value === "string" && shape.test(value) ? value : undefined;
}
