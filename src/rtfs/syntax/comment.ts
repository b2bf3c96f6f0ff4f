/**
 * Comments with their places: for the formatter and for what an editor shows about a name.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Lexer } from "./lexer.ts";

export interface Comment {
  /** `;` to the end of the line, or `#| … |#`. */
  readonly kind: "line" | "block";
  /** As written, with its marks, without the line end. */
  readonly text: string;
  readonly span: SourceSpan;
  /** Line of its last character. */
  readonly endLine: number;
}

/** Gathers the comment tokens a reader meets. */
export class CommentCollector {
  readonly comments: Comment[] = [];

  /** The lexer stands on a comment. */
  add(lexer: Lexer): void {
    const text = lexer.text.slice(lexer.start, lexer.end);
    this.comments.push({
      kind: lexer.kind === "line-comment" ? "line" : "block",
      text: text.endsWith("\r") ? text.slice(0, -1) : text,
      span: lexer.span(),
      endLine: lexer.endLine,
    });
  }

  /** Drop those from `offset` on: the text is read again from there. */
  forget(offset: number): void {
    while ((this.comments.at(-1)?.span.start ?? -1) >= offset) this.comments.pop();
  }
}

/**
 * What is written about the form at `span`: the words of the comments that end on the line before
 * it, without a blank line between; empty when there are none.
 *
 * @param comments - In order, as `readSource` gives them.
 */
export function commentAbove(comments: readonly Comment[], span: SourceSpan): string {
  const words: string[] = [];
  let line = span.line;
  for (const comment of comments.toReversed()) {
    if (comment.span.start >= span.start) continue;
    if (comment.endLine !== line - 1) break;
    line = comment.span.line;
    words.unshift(wordsOf(comment));
  }
  return words.join("\n");
}

function wordsOf({ kind, text }: Comment): string {
  return kind === "block" ? text.slice(2, -2).trim() : text.replace(/^;+ ?/, "").trimEnd();
}
