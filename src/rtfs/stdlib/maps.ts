/**
 * Maps and paths into nested collections.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import { checkSize } from "../values/limits.ts";
import { errorField, RtfsError, typeError } from "../values/rtfs-error.ts";
import { ErrorValue, Keyword, type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import {
  type Entry,
  entry,
  itemsArgument,
  keyArgument,
  mapArgument,
  MANY,
  sequenceArgument,
} from "./entry.ts";
import { associate, lookUp } from "./places.ts";

function hashMap(args: readonly Value[], machine: BuiltinMachine): MapValue {
  if (args.length % 2 === 1) throw unpaired("hash-map");
  machine.spend(args.length);
  const entries = new Map<MapKey, Value>();
  for (let at = 0; at < args.length; at += 2) {
    entries.set(keyArgument(args[at], "hash-map"), args[at + 1]!);
  }
  return new MapValue(entries);
}

function unpaired(operation: string): RtfsError {
  return new RtfsError("ArityMismatch", `${operation}: the last key has no value`, {
    function: operation,
  });
}

function assoc(args: readonly Value[], machine: BuiltinMachine): Value {
  if (args.length % 2 === 0) throw unpaired("assoc");
  let container: Value = args[0]!;
  for (let at = 1; at < args.length; at += 2) {
    container = associate(container, [args[at]!, args[at + 1]!], "assoc", machine);
  }
  return container;
}

function dissoc([first, ...keys]: readonly Value[], machine: BuiltinMachine): MapValue {
  let map = mapArgument(first, "dissoc");
  for (const key of keys) {
    machine.spend(1 + map.changeCost);
    map = map.dissoc(keyArgument(key, "dissoc"));
  }
  return map;
}

function merge(args: readonly Value[], machine: BuiltinMachine): MapValue {
  let merged = args.length === 0 ? MapValue.EMPTY : mapArgument(args[0], "merge");
  for (const each of args.slice(1)) {
    const map = mapArgument(each, "merge");
    machine.spend(map.size);
    checkSize(merged.size + map.size, "merge");
    merged = merged.size < map.size ? rebuilt(merged, map, machine) : added(merged, map, machine);
  }
  return merged;
}

function added(left: MapValue, right: MapValue, machine: BuiltinMachine): MapValue {
  if (right.size === 0) return left;
  machine.spend(left.changeCost);
  let merged = left;
  right.forEach((value, key) => {
    merged = merged.assoc(key, value);
  });
  return merged;
}

function rebuilt(left: MapValue, right: MapValue, machine: BuiltinMachine): MapValue {
  if (left.size === 0) return right;
  machine.spend(left.size);
  const entries = new Map<MapKey, Value>(left.entries());
  right.forEach((value, key) => entries.set(key, value));
  return new MapValue(entries);
}

function selectKeys([first, keys]: readonly Value[], machine: BuiltinMachine): MapValue {
  const map = mapArgument(first, "select-keys");
  const entries = new Map<MapKey, Value>();
  for (const each of itemsArgument(keys, "select-keys", machine)) {
    const key = keyArgument(each, "select-keys");
    const value = map.get(key);
    if (value !== undefined) entries.set(key, value);
  }
  return new MapValue(entries);
}

function renameKeys([first, names]: readonly Value[], machine: BuiltinMachine): MapValue {
  const map = mapArgument(first, "rename-keys");
  const renaming = mapArgument(names, "rename-keys");
  machine.spend(map.size + renaming.size);
  const entries = new Map<MapKey, Value>();
  map.forEach((value, key) => {
    if (renaming.get(key) === undefined) entries.set(key, value);
  });
  renaming.forEach((name, key) => {
    const value = map.get(key);
    if (value !== undefined) entries.set(keyArgument(name, "rename-keys"), value);
  });
  return new MapValue(entries);
}

function zipmap([keys, values]: readonly Value[], machine: BuiltinMachine): MapValue {
  const all = itemsArgument(keys, "zipmap", machine);
  const others = itemsArgument(values, "zipmap", machine);
  const entries = new Map<MapKey, Value>();
  for (let at = 0; at < Math.min(all.length, others.length); at++) {
    entries.set(keyArgument(all[at], "zipmap"), others[at]!);
  }
  return new MapValue(entries);
}

function find([first, each]: readonly Value[]): Value {
  const key = keyArgument(each, "find");
  const value = mapArgument(first, "find").get(key);
  return value === undefined ? null : new Vector([key, value]);
}

function get([container, key, absent]: readonly Value[]): Value {
  const isField = container instanceof ErrorValue && key instanceof Keyword;
  const found = isField ? errorField(container, key.name) : lookUp(container!, key!, "get");
  return found === undefined ? (absent ?? null) : found;
}

/** `key` or `val` of a [key value] pair. */
function half(name: string, place: 0 | 1, example: string): Entry {
  const words = {
    type: "[key value] → any",
    doc: `The ${place === 0 ? "first" : "second"} of a pair, as \`find\` and \`into\` make them`,
    example,
    errors: "TypeError",
  };
  return entry(name, 1, words, ([pair]) => {
    const sequence = sequenceArgument(pair, name);
    if (sequence.length === 2) return sequence.at(place)!;
    throw typeError("a [key value] pair", `${kindOf(pair!)} of ${sequence.length}`, name);
  });
}

