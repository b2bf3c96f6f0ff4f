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

/** `line 3`, and the file's name where it is not the one that is spoken of. */
export function lineText({ file, line }: SourceSpan, known: string | null): string {
  return file === known ? `line ${line}` : `${file} line ${line}`;
}

/** `file:line:column`, the form editors make clickable. */
export function formatSpan(span: SourceSpan): string {
  return `${span.file}:${span.line}:${span.column}`;
}
