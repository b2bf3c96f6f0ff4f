/**
 * A row of the library: a function with its arity, its words and its work, and how arguments are
 * taken.
 *
 * `docs/rtfs/stdlib.md` is printed from the rows (document.ts) and every example in it is run.
 *
 * @module
 */
import { kindOf } from "../values/kind-of.ts";
import { isInt } from "../values/numbers.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import {
  ErrorValue,
  FunctionValue,
  Keyword,
  keyword,
  List,
  type MapKey,
  MapValue,
} from "../values/value.ts";
import { type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine, BuiltinRun } from "./builtin.ts";
import { charactersOf } from "./text.ts";

/** What people read about a function. */
export interface Words {
  /**
   * Arguments and result: `num` is int or float, `seq` a vector or a list, `coll` also a string or a
   * map, `key` a keyword, a string or an int, `fn` anything that can be called, `?` optional, `…`
   * any number.
   */
  readonly type: string;
  /** One line. */
  readonly doc: string;
  /** `source ;; => printed value`, or `source ;; error Kind`. */
  readonly example: string;
  /** Kinds it raises besides ArityMismatch and the limits, separated by spaces. */
  readonly errors?: string;
}

export interface Entry extends Words {
  readonly name: string;
  readonly arity: readonly [number, number];
  readonly run: BuiltinRun;
  /**
   * Arguments that are called before the function returns and never kept. A function given there is
   * attributed to the place of the call (analysis/outline.ts). Empty: arguments may be kept.
   */
  readonly calls: readonly number[];
}

export const MANY: number = Number.POSITIVE_INFINITY;

export function entry(
  name: string,
  arity: number | readonly [number, number],
  words: Words,
  run: BuiltinRun,
): Entry {
  const range = typeof arity === "number" ? ([arity, arity] as const) : arity;
  return { ...words, name, arity: range, run, calls: [] };
}

/** A function that calls the arguments at these places. */
export function callingEntry(calls: readonly number[], plain: Entry): Entry {
  return { ...plain, calls };
}

/** The same work under another name. */
export function alias(name: string, of: Entry, example: string): Entry {
  const run = underName(name, of.name, of.run);
  return { ...of, name, doc: `Another name of \`${of.name}\``, example, run };
}

/** Work that calls itself `other`: its errors tell the name it is called by. */
export function underName(name: string, other: string, run: BuiltinRun): BuiltinRun {
  return (args, machine) => {
    try {
      return run(args, machine);
    } catch (error) {
      throw error instanceof RtfsError ? retold(error, name, other) : error;
    }
  };
}

function retold(error: RtfsError, name: string, other: string): RtfsError {
  const { kind, message, payload } = error;
  if (!message.startsWith(`${other}: `)) return error;
  const operation = keyword("operation");
  const told = payload.has(operation) ? payload.assoc(operation, name) : payload;
  return RtfsError.from(new ErrorValue(kind, name + message.slice(other.length), told));
}

export function stringArgument(value: Value | undefined, operation: string): string {
  if (typeof value === "string") return value;
  throw typeError("a string", kindOf(value ?? null), operation);
}

export function mapArgument(value: Value | undefined, operation: string): MapValue {
  if (value instanceof MapValue) return value;
  throw typeError("a map", kindOf(value ?? null), operation);
}

export function vectorArgument(value: Value | undefined, operation: string): Vector {
  if (value instanceof Vector) return value;
  throw typeError("a vector", kindOf(value ?? null), operation);
}

export function callable(value: Value | undefined, operation: string): Value {
  if (value instanceof FunctionValue || value instanceof Keyword) return value;
  throw typeError("a function", kindOf(value ?? null), operation);
}

/** An index or a count. An integer beyond 2^53 is one that nothing reaches: an infinity. */
export function indexArgument(value: Value | undefined, operation: string): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return value > 0n ? Infinity : -Infinity;
  throw typeError("an integer", kindOf(value ?? null), operation);
}

export function keyArgument(value: Value | undefined, operation: string): MapKey {
  if (value instanceof Keyword || typeof value === "string") return value;
  if (value !== undefined && isInt(value)) return value;
  throw typeError("a keyword, a string or an integer as key", kindOf(value ?? null), operation);
}

/** A vector or a list. */
export function sequenceArgument(value: Value | undefined, operation: string): Vector | List {
  if (value instanceof Vector || value instanceof List) return value;
  throw typeError("a vector or a list", kindOf(value ?? null), operation);
}

/** Items of a vector or a list. Pays for them. */
export function itemsArgument(
  value: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
): readonly Value[] {
  const sequence = sequenceArgument(value, operation);
  machine.spend(sequence.length);
  return sequence.items;
}

/** Items of a vector or list, code points of a string. Pays for them. */
export function partsArgument(
  value: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
): readonly Value[] {
  if (typeof value === "string") {
    machine.spend(value.length);
    return charactersOf(value);
  }
  if (value instanceof Vector || value instanceof List) {
    machine.spend(value.length);
    return value.items;
  }
  throw typeError("a vector, a list or a string", kindOf(value ?? null), operation);
}

/** Items in the container kind of `like`; for a string they are characters. */
export function sameKind(like: Value | undefined, items: readonly Value[]): Value {
  if (typeof like === "string") return (items as readonly string[]).join("");
  return like instanceof List ? new List(items) : new Vector(items);
}

/** A callback of one value. */
export function unaryOf(
  callee: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
): (a: Value) => Value {
  const target = callable(callee, operation);
  return machine.unary?.(target) ?? ((a) => machine.apply(target, [a]));
}

/** A callback of two values. */
export function binaryOf(
  callee: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
): (a: Value, b: Value) => Value {
  const target = callable(callee, operation);
  return machine.binary?.(target) ?? ((a, b) => machine.apply(target, [a, b]));
}

export function invalidArgument(message: string): RtfsError {
  return new RtfsError("InvalidArgument", message, { message });
}

export function outOfBounds(operation: string, index: number, length: number): RtfsError {
  const message = `${operation}: index ${index} is outside 0 to ${length}`;
  const shown = Number.isFinite(index) ? { index, length } : { length };
  return new RtfsError("IndexOutOfBounds", message, shown);
}
