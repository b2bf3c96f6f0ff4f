/**
 * The seal: a chain's end is signed, put into the host log, and kept beside the chain.
 *
 * In this order, so that a crash in between leaves a log that knows more than the run's directory, which can be
 * told and mended ({@link keepHead}), and never a head that the log does not know.
 *
 * @module
 */
import { writeAtomic } from "../host/index.ts";
import type { Signed } from "./anchor/targets.ts";
import { chainRoot } from "./chain-tree.ts";
import { headText, type SignedHead, signHead } from "./head.ts";
import type { HostKey } from "./host-key.ts";
import { type HostLog, logHead } from "./host-log.ts";

export interface Seal {
  /** The chain's id. */
  readonly chain: string;
  /** Its file, in which everything is durable. */
  readonly path: string;
  readonly headPath: string;
  /** The last record. */
  readonly last: { readonly seq: number; readonly hash: string };
  readonly key: HostKey;
  readonly log: HostLog;
  /** Runs between the log's checkpoint and the head: what it refuses leaves the chain without a head. */
  readonly anchor?: ((signed: Signed) => Promise<void>) | undefined;
}

/** @throws {CcosError} `CHAIN_UNWRITABLE`; `CHAIN_INTEGRITY` when chain or log are not what was written. */
export async function sealChain(seal: Seal): Promise<SignedHead> {
  const { chain, path, headPath, last, key, log, anchor } = seal;
  const records = last.seq + 1;
  const root = await chainRoot(path, records, last.hash);
  const head = signHead({ chain, records, head: last.hash, root }, key);
  const { checkpoint, note } = await logHead(log, head, key);
  await anchor?.({ checkpoint, note });
  await keepHead(headPath, head);
  return head;
}

/** Write a head that the log has back beside its chain. */
export async function keepHead(path: string, head: SignedHead): Promise<void> {
  await writeAtomic(path, Buffer.from(`${headText(head)}\n`), 0o600);
}
