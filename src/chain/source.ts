/**
 * Where the bytes of a chain come from: a file of lines, or a database with the same lines (`*.db`).
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { fileIdentity, type LineColumn, readChunks, readLineDatabase } from "../host/index.ts";
import { RECORD_BYTES_MAX } from "./record.ts";

/** What records can be looked up by in a database. */
export const RECORD_COLUMNS: readonly LineColumn[] = [
  ["type", "$.body.type"],
  ["step", "$.body.data.step"],
  ["capability", "$.body.data.capability"],
];

export function isDatabase(path: string): boolean {
  return path.endsWith(".db");
}

/**
 * The lines of a chain as bytes, cut anywhere; a chunk is valid until the next is asked for.
 *
 * @param where - Of a database, only records whose columns are so; of a file, all.
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`.
 */
export async function* chainBytes(
  path: string,
  where?: ReadonlyMap<string, string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (!isDatabase(path)) return yield* readChunks(path);
  const what = `Cannot read "${path}"`;
  if (fileIdentity(path) === null) {
    throw new CcosError("INPUT_NOT_FOUND", { what, why: "there is no such file" });
  }
  const query = { lineBytesMax: RECORD_BYTES_MAX, ...(where === undefined ? {} : { where }) };
  try {
    yield* readLineDatabase(path, query);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CcosError("INPUT_UNREADABLE", { what, why, cause });
  }
}
