/**
 * The state of one run of compiled code.
 *
 * Read in this order: CompiledFunction, CompiledMachine.applyAt, settle. Compiled functions get
 * their arguments and, last, the depth of the call; the caller has left the number of the call's
 * place in `site`. Depth travels as an argument, so nothing has to be restored after an error. A
 * tail call that takes no stack is left pending here (`tailCode`, `tailCount`, `tail0`…) and its
 * function returns TAIL_CALL; whoever made the call that is not in tail position settles it.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import {
  arityError,
  arityMismatch,
  asRtfsError,
  Builtin,
  lookUp,
  Machine,
  type MachineOptions,
  TAIL_CALL,
} from "../eval/machine.ts";
import { add, multiply, subtract } from "../values/numbers.ts";
import { kindOf } from "../values/kind-of.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { FunctionValue, Keyword, List, type Value } from "../values/value.ts";

/** Longest capability id that the protocol carries. */
export const CAPABILITY_LENGTH_MAX = 256;

/** JavaScript of a function: arguments, the rest list when there is one, then the depth. */
export type Code = (...args: readonly (Value | number)[]) => Value;

export class CompiledFunction extends FunctionValue {
  /** The count of arguments that fits exactly; -1 with a rest parameter. */
  readonly arity: number;
  /** Parameters without the rest parameter. */
  readonly least: number;
  readonly code: Code;

  constructor(name: string, arity: number, least: number, code: Code) {
    super(name);
    this.arity = arity;
    this.least = least;
    this.code = code;
  }
}

export class CompiledMachine extends Machine {
  /** Number of the place of the operation under way; an index into `sites`. */
  site = 0;
  readonly sites: readonly SourceSpan[];
  tailCode: Code | null = null;
  tailCount = 0;
  tail0: Value = null;
  tail1: Value = null;
  tail2: Value = null;
  tail3: Value = null;
  tailRest: readonly Value[] = [];

  constructor(options: MachineOptions, sites: readonly SourceSpan[]) {
    super(options);
    this.sites = sites;
  }

  /** At the start of a function whose fuel or depth is over. */
  stop(depth: number): void {
    if (depth > this.depthMax) {
      this.fuel++;
      const message = `Calls nest deeper than ${this.depthMax}`;
      throw new RtfsError("StackOverflow", message, { depth: this.depthMax });
    }
    this.refuel();
  }

  /** For library functions: a call inside the call that `depth` and `site` tell of. */
  override apply(callee: Value, args: readonly Value[]): Value {
    const { depth, site } = this;
    const value = this.settle(this.applyAt(callee, args, depth, 1), depth + 1);
    this.depth = depth;
    this.site = site;
    return value;
  }

  /** A callee as a function of one value, for library functions that call it often. */
  readonly unary = (callee: Value): ((a: Value) => Value) => {
    const { depth, site } = this;
    const inner = depth + 1;
    if (callee instanceof CompiledFunction && callee.arity === 1) {
      const { code } = callee;
      return (a) => {
        const result = code(a, inner);
        const value = result === TAIL_CALL ? this.settle(result, inner) : result;
        this.depth = depth;
        this.site = site;
        return value;
      };
    }
    const quick = callee instanceof Builtin ? UNARY.get(callee.name) : undefined;
    if (quick === undefined) return (a) => this.apply(callee, [a]);
    return (a) => {
      if (--this.fuel < 0) this.refuel();
      const value = quick(a);
      return value === undefined ? (callee as Builtin).run([a], this) : value;
    };
  };

  /** Like {@link CompiledMachine.unary}, of two values. */
  readonly binary = (callee: Value): ((a: Value, b: Value) => Value) => {
    const { depth, site } = this;
    const inner = depth + 1;
    if (callee instanceof CompiledFunction && callee.arity === 2) {
      const { code } = callee;
      return (a, b) => {
        const result = code(a, b, inner);
        const value = result === TAIL_CALL ? this.settle(result, inner) : result;
        this.depth = depth;
        this.site = site;
        return value;
      };
    }
    const quick = callee instanceof Builtin ? BINARY.get(callee.name) : undefined;
    if (quick === undefined) return (a, b) => this.apply(callee, [a, b]);
    return (a, b) => {
      if (--this.fuel < 0) this.refuel();
      return quick(a, b);
    };
  };

