/**
 * A persistent index from keys to slots: an AA tree. It only grows; O(log n) whatever the keys are,
 * so no choice of keys is an attack, as it would be on a hash.
 *
 * @module
 */
export interface IndexTree<K> {
  readonly key: K;
  readonly slot: number;
  /** Like the rank of a red-black tree: 1 for a leaf. */
  readonly level: number;
  readonly left: IndexTree<K> | null;
  readonly right: IndexTree<K> | null;
}

/** Negative, 0 or positive; a total order. */
export type KeyOrder<K> = (a: K, b: K) => number;

/** The slot of `key`; -1: none. */
export function findSlot<K>(tree: IndexTree<K> | null, key: K, order: KeyOrder<K>): number {
  let at = tree;
  while (at !== null) {
    if (at.key === key) return at.slot;
    at = order(key, at.key) < 0 ? at.left : at.right;
  }
  return -1;
}

/** With `key` at `slot`, also where it stood at another one. */
export function withSlot<K>(
  tree: IndexTree<K> | null,
  key: K,
  slot: number,
  order: KeyOrder<K>,
): IndexTree<K> {
  if (tree === null) return { key, slot, level: 1, left: null, right: null };
  if (tree.key === key) return { ...tree, slot };
  const isLeft = order(key, tree.key) < 0;
  const grown = isLeft
    ? { ...tree, left: withSlot(tree.left, key, slot, order) }
    : { ...tree, right: withSlot(tree.right, key, slot, order) };
  return split(skew(grown));
}

/** No left child of the same level. */
function skew<K>(tree: IndexTree<K>): IndexTree<K> {
  const { left } = tree;
  if (left === null || left.level !== tree.level) return tree;
  return { ...left, right: { ...tree, left: left.right } };
}

/** No two right children of the same level in a row. */
function split<K>(tree: IndexTree<K>): IndexTree<K> {
  const { right } = tree;
  if (right === null || right.right === null || right.right.level !== tree.level) return tree;
  return { ...right, level: right.level + 1, left: { ...tree, right: right.left } };
}
