/**
 * A persistent sequence: a tree of 32 children a level, and a tail of up to 32 items.
 *
 * Read in this order: get, push, set. `push` writes into the tail it shares with older versions,
 * behind their ends, where they never look; who finds that place taken copies the tail. So a chain
 * of pushes costs O(1) each, and no history of versions costs more than O(32 log n) for one change.
 *
 * @module
 */
const BITS = 5;
const WIDTH = 32;
const MASK = WIDTH - 1;
/** Items cut off at the left before their memory is freed. */
const TRIM_STEP = 1024;

/** A branch of branches, or a leaf of items; the level says which. */
type Branch = readonly unknown[];

export class Trie<T> {
  readonly length: number;
  /** Bits of an index that the root's children cover. */
  readonly #shift: number;
  readonly #root: Branch;
  /** May be longer than this version's part of it. */
  readonly #tail: T[];
  /** Index of the tail's first item, a multiple of 32. */
  readonly #tailStart: number;
  /** Items before it may be gone. */
  #trimmed = 0;

  private constructor(length: number, shift: number, root: Branch, tail: T[]) {
    this.length = length;
    this.#shift = shift;
    this.#root = root;
    this.#tail = tail;
    this.#tailStart = length === 0 ? 0 : ((length - 1) >>> BITS) << BITS;
  }

  /** A copy of `items` from `start` up to `end`. O(n). */
  static from<T>(items: readonly T[], start = 0, end: number = items.length): Trie<T> {
    const length = end - start;
    const tailStart = length === 0 ? 0 : ((length - 1) >>> BITS) << BITS;
    let level: Branch[] = [];
    for (let at = 0; at < tailStart; at += WIDTH) {
      level.push(items.slice(start + at, start + at + WIDTH));
    }
    let shift = BITS;
    while (level.length > WIDTH) {
      const above: Branch[] = [];
      for (let at = 0; at < level.length; at += WIDTH) above.push(level.slice(at, at + WIDTH));
      level = above;
      shift += BITS;
    }
    return new Trie(length, shift, level, items.slice(start + tailStart, end));
  }

  /** @param index - An integer from 0 up to `length`, unchecked. */
  get(index: number): T {
    if (index >= this.#tailStart) return this.#tail[index - this.#tailStart]!;
    let branch = this.#root;
    for (let level = this.#shift; level > 0; level -= BITS) {
      branch = branch[(index >>> level) & MASK] as Branch;
    }
    return branch[index & MASK] as T;
  }

  push(item: T): Trie<T> {
    const inTail = this.length - this.#tailStart;
    if (inTail < WIDTH) {
      const tail = this.#tail.length === inTail ? this.#tail : this.#tail.slice(0, inTail);
      tail.push(item);
      return this.#next(new Trie(this.length + 1, this.#shift, this.#root, tail));
    }
    const isFull = this.#tailStart === WIDTH << this.#shift;
    const root = isFull
      ? [this.#root, path(this.#shift, this.#tail)]
      : withLeaf(this.#root, this.#shift, this.#tailStart, this.#tail);
    const shift = isFull ? this.#shift + BITS : this.#shift;
    return this.#next(new Trie(this.length + 1, shift, root, [item]));
  }

  /** @param index - An integer from 0 up to `length`, unchecked. */
  set(index: number, item: T): Trie<T> {
    if (index >= this.#tailStart) {
      const tail = this.#tail.slice(0, this.length - this.#tailStart);
      tail[index - this.#tailStart] = item;
      return this.#next(new Trie(this.length, this.#shift, this.#root, tail));
    }
    const root = replaced(this.#root, this.#shift, index, item);
    return this.#next(new Trie(this.length, this.#shift, root, this.#tail));
  }

  #next(trie: Trie<T>): Trie<T> {
    trie.#trimmed = this.#trimmed;
    return trie;
  }

  /** As stores give themselves (sequence.ts). */
  get tree(): this {
    return this;
  }

  /** The items from `start` up to `end`, in a new array. */
  part(start: number, end: number): T[] {
    const items: T[] = [];
    const inLeaves = Math.min(end, this.#tailStart);
    for (let at = start; at < inLeaves; ) {
      const leaf = this.#leaf(at);
      const leafEnd = Math.min(inLeaves, (at | MASK) + 1);
      for (; at < leafEnd; at++) items.push(leaf[at & MASK]!);
    }
    for (let at = Math.max(start, this.#tailStart); at < end; at++) {
      items.push(this.#tail[at - this.#tailStart]!);
    }
    return items;
  }

  /**
   * Without most of the memory of the items before `start`, which must not be asked for again.
   * Indexes stay. Does nothing while there is little to free.
   */
  trimmed(start: number): Trie<T> {
    if (start - this.#trimmed < TRIM_STEP) return this;
    const root = start >= this.#tailStart ? [] : withoutLeft(this.#root, this.#shift, start);
    const trie = new Trie(this.length, this.#shift, root, this.#tail);
    trie.#trimmed = start;
    return trie;
  }

  #leaf(index: number): readonly T[] {
    let branch = this.#root;
    for (let level = this.#shift; level > 0; level -= BITS) {
      branch = branch[(index >>> level) & MASK] as Branch;
    }
    return branch as readonly T[];
  }
}

function path(shift: number, leaf: Branch): Branch {
  return shift === 0 ? leaf : [path(shift - BITS, leaf)];
}

function withLeaf(branch: Branch, shift: number, index: number, leaf: Branch): Branch {
  if (shift === 0) return leaf;
  const copy = branch.slice();
  const at = (index >>> shift) & MASK;
  const below = branch[at] as Branch | undefined;
  copy[at] =
    below === undefined ? path(shift - BITS, leaf) : withLeaf(below, shift - BITS, index, leaf);
  return copy;
}

function replaced(branch: Branch, shift: number, index: number, item: unknown): Branch {
  const copy = branch.slice();
  copy[(index >>> shift) & MASK] =
    shift === 0
      ? item
      : replaced(branch[(index >>> shift) & MASK] as Branch, shift - BITS, index, item);
  return copy;
}

/** Without the children that hold only indexes before `index`. */
function withoutLeft(branch: Branch, shift: number, index: number): Branch {
  const at = (index >>> shift) & MASK;
  const copy = branch.map((child, place) => (place < at ? undefined : child));
  if (shift > BITS) copy[at] = withoutLeft(copy[at] as Branch, shift - BITS, index);
  return copy;
}
