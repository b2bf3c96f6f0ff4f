import type { SourceSpan } from "../../foundation/source-span.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { ReferenceMachine } from "./reference-machine.ts";

/** @throws {RtfsError} TypeValidationError. `what` is what the error calls the value. */
export function checkType(
  machine: ReferenceMachine,
  type: TypeValidator,
  { value, what, span }: { value: Value; what: string; span: SourceSpan | null },
): void {
  const failure = type.check(value, machine.meter);
  if (failure === null) return;
  machine.at = span ?? machine.at;
  const { path, expected, actual } = failure;
  const at = path === "" ? "" : ` at ${path}`;
  const message = `${what}${at}: expected ${expected}, got ${actual}`;
  throw new RtfsError("TypeValidationError", message, { expected, actual, path });
}
