/**
 * Errors of the language: kinds, families, and the one exception that carries them.
 *
 * `FuelExhausted` is the only kind a program cannot catch.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { ErrorValue, keyword, type Value, MapValue } from "./value.ts";

export type ErrorFamily = "RuntimeError" | "HostError" | "ValidationError";

const FAMILIES: ReadonlyMap<string, ErrorFamily> = new Map<string, ErrorFamily>([
  ...(
    [
      "RuntimeError",
      "UndefinedSymbol",
      "TypeError",
      "ArityMismatch",
      "DivisionByZero",
      "ArithmeticOverflow",
      "IndexOutOfBounds",
      "KeyNotFound",
      "MatchError",
      "MacroError",
      "ModuleError",
      "ModuleNotFound",
      "SymbolNotFound",
      "InvalidArgument",
      "InvalidArguments",
      "NotCallable",
      "InvalidProgram",
      "NotImplemented",
      "InternalError",
      "Generic",
      "JsonError",
      "ApplicationError",
      "StackOverflow",
      "LimitExceeded",
      "FuelExhausted",
    ] as const
  ).map((kind) => [kind, "RuntimeError"] as const),
  ...(
    [
      "HostError",
      "IoError",
      "NetworkError",
      "StorageError",
      "ResourceError",
      "UnknownCapability",
      "SecurityViolation",
      "BudgetExhausted",
      "AgentDiscoveryError",
      "AgentCommunicationError",
      "AgentProfileError",
    ] as const
  ).map((kind) => [kind, "HostError"] as const),
  ["ValidationError", "ValidationError"],
  ["TypeValidationError", "ValidationError"],
]);

/** The family a kind belongs to; an unknown kind is a RuntimeError. */
export function familyOf(kind: string): ErrorFamily {
  return FAMILIES.get(kind) ?? "RuntimeError";
}

/** Whether `kind` is a kind or a family of the language. */
export function isErrorKind(kind: string): boolean {
  return FAMILIES.has(kind);
}

/** Every kind and family of the language. */
export function errorKinds(): readonly string[] {
  return [...FAMILIES.keys()];
}

/** `DivisionByZero` as programs see it in `:type`: `division-by-zero`. */
export function kindKeyword(kind: string): string {
  return kind.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** Raised by evaluation and library functions; caught by `try` and by the end of a run. */
export class RtfsError extends Error {
  readonly kind: string;
  readonly payload: MapValue;
  /** The innermost form that failed; null until the evaluator knows it. */
  span: SourceSpan | null;

  constructor(kind: string, message: string, fields: Readonly<Record<string, Value>> = {}) {
    super(message);
    this.name = "RtfsError";
    this.kind = kind;
    this.payload = MapValue.of(
      Object.entries(fields).map(([name, value]) => [keyword(name), value] as const),
    );
    this.span = null;
  }

  /** The exception for an error value, its payload kept. */
  static from(error: ErrorValue): RtfsError {
    return new RtfsErrorWithPayload(error);
  }

  /** What `catch` binds. */
  toValue(): ErrorValue {
    return new ErrorValue(this.kind, this.message, this.payload);
  }
}

class RtfsErrorWithPayload extends RtfsError {
  override readonly payload: MapValue;

  constructor(error: ErrorValue) {
    super(error.kind, error.message);
    this.payload = error.payload;
  }
}

/**
 * A field of an error as programs read it: `:message`, `:type` (alias `:kind`), then the payload.
 * Undefined: no such field.
 */
export function errorField(error: ErrorValue, name: string): Value | undefined {
  if (name === "message") return error.message;
  const own = error.payload.get(keyword(name));
  if (own !== undefined) return own;
  return name === "type" || name === "kind" ? keyword(kindKeyword(error.kind)) : undefined;
}

export function typeError(expected: string, actual: string, operation: string): RtfsError {
  return new RtfsError("TypeError", `${operation}: expected ${expected}, got ${actual}`, {
    expected,
    actual,
    operation,
  });
}
