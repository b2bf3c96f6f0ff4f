/**
 * Text to tokens: one forward pass, no allocation per token.
 *
 * `next` moves to the next token and leaves its kind and place in the fields; a bracket's or a
 * prefix's kind is its own spelling. The reader asks for tokens only, the formatter and the
 * collection of comments also for the comments between them. Time is linear; nothing is judged here
 * beyond where a token ends.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { BLANK, CHARACTER_BITS, DELIMITER, NAME } from "../source/character.ts";

export type Opener = "(" | "[" | "{" | "#(";
export type Closer = ")" | "]" | "}";
/** Stands before a form and makes one form of both. */
export type Prefix = "'" | "`" | "~" | "~@" | "^";
export type TokenKind =
  | Opener
  | Closer
  | Prefix
  | "string"
  | "atom"
  | "line-comment"
  | "block-comment"
  /** Never closed; the token goes to the end of the text. */
  | "open-string"
  | "open-comment"
  | "end";

export class Lexer {
  readonly text: string;
  readonly file: string;
  /** Whether comments are tokens. */
  readonly #keepsComments: boolean;
  kind: TokenKind = "end";
  /** Offsets of the token; `end` is exclusive. */
  start = 0;
  end = 0;
  /** Where the token starts, from 1. */
  line = 1;
  column = 1;
  /** Line of the token's last character. */
  endLine = 1;
  /** The bits every character of an atom has, and those any has; above ASCII counts as no bits. */
  bitsOfAll = 0;
  /** A string: holds a backslash or a CR, so its value is not its text. */
  isEscaped = false;
  #lineStart = 0;

  constructor(text: string, file: string, keepsComments: boolean) {
    this.text = text;
    this.file = file;
    this.#keepsComments = keepsComments;
  }

  /** Go on reading at `offset`, which stands at `line` and `column`. */
  restartAt(offset: number, line: number, column: number): void {
    this.end = offset;
    this.endLine = line;
    this.#lineStart = offset - column + 1;
  }

  /** The place of the present token. */
  span(): SourceSpan {
    return this.spanOf(this.start, this.end);
  }

  /** A place that starts on the line of the present token. */
  spanOf(start: number, end: number): SourceSpan {
    const column = this.column + start - this.start;
    return { file: this.file, start, end, line: this.line, column };
  }

  /** Move to the next token. */
  next(): TokenKind {
    const { text } = this;
    const { length } = text;
    let at = this.end;
    for (;;) {
      if (at >= length) return this.#begin("end", length, length);
      const unit = text.charCodeAt(at);
      const bits = unit < 128 ? CHARACTER_BITS[unit]! : 0;
      if ((bits & NAME) !== 0) return this.#atom(at, bits);
      if (unit === 10) {
        at++;
        this.endLine++;
        this.#lineStart = at;
      } else if ((bits & BLANK) !== 0) at++;
      else if (unit === 59) {
        const newLine = text.indexOf("\n", at);
        const end = newLine < 0 ? length : newLine;
        if (this.#keepsComments) return this.#begin("line-comment", at, end);
        at = end;
      } else if (unit === 35 && text.charCodeAt(at + 1) === 124) {
        const close = text.indexOf("|#", at + 2);
        if (close < 0) return this.#begin("open-comment", at, length);
        if (this.#keepsComments) {
          this.#begin("block-comment", at, close + 2);
          this.#countLines(at, close);
          return this.kind;
        }
        this.#countLines(at, close);
        at = close + 2;
      } else return this.#token(at, unit);
    }
  }

  #begin(kind: TokenKind, start: number, end: number): TokenKind {
    this.kind = kind;
    this.start = start;
    this.end = end;
    this.line = this.endLine;
    this.column = start - this.#lineStart + 1;
    return kind;
  }

  #countLines(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      if (this.text.charCodeAt(at) !== 10) continue;
      this.endLine++;
      this.#lineStart = at + 1;
    }
  }

  #token(at: number, unit: number): TokenKind {
    switch (unit) {
      case 40:
        return this.#begin("(", at, at + 1);
      case 41:
        return this.#begin(")", at, at + 1);
      case 91:
        return this.#begin("[", at, at + 1);
      case 93:
        return this.#begin("]", at, at + 1);
      case 123:
        return this.#begin("{", at, at + 1);
      case 125:
        return this.#begin("}", at, at + 1);
      case 34:
        return this.#string(at);
      case 39:
        return this.#begin("'", at, at + 1);
      case 96:
        return this.#begin("`", at, at + 1);
      case 94:
        return this.#begin("^", at, at + 1);
      case 126: {
        const isSplice = this.text.charCodeAt(at + 1) === 64;
        return this.#begin(isSplice ? "~@" : "~", at, isSplice ? at + 2 : at + 1);
      }
      case 35:
        if (this.text.charCodeAt(at + 1) === 40) return this.#begin("#(", at, at + 2);
    }
    return this.#atom(at, 0);
  }

  /** @param first - The bits of its first character. */
  #atom(start: number, first: number): TokenKind {
    const { text } = this;
    const { length } = text;
    let bitsOfAll = first;
    let at = start + 1;
    for (; at < length; at++) {
      const unit = text.charCodeAt(at);
      const bits = unit < 128 ? CHARACTER_BITS[unit]! : 0;
      if ((bits & DELIMITER) !== 0) break;
      bitsOfAll &= bits;
    }
    this.bitsOfAll = bitsOfAll;
    return this.#begin("atom", start, at);
  }

  #string(start: number): TokenKind {
    const { text } = this;
    const { length } = text;
    this.#begin("string", start, start + 1);
    this.isEscaped = false;
    for (let at = start + 1; at < length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === 34) {
        this.end = at + 1;
        return "string";
      }
      if (unit === 10) {
        this.endLine++;
        this.#lineStart = at + 1;
      } else if (unit === 92) {
        this.isEscaped = true;
        if (text.charCodeAt(at + 1) === 10) {
          this.endLine++;
          this.#lineStart = at + 2;
        }
        at++;
      } else if (unit === 13) this.isEscaped = true;
    }
    this.end = length;
    this.kind = "open-string";
    return "open-string";
  }
}
