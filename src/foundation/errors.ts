/**
 * Breakage: one error class, codes from one table.
 *
 * A refusal the caller must branch on is a `Result` or a `Verdict`, never an exception. What the
 * caller can only report is a `CcosError`. Its parts are always the same: what, why, fix, place.
 * `docs/ERRORS.md` is held equal to the table by test/pins/errors.test.ts.
 *
 * @module
 */
import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
import type { JsonObject } from "./json.ts";
import { formatSpan, type SourceSpan } from "./source-span.ts";

export interface ErrorParts {
  /** The action that failed, active voice, with the value: `Cannot read config "a.rtfs"`. */
  readonly what: string;
  readonly why: string;
  /** What to do next. Never widens more than the one action that failed. */
  readonly fix?: string | undefined;
  readonly place?: SourceSpan | undefined;
  /** Machine-readable facts. Never a secret, never a raw payload. */
  readonly details?: JsonObject | undefined;
  readonly cause?: unknown;
}

/** The one error class. `code` decides exit status and whether a retry can help. */
export class CcosError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string;
  readonly fix: string | undefined;
  readonly place: SourceSpan | undefined;
  readonly details: JsonObject;

  constructor(code: ErrorCode, parts: ErrorParts) {
    super(`${parts.what}: ${parts.why}`, parts.cause === undefined ? {} : { cause: parts.cause });
    this.name = "CcosError";
    this.code = code;
    this.what = parts.what;
    this.why = parts.why;
    this.fix = parts.fix;
    this.place = parts.place;
    this.details = parts.details ?? {};
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode;
  }

  /** The same parts for machines; stable keys. */
  toJson(): JsonObject {
    return {
      code: this.code,
      message: this.message,
      what: this.what,
      why: this.why,
      fix: this.fix ?? null,
      place: this.place === undefined ? null : formatSpan(this.place),
      retryable: ERROR_CODES[this.code].retryable,
      details: this.details,
    };
  }
}
