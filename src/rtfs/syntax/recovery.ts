/**
 * Where the reading goes on after an error.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Open } from "./bracket.ts";
import type { Closer, Lexer } from "./lexer.ts";

/** Index of the innermost open bracket that `closer` closes; -1: none. */
export function innermostWith(stack: readonly Open[], closer: Closer): number {
  return stack.findLastIndex((open) => open.closer === closer);
}

/** The outermost open bracket of a shape that is known to be open. */
export function outermostFirst(stack: readonly Open[], shape: Open["shape"]): Open {
  return stack.find((open) => open.shape === shape)!;
}

/** Offset of the first `(` at column 1 after `offset`: there a top-level form starts. -1: none. */
export function nextTopLevel(text: string, offset: number): number {
  const newLine = text.indexOf("\n(", offset);
  return newLine < 0 ? -1 : newLine + 1;
}

/** Whether the next character that is no white space is `closer`. */
export function closesNext(text: string, offset: number, closer: Closer | null): boolean {
  const found = /[^\s,]/g;
  found.lastIndex = offset;
  return found.exec(text)?.[0] === closer;
}

/** The place of an offset at or after the start of the lexer's token. */
export function placeInside(lexer: Lexer, start: number, end: number): SourceSpan {
  const before = lexer.text.slice(lexer.start, start);
  const last = before.lastIndexOf("\n");
  if (last < 0) return lexer.spanOf(start, end);
  const line = lexer.line + before.split("\n").length - 1;
  return { file: lexer.file, start, end, line, column: before.length - last };
}
