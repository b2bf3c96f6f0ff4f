/**
 * Verify one run of this host: its chain against its signed head, with the host's own public key.
 *
 * @module
 */
import { join } from "node:path";
import {
  loadPublicKey,
  parseHead,
  repairTornTail,
  type SignedHead,
  type Verification,
  verifyChainFile,
} from "../chain/index.ts";
import { readBounded } from "../host/index.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { World } from "./world.ts";

const HEAD_BYTES_MAX = 64 * 1024;

/** A head that is absent leaves the chain unsealed; a head that cannot be read or parsed is a broken one. */
export async function verifyRun(world: World, run: RunDirectory): Promise<Verification> {
  const head = await readHead(run);
  if (head === "malformed")
    return {
      kind: "broken",
      seq: 0,
      line: 0,
      reason: "signature",
      detail: "head.json is malformed",
    };
  const publicKey = head === null ? null : await loadPublicKey(join(world.stateDir, "keys"));
  return await verifyChainFile(run.chain, { head, publicKey, chainId: run.id });
}

async function readHead(run: RunDirectory): Promise<SignedHead | null | "malformed"> {
  const bytes = await readBounded(run.head, HEAD_BYTES_MAX);
  if (!bytes.ok) return bytes.error === "absent" ? null : "malformed";
  const head = parseHead(new TextDecoder().decode(bytes.value));
  return head.ok ? head.value : "malformed";
}

/** Move the bytes of a provably cut write aside. @returns how many; 0 when nothing was torn. */
export async function repairRun(run: RunDirectory): Promise<number> {
  return await repairTornTail(run.chain);
}
