/**
 * What compiled code calls for everything that is not written out in it.
 *
 * Whatever can fail gets the number of its place and notes it first. Names here are the only names
 * of the emitted text that are not generated.
 *
 * @module
 */
import { checkSize } from "../values/limits.ts";
import { arityError, lookUp, TAIL_CALL } from "../eval/machine.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { compareOrdered, equalValues } from "../values/equality.ts";
import type { Builtin } from "../stdlib/builtin.ts";
import { catchTest } from "../values/catching.ts";
import { kindOf } from "../values/kind-of.ts";
import {
  add,
  decrement,
  divide,
  increment,
  isInt,
  modulo,
  multiply,
  subtract,
} from "../values/numbers.ts";
import { displayMetered } from "../values/print.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { Keyword, List, type MapKey, MapValue, type Value, Vector } from "../values/value.ts";
import { texts, walks } from "./runtime-library.ts";
import {
  CAPABILITY_LENGTH_MAX,
  CompiledFunction,
  type CompiledMachine,
  type Counted,
  wrongCount,
} from "./machine.ts";

type Order = (a: Value, b: Value, site: number) => boolean;

/** What emitted code finds, by name. */
export type Runtime = Readonly<Record<string, unknown>>;

export function runtimeFor(machine: CompiledMachine): Runtime {
  return {
    Fn: CompiledFunction,
    Vec: Vector,
    Lst: List,
    MapV: MapValue,
    TAIL: TAIL_CALL,
    ...arithmetic(machine),
    ...steps(machine),
    ...calls(machine),
    ...walks(machine),
    ...patterns(machine),
    ...control(machine),
    ...hosts(machine),
    ...texts(machine),
  };
}

/**
 * Whether a result is in normal form, and exact: a float that is not integral, whatever the operands
 * were, or a safe integer of two integers.
 */
function isNormal(result: number, a: number, b: number): boolean {
  if (!Number.isInteger(result)) return true;
  return Number.isSafeInteger(result) && Number.isInteger(a) && Number.isInteger(b);
}

function arithmetic(machine: CompiledMachine) {
  const ordered =
    (name: string, accept: (order: number) => boolean): Order =>
    (a, b, site) => {
      machine.site = site;
      return accept(compareOrdered(name, a, b));
    };
  return {
    add: (a: Value, b: Value, site: number): Value => {
      if (typeof a === "number" && typeof b === "number" && isNormal(a + b, a, b)) return a + b;
      machine.site = site;
      return add(a, b);
    },
    sub: (a: Value, b: Value, site: number): Value => {
      if (typeof a === "number" && typeof b === "number" && isNormal(a - b, a, b)) return a - b;
      machine.site = site;
      return subtract(a, b);
    },
    mul: (a: Value, b: Value, site: number): Value => {
      // + 0 turns the -0 of `0 * -1` into the integer 0.
      if (typeof a === "number" && typeof b === "number" && isNormal(a * b, a, b)) return a * b + 0;
      machine.site = site;
      return multiply(a, b);
    },
    div: (a: Value, b: Value, site: number): Value => {
      if (typeof a === "number" && typeof b === "number" && b !== 0) {
        const quotient = a / b;
        if (!Number.isInteger(quotient)) return quotient;
      }
      machine.site = site;
      return divide(a, b);
    },
    mod: (a: Value, b: Value, site: number): Value => {
      machine.site = site;
      return modulo(a, b);
    },
    lt: ordered("<", (order) => order < 0),
    gt: ordered(">", (order) => order > 0),
    le: ordered("<=", (order) => order <= 0),
    ge: ordered(">=", (order) => order >= 0),
    /** `=` of values that are not identical. */
    eq: (a: Value, b: Value): boolean =>
      typeof a === "object" && typeof b === "object" && equalValues(a, b, machine.meter),
  };
}

