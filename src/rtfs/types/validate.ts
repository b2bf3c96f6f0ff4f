/**
 * Validation with a choice: how much is looked at, and when what was verified before a run need not
 * be looked at again.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Meter } from "../values/meter.ts";
import { kindKeyword, RtfsError } from "../values/rtfs-error.ts";
import { keyword, type Value } from "../values/value.ts";
import type { CompiledType } from "./compile-type.ts";
import type { TypeFailure } from "./failure.ts";
import { isSimpleType } from "./type.ts";

export interface ValidationConfig {
  /** Leave out what the compiler proved, where that is safe. Default false. */
  readonly skipCompileTimeVerified: boolean;
  /** A value at a capability's boundary is always checked, strictly. Default true. */
  readonly enforceCapabilityBoundaries: boolean;
  /** A value from outside is always checked, strictly. Default true. */
  readonly validateExternalData: boolean;
  /**
   * `basic`: the refinements of the type itself are left out, those inside it are not. `standard`
   * (default) and `strict`: everything, at every depth; strict is what boundaries are held to and
   * what library functions ask before they check their own arguments.
   */
  readonly level: "basic" | "standard" | "strict";
}

export const DEFAULT_VALIDATION: ValidationConfig = {
  skipCompileTimeVerified: false,
  enforceCapabilityBoundaries: true,
  validateExternalData: true,
  level: "standard",
};

export interface ValidationContext {
  /** The compiler proved that the value fits. */
  readonly compileTimeVerified: boolean;
  readonly isCapabilityBoundary: boolean;
  readonly isExternalData: boolean;
  /** Whoever made the value. Untrusted data counts as external. */
  readonly trust: "trusted" | "verified" | "untrusted";
  /** Where the value is checked; errors name it. */
  readonly sourceLocation?: SourceSpan;
  /** Pays for each part; absent: a value of over ten million parts does not fit. */
  readonly meter?: Meter;
}

/**
 * Null: fits, or need not be looked at.
 *
 * @throws {RtfsError} what the context's meter throws.
 */
export function validate(
  value: Value,
  type: CompiledType,
  config: ValidationConfig,
  context: ValidationContext,
): TypeFailure | null {
  const isBoundary = isEnforced(config, context);
  const isProven = config.skipCompileTimeVerified && context.compileTimeVerified;
  if (isProven && !isBoundary && isSimpleType(type.type)) return null;
  const isBasic = config.level === "basic" && !isBoundary;
  return isBasic ? type.checkStructure(value, context.meter) : type.check(value, context.meter);
}

function isEnforced(config: ValidationConfig, context: ValidationContext): boolean {
  if (config.enforceCapabilityBoundaries && context.isCapabilityBoundary) return true;
  const isExternal = context.isExternalData || context.trust === "untrusted";
  return config.validateExternalData && isExternal;
}

/** The failure as a program catches it. @param what - What was checked: `parameter x`. */
export function validationError(
  failure: TypeFailure,
  what: string,
  context: Pick<ValidationContext, "sourceLocation">,
): RtfsError {
  const { kind, path, expected, actual } = failure;
  const at = path === "" ? "" : ` at ${path}`;
  const message = `${what}${at}: expected ${expected}, got ${actual}`;
  const error = new RtfsError("TypeValidationError", message, {
    failure: keyword(kindKeyword(kind)),
    path,
    expected,
    actual,
  });
  error.span = context.sourceLocation ?? null;
  return error;
}
