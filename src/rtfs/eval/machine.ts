/**
 * The state of one run: fuel, depth, the pending tail call, the place of the operation under way.
 *
 * Read in this order: Machine.enter, apply, spend. Every call and every turn costs one unit of
 * fuel; library functions pay for their work with `spend`. A call in tail position leaves its
 * target here and returns TAIL_CALL, so it takes no stack. After an error `depth` is stale; who
 * catches it restores it.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { Builtin, type BuiltinMachine } from "../stdlib/builtin.ts";
import type { MapForm } from "../syntax/form.ts";
import { kindOf } from "../values/kind-of.ts";
import type { Meter } from "../values/meter.ts";
import { errorField, RtfsError, typeError } from "../values/rtfs-error.ts";
import { ErrorValue, FunctionValue, Keyword, List, type Value, MapValue } from "../values/value.ts";

/** What effects and steps go through. Synchronous: a call blocks the program. */
export interface Host {
  /**
   * @param metadata - The `runtime.…`, `idempotency` and `retry` entries of the `^{…}` around the call; null: none.
   * @throws {RtfsError} what the program gets; any other exception ends the run at once.
   */
  call(capability: string, args: readonly Value[], metadata: CallMetadata | null): Value;
  step(event: "enter" | "leave" | "fail", name: string): void;
  /** The value of a context key; undefined: there is none. */
  context?(key: string): Value | undefined;
  /** Keep a value for the step under way, or for the plan outside any step. */
  contextSet?(key: string, value: Value): void;
}

/** Names begin with `runtime.`, or are `idempotency` and `retry`. */
export type CallMetadata = ReadonlyMap<string, Value>;

/**
 * Slots of one function call or loop turn; slot 0 is the frame around it, null at the program's
 * own.
 */
export interface Frame extends Array<Value | Frame | undefined> {}

export type Run = (frame: Frame) => Value;

export interface Code {
  readonly name: string;
  readonly arity: number;
  /** 0: no rest parameter. */
  readonly restSlot: number;
  /** `arity` when exactly so many arguments fit; -1 with a rest parameter. */
  readonly exactArity: number;
  readonly slots: number;
  /** A self call in tail position may use its frame again. */
  readonly isReusable: boolean;
  body: Run;
}

export class Closure extends FunctionValue {
  readonly code: Code;
  readonly frame: Frame;

  constructor(code: Code, frame: Frame) {
    super(code.name);
    this.code = code;
    this.frame = frame;
  }
}

export { Builtin } from "../stdlib/builtin.ts";

/** Stands for a call that `Machine.enter` still has to make; never a value a program sees. */
export const TAIL_CALL: Value = new FunctionValue("tail call");

/** Fuel is counted in a small integer and refilled from the rest of the budget. */
const FUEL_CHUNK = 2 ** 30 - 1;

export interface MachineOptions {
  readonly fuel: number;
  readonly depthMax: number;
  readonly host: Host | null;
  readonly onMapLiteral: ((map: MapValue, form: MapForm) => void) | null;
}

export class Machine implements BuiltinMachine {
  fuel: number;
  depth = 0;
  /** The operation under way: where an error is placed. */
  at: SourceSpan | null = null;
  /** Attached to host calls. */
  metadata: CallMetadata | null = null;
  tailTarget: Closure | null = null;
  tailFrame: Frame | null = null;
  readonly depthMax: number;
  readonly host: Host | null;
  readonly onMapLiteral: MachineOptions["onMapLiteral"];
  /** Pays by `spend`, as an argument. */
  readonly meter: Meter = (units) => this.spend(units);
  readonly #budget: number;
  #reserve: number;

  constructor(options: MachineOptions) {
    this.#budget = options.fuel;
    this.fuel = Math.min(options.fuel, FUEL_CHUNK);
    this.#reserve = options.fuel - this.fuel;
    this.depthMax = options.depthMax;
    this.host = options.host;
    this.onMapLiteral = options.onMapLiteral;
  }

  get fuelUsed(): number {
    return this.#budget - this.#reserve - Math.max(this.fuel, 0);
  }

  /** Pay for work in proportion. @throws {RtfsError} FuelExhausted, which no program catches. */
  spend(units: number): void {
    this.fuel -= units;
    if (this.fuel < 0) this.refuel();
  }

