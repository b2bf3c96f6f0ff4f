/**
 * The Merkle tree of RFC 6962 and RFC 9162: roots, proofs that a leaf is in a tree, proofs that one tree
 * goes on with another, and their checks.
 *
 * Read in this order: nodeHash, addLeaf and rootOf (a tree as the perfect subtrees it falls into),
 * inclusionProof, consistencyProof, then the two checks. Hashes are 64 hex digits: the digest function gives
 * them several times faster than bytes. Sizes are whole numbers below 2^40, where the logarithm is exact, so
 * nothing here uses the 32-bit operators.
 *
 * @module
 */
import { hash } from "node:crypto";

const NODE_BYTES = 65;
const node = Buffer.alloc(NODE_BYTES);
node[0] = 0x01;

/** The parent of two nodes. @throws {TypeError} for what is no hash: bytes of another node would stand in its place. */
export function nodeHash(left: string, right: string): string {
  const written = node.write(left, 1, "hex") + node.write(right, 33, "hex");
  if (written !== NODE_BYTES - 1) throw new TypeError("a hash is 64 hex digits");
  return hash("sha256", node);
}

const LEAF_TAG = Buffer.of(0x00);

/** The leaf that stands for `data`. */
export function leafHash(data: Uint8Array): string {
  return hash("sha256", Buffer.concat([LEAF_TAG, data]));
}

/** A perfect subtree: the leaves from `start` on, 2^`level` of them. */
export interface Subtree {
  readonly start: number;
  readonly level: number;
  readonly hash: string;
}

/**
 * Neighbouring leaves as the fewest perfect subtrees, left to right. Those of a tree of n leaves are at most
 * log2(n) + 1; those of a part of a tree at most twice as many.
 */
export type Range = Subtree[];

/**
 * Put a subtree behind a range that ends where it begins.
 *
 * @returns The parents that became complete, lowest first.
 */
export function addSubtree(range: Range, added: Subtree): readonly Subtree[] {
  const completed: Subtree[] = [];
  let last = added;
  for (;;) {
    const left = range.at(-1);
    const isPair = left?.level === last.level && (left.start / 2 ** left.level) % 2 === 0;
    if (left === undefined || !isPair) break;
    range.pop();
    last = { start: left.start, level: left.level + 1, hash: nodeHash(left.hash, last.hash) };
    completed.push(last);
  }
  range.push(last);
  return completed;
}

/** Put leaf `index` behind a range that ends before it. */
export function addLeaf(range: Range, index: number, leaf: string): readonly Subtree[] {
  return addSubtree(range, { start: index, level: 0, hash: leaf });
}

/** Sizes of trees are below it. */
export const TREE_SIZE_MAX: number = 2 ** 40;

export const EMPTY_ROOT: string = hash("sha256", "");

/** The root of the tree whose leaves a range from leaf 0 on are. */
export function rootOf(range: readonly Subtree[]): string {
  const last = range.at(-1);
  if (last === undefined) return EMPTY_ROOT;
  return range
    .slice(0, -1)
    .reduceRight((right, { hash: left }) => nodeHash(left, right), last.hash);
}

/** Hash of the perfect subtree number `index` on `level`. */
export type ReadNode = (level: number, index: number) => string;

/** The perfect subtrees that the leaves from `from` to before `to` fall into. `from` is a multiple of each that fits. */
export function subtreesOf(from: number, to: number, read: ReadNode): Range {
  const range: Range = [];
  for (let start = from; start < to; ) {
    const level = Math.floor(Math.log2(to - start));
    range.push({ start, level, hash: read(level, start / 2 ** level) });
    start += 2 ** level;
  }
  return range;
}

/** The largest power of two below `size`, which is at least 2. */
function splitOf(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1);
}

/** RFC 9162, 2.1.3.1: from the leaf's sibling up. `index` is below `size`. */
export function inclusionProof(index: number, size: number, read: ReadNode): readonly string[] {
  const path: string[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    const isLeft = index < middle;
    path.push(rootOf(isLeft ? subtreesOf(middle, to, read) : subtreesOf(from, middle, read)));
    if (isLeft) to = middle;
    else from = middle;
  }
  return path.reverse();
}

/** RFC 9162, 2.1.4.1: that the tree of `size` begins with that of `earlier` leaves. */
export function consistencyProof(earlier: number, size: number, read: ReadNode): readonly string[] {
  if (earlier === 0 || earlier === size) return [];
  const path: string[] = [];
  let from = 0;
  let to = size;
  let isWhole = true;
  while (to !== earlier) {
    const middle = from + splitOf(to - from);
    if (earlier <= middle) {
      path.push(rootOf(subtreesOf(middle, to, read)));
      to = middle;
    } else {
      path.push(rootOf(subtreesOf(from, middle, read)));
      from = middle;
      isWhole = false;
    }
  }
  if (!isWhole) path.push(rootOf(subtreesOf(from, to, read)));
  return path.reverse();
}

/** Where a leaf is in a tree, and the root that the tree is known by. */
export interface Membership {
  readonly leaf: string;
  readonly index: number;
  readonly size: number;
  readonly root: string;
}

/** RFC 9162, 2.1.3.2. */
export function isIncluded(
  { leaf, index, size, root }: Membership,
  proof: readonly string[],
): boolean {
  if (index >= size) return false;
  let place = index;
  let last = size - 1;
  let found = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      found = nodeHash(sibling, found);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      found = nodeHash(found, sibling);
    }
    place = half(place);
    last = half(last);
  }
  return last === 0 && found === root;
}

export interface TreeHead {
  readonly size: number;
  readonly root: string;
}

/** RFC 9162, 2.1.4.2: whether `later` has all leaves of `earlier`, in their places. */
export function isConsistent(
  earlier: TreeHead,
  later: TreeHead,
  proof: readonly string[],
): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && earlier.root === later.root;
  if (earlier.size === 0) return proof.length === 0 && earlier.root === EMPTY_ROOT;
  const isPower = Number.isInteger(Math.log2(earlier.size));
  const [first, ...rest] = isPower ? [earlier.root, ...proof] : proof;
  if (first === undefined) return false;
  let place = earlier.size - 1;
  let last = later.size - 1;
  while (place % 2 === 1) {
    place = half(place);
    last = half(last);
  }
  let old = first;
  let now = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      now = nodeHash(now, sibling);
    }
    place = half(place);
    last = half(last);
  }
  return last === 0 && old === earlier.root && now === later.root;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
