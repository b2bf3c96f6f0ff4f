import type { SourceSpan } from "../foundation/source-span.ts";

/** What is wrong with a source text, and where. */
export interface Diagnostic {
  readonly code: "PARSE_ERROR";
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly span: SourceSpan;
  /** Other places that explain it: the opener of a bracket, the first of two equal keys. */
  readonly related?: readonly { readonly message: string; readonly span: SourceSpan }[];
}

/** At most this many diagnostics are reported for one text. */
export const DIAGNOSTICS_MAX = 50;

/** The optional parts of a diagnostic. */
export interface DiagnosticMore {
  readonly hint?: string | undefined;
  readonly related?: Diagnostic["related"];
}

/** Build one; absent parts stay absent. */
export function diagnostic(
  span: SourceSpan,
  message: string,
  { hint, related = [] }: DiagnosticMore = {},
): Diagnostic {
  return {
    code: "PARSE_ERROR",
    message,
    span,
    ...(hint === undefined ? {} : { hint }),
    ...(related.length === 0 ? {} : { related }),
  };
}
