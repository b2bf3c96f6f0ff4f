/**
 * What stands at the border of a call: its contract, compiled once, and the error as a program gets it.
 *
 * @module
 */
import type { Capability } from "../capability/index.ts";
import { ERROR_CODES, type ErrorCode } from "../foundation/error-codes.ts";
import type { WireError } from "../foundation/protocol.ts";
import { compileType, type TypeValidator } from "../rtfs/index.ts";

const KINDS: Partial<Record<ErrorCode, string>> = {
  UNKNOWN_CAPABILITY: "UnknownCapability",
  SCHEMA_INPUT: "TypeValidationError",
  SCHEMA_OUTPUT: "TypeValidationError",
  NETWORK_ERROR: "NetworkError",
  IO_ERROR: "IoError",
  LIMIT_CALLS: "BudgetExhausted",
  LIMIT_TIME: "NetworkError",
  LIMIT_RESPONSE: "ResourceError",
};

/** The error as the program gets it: a kind it can catch, the code, whether to retry; never the policy. */
export function wireError(code: ErrorCode, message: string): WireError {
  const entry = ERROR_CODES[code];
  const kind = KINDS[code] ?? (entry.exitCode === 77 ? "SecurityViolation" : "HostError");
  return { kind, code, message, retryable: entry.retryable };
}

const validators = new WeakMap<Capability, { input: TypeValidator; output: TypeValidator }>();

/** Contract checkers, compiled once per capability. */
export function validatorOf(capability: Capability): {
  input: TypeValidator;
  output: TypeValidator;
} {
  const known = validators.get(capability);
  if (known !== undefined) return known;
  const compiled = {
    input: compile(capability.manifest.input),
    output: compile(capability.manifest.output),
  };
  validators.set(capability, compiled);
  return compiled;
}

function compile(source: string): TypeValidator {
  const validator = compileType(source);
  if (!validator.ok)
    throw new TypeError(`A contract is not a type: ${source}: ${validator.error.message}`);
  return validator.value;
}
