/**
 * A persistent map in insertion order: a key that is set again keeps its place, a key that was
 * removed and set again comes last.
 *
 * Read in this order: get, assoc, Slots, slotOf. Three forms stand for the same entries.
 *
 * - *Record*, up to 16 entries: an array of keys and an array of values. Versions share the keys,
 *   also with versions that have more of them behind their own.
 * - *Table*, larger and made at once: a JS Map.
 * - *Slots*: one slot a key, in order of insertion: a trie of values, which each version has for
 *   itself, and an index from key to slot. Versions share the index and it only grows: a version
 *   does not look behind its own end. Where another version already went on, a version keeps its
 *   further keys in a persistent tree.
 *
 * Setting and looking up are O(log n) in any history of versions, and O(1) in a chain. Removing
 * empties a slot; when they are more than the entries, the next change copies the others, and
 * `changeCost` says so before: who lets programs choose histories makes them pay for it.
 *
 * @module
 */
import { findSlot, type IndexTree, type KeyOrder, withSlot } from "./index-tree.ts";
import { Trie } from "./trie.ts";

/** Up to here a walk along the keys is as fast as a hash. */
const RECORD_MAX = 16;

/** An index that versions share. */
interface Trunk<K> {
  readonly slotOf: Map<K, number>;
  /** The key of each slot. */
  readonly keys: K[];
}

/** Keys that only some versions have, from slot `base` on. */
interface Branch<K> {
  readonly base: number;
  readonly tree: IndexTree<K>;
  readonly keys: Trie<K>;
}

class Slots<K, V> {
  readonly trunk: Trunk<K>;
  /** Null: all keys are in the trunk. */
  readonly branch: Branch<K> | null;
  /** `undefined` in a slot: its key was removed. */
  readonly values: Trie<V | undefined>;

  constructor(trunk: Trunk<K>, branch: Branch<K> | null, values: Trie<V | undefined>) {
    this.trunk = trunk;
    this.branch = branch;
    this.values = values;
  }

  static of<K, V>(keys: K[], values: readonly V[]): Slots<K, V> {
    const slotOf = new Map<K, number>();
    for (let slot = 0; slot < keys.length; slot++) slotOf.set(keys[slot]!, slot);
    return new Slots({ slotOf, keys }, null, Trie.from(values));
  }

  /** The slot of `key`, perhaps emptied; -1: none. */
  slotOf(key: K, order: KeyOrder<K>): number {
    const { branch } = this;
    if (branch !== null) {
      const slot = findSlot(branch.tree, key, order);
      if (slot >= 0) return slot;
    }
    const slot = this.trunk.slotOf.get(key);
    const end = branch === null ? this.values.length : branch.base;
    return slot !== undefined && slot < end ? slot : -1;
  }

  with(slot: number, value: V | undefined): Slots<K, V> {
    return new Slots(this.trunk, this.branch, this.values.set(slot, value));
  }

  /** With a key that has no slot in use. */
  pushed(key: K, value: V, order: KeyOrder<K>): Slots<K, V> {
    const { trunk, branch } = this;
    const end = this.values.length;
    const values = this.values.push(value);
    if (branch === null && isAppended(trunk, end, key)) return new Slots(trunk, null, values);
    const base = branch?.base ?? end;
    const tree = withSlot(branch?.tree ?? null, key, end, order);
    const keys = (branch?.keys ?? Trie.from<K>([])).push(key);
    return new Slots(trunk, { base, tree, keys }, values);
  }

  /** Keys and values in order, without emptied slots. */
  arrays(): Arrays<K, V> {
    const { trunk, branch } = this;
    const all = this.values.part(0, this.values.length);
    const branchKeys = branch === null ? [] : branch.keys.part(0, branch.keys.length);
    const base = branch?.base ?? all.length;
    const keys: K[] = [];
    const values: V[] = [];
    for (let slot = 0; slot < all.length; slot++) {
      const value = all[slot];
      if (value === undefined) continue;
      keys.push(slot < base ? trunk.keys[slot]! : branchKeys[slot - base]!);
      values.push(value);
    }
    return { keys, values };
  }
}

/** Whether `key` has the trunk's slot `end`, which is now taken if it was free. */
function isAppended<K>(trunk: Trunk<K>, end: number, key: K): boolean {
  if (end < trunk.keys.length) return trunk.keys[end] === key && trunk.slotOf.get(key) === end;
  if (trunk.slotOf.has(key)) return false;
  trunk.slotOf.set(key, end);
  trunk.keys.push(key);
  return true;
}

/** Not to be changed; there may be more keys than values. */
interface Arrays<K, V> {
  readonly keys: readonly K[];
  readonly values: readonly V[];
}

/** The values of a record, or a large form. */
export type MapBody<K, V> = readonly V[] | ReadonlyMap<K, V> | Slots<K, V>;

export abstract class OrderedMap<K, V> {
  readonly size: number;
  /** Of a record; perhaps with more behind its own. Null: the map is large. */
  readonly #keys: K[] | null;
  #body: MapBody<K, V>;

  /**
   * Takes ownership: nothing given may be changed afterwards. `keys` stand for an array of values,
   * as many or more.
   */
  constructor(body: MapBody<K, V>, keys: K[] | null, size: number) {
    if (keys === null && size <= RECORD_MAX && body instanceof Map) {
      this.#keys = [...(body as Map<K, V>).keys()];
      this.#body = [...(body as Map<K, V>).values()];
    } else {
      this.#keys = keys;
      this.#body = body;
    }
    this.size = size;
  }

  /** A map of the same class. */
  protected abstract make(body: MapBody<K, V>, keys: K[] | null, size: number): this;