const READING: readonly Entry[] = [
  entry(
    "get",
    [2, 3],
    {
      type: "map key default? → any, or vector int default? → any, or nil key default? → any",
      doc: "The value at a key or an index; where there is none the default or nil. Of one key: the host's context",
      example:
        "[(get {:a nil} :a 1) (get {} :a 1) (get [5] 0) (get [5] -1 :no) (get nil :a)] ;; => [nil 1 5 :no nil]",
      errors: "TypeError",
    },
    get,
  ),
  entry(
    "find",
    2,
    {
      type: "map key → [key value] or nil",
      doc: "The entry of a key",
      example: "[(find {:a nil} :a) (find {} :a)] ;; => [[:a nil] nil]",
      errors: "TypeError",
    },
    find,
  ),
  half("key", 0, "(key (find {:a 1} :a)) ;; => :a"),
  half("val", 1, "(val (find {:a 1} :a)) ;; => 1"),
  entry(
    "keys",
    1,
    {
      type: "map → vector",
      doc: "The keys, in insertion order",
      example: '(keys {:z 1 "a" 2 3 4}) ;; => [:z "a" 3]',
      errors: "TypeError",
    },
    ([map], machine) => {
      const value = mapArgument(map, "keys");
      machine.spend(value.size);
      return new Vector(value.keyList());
    },
  ),
  entry(
    "vals",
    1,
    {
      type: "map → vector",
      doc: "The values, in the order of the keys",
      example: "(vals {:a 1 :b nil}) ;; => [1 nil]",
      errors: "TypeError",
    },
    ([map], machine) => {
      const value = mapArgument(map, "vals");
      machine.spend(value.size);
      return new Vector(value.valueList());
    },
  ),
];

const MAKING: readonly Entry[] = [
  entry(
    "hash-map",
    [0, MANY],
    {
      type: "key any… → map",
      doc: "A map of keys and values in turn; a later value wins, at the place of the first",
      example: "[(hash-map) (hash-map :a 1 :b 2 :a 3)] ;; => [{} {:a 3 :b 2}]",
      errors: "TypeError",
    },
    hashMap,
  ),
  entry(
    "zipmap",
    2,
    {
      type: "seq seq → map",
      doc: "A map of keys and values side by side, as long as the shorter",
      example: "(zipmap [:a :b :c] [1 2]) ;; => {:a 1 :b 2}",
      errors: "TypeError",
    },
    zipmap,
  ),
  entry(
    "assoc",
    [3, MANY],
    {
      type: "map key any… → map, or vector int any… → vector",
      doc: "With values set at keys or at indexes that exist",
      example: "[(assoc {:a 1 :b 2} :a 3 :c 4) (assoc [1 2] 1 :x)] ;; => [{:a 3 :b 2 :c 4} [1 :x]]",
      errors: "TypeError IndexOutOfBounds",
    },
    assoc,
  ),
  entry(
    "dissoc",
    [2, MANY],
    {
      type: "map key key… → map",
      doc: "Without keys; absent ones do not matter",
      example: "(dissoc {:a 1 :b 2} :a :c) ;; => {:b 2}",
      errors: "TypeError",
    },
    dissoc,
  ),
  entry(
    "merge",
    [0, MANY],
    {
      type: "map… → map",
      doc: "All entries in one map; later maps win",
      example: "[(merge) (merge {:a 1 :b 2} {:b 3} {:c 4})] ;; => [{} {:a 1 :b 3 :c 4}]",
      errors: "TypeError",
    },
    merge,
  ),
  entry(
    "select-keys",
    2,
    {
      type: "map seq → map",
      doc: "Only these keys, in their order",
      example: "(select-keys {:a 1 :b 2} [:b :x]) ;; => {:b 2}",
      errors: "TypeError",
    },
    selectKeys,
  ),
  entry(
    "rename-keys",
    2,
    {
      type: "map map → map",
      doc: "Keys replaced by the values that a second map has for them; renamed keys come last",
      example: "(rename-keys {:a 1 :b 2} {:a :x :no :y}) ;; => {:b 2 :x 1}",
      errors: "TypeError",
    },
    renameKeys,
  ),
];

export const MAPS: readonly Entry[] = [...READING, ...MAKING];
