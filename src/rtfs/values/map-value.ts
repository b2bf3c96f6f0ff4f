import type { MapKey, Value } from "./value.ts";

/**
 * An immutable map in insertion order. Everything goes through its methods, so a persistent structure
 * can take the place of the copies.
 *
 * Keys are keywords (by identity), strings and integers; a JS Map keeps those three apart and never
 * looks at a prototype.
 */
export class MapValue {
  static readonly EMPTY: MapValue = new MapValue(new Map());
  readonly #entries: ReadonlyMap<MapKey, Value>;

  /** Takes ownership of `entries`: the caller must not change it afterwards. */
  constructor(entries: ReadonlyMap<MapKey, Value>) {
    this.#entries = entries;
  }

  /** Later pairs win, at the place of the first. */
  static of(pairs: Iterable<readonly [MapKey, Value]>): MapValue {
    return new MapValue(new Map(pairs));
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: MapKey): boolean {
    return this.#entries.has(key);
  }

  /** Undefined: absent. A present nil is null. */
  get(key: MapKey): Value | undefined {
    return this.#entries.get(key);
  }

  /** A copy with `key` set; O(size). */
  assoc(key: MapKey, value: Value): MapValue {
    return new MapValue(new Map(this.#entries).set(key, value));
  }

  /** A copy without `key`; this same map when it is absent. */
  dissoc(key: MapKey): MapValue {
    if (!this.#entries.has(key)) return this;
    const copy = new Map(this.#entries);
    copy.delete(key);
    return new MapValue(copy);
  }

  entries(): MapIterator<[MapKey, Value]> {
    return this.#entries.entries();
  }

  keys(): MapIterator<MapKey> {
    return this.#entries.keys();
  }

  values(): MapIterator<Value> {
    return this.#entries.values();
  }
}
