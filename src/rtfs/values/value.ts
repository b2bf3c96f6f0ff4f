/**
 * The values of the language.
 *
 * Plain JS stands for nil (null), booleans, strings and most numbers; everything else is a class of
 * its own, so no host object and no prototype chain is ever reachable from a program. Numbers: an
 * integer is a JS number while it is safe and not -0, a BigInt beyond (numbers.ts keeps that normal
 * form); a float is a JS number when it is not integral, else a `WholeFloat`. Values never change
 * after construction.
 *
 * @module
 */
import { type MapBody, OrderedMap } from "./ordered-map.ts";
import { Sequence, type Store } from "./sequence.ts";

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Keyword
  | Sym
  | Vector
  | List
  | MapValue
  | WholeFloat
  | FunctionValue
  | ErrorValue
  | Timestamp
  | Uuid
  | ResourceHandle;

/** Map keys; keys of different kinds never collide. */
export type MapKey = Keyword | string | number | bigint;

/** The names used most lately, held: a weak reference costs more to follow than a map. */
const held = new Map<string, Keyword>();
const HELD_MAX = 1024;
const keywords = new Map<string, WeakRef<Keyword>>();
const forgotten = new FinalizationRegistry<string>((name) => {
  if (keywords.get(name)?.deref() === undefined) keywords.delete(name);
});

/** Interned: two keywords of one name are the same object. Build with {@link keyword}. */
export class Keyword {
  /** Without the colon. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * The keyword called `name`. Names nobody holds any more are forgotten: they may come from a guest.
 */
export function keyword(name: string): Keyword {
  const known = knownKeyword(name);
  if (known !== undefined) return known;
  const fresh = new Keyword(name);
  keywords.set(name, new WeakRef(fresh));
  forgotten.register(fresh, name);
  hold(fresh);
  return fresh;
}

/** The keyword called `name` if somebody holds it: then the name is known to be one. */
export function knownKeyword(name: string): Keyword | undefined {
  const near = held.get(name);
  if (near !== undefined) return near;
  const known = keywords.get(name)?.deref();
  if (known !== undefined) hold(known);
  return known;
}

function hold(key: Keyword): void {
  if (held.size >= HELD_MAX) held.clear();
  held.set(key.name, key);
}

/** A quoted symbol. Compared by name. */
export class Sym {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export class Vector extends Sequence<Value> {
  protected override make(
    source: readonly Value[] | Store<Value>,
    start = 0,
    length?: number,
  ): this {
    return new Vector(source, start, length) as this;
  }
}

/** From quoting, `()` and rest parameters. Equal to a vector of equal items. */
export class List extends Sequence<Value> {
  /** All but the first `count` items, in O(1). */
  static rest(of: Vector | List, count: number): List {
    return new List(...Sequence.shared(of.slice(Math.min(count, of.length))));
  }

  protected override make(
    source: readonly Value[] | Store<Value>,
    start = 0,
    length?: number,
  ): this {
    return new List(source, start, length) as this;
  }
}

/**
 * An immutable map in insertion order.
 *
 * Keys are keywords (by identity), strings and integers, compared by `===`, which keeps the three
 * apart and never looks at a prototype.
 */
export class MapValue extends OrderedMap<MapKey, Value> {
  static readonly EMPTY: MapValue = new MapValue(new Map());

  /** Takes ownership of `entries`: the caller must not change it afterwards. */
  constructor(entries: MapBody<MapKey, Value>, keys: MapKey[] | null = null, size?: number) {
    super(entries, keys, size ?? (entries as ReadonlyMap<MapKey, Value>).size);
  }

  /** Later pairs win, at the place of the first. */
  static of(pairs: Iterable<readonly [MapKey, Value]>): MapValue {
    return new MapValue(new Map(pairs));
  }

  /**
   * A small map of keys that differ, with as many values; takes ownership of both. Many maps may be
   * given the same `keys`: further keys are then written behind those.
   *
   * @param keys - At most 16.
   */
  static record(keys: MapKey[], values: readonly Value[]): MapValue {
    return new MapValue(values, keys, values.length);
  }

  protected override make(body: MapBody<MapKey, Value>, keys: MapKey[] | null, size: number): this {
    return new MapValue(body, keys, size) as this;
  }

  protected override order(this: void, a: MapKey, b: MapKey): number {
    return orderOfKeys(a, b);
  }
}

/** Kinds first; an order of its own, that no program sees. */
function orderOfKeys(a: MapKey, b: MapKey): number {
  const rank = rankOfKey(a) - rankOfKey(b);
  if (rank !== 0) return rank;
  const x = a instanceof Keyword ? a.name : a;
  const y = b instanceof Keyword ? b.name : b;
  return x < y ? -1 : Number(x > y);
}

function rankOfKey(key: MapKey): number {
  if (typeof key === "string") return 0;
  return key instanceof Keyword ? 1 : 2;
}

/** An integer-valued float: 1.0, -0.0, 1e300. */
export class WholeFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** `2026-01-31T10:00:00Z`, kept as written. */
export class Timestamp {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** 8-4-4-4-12 hex digits, kept as written. */
export class Uuid {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `resource://…`, kept as written. */
export class ResourceHandle {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Anything a program can call. Closures and builtins extend it; opaque outside a run. */
export class FunctionValue {
  /** Empty for an anonymous function. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** An error as data: what `catch` binds. Not raised by itself. */
export class ErrorValue {
  /** A kind of rtfs-error.ts, e.g. `TypeError`. */
  readonly kind: string;
  readonly message: string;
  /** Kind-specific fields under keywords; never holds `:type` unless the program put it there. */
  readonly payload: MapValue;

  constructor(kind: string, message: string, payload: MapValue) {
    this.kind = kind;
    this.message = message;
    this.payload = payload;
  }
}

/** Only nil and false are false. */
export function isTruthy(value: Value): boolean {
  return value !== false && value !== null;
}
