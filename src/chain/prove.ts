/**
 * Making proofs: from the host log's stored tree for a head, from the chain's file for a record.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { CcosError } from "../foundation/errors.ts";
import { recordProof } from "./chain-tree.ts";
import type { SignedHead } from "./head.ts";
import { type HostLog, type LogCheckpoint, readLog } from "./host-log.ts";
import { LineReader } from "./lines.ts";
import type { Checkpoint } from "./note.ts";
import { checkProof, type Proof, proofText } from "./proof.ts";
import { chainBytes } from "./source.ts";

export interface ProveOptions {
  readonly log: HostLog;
  readonly publicKey: KeyObject;
  /** The head and its number in the log, as an audit found them. */
  readonly head: SignedHead;
  readonly index: number;
  /** Prove this record too. */
  readonly record?: { readonly path: string; readonly seq: number };
}

/**
 * A proof that was checked before it is given.
 *
 * @throws {CcosError} `CHAIN_INTEGRITY` when log, head and chain do not fit each other; `USAGE` for a record that is not
 *   under the head.
 */
export async function prove(options: ProveOptions): Promise<Proof> {
  const { log, publicKey, head, index, record } = options;
  if (record !== undefined && (head.root === undefined || record.seq >= head.records)) {
    const why =
      head.root === undefined
        ? "its head was signed before heads had roots"
        : `its head counts ${head.records} records`;
    throw new CcosError("USAGE", {
      what: `Cannot prove record ${record.seq} of ${head.chain}`,
      why,
    });
  }
  const found = await readLog(log, publicKey, (tree, { size, note }) => ({
    path: tree.inclusion(index, size),
    note,
  }));
  const proof: Proof = {
    index,
    path: found?.path ?? [],
    checkpoint: found?.note ?? "",
    head,
    record:
      record === undefined
        ? null
        : {
            line: await lineAt(record.path, record.seq),
            path: await recordProof(record.path, record.seq, head.records),
          },
  };
  const checked = checkProof(proofText(proof), publicKey);
  if (checked.ok) return proof;
  throw new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot prove ${head.chain}`,
    why: checked.error,
    fix: `Run \`ccos chain verify ${head.chain}\` for what happened to it`,
  });
}

async function lineAt(path: string, seq: number): Promise<string> {
  const reader = new LineReader();
  let at = 0;
  for await (const chunk of chainBytes(path)) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (const line of reader.push(buffer)) {
      if (at++ === seq) return line?.toString("utf8") ?? "";
    }
  }
  return "";
}

/** That the log goes on from a checkpoint that was kept. */
export interface Consistency {
  readonly from: Checkpoint;
  readonly to: LogCheckpoint;
  /** RFC 9162, 64 hex digits each. */
  readonly path: readonly string[];
}

/** Null: the log is empty, or shorter than the checkpoint says. */
export async function proveConsistency(
  log: HostLog,
  publicKey: KeyObject,
  from: Checkpoint,
): Promise<Consistency | null> {
  return await readLog(log, publicKey, (tree, to) =>
    from.size > to.size ? null : { from, to, path: tree.consistency(from.size, to.size) },
  );
}
