/**
 * What vectors and lists share: an immutable sequence that is cheap to read, to grow at its end, to
 * cut, and to change in one place.
 *
 * Read in this order: Sequence.at, items, conj, slice. A sequence built at once *is* its array. Else
 * it is a window of a store, which all windows of the same items share: an array, of which it makes a trie when one of them first
 * grows, or the trie of what grew or changed item by item. So no history of versions and windows
 * repeats a copy. Arrays are never written once a sequence has them.
 *
 * @module
 */
import { Trie } from "./trie.ts";

/** Up to here a copy is cheaper than a tree. */
const FLAT_MAX = 32;

/** What windows share. */
export interface Store<T> {
  readonly length: number;
  get(index: number): T;
  /** The items from `start` up to `end`; not to be changed. */
  part(start: number, end: number): readonly T[];
  readonly tree: Trie<T>;
}

class Flat<T> implements Store<T> {
  readonly #items: readonly T[];
  #tree: Trie<T> | null = null;

  constructor(items: readonly T[]) {
    this.#items = items;
  }

  get length(): number {
    return this.#items.length;
  }

  get(index: number): T {
    return this.#items[index]!;
  }

  part(start: number, end: number): readonly T[] {
    return this.#items.slice(start, end);
  }

  get tree(): Trie<T> {
    this.#tree ??= Trie.from(this.#items);
    return this.#tree;
  }
}

export abstract class Sequence<T> {
  readonly length: number;
  /** Exactly the items; null until somebody asks for them. */
  #items: readonly T[] | null;
  /** Has the items from `start` on; null until it is needed. One of the two is always there. */
  #store: Store<T> | null;
  readonly #start: number;

  /** Takes ownership of an array: the caller must not change it afterwards. */
  constructor(source: readonly T[] | Store<T>, start = 0, length: number = source.length) {
    const isArray = Array.isArray(source);
    this.length = length;
    this.#items = isArray ? (source as readonly T[]) : null;
    this.#store = isArray ? null : (source as Store<T>);
    this.#start = start;
  }

  /** A sequence of the same class. */
  protected abstract make(source: readonly T[] | Store<T>, start?: number, length?: number): this;

  /** The item at an index, in O(1); undefined outside. */
  at(index: number): T | undefined {
    const items = this.#items;
    if (items !== null) return items[index];
    if (!(index >= 0 && index < this.length)) return undefined;
    return this.#store!.get(this.#start + index);
  }

  /**
   * All items as one array. O(1) for what was built at once; else made when it is first asked for,
   * O(n), and kept. To read one item use {@link Sequence.at}.
   */
  get items(): readonly T[] {
    this.#items ??= this.#store!.part(this.#start, this.#start + this.length);
    return this.#items;
  }

  #tree(): Trie<T> {
    this.#store ??= new Flat(this.#items!);
    return this.#store.tree.trimmed(this.#start);
  }

  /** With one more item at the end. O(log n) at worst, O(1) in a chain. */
  conj(item: T): this {
    if (this.length < FLAT_MAX) {
      const copy = this.items.slice();
      copy.push(item);
      return this.make(copy);
    }
    const tree = this.#tree();
    const end = this.#start + this.length;
    const grown = end === tree.length ? tree.push(item) : tree.set(end, item);
    return this.make(grown, this.#start, this.length + 1);
  }

  /** With more items at the end: O(log n) for each, or one copy when they are many. */
  concat(added: readonly T[]): this {
    if (added.length === 1) return this.conj(added[0]!);
    if (added.length === 0) return this;
    if (added.length * 4 >= this.length) return this.make(this.items.concat(added));
    let grown = this.conj(added[0]!);
    for (let at = 1; at < added.length; at++) grown = grown.conj(added[at]!);
    return grown;
  }

  /** With the item at `index`, which must be inside, replaced. O(log n). */
  with(index: number, item: T): this {
    if (this.length <= FLAT_MAX) return this.make(this.items.with(index, item));
    return this.make(this.#tree().set(this.#start + index, item), this.#start, this.length);
  }

  /** The part from `start` up to `end`, both inside. O(1); a long part keeps the whole in memory. */
  slice(start: number, end: number = this.length): this {
    if (end - start === this.length) return this;
    if (end - start <= FLAT_MAX) return this.make(this.#part(start, end));
    this.#store ??= new Flat(this.#items!);
    return this.make(this.#store, this.#start + start, end - start);
  }

  /** What a sequence of another class needs to be made of the same items. */
  protected static shared<T>(of: Sequence<T>): readonly [readonly T[] | Store<T>, number, number] {
    return of.#items === null ? [of.#store!, of.#start, of.length] : [of.#items, 0, of.length];
  }

  #part(start: number, end: number): readonly T[] {
    const items = this.#items;
    return items === null
      ? this.#store!.part(this.#start + start, this.#start + end)
      : items.slice(start, end);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }
}
