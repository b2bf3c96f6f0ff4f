import { kindOf } from "../values/kind-of.ts";
import type { Meter } from "../values/meter.ts";
import type { Value } from "../values/value.ts";

/** Why a value does not fit a type. */
export interface TypeFailure {
  /** From the checked value: `[0].url`; empty for the value itself. */
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

/** Null: fits. Pays for the parts it visits: a value may share them. */
export type Check = (value: Value, meter: Meter) => TypeFailure | null;

export function mismatch(expected: string, value: Value): TypeFailure {
  return { path: "", expected, actual: kindOf(value) };
}

export function inside(step: string, failure: TypeFailure): TypeFailure {
  return { ...failure, path: step + failure.path };
}