  /** A total order of keys that differ. */
  protected abstract order(this: void, a: K, b: K): number;

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** Undefined: absent. A present nil is null. */
  get(key: K): V | undefined {
    const keys = this.#keys;
    if (keys === null) return this.#getLarge(key);
    const { size } = this;
    for (let at = 0; at < size; at++) {
      if (keys[at] === key) return (this.#body as readonly V[])[at];
    }
    return undefined;
  }

  #getLarge(key: K): V | undefined {
    const body = this.#body;
    if (body instanceof Map) return (body as ReadonlyMap<K, V>).get(key);
    const slots = body as Slots<K, V>;
    const slot = slots.slotOf(key, this.order);
    return slot < 0 ? undefined : slots.values.get(slot);
  }

  /** With `key` set. */
  assoc(key: K, value: V): this {
    const keys = this.#keys;
    if (keys === null) return this.#assocLarge(this.#slots(), key, value);
    const { size } = this;
    const old = this.#body as readonly V[];
    for (let at = 0; at < size; at++) {
      if (keys[at] !== key) continue;
      const values = copied(old);
      values[at] = value;
      return this.make(values, keys, size);
    }
    if (size === RECORD_MAX) return this.#assocLarge(this.#slots(), key, value);
    const values = old.slice();
    values.push(value);
    return this.make(values, keysWith(keys, size, key), size + 1);
  }

  #assocLarge(slots: Slots<K, V>, key: K, value: V): this {
    const slot = slots.slotOf(key, this.order);
    if (slot >= 0 && slots.values.get(slot) !== undefined) {
      return this.make(slots.with(slot, value), null, this.size);
    }
    return this.make(slots.pushed(key, value, this.order), null, this.size + 1);
  }

  /** Without `key`; this same map when it is absent. */
  dissoc(key: K): this {
    const keys = this.#keys;
    if (keys === null) return this.#dissocLarge(this.#slots(), key);
    const at = keys.indexOf(key);
    if (at < 0 || at >= this.size) return this;
    const left = keys.slice(0, this.size);
    left.splice(at, 1);
    return this.make((this.#body as readonly V[]).toSpliced(at, 1), left, this.size - 1);
  }

  #dissocLarge(slots: Slots<K, V>, key: K): this {
    const slot = slots.slotOf(key, this.order);
    if (slot < 0 || slots.values.get(slot) === undefined) return this;
    const left = slots.with(slot, undefined);
    if (this.size > RECORD_MAX / 2) return this.make(left, null, this.size - 1);
    const { keys, values } = left.arrays();
    return this.make(values, keys as K[], values.length);
  }

  /**
   * Entries that the next change will copy because most slots are empty; else 0. Depends only on how
   * the map came to be, so what a program pays for it does not depend on who runs it.
   */
  get changeCost(): number {
    const isEmptied = this.#body instanceof Slots && !this.#isTidy();
    return isEmptied ? this.size : 0;
  }

  #isTidy(): boolean {
    const body = this.#body;
    return body instanceof Slots && body.values.length <= 2 * this.size + RECORD_MAX;
  }

  /** This version as slots, at least half of them in use. */
  #slots(): Slots<K, V> {
    if (this.#isTidy()) return this.#body as Slots<K, V>;
    const { keys, values } = this.#arrays();
    const slots = Slots.of(keys.slice(0, this.size), values);
    if (this.#keys === null) this.#body = slots;
    return slots;
  }

  #arrays(): Arrays<K, V> {
    const body = this.#body;
    if (this.#keys !== null) return { keys: this.#keys, values: body as readonly V[] };
    if (body instanceof Slots) return (body as Slots<K, V>).arrays();
    const table = body as ReadonlyMap<K, V>;
    return { keys: [...table.keys()], values: [...table.values()] };
  }

  /** Calls `visit` for each entry in order; other versions may be made meanwhile. */
  forEach(visit: (value: V, key: K) => void): void {
    const { keys, values } = this.#arrays();
    for (let at = 0; at < values.length; at++) visit(values[at]!, keys[at]!);
  }

  entries(): ArrayIterator<[K, V]> {
    const { keys, values } = this.#arrays();
    return values.map((value, at): [K, V] => [keys[at]!, value]).values();
  }

  /** Keys in order, in an array of the caller's own. */
  keyList(): K[] {
    return this.#arrays().keys.slice(0, this.size);
  }

  /** Values in order, in an array of the caller's own. */
  valueList(): V[] {
    return this.#arrays().values.slice();
  }

  keys(): ArrayIterator<K> {
    return this.keyList().values();
  }

  values(): ArrayIterator<V> {
    return this.valueList().values();
  }
}

/** A copy; of a few values spelled out, which is faster than `slice`. */
function copied<V>(v: readonly V[]): V[] {
  switch (v.length) {
    case 2:
      return [v[0]!, v[1]!];
    case 3:
      return [v[0]!, v[1]!, v[2]!];
    case 4:
      return [v[0]!, v[1]!, v[2]!, v[3]!];
    case 5:
      return [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!];
    case 6:
      return [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!];
    case 7:
      return [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!, v[6]!];
    case 8:
      return [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!, v[6]!, v[7]!];
    default:
      return v.slice();
  }
}

/** Keys of a record with one more; the same array where it goes on that way, or ends there. */
function keysWith<K>(keys: K[], size: number, key: K): K[] {
  if (keys.length === size) {
    keys.push(key);
    return keys;
  }
  if (keys[size] === key) return keys;
  const own = keys.slice(0, size);
  own.push(key);
  return own;
}
