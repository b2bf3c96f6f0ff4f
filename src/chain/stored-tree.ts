/**
 * A Merkle tree in a file of 32-byte hashes that only grows: each leaf, and behind it the parents it completed.
 *
 * Read in this order: StoredTree, placeOf, storedHashes. The layout is that of Go's checksum database ("Transparent
 * Logs for Skeptical Clients"): a node's place follows from its level and number, so a proof among ten million leaves
 * reads some forty hashes at known places, and nothing is held in memory.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { LogFile } from "../host/index.ts";
import {
  addLeaf,
  consistencyProof,
  inclusionProof,
  type Range,
  rootOf,
  subtreesOf,
} from "./merkle.ts";

const HASH_BYTES = 32;

export class StoredTree {
  readonly #file: LogFile;

  constructor(file: LogFile) {
    this.#file = file;
  }

  /** Leaves that are there with all parents they completed. */
  get size(): number {
    const hashes = Math.floor(this.#file.size / HASH_BYTES);
    // For n leaves 2n hashes are stored, less one for each 1 of n in binary.
    let size = Math.floor(hashes / 2);
    while (storedHashes(size + 1) <= hashes) size++;
    return size;
  }

  /** Hash of leaf `index`. */
  leaf(index: number): string {
    return this.#read(0, index);
  }

  /** The root that the tree had with its first `size` leaves. */
  rootAt(size: number): string {
    return rootOf(this.#range(size));
  }

  inclusion(index: number, size: number): readonly string[] {
    return inclusionProof(index, size, this.#read);
  }

  consistency(earlier: number, size: number): readonly string[] {
    return consistencyProof(earlier, size, this.#read);
  }

  /** Put a leaf behind the first `size`; what stood behind them is forgotten. Durable when it returns. */
  append(size: number, leaf: string): void {
    const completed = addLeaf(this.#range(size), size, leaf);
    const end = storedHashes(size) * HASH_BYTES;
    if (this.#file.size > end) this.#file.cut(end);
    const hashes = [leaf, ...completed.map(({ hash }) => hash)].join("");
    this.#file.append(Buffer.from(hashes, "hex"));
  }

  #range(size: number): Range {
    return subtreesOf(0, size, this.#read);
  }

  readonly #read = (level: number, index: number): string => {
    const found = this.#file.read(placeOf(level, index) * HASH_BYTES, HASH_BYTES);
    if (found.length === HASH_BYTES) return found.toString("hex");
    throw new CcosError("CHAIN_INTEGRITY", {
      what: "Cannot read the host log's tree",
      why: `it ends before node ${index} of level ${level}`,
      fix: "Run `ccos chain verify RUN` for what happened to the log",
    });
  };
}

/** How many hashes stand before that of node `index` on `level`. */
function placeOf(level: number, index: number): number {
  // A parent stands right behind its last leaf and the parents below itself.
  const lastLeaf = (index + 1) * 2 ** level - 1;
  return storedHashes(lastLeaf) + level;
}

/** How many hashes are stored for `size` leaves: of each level, as many as are complete. */
function storedHashes(size: number): number {
  let hashes = 0;
  for (let nodes = size; nodes > 0; nodes = Math.floor(nodes / 2)) hashes += nodes;
  return hashes;
}