  /** Called when `fuel` went below zero. */
  refuel(): void {
    const left = this.#reserve + this.fuel;
    if (left < 0) {
      this.fuel = 0;
      this.#reserve = 0;
      throw new RtfsError("FuelExhausted", `The program used up its ${this.#budget} units of fuel`);
    }
    this.fuel = Math.min(left, FUEL_CHUNK);
    this.#reserve = left - this.fuel;
  }

  /** Run a closure on a frame that holds its arguments. */
  enter(target: Closure, targetFrame: Frame): Value {
    if (++this.depth > this.depthMax) throw this.#tooDeep();
    let closure = target;
    let frame = targetFrame;
    for (;;) {
      if (--this.fuel < 0) this.refuel();
      const result = closure.code.body(frame);
      if (result !== TAIL_CALL) {
        this.depth--;
        return result;
      }
      closure = this.tailTarget!;
      frame = this.tailFrame!;
    }
  }

  #tooDeep(): RtfsError {
    const message = `Calls nest deeper than ${this.depthMax}`;
    return new RtfsError("StackOverflow", message, { depth: this.depthMax });
  }

  /** Call any applicable value. @throws {RtfsError} TypeError when it is not applicable. */
  apply(callee: Value, args: readonly Value[]): Value {
    if (callee instanceof Closure) return this.enter(callee, frameFor(callee, args));
    if (callee instanceof Builtin) {
      if (--this.fuel < 0) this.refuel();
      if (args.length < callee.arityMin || args.length > callee.arityMax)
        throw arityError(callee, args.length);
      return callee.run(args, this);
    }
    if (callee instanceof Keyword) return lookUp(callee, args);
    throw typeError("a function", kindOf(callee), "call");
  }
}

/** A frame with the arguments in their slots. @throws {RtfsError} ArityMismatch. */
export function frameFor(closure: Closure, args: readonly Value[]): Frame {
  const { arity, restSlot, slots } = closure.code;
  if (args.length < arity || (args.length > arity && restSlot === 0)) {
    throw arityError(closure, args.length);
  }
  const frame: Frame = Array(slots);
  frame[0] = closure.frame;
  for (let index = 0; index < arity; index++) frame[index + 1] = args[index]!;
  if (restSlot !== 0) frame[restSlot] = new List(args.slice(arity));
  return frame;
}

export function arityError(callee: Closure | Builtin | Keyword, actual: number): RtfsError {
  if (callee instanceof Keyword) return arityMismatch(callee.name, [1, 2], actual);
  if (callee instanceof Builtin) {
    return arityMismatch(callee.name, [callee.arityMin, callee.arityMax], actual);
  }
  const { arity, restSlot } = callee.code;
  const most = restSlot === 0 ? arity : Number.POSITIVE_INFINITY;
  return arityMismatch(callee.name, [arity, most], actual);
}

/** @param name - Of the function; empty for an anonymous one. */
export function arityMismatch(
  name: string,
  [least, most]: readonly [number, number],
  actual: number,
): RtfsError {
  const what = name === "" ? "fn" : name;
  const open = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
  const expected = most === least ? `${least}` : open;
  return new RtfsError("ArityMismatch", `${what}: expected ${expected} arguments, got ${actual}`, {
    function: what,
    expected,
    actual,
  });
}

/** `(:key map default?)`; also on error values and nil. */
export function lookUp(key: Keyword, args: readonly Value[]): Value {
  if (args.length < 1 || args.length > 2) throw arityError(key, args.length);
  const container = args[0]!;
  const absent = args[1] ?? null;
  if (container === null) return absent;
  const isError = container instanceof ErrorValue;
  if (!isError && !(container instanceof MapValue)) {
    throw typeError("a map", kindOf(container), `:${key.name}`);
  }
  const found = isError ? errorField(container, key.name) : container.get(key);
  return found === undefined ? absent : found;
}

/** What a thrown thing is for the program; null when it is no matter of the program at all. */
export function asRtfsError(thrown: unknown, machine: Machine): RtfsError | null {
  const error = thrown instanceof RtfsError ? thrown : fromRangeError(thrown);
  if (error !== null) error.span ??= machine.at;
  return error;
}

function fromRangeError(thrown: unknown): RtfsError | null {
  if (!(thrown instanceof RangeError)) return null;
  if (thrown.message.includes("call stack")) {
    return new RtfsError("StackOverflow", "Calls nest deeper than the stack of this machine");
  }
  return new RtfsError("LimitExceeded", "A value is larger than this machine can hold");
}
