/**
 * The records of a chain file as the leaves of a Merkle tree: their hashes are the leaves' hashes.
 *
 * A record's hash begins with a tag of its own, so it is never a node's; a root that is taken here is checked by every
 * verification (verify.ts), because here nothing is.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { LineReader } from "./lines.ts";
import { addLeaf, inclusionProof, type Range, rootOf } from "./merkle.ts";
import { LINE_END } from "./record.ts";
import { chainBytes } from "./source.ts";

const HASH_LENGTH = 64;

/** The hashes of the whole lines of a chain file, as they stand there. @throws {CcosError} `INPUT_NOT_FOUND`. */
export async function* recordHashes(path: string): AsyncGenerator<string, void, undefined> {
  const reader = new LineReader();
  for await (const chunk of chainBytes(path)) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (const line of reader.push(buffer)) {
      if (line === null) throw unlike(path, "a line is too long");
      const end = line.length - LINE_END.length;
      yield line.toString("latin1", Math.max(0, end - HASH_LENGTH), Math.max(0, end));
    }
  }
}

/** Root of the first `records` records, of which the last has this hash. @throws {CcosError} `CHAIN_INTEGRITY`. */
export async function chainRoot(path: string, records: number, last: string): Promise<string> {
  const tree: Range = [];
  let seq = 0;
  let found = "";
  for await (const recordHash of recordHashes(path)) {
    if (seq === records) break;
    found = recordHash;
    addLeaf(tree, seq++, recordHash);
  }
  if (seq !== records || found !== last)
    throw unlike(path, "what is there is not what was written");
  return rootOf(tree);
}

/** That record `seq` is one of the first `records`. Memory is linear in the chain: 32 bytes a record. */
export async function recordProof(
  path: string,
  seq: number,
  records: number,
): Promise<readonly string[]> {
  const leaves = Buffer.alloc(records * 32);
  let at = 0;
  for await (const recordHash of recordHashes(path)) {
    if (at === records) break;
    leaves.write(recordHash, 32 * at++, "hex");
  }
  if (at !== records) throw unlike(path, `it has ${at} records, not ${records}`);
  return inclusionProof(seq, records, (level, index) => {
    const range: Range = [];
    const first = index * 2 ** level;
    for (let leaf = first; leaf < first + 2 ** level; leaf++) {
      addLeaf(range, leaf, leaves.toString("hex", 32 * leaf, 32 * (leaf + 1)));
    }
    return rootOf(range);
  });
}

function unlike(path: string, why: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot take the tree of "${path}"`,
    why,
    fix: "Run `ccos chain verify` for what happened to it",
  });
}
