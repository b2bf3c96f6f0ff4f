import { kindOf } from "../values/kind-of.ts";
import type { Meter } from "../values/meter.ts";
import type { Value } from "../values/value.ts";

/** In which way a value does not fit. */
export type FailureKind =
  /** Of another kind, or none of the values of an enum. */
  | "TypeMismatch"
  /** Of the kind, but against a refinement: `expected` is the predicate as written. */
  | "PredicateViolation"
  /** Of another length, or a key in two spellings. */
  | "ShapeViolation"
  /** `path` ends in the key. */
  | "MissingRequiredKey";

/** Why a value does not fit a type. */
export interface TypeFailure {
  readonly kind: FailureKind;
  /** From the checked value: `[0].url`; empty for the value itself. */
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

/** Null: fits. Pays for the parts it visits: a value may share them. */
export type Check = (value: Value, meter: Meter) => TypeFailure | null;

export function mismatch(expected: string, value: Value): TypeFailure {
  return { kind: "TypeMismatch", path: "", expected, actual: kindOf(value) };
}

export function misshapen(expected: string, actual: string): TypeFailure {
  return { kind: "ShapeViolation", path: "", expected, actual };
}

export function inside(step: string, failure: TypeFailure): TypeFailure {
  return { ...failure, path: step + failure.path };
}
