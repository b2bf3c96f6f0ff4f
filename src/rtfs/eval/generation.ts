/**
 * What the parts of the generator share.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Node } from "../analysis/node.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { Builtin, Code, Frame, Machine, Run } from "./machine.ts";

/** One generation of closures, for one run. */
export interface Generation {
  readonly machine: Machine;
  readonly builtins: ReadonlyMap<string, Builtin>;
  /** The function being generated; null at top level. */
  readonly current: Code | null;
  run(node: Node): Run;
}

/** An empty frame inside another; null: the outermost. */
export function newFrame(slots: number, parent: Frame | null): Frame {
  const frame: Frame = Array(slots);
  if (parent !== null) frame[0] = parent;
  return frame;
}

export function evaluateAll(runs: readonly Run[], frame: Frame): Value[] {
  const values: Value[] = Array(runs.length);
  for (let index = 0; index < runs.length; index++) values[index] = runs[index]!(frame);
  return values;
}

export interface Checked {
  readonly value: Value;
  /** What errors call it. */
  readonly what: string;
  readonly span: SourceSpan | null;
}

/** @throws {RtfsError} TypeValidationError. */
export function checkType(
  machine: Machine,
  type: TypeValidator,
  { value, what, span }: Checked,
): void {
  const failure = type.check(value, machine.meter);
  if (failure === null) return;
  if (span !== null) machine.at = span;
  const { path, expected, actual } = failure;
  const at = path === "" ? "" : ` at ${path}`;
  const message = `${what}${at}: expected ${expected}, got ${actual}`;
  throw new RtfsError("TypeValidationError", message, { expected, actual, path });
}
