/**
 * What a library function is, and what it needs of the engine that runs it.
 *
 * Every engine (reference, closures, compiled) implements {@link BuiltinMachine}; the library knows
 * nothing else of them. A builtin is called with its arity already checked.
 *
 * @module
 */
import type { Meter } from "../values/meter.ts";
import { FunctionValue, type Value } from "../values/value.ts";

/** What of the host the library may reach: values it keeps for the plan. */
export interface ContextHost {
  context?(key: string): Value | undefined;
  contextSet?(key: string, value: Value): void;
}

export interface BuiltinMachine {
  /** Null: there is none. */
  readonly host: ContextHost | null;
  /** Pay for work in proportion. @throws {RtfsError} FuelExhausted, which no program catches. */
  spend(units: number): void;
  /** {@link BuiltinMachine.spend} as an argument. */
  readonly meter: Meter;
  /**
   * Call any applicable value: it may call the host and come back.
   *
   * @throws {RtfsError} TypeError when it is not applicable, and whatever the callee raises.
   */
  apply(callee: Value, args: readonly Value[]): Value;
  /**
   * `callee` as a function of one value, resolved once for many calls. Absent: `apply` serves.
   * The result must not outlive the builtin that asked for it.
   */
  readonly unary?: (callee: Value) => (a: Value) => Value;
  /** Like {@link BuiltinMachine.unary}, of two values. */
  readonly binary?: (callee: Value) => (a: Value, b: Value) => Value;
}

export type BuiltinRun = (args: readonly Value[], machine: BuiltinMachine) => Value;

/** A library function as a value. The engine checks the arity before `run`. */
export class Builtin extends FunctionValue {
  readonly arityMin: number;
  readonly arityMax: number;
  readonly run: BuiltinRun;

  constructor(name: string, arity: readonly [number, number], run: BuiltinRun) {
    super(name);
    [this.arityMin, this.arityMax] = arity;
    this.run = run;
  }
}
