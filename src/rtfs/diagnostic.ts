/**
 * What is wrong with a source text: one shape for every stage before a run.
 *
 * @module
 */
import type { SourceSpan } from "../foundation/source-span.ts";

/**
 * Stable names of what the reader refuses; tools may branch on them. `PARSE_ERROR` is every refusal
 * of a later stage that has no name of its own.
 */
export type DiagnosticCode =
  | "PARSE_ERROR"
  /** The text as a whole: its size, its encoding. */
  | "READ_TOO_LARGE"
  | "READ_ENCODING"
  /** NUL, a lone surrogate, a bidirectional override. */
  | "READ_HIDDEN_CHARACTER"
  | "READ_TOO_DEEP"
  /** Brackets, strings, comments, sugar. */
  | "READ_UNCLOSED"
  | "READ_MISMATCHED"
  | "READ_STRAY_CLOSER"
  | "READ_UNCLOSED_STRING"
  | "READ_UNCLOSED_COMMENT"
  | "READ_DANGLING_PREFIX"
  | "READ_METADATA"
  | "READ_SHORT_FUNCTION"
  /** Tokens. */
  | "READ_TOKEN"
  | "READ_NUMBER"
  | "READ_NAME"
  | "READ_ESCAPE"
  | "READ_UNSUPPORTED"
  /** Map literals. */
  | "READ_DUPLICATE_KEY"
  | "READ_MAP_KEY"
  | "READ_MAP_VALUE";

/** What is wrong with a source text, and where. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Which error of the language it is; absent: ParseError. */
  readonly kind?: DiagnosticKind;
  /** What to do about it. */
  readonly hint?: string;
  readonly span: SourceSpan;
  /** Other places that explain it: the opener of a bracket, the first of two equal keys. */
  readonly related?: readonly { readonly message: string; readonly span: SourceSpan }[];
}

/** Errors that are found before a run and are no matter of syntax. */
export type DiagnosticKind =
  | "ArityMismatch"
  | "InvalidArguments"
  | "MacroError"
  | "ModuleError"
  | "ModuleNotFound"
  | "UndefinedSymbol";

/** At most this many diagnostics are reported for one text. */
export const DIAGNOSTICS_MAX = 50;

/** The optional parts of a diagnostic. */
export interface DiagnosticMore {
  /** Default `PARSE_ERROR`. */
  readonly code?: DiagnosticCode | undefined;
  readonly kind?: DiagnosticKind | undefined;
  readonly hint?: string | undefined;
  readonly related?: Diagnostic["related"];
}

/** Build one; absent parts stay absent. */
export function diagnostic(
  span: SourceSpan,
  message: string,
  { code = "PARSE_ERROR", kind, hint, related = [] }: DiagnosticMore = {},
): Diagnostic {
  return {
    code,
    message,
    span,
    ...(kind === undefined ? {} : { kind }),
    ...(hint === undefined ? {} : { hint }),
    ...(related.length === 0 ? {} : { related }),
  };
}
