/**
 * A problem of a source text on a screen: kind and message, the place, the line with a caret, the hint.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { TrialError } from "../../rtfs/index.ts";
import { type Marks, printable } from "../render.ts";

/** Longest part of a line that is shown, UTF-16 units. */
const WIDTH_MAX = 120;

/** The text of a place's file; null when it is not known. */
export type SourceOf = (file: string) => string | null;

export type Problem = TrialError;

/** Several lines, without a line end at the last. */
export function renderProblem(problem: Problem, sourceOf: SourceOf, marks: Marks): string {
  const { severity = "error", code, message, span, hint, related = [] } = problem;
  const lines = [`${marks.red(severity)} ${marks.bold(code)}: ${printable(message)}`];
  if (span !== null) lines.push(...excerpt(span, sourceOf, marks));
  for (const each of related) {
    lines.push(`  note  ${printable(each.message)}`, ...excerpt(each.span, sourceOf, marks));
  }
  if (hint !== undefined) lines.push(`  fix   ${printable(hint)}`);
  return lines.join("\n");
}

function excerpt(span: SourceSpan, sourceOf: SourceOf, marks: Marks): readonly string[] {
  const place = `  place ${printable(span.file)}:${span.line}:${span.column}`;
  const source = sourceOf(span.file);
  if (source === null) return [place];
  const start = source.lastIndexOf("\n", span.start - 1) + 1;
  const found = source.indexOf("\n", start);
  const line = source.slice(start, found < 0 ? source.length : found);
  const column = Math.max(0, span.start - start);
  const from = Math.max(0, Math.min(column - 20, line.length - WIDTH_MAX));
  const shown = line.slice(from, from + WIDTH_MAX);
  const caretFrom = column - from;
  const caretTo = Math.min(Math.max(span.end - start - from, caretFrom + 1), shown.length + 1);
  const number = String(span.line);
  const margin = " ".repeat(number.length);
  return [
    place,
    `  ${margin} |`,
    `  ${number} | ${printable(shown.replaceAll("\t", " "))}`,
    `  ${margin} | ${blank(shown.slice(0, caretFrom))}${marks.red(carets(shown.slice(caretFrom, caretTo)))}`,
  ];
}

/** Code points, not units: an emoji before the place is one column of ours. */
function blank(text: string): string {
  return " ".repeat(Array.from(text).length);
}

function carets(text: string): string {
  return "^".repeat(Math.max(1, Array.from(text).length));
}
