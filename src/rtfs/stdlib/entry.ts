/**
 * What a library function is: a row with its arity, its words, and its work.
 *
 * @module
 */
import type { BuiltinRun, Machine } from "../eval/machine.ts";
import { kindOf } from "../values/kind-of.ts";
import { isInt } from "../values/numbers.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { Keyword, List, type MapKey, type Value, Vector, MapValue } from "../values/value.ts";

export interface Entry {
  readonly name: string;
  readonly arity: readonly [number, number];
  /** One line, for people. */
  readonly doc: string;
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
  doc: string,
  run: BuiltinRun,
): Entry {
  return { name, arity: typeof arity === "number" ? [arity, arity] : arity, doc, run, calls: [] };
}

/** A function that calls the arguments at these places. */
export function callingEntry(calls: readonly number[], plain: Entry): Entry {
  return { ...plain, calls };
}

/** The same work under another name. */
export function alias(name: string, of: Entry): Entry {
  return { ...of, name };
}

export function stringArgument(value: Value | undefined, operation: string): string {
  if (typeof value === "string") return value;
  throw typeError("a string", kindOf(value ?? null), operation);
}

export function mapArgument(value: Value | undefined, operation: string): MapValue {
  if (value instanceof MapValue) return value;
  throw typeError("a map", kindOf(value ?? null), operation);
}

/** An index or a count: a safe integer. */
export function indexArgument(value: Value | undefined, operation: string): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") {
    throw new RtfsError("IndexOutOfBounds", `${operation}: ${value} is out of range`);
  }
  throw typeError("an integer", kindOf(value ?? null), operation);
}

export function keyArgument(value: Value | undefined, operation: string): MapKey {
  if (value instanceof Keyword || typeof value === "string") return value;
  if (value !== undefined && isInt(value)) return value;
  throw typeError("a keyword, a string or an integer as key", kindOf(value ?? null), operation);
}

export function itemsArgument(value: Value | undefined, operation: string): readonly Value[] {
  if (value instanceof Vector || value instanceof List) return value.items;
  throw typeError("a vector or a list", kindOf(value ?? null), operation);
}

/** Items of a vector or list, code points of a string. Pays for them. */
export function sequenceArgument(
  value: Value | undefined,
  operation: string,
  machine: Machine,
): readonly Value[] {
  if (typeof value === "string") {
    machine.spend(value.length);
    return Array.from(value);
  }
  if (value instanceof Vector || value instanceof List) {
    machine.spend(value.items.length);
    return value.items;
  }
  throw typeError("a vector, a list or a string", kindOf(value ?? null), operation);
}

/** Items in the container kind of `like`; for a string they are characters. */
export function sameKind(like: Value | undefined, items: readonly Value[]): Value {
  if (typeof like === "string") return (items as readonly string[]).join("");
  return like instanceof List ? new List(items) : new Vector(items);
}

export function invalidArgument(message: string): RtfsError {
  return new RtfsError("InvalidArgument", message, { message });
}

export function outOfBounds(operation: string, index: number, length: number): RtfsError {
  const message = `${operation}: index ${index} is outside 0 to ${length}`;
  return new RtfsError("IndexOutOfBounds", message, { index, length });
}
