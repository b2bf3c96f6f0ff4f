/**
 * A value at a key, an index or a path: looking it up, setting it, changing it by a function.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import { checkSize } from "../values/limits.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { type MapKey, MapValue, type Value, Vector } from "../values/value.ts";
import type { Builtin, BuiltinMachine } from "./builtin.ts";
import {
  callingEntry,
  type Entry,
  entry,
  indexArgument,
  keyArgument,
  MANY,
  outOfBounds,
  vectorArgument,
} from "./entry.ts";

/** Longest path. */
const PATH_MAX = 256;

/** Undefined: absent, also in nil. */
export function lookUp(container: Value, key: Value, operation: string): Value | undefined {
  if (container instanceof MapValue) return container.get(keyArgument(key, operation));
  if (container instanceof Vector) return container.at(indexArgument(key, operation));
  if (container === null) return undefined;
  throw typeError("a map or a vector", kindOf(container), operation);
}

/** A map with a key set, or a vector with an item replaced. */
export function associate(
  container: Value,
  [key, value]: readonly [Value, Value],
  operation: string,
  machine: BuiltinMachine,
): Value {
  if (container instanceof MapValue) {
    machine.spend(1 + container.changeCost);
    checkSize(container.size, operation);
    return container.assoc(keyArgument(key, operation), value);
  }
  if (!(container instanceof Vector)) {
    throw typeError("a map or a vector", kindOf(container), operation);
  }
  const index = insideOf(container, key, operation);
  machine.spend(1);
  return container.with(index, value);
}

function insideOf(vector: Vector, key: Value, operation: string): number {
  const index = indexArgument(key, operation);
  if (index >= 0 && index < vector.length) return index;
  throw outOfBounds(operation, index, vector.length);
}

function getIn([start, path, absent]: readonly Value[], machine: BuiltinMachine): Value {
  const keys = vectorArgument(path, "get-in");
  machine.spend(keys.length);
  let at: Value | undefined = start!;
  for (const key of keys) {
    at = step(at, key);
    if (at === undefined) return absent ?? null;
  }
  return at;
}

/** One step of a path; a key of the wrong kind is a miss. */
function step(container: Value, key: Value): Value | undefined {
  if (container instanceof MapValue) return container.get(key as MapKey);
  return container instanceof Vector && typeof key === "number" ? container.at(key) : undefined;
}

interface Change {
  readonly operation: string;
  readonly start: Value;
  readonly keys: readonly Value[];
  readonly change: (old: Value) => Value;
}

/** Change the value at a path; maps are made where the path leads nowhere. */
function changeIn({ operation, start, keys, change }: Change, machine: BuiltinMachine): Value {
  if (keys.length === 0) return change(start);
  const containers: Value[] = [start];
  for (const key of keys.slice(0, -1)) {
    containers.push(lookUp(containers.at(-1)!, key, operation) ?? null);
  }
  const last = keys.length - 1;
  let value = change(lookUp(containers[last]!, keys[last]!, operation) ?? null);
  for (let level = last; level >= 0; level--) {
    const container = containers[level] ?? MapValue.EMPTY;
    value = associate(container, [keys[level]!, value], operation, machine);
  }
  return value;
}

function pathArgument(value: Value | undefined, operation: string): readonly Value[] {
  const path = vectorArgument(value, operation);
  if (path.length <= PATH_MAX) return path.items;
  throw new RtfsError("LimitExceeded", `${operation}: a path is over ${PATH_MAX} keys`);
}

type FindBuiltin = (name: string) => Builtin | undefined;

/** A function given by itself or, a library function, by its name. */
function named(callee: Value, operation: string, findBuiltin: FindBuiltin): Value {
  if (typeof callee !== "string") return callee;
  const found = findBuiltin(callee);
  if (found !== undefined) return found;
  throw typeError("a function or the name of a library function", "string", operation);
}

function update(findBuiltin: FindBuiltin): Entry["run"] {
  return ([container, key, callee, ...rest], machine) => {
    if (container instanceof Vector) insideOf(container, key!, "update");
    else if (!(container instanceof MapValue)) {
      throw typeError("a map or a vector", kindOf(container!), "update");
    }
    const target = named(callee!, "update", findBuiltin);
    const old = lookUp(container, key!, "update") ?? null;
    const value = machine.apply(target, [old, ...rest]);
    return associate(container, [key!, value], "update", machine);
  };
}

/** @param findBuiltin - For the functions that `update` takes by name. */
export function placeEntries(findBuiltin: FindBuiltin): readonly Entry[] {
  return [
    entry(
      "get-in",
      [2, 3],
      {
        type: "any vector default? → any",
        doc: "The value at a path of keys and indexes; where it leads nowhere the default or nil",
        example:
          "[(get-in {:a [{:b 1}]} [:a 0 :b]) (get-in {:a 1} [:a :b] :no) (get-in 5 [])] ;; => [1 :no 5]",
        errors: "TypeError",
      },
      getIn,
    ),
    entry(
      "assoc-in",
      3,
      {
        type: "map or vector, vector, any → same kind",
        doc: "With the value at a path set; maps are made where the path leads nowhere",
        example: "(assoc-in {:a {:b 1}} [:x :y] 2) ;; => {:a {:b 1} :x {:y 2}}",
        errors: "TypeError IndexOutOfBounds",
      },
      ([start, path, value], machine) => {
        const keys = pathArgument(path, "assoc-in");
        return changeIn(
          { operation: "assoc-in", start: start!, keys, change: () => value! },
          machine,
        );
      },
    ),
    callingEntry(
      [2],
      entry(
        "update",
        [3, MANY],
        {
          type: "map key fn any… → map, or vector int fn any… → vector",
          doc: "With a value replaced by what a function, or a library function's name, makes of it and more arguments",
          example:
            '[(update {:n 1} :n + 10) (update [1] 0 inc) (update {} :n "vector")] ;; => [{:n 11} [2] {:n [nil]}]',
          errors: "TypeError IndexOutOfBounds",
        },
        update(findBuiltin),
      ),
    ),
    callingEntry(
      [2],
      entry(
        "update-in",
        [3, MANY],
        {
          type: "map or vector, vector, fn any… → same kind",
          doc: "Like `update`, at a path; maps are made where the path leads nowhere",
          example: "(update-in {:a {:n 1}} [:a :n] + 10) ;; => {:a {:n 11}}",
          errors: "TypeError IndexOutOfBounds",
        },
        ([start, path, callee, ...rest], machine) => {
          const keys = pathArgument(path, "update-in");
          const target = named(callee!, "update-in", findBuiltin);
          const change = (old: Value): Value => machine.apply(target, [old, ...rest]);
          return changeIn({ operation: "update-in", start: start!, keys, change }, machine);
        },
      ),
    ),
  ];
}
