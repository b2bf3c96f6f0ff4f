/**
 * Verify one run of this host: its chain against its signed head, and both against the host log, with the host's own
 * public key.
 *
 * Read in this order: verifyRun, verifyLogged, repairRun.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import {
  auditLog,
  type Checkpoint,
  hostLog,
  judgeLogged,
  keepHead,
  loadPublicKey,
  type LogVerdict,
  parseHeadFile,
  recordHashes,
  repairTornTail,
  type SignedHead,
  type Verification,
  verifyChainFile,
} from "../chain/index.ts";
import { readBounded } from "../host/index.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { World } from "./world.ts";

const HEAD_BYTES_MAX = 64 * 1024;

/**
 * A head that is absent leaves the chain unsealed; a head that cannot be read or parsed is a broken one.
 *
 * @param only - `links`: see `verifyChainFile`.
 */
export async function verifyRun(
  world: World,
  run: RunDirectory,
  only?: "links",
): Promise<Verification> {
  const head = await readHead(run);
  if (head === "malformed")
    return {
      kind: "broken",
      seq: 0,
      line: 0,
      reason: "signature",
      detail: "head.json is malformed",
    };
  const publicKey = head === null ? null : await hostPublicKey(world);
  const options = { head, publicKey, chainId: run.id };
  return await verifyChainFile(run.chain, only === undefined ? options : { ...options, only });
}

/** Null: nothing was ever sealed here. */
export async function hostPublicKey({ stateDir }: World): Promise<KeyObject | null> {
  return await loadPublicKey(join(stateDir, "keys"));
}

/**
 * Hold a chain that {@link verifyRun} found valid against the host log. Never narrower than the chain itself: a chain whose
 * tail and head were cut, or that was put back to an older state, verifies alone and not here.
 *
 * @param pinned - A checkpoint that was kept elsewhere, its signature checked.
 */
export async function verifyLogged(
  world: World,
  run: RunDirectory,
  found: Verification & { readonly kind: "valid" },
  pinned: Checkpoint | null = null,
): Promise<LogVerdict> {
  const publicKey = await hostPublicKey(world);
  const log = hostLog(world.stateDir);
  const audit = await auditLog({ log, publicKey, chain: run.id, pinned });
  const head = await readHead(run);
  return await judgeLogged(audit, {
    head: head === "malformed" ? null : head,
    records: found.records,
    hashAt: async (seq) => (seq === found.records - 1 ? found.head : await hashAt(run, seq)),
  });
}

async function hashAt({ chain }: RunDirectory, seq: number): Promise<string> {
  let at = 0;
  for await (const hash of recordHashes(chain)) if (at++ === seq) return hash;
  return "";
}

/** The head beside a chain. Null: there is none. */
export async function readHead(run: RunDirectory): Promise<SignedHead | null | "malformed"> {
  const bytes = await readBounded(run.head, HEAD_BYTES_MAX);
  if (!bytes.ok) return bytes.error === "absent" ? null : "malformed";
  const head = parseHeadFile(new TextDecoder().decode(bytes.value));
  return head.ok ? head.value : "malformed";
}

export interface Repaired {
  /** Bytes of a provably cut write that were moved aside. */
  readonly bytes: number;
  /** Whether the head that the host log has was put back beside the chain. */
  readonly head: boolean;
}

/** Mend what a crash leaves, and nothing else. */
export async function repairRun(world: World, run: RunDirectory): Promise<Repaired> {
  const bytes = await repairTornTail(run.chain);
  return { bytes, head: await restoreHead(world, run) };
}

/** A crash between the host log and `head.json` leaves a chain that is whole, and whose head only the log has. */
async function restoreHead(world: World, run: RunDirectory): Promise<boolean> {
  if ((await readHead(run)) !== null) return false;
  const verification = await verifyRun(world, run);
  if (verification.kind !== "valid") return false;
  const publicKey = await hostPublicKey(world);
  const audit = await auditLog({ log: hostLog(world.stateDir), publicKey, chain: run.id });
  if ("kind" in audit) return false;
  const logged = audit.heads.at(-1)?.head;
  const isWhole = logged?.records === verification.records && logged.head === verification.head;
  if (logged === undefined || !isWhole) return false;
  await keepHead(run.head, logged);
  return true;
}