/** One more and one less, as {@link arithmetic}. */
function steps(machine: CompiledMachine) {
  return {
    inc: (a: Value, site: number): Value => {
      if (typeof a === "number") {
        const sum = a + 1;
        if (!Number.isInteger(sum)) return sum;
      }
      machine.site = site;
      return increment(a);
    },
    dec: (a: Value, site: number): Value => {
      if (typeof a === "number") {
        const difference = a - 1;
        if (!Number.isInteger(difference)) return difference;
      }
      machine.site = site;
      return decrement(a);
    },
  };
}

function calls(machine: CompiledMachine) {
  const { settle } = bound(machine);
  return {
    settle,
    /** A library function with a fitting number of arguments. */
    lib: (builtin: Builtin, args: readonly Value[], site: number, depth: number): Value => {
      machine.site = site;
      if (--machine.fuel < 0) machine.refuel();
      machine.depth = depth;
      return builtin.run(args, machine);
    },
    libCount: (builtin: Builtin, count: number, site: number): never => {
      machine.site = site;
      if (--machine.fuel < 0) machine.refuel();
      throw arityError(builtin, count);
    },
    /** Any callee that is no compiled function of fitting arity. */
    any: (callee: Value, args: readonly Value[], site: number, depth: number): Value => {
      machine.site = site;
      return settle(machine.applyAt(callee, args, depth, 1), depth + 1);
    },
    /** The same in tail position of a function that runs in place. */
    anyLast: (callee: Value, args: readonly Value[], site: number, depth: number): Value => {
      machine.site = site;
      return settle(machine.applyAt(callee, args, depth, 0), depth);
    },
    count: (callee: Counted, actual: number, site: number): never => {
      machine.site = site;
      throw wrongCount(callee, actual);
    },
    tail: (callee: Value, args: readonly Value[], depth: number, site: number): Value =>
      machine.tail(callee, args, depth, site),
    key: (container: Value, key: Keyword, site: number): Value => {
      if (container instanceof MapValue) {
        const found = container.get(key);
        return found === undefined ? null : found;
      }
      machine.site = site;
      return lookUp(key, [container]);
    },
    keyCall: (key: Keyword, args: readonly Value[], site: number): Value => {
      machine.site = site;
      return lookUp(key, args);
    },
    unset: (name: string, site: number): never => {
      machine.site = site;
      const message = `\`${name}\` is used before it is defined`;
      throw new RtfsError("UndefinedSymbol", message, { symbol: name });
    },
    noArgument: (index: number, given: number, site: number): never => {
      machine.site = site;
      const message = `\`arg${index}\` is not given: the program got ${given} arguments`;
      throw new RtfsError("UndefinedSymbol", message, { symbol: `arg${index}` });
    },
    check: (value: Value, type: TypeValidator, what: string, site: number): Value => {
      const failure = type.check(value, machine.meter);
      if (failure === null) return value;
      machine.site = site;
      const { path, expected, actual } = failure;
      const at = path === "" ? "" : ` at ${path}`;
      const message = `${what}${at}: expected ${expected}, got ${actual}`;
      throw new RtfsError("TypeValidationError", message, { expected, actual, path });
    },
    /** Few keys that differ; all maps of one literal share them. */
    record: (keys: MapKey[], values: readonly Value[]): MapValue => MapValue.record(keys, values),
    map: (keys: readonly MapKey[], values: readonly Value[]): MapValue => {
      const entries = new Map<MapKey, Value>();
      for (let at = 0; at < keys.length; at++) entries.set(keys[at]!, values[at]!);
      return new MapValue(entries);
    },
  };
}

function bound(machine: CompiledMachine) {
  return {
    settle: (value: Value, depth: number): Value => machine.settle(value, depth),
  };
}

