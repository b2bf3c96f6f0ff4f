/**
 * A file that is measured and then handed on through the same opening: what was hashed is what is used, whatever
 * happens to its name afterwards.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { err, ok, type Result } from "../foundation/result.ts";
import { errnoOf } from "./file-reading.ts";

export interface MeasuredFile {
  /** Open for reading; the caller closes it (closeDescriptors). */
  readonly descriptor: number;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly bytes: number;
  /** What was hashed; null where it was not asked for. */
  readonly content: Uint8Array | null;
}

const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Regular files only, symbolic links not followed.
 *
 * @param keep - Keep the content, for a child that cannot be given the opening.
 * @returns The error says why not.
 */
export function measureFile(
  path: string,
  { bytesMax, keep }: { readonly bytesMax: number; readonly keep: boolean },
): Result<MeasuredFile, string> {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    return err(
      errnoOf(cause) === "ENOENT" ? "it is absent" : `it cannot be opened (${errnoOf(cause)})`,
    );
  }
  const refused = (why: string): Result<MeasuredFile, string> => {
    closeSync(descriptor);
    return err(why);
  };
  const found = fstatSync(descriptor);
  if (!found.isFile()) return refused("it is not a regular file");
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const count = readSync(descriptor, chunk, 0, chunk.length, bytes);
    if (count === 0) break;
    bytes += count;
    if (bytes > bytesMax) return refused(`it is over ${bytesMax} bytes`);
    hash.update(chunk.subarray(0, count));
    if (keep) kept.push(Uint8Array.from(chunk.subarray(0, count)));
  }
  const content = keep ? Buffer.concat(kept) : null;
  return ok({ descriptor, digest: `sha256:${hash.digest("hex")}`, bytes, content });
}
