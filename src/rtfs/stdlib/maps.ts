/**
 * Maps and paths into nested collections. A copy costs fuel by its size.
 *
 * @module
 */
import type { Machine } from "../eval/machine.ts";
import { checkSize } from "../eval/limits.ts";
import { kindOf } from "../values/kind-of.ts";
import { errorField, RtfsError, typeError } from "../values/rtfs-error.ts";
import { ErrorValue, Keyword, type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import {
  callingEntry,
  type Entry,
  entry,
  indexArgument,
  itemsArgument,
  keyArgument,
  mapArgument,
  MANY,
  outOfBounds,
} from "./entry.ts";

function hashMap(args: readonly Value[], machine: Machine): MapValue {
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

/** Undefined: absent. */
function lookUp(container: Value, key: Value, operation: string): Value | undefined {
  if (container instanceof MapValue) return container.get(keyArgument(key, operation));
  if (container instanceof Vector) return container.items[indexArgument(key, operation)];
  if (container instanceof ErrorValue && key instanceof Keyword)
    return errorField(container, key.name);
  if (container === null) return undefined;
  throw typeError("a map or a vector", kindOf(container), operation);
}

function getIn([start, path, absent]: readonly Value[], machine: Machine): Value {
  const keys = itemsArgument(path, "get-in");
  machine.spend(keys.length);
  let at: Value | undefined = start!;
  for (const key of keys) {
    at = at instanceof MapValue || at instanceof Vector ? step(at, key) : undefined;
    if (at === undefined) return absent ?? null;
  }
  return at;
}

/** One step of a path; a key of the wrong kind is a miss. */
function step(container: MapValue | Vector, key: Value): Value | undefined {
  if (container instanceof Vector)
    return typeof key === "number" ? container.items[key] : undefined;
  return container.get(key as MapKey);
}

function associate(container: Value, key: Value, value: Value, machine: Machine): Value {
  if (container === null || container instanceof MapValue) {
    const map = container ?? MapValue.EMPTY;
    machine.spend(1 + (map.size >>> 2));
    checkSize(map.size, "assoc");
    return map.assoc(keyArgument(key, "assoc"), value);
  }
  if (!(container instanceof Vector))
    throw typeError("a map or a vector", kindOf(container), "assoc");
  const index = indexArgument(key, "assoc");
  const { length } = container.items;
  if (index < 0 || index >= length) throw outOfBounds("assoc", index, length);
  machine.spend(1 + (length >>> 3));
  return new Vector(container.items.with(index, value));
}

function assoc(args: readonly Value[], machine: Machine): Value {
  if (args.length % 2 === 0) throw unpaired("assoc");
  let container: Value = args[0]!;
  if (container === null) throw typeError("a map or a vector", "nil", "assoc");
  for (let at = 1; at < args.length; at += 2) {
    container = associate(container, args[at]!, args[at + 1]!, machine);
  }
  return container;
}

/** Change the value at a path; maps are made where the path leads nowhere. */
function changeIn(
  start: Value,
  keys: readonly Value[],
  change: (old: Value) => Value,
  machine: Machine,
): Value {
  if (keys.length === 0) return change(start);
  const containers: Value[] = [start];
  for (const key of keys.slice(0, -1)) {
    const below = lookUp(containers.at(-1)!, key, "assoc-in");
    containers.push(below ?? null);
  }
  const last = keys.length - 1;
  let value = change(lookUp(containers[last]!, keys[last]!, "assoc-in") ?? null);
  for (let level = last; level >= 0; level--) {
    value = associate(containers[level]!, keys[level]!, value, machine);
  }
  return value;
}

function pathArgument(value: Value | undefined, operation: string): readonly Value[] {
  const keys = itemsArgument(value, operation);
  if (keys.length > 256)
    throw new RtfsError("LimitExceeded", `${operation}: a path is over 256 keys`);
  return keys;
}

function update([container, key, callee, ...rest]: readonly Value[], machine: Machine): Value {
  const old = container === null ? null : (lookUp(container!, key!, "update") ?? null);
  if (container instanceof Vector) {
    const index = indexArgument(key, "update");
    const { length } = container.items;
    if (index < 0 || index >= length) throw outOfBounds("update", index, length);
  }
  return associate(container!, key!, machine.apply(callee!, [old, ...rest]), machine);
}

function dissoc([first, ...keys]: readonly Value[], machine: Machine): MapValue {
  let map = mapArgument(first, "dissoc");
  for (const key of keys) {
    machine.spend(1 + (map.size >>> 2));
    map = map.dissoc(keyArgument(key, "dissoc"));
  }
  return map;
}

function merge(args: readonly Value[], machine: Machine): MapValue {
  const entries = new Map<MapKey, Value>();
  for (const each of args) {
    const map = mapArgument(each, "merge");
    machine.spend(map.size);
    for (const [key, value] of map.entries()) entries.set(key, value);
    checkSize(entries.size, "merge");
  }
  return new MapValue(entries);
}

function selectKeys([first, keys]: readonly Value[], machine: Machine): MapValue {
  const map = mapArgument(first, "select-keys");
  const wanted = itemsArgument(keys, "select-keys");
  machine.spend(wanted.length);
  const entries = new Map<MapKey, Value>();
  for (const each of wanted) {
    const key = keyArgument(each, "select-keys");
    const value = map.get(key);
    if (value !== undefined) entries.set(key, value);
  }
  return new MapValue(entries);
}

function find([first, each]: readonly Value[]): Value {
  const key = keyArgument(each, "find");
  const value = mapArgument(first, "find").get(key);
  return value === undefined ? null : new Vector([key, value]);
}

export const MAPS: readonly Entry[] = [
  entry("hash-map", [0, MANY], "A map of keys and values; later keys win", hashMap),
  entry("get", [2, 3], "The value at a key or an index, else the default or nil", (args) => {
    const found = lookUp(args[0]!, args[1]!, "get");
    return found === undefined ? (args[2] ?? null) : found;
  }),
  entry("get-in", [2, 3], "The value at a path of keys, else the default or nil", getIn),
  entry("assoc", [3, MANY], "With keys set", assoc),
  entry("assoc-in", 3, "With the value at a path set", ([start, path, value], machine) =>
    changeIn(start!, pathArgument(path, "assoc-in"), () => value!, machine),
  ),
  entry("dissoc", [2, MANY], "Without keys", dissoc),
  callingEntry(
    [2],
    entry(
      "update",
      [3, MANY],
      "With the value at a key replaced by what a function makes of it",
      update,
    ),
  ),
  callingEntry(
    [2],
    entry(
      "update-in",
      [3, MANY],
      "Like `update`, at a path",
      ([start, path, callee, ...rest], machine) =>
        changeIn(
          start!,
          pathArgument(path, "update-in"),
          (old) => machine.apply(callee!, [old, ...rest]),
          machine,
        ),
    ),
  ),
  entry("merge", [0, MANY], "All maps in one; later keys win", merge),
  entry("select-keys", 2, "Only these keys", selectKeys),
  entry("find", 2, "The [key value] of a key, else nil", find),
  entry("keys", 1, "Keys in insertion order", ([map], machine) => {
    const value = mapArgument(map, "keys");
    machine.spend(value.size);
    return new Vector([...value.keys()]);
  }),
  entry("vals", 1, "Values in insertion order", ([map], machine) => {
    const value = mapArgument(map, "vals");
    machine.spend(value.size);
    return new Vector([...value.values()]);
  }),
];