function patterns(machine: CompiledMachine) {
  return {
    /** A vector or a list; null for anything else. */
    itemsOf: (value: Value): Vector | List | null =>
      value instanceof Vector || value instanceof List ? value : null,
    /** Undefined outside. */
    itemAt: (items: Vector | List, index: number): Value | undefined => items.at(index),
    takenItems: (value: Value, site: number): Vector | List => {
      if (value instanceof Vector || value instanceof List) return value;
      machine.site = site;
      throw typeError("a vector", kindOf(value), "destructuring");
    },
    takenMap: (value: Value, site: number): MapValue => {
      if (value === null) return MapValue.EMPTY;
      if (value instanceof MapValue) return value;
      machine.site = site;
      throw typeError("a map", kindOf(value), "destructuring");
    },
    restOf: (items: Vector | List, from: number): List => {
      machine.spend(items.length >>> 3);
      return List.rest(items, from);
    },
    without: (map: MapValue, keys: ReadonlySet<MapKey>): MapValue => {
      machine.spend(map.size);
      return MapValue.of([...map.entries()].filter(([key]) => !keys.has(key)));
    },
    fits: (value: Value, type: TypeValidator): boolean => type.check(value, machine.meter) === null,
    same: (value: Value, literal: Value): boolean => equalValues(literal, value, machine.meter),
    noMatch: (value: Value, site: number): never => {
      machine.site = site;
      const shown = displayMetered(value, machine.meter).slice(0, 80).toWellFormed();
      throw new RtfsError("MatchError", `No clause matches ${shown}`, { value });
    },
  };
}

function control(machine: CompiledMachine) {
  return {
    caught: (thrown: unknown): RtfsError => machine.caught(thrown),
    accepts: (error: RtfsError, type: string): boolean => catchTest(type)(error),
    integer: (value: Value, site: number): number | bigint => {
      if (isInt(value)) return value;
      machine.site = site;
      throw typeError("an integer", kindOf(value), "dotimes");
    },
    turnsOf: (value: Value, site: number): readonly Value[] => {
      if (value instanceof Vector || value instanceof List) return value.items;
      machine.site = site;
      throw typeError("a vector or a list", kindOf(value), "for");
    },
    gather: (results: Value[], value: Value): void => {
      results.push(value);
      checkSize(results.length, "for");
    },
  };
}

function hosts(machine: CompiledMachine) {
  const effect = (capability: string, args: readonly Value[], site: number): Value => {
    machine.site = site;
    if (--machine.fuel < 0) machine.refuel();
    if (machine.host === null) {
      const message = `There is no host to call "${capability.slice(0, 80).toWellFormed()}"`;
      throw new RtfsError("SecurityViolation", message, { operation: "call", capability });
    }
    const value = machine.host.call(capability, args, machine.metadata);
    machine.site = site;
    return value;
  };
  return {
    enterStep: (name: string, site: number): void => {
      if (--machine.fuel < 0) machine.refuel();
      machine.site = site;
      machine.host?.step("enter", name);
    },
    leaveStep: (name: string): void => {
      machine.host?.step("leave", name);
    },
    /** What goes on after a step's body failed. */
    failStep: (thrown: unknown, name: string): unknown => {
      const error = machine.located(thrown);
      if (error === null) return thrown;
      machine.host?.step("fail", name);
      return error;
    },
    context: (key: string, site: number): Value | undefined => {
      if (--machine.fuel < 0) machine.refuel();
      machine.site = site;
      return machine.host?.context?.(key);
    },
    /** A call whose capability is written in the program. */
    effect,
    host: (id: Value, args: readonly Value[], site: number): Value => {
      const capability = id instanceof Keyword ? id.name : id;
      if (typeof capability === "string" && capability.length <= CAPABILITY_LENGTH_MAX) {
        return effect(capability, args, site);
      }
      machine.site = site;
      if (--machine.fuel < 0) machine.refuel();
      if (typeof capability === "string") {
        throw new RtfsError("UnknownCapability", "call: the id is over 256 characters");
      }
      throw typeError("a keyword or a string", kindOf(capability), "call");
    },
  };
}