  /**
   * Call any value from code at `depth`; may return TAIL_CALL.
   *
   * @param deeper - 0 for a call in tail position: it takes the place of its caller.
   */
  applyAt(callee: Value, args: readonly Value[], depth: number, deeper: 0 | 1): Value {
    if (callee instanceof CompiledFunction) return entered(callee, args, depth + deeper);
    if (callee instanceof Builtin) {
      if (--this.fuel < 0) this.refuel();
      if (args.length < callee.arityMin || args.length > callee.arityMax) {
        throw arityError(callee, args.length);
      }
      this.depth = depth;
      return callee.run(args, this);
    }
    if (callee instanceof Keyword) return lookUp(callee, args);
    throw typeError("a function", kindOf(callee), "call");
  }

  /** Leave a call pending, or make it at once when it is of no compiled function. */
  tail(callee: Value, args: readonly Value[], depth: number, site: number): Value {
    this.site = site;
    if (!(callee instanceof CompiledFunction)) return this.applyAt(callee, args, depth, 0);
    const all = argumentsFor(callee, args);
    this.tailCode = callee.code;
    this.tailCount = all.length;
    [this.tail0 = null, this.tail1 = null, this.tail2 = null, this.tail3 = null] = all;
    this.tailRest = all.length > 4 ? all.slice(4) : [];
    return TAIL_CALL;
  }

  /** Make pending calls until there is a value. */
  settle(first: Value, depth: number): Value {
    let result = first;
    while (result === TAIL_CALL) {
      const code = this.tailCode!;
      switch (this.tailCount) {
        case 0:
          result = code(depth);
          break;
        case 1:
          result = code(this.tail0, depth);
          break;
        case 2:
          result = code(this.tail0, this.tail1, depth);
          break;
        case 3:
          result = code(this.tail0, this.tail1, this.tail2, depth);
          break;
        case 4:
          result = code(this.tail0, this.tail1, this.tail2, this.tail3, depth);
          break;
        default:
          result = code(this.tail0, this.tail1, this.tail2, this.tail3, ...this.tailRest, depth);
      }
    }
    return result;
  }

  /** What was thrown, with its place; null when it is no matter of the program. */
  located(thrown: unknown): RtfsError | null {
    if (thrown instanceof RtfsError) {
      thrown.span ??= this.sites[this.site] ?? null;
      return thrown;
    }
    const error = asRtfsError(thrown, this);
    if (error !== null) error.span ??= this.sites[this.site] ?? null;
    return error;
  }

  /** The error a program may handle; anything else is thrown on. */
  caught(thrown: unknown): RtfsError {
    const error = this.located(thrown);
    if (error === null || error.kind === "FuelExhausted") throw error ?? thrown;
    return error;
  }
}

/** Library functions on small integers; undefined: left to the function itself. */
const UNARY: ReadonlyMap<string, (a: Value) => Value | undefined> = new Map<
  string,
  (a: Value) => Value | undefined
>([
  ["inc", (a) => (typeof a === "number" && (a | 0) === a ? a + 1 : undefined)],
  ["dec", (a) => (typeof a === "number" && (a | 0) === a ? a - 1 : undefined)],
  ["even?", (a) => (typeof a === "number" && (a | 0) === a ? (a & 1) === 0 : undefined)],
  ["odd?", (a) => (typeof a === "number" && (a | 0) === a ? (a & 1) === 1 : undefined)],
  ["not", (a) => a === false || a === null],
]);

/** Operators as functions of two values. */
const BINARY: ReadonlyMap<string, (a: Value, b: Value) => Value> = new Map([
  ["+", add],
  ["-", subtract],
  ["*", multiply],
]);

function entered(callee: CompiledFunction, args: readonly Value[], depth: number): Value {
  const { code } = callee;
  if (args.length !== callee.arity) return code(...argumentsFor(callee, args), depth);
  switch (args.length) {
    case 0:
      return code(depth);
    case 1:
      return code(args[0]!, depth);
    case 2:
      return code(args[0]!, args[1]!, depth);
    default:
      return code(...args, depth);
  }
}

function argumentsFor(callee: CompiledFunction, args: readonly Value[]): readonly Value[] {
  if (args.length === callee.arity) return args;
  const { least, arity } = callee;
  if (arity >= 0 || args.length < least) throw wrongCount(callee, args.length);
  return [...args.slice(0, least), new List(args.slice(least))];
}

/** How many arguments a function takes. */
export type Counted = Pick<CompiledFunction, "name" | "arity" | "least">;

/** @returns the ArityMismatch of a call with so many arguments. */
export function wrongCount({ name, arity, least }: Counted, actual: number): RtfsError {
  return arityMismatch(name, [least, arity < 0 ? Number.POSITIVE_INFINITY : least], actual);
}
