/**
 * A place in a source text. `line` and `column` count from 1; columns and offsets count UTF-16 units;
 * `end` is exclusive.
 */
export interface SourceSpan {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** `file:line:column`, the form editors make clickable. */
export function formatSpan(span: SourceSpan): string {
  return `${span.file}:${span.line}:${span.column}`;
}
