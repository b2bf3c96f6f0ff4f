/** The one repair there is: a last write that a crash cut short is moved aside. */
import { dirname, join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { createExclusive, cutTail, hasWriter, readBounded, readChunks } from "../host/index.ts";
import { HEAD_FILE } from "./head.ts";
import { RECORD_BYTES_MAX } from "./record.ts";
import { isDatabase } from "./source.ts";
import { scanChain } from "./verify.ts";

/**
 * Move the bytes after the last newline to `<path>.torn`, when all lines before are valid and no
 * head (`head.json` beside the chain) says that the chain went on. Anything else is left as it is.
 * Durable at each step; a repair that was interrupted is completed by the next.
 *
 * @returns bytes moved; 0 when the chain is not torn.
 * @throws {CcosError} `IO_ERROR` when the run is still being written, or when `<path>.torn` holds
 *   other bytes.
 */
export async function repairTornTail(path: string): Promise<number> {
  // A database has no half of a write.
  if (isDatabase(path)) return 0;
  const sealed = await readBounded(join(dirname(path), HEAD_FILE), 0);
  if (sealed.ok || sealed.error !== "absent") return 0;
  const { verification, tail, bytes } = await scanChain(readChunks(path), {});
  if (verification.kind !== "broken" || verification.reason !== "torn") return 0;
  if (await hasWriter(path)) throw refusal(path, "a process still writes it");
  await keepTail(path, tail);
  if (await cutTail(path, bytes - tail.length, tail)) return tail.length;
  throw refusal(path, "it changed while it was repaired");
}

async function keepTail(path: string, tail: Uint8Array): Promise<void> {
  const aside = `${path}.torn`;
  if (await createExclusive(aside, tail, 0o600)) return;
  const kept = await readBounded(aside, RECORD_BYTES_MAX);
  if (kept.ok && Buffer.from(kept.value).equals(tail)) return;
  throw refusal(path, `"${aside}" holds other bytes`);
}

function refusal(path: string, why: string): CcosError {
  return new CcosError("IO_ERROR", { what: `Cannot repair "${path}"`, why });
}
