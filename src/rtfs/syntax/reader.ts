/**
 * Text to forms. One pass, an explicit stack, nothing evaluated.
 *
 * Read in this order: readForms, Reader.run, Reader.close. The stack makes nesting cost memory that
 * is bounded by `depthMax`, never the JS stack; time is linear in the text. Lexical errors are
 * collected; the first error of brackets ends the reading, because what follows it would be
 * guesses.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import {
  type Diagnostic,
  type DiagnosticMore,
  DIAGNOSTICS_MAX,
  diagnostic,
} from "../diagnostic.ts";
import { SOURCE_BYTES_MAX, tooLarge, utf8Length } from "../source/decode.ts";
import type { Form } from "./form.ts";
import { type Open, openBracket, finishBracket, type Shape } from "./bracket.ts";
import { readString } from "./string-literal.ts";
import { classify, showCharacter } from "./token.ts";

export interface ReadOptions {
  /** What diagnostics call the text. */
  readonly file: string;
  /** Default 1 MiB. */
  readonly bytesMax?: number;
  /** Nesting of brackets and quotes; default 512. */
  readonly depthMax?: number;
}

const DEPTH_MAX = 512;

/** Read a whole text. An empty text has no forms. */
export function readForms(
  source: string,
  options: ReadOptions,
): Result<readonly Form[], readonly Diagnostic[]> {
  const bytesMax = options.bytesMax ?? SOURCE_BYTES_MAX;
  const bytes = source.length > bytesMax ? source.length : utf8Length(source);
  if (bytes > bytesMax) return err([tooLarge(options.file, bytes, bytesMax)]);
  return new Reader(source, options.file, options.depthMax ?? DEPTH_MAX).run();
}

const isSpace = (unit: number): boolean =>
  unit === 32 || unit === 10 || unit === 9 || unit === 13 || unit === 44;
const ENDS = new Set(Array.from('()[]{}"; ,\n\t\r', (each) => each.charCodeAt(0)));
const FORBIDDEN = /[\0\u202a-\u202e\u2066-\u2069]/;

/** A bracket or token error that ends the reading. */
class Stop extends Error {}

class Reader {
  readonly #text: string;
  readonly #file: string;
  readonly #depthMax: number;
  readonly #stack: Open[] = [];
  readonly #forms: Form[] = [];
  readonly #problems: Diagnostic[] = [];
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, file: string, depthMax: number) {
    this.#text = text;
    this.#file = file;
    this.#depthMax = depthMax;
  }

  run(): Result<readonly Form[], readonly Diagnostic[]> {
    try {
      this.#refuseHiddenCharacters();
      while (this.#skipBlank()) this.#readNext();
      this.#refuseUnclosed();
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
    }
    return this.#problems.length === 0 ? ok(this.#forms) : err(this.#problems);
  }

  #refuseHiddenCharacters(): void {
    const forbidden = FORBIDDEN.exec(this.#text);
    const lone = this.#text.isWellFormed() ? -1 : loneSurrogate(this.#text);
    if (forbidden === null && lone < 0) return;
    const at = lone < 0 ? forbidden!.index : lone;
    const shown = lone < 0 ? showCharacter(forbidden![0]) : "A lone surrogate";
    const before = this.#text.slice(0, at);
    this.#line = before.split("\n").length;
    this.#lineStart = before.lastIndexOf("\n") + 1;
    this.#stop(this.#span(at, at + 1), `${shown} must not stand in a source text`, {
      hint: "In a string write it as \\u{…}",
    });
  }

  /** Skip white space and comments; false at the end of the text. */
  #skipBlank(): boolean {
    const text = this.#text;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit === 10) {
        this.#at++;
        this.#newLine(this.#at);
      } else if (isSpace(unit)) this.#at++;
      else if (unit === 59) this.#skipLine();
      else if (unit === 35 && text.charCodeAt(this.#at + 1) === 124) this.#skipBlock();
      else return this.#at < text.length;
    }
  }

  #newLine(start: number): void {
    this.#line++;
    this.#lineStart = start;
  }

  #skipLine(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #skipBlock(): void {
    const end = this.#text.indexOf("|#", this.#at + 2);
    const span = this.#span(this.#at, this.#at + 2);
    if (end < 0)
      this.#stop(span, "The comment `#|` is never closed", { hint: "Close it with `|#`" });
    this.#advance(end + 2);
  }

  /** Move to `end`, counting the lines on the way. */
  #advance(end: number): void {
    let line = this.#text.indexOf("\n", this.#at);
    while (line >= 0 && line < end) {
      this.#newLine(line + 1);
      line = this.#text.indexOf("\n", line + 1);
    }
    this.#at = end;
  }

  #readNext(): void {
    const character = this.#text[this.#at]!;
    if (character === "(" || character === "[" || character === "{") this.#open(character, 1);
    else if (character === ")" || character === "]" || character === "}") this.#close(character);
    else if (character === '"') this.#readString();
    else if (character === "'") this.#open("'", 1);
    else if (character === "#" && this.#text[this.#at + 1] === "(") this.#open("#(", 2);
    else this.#readToken();
  }

  #open(shape: Shape, width: number): void {
    const span = this.#span(this.#at, this.#at + width);
    if (this.#stack.length >= this.#depthMax) {
      this.#stop(span, `The text nests deeper than ${this.#depthMax}`, {
        related: [{ message: "the outermost opener", span: this.#stack[0]!.span }],
      });
    }
    if (shape === "#(" && this.#stack.some((open) => open.shape === "#(")) {
      this.#report(span, "`#(` must not stand inside `#(`", { hint: "Use (fn [x] …)" });
    }
    this.#stack.push(openBracket(shape, span));
    this.#at += width;
  }

  #close(closer: string): void {
    const span = this.#span(this.#at, this.#at + 1);
    const open = this.#stack.pop();
    if (open === undefined) {
      this.#stop(span, `\`${closer}\` closes nothing`, { hint: "Remove it" });
    }
    if (open.closer !== closer) {
      const expected =
        open.closer === "" ? "a form must follow `'`" : `\`${open.closer}\` is needed`;
      this.#stop(span, `\`${closer}\` does not close \`${open.shape}\`: ${expected}`, {
        related: [{ message: `\`${open.shape}\` is opened here`, span: open.span }],
      });
    }
    this.#at++;
    const whole = { ...open.span, end: this.#at };
    this.#add(finishBracket(open, whole, (at, message, more) => this.#report(at, message, more)));
  }

  #readString(): void {
    const start = this.#at;
    const literal = readString(this.#text, start + 1);
    const span = this.#span(start, literal.end);
    if (literal.kind === "open") {
      this.#stop({ ...span, end: start + 1 }, "The string is never closed", {
        hint: 'Close it with `"`',
      });
    }
    for (const problem of literal.problems) {
      const place = this.#placeInside(start, problem.at);
      this.#report({ ...place, end: problem.at + 2 }, problem.message, { hint: problem.hint });
    }
    this.#advance(literal.end);
    this.#add({ kind: "string", value: literal.value, span });
  }

  /** The place of an offset inside the token that starts at `start`. */
  #placeInside(start: number, offset: number): SourceSpan {
    const before = this.#text.slice(start, offset);
    const last = before.lastIndexOf("\n");
    if (last < 0) return this.#span(offset, offset + 1);
    const line = this.#line + before.split("\n").length - 1;
    return { file: this.#file, start: offset, end: offset + 1, line, column: before.length - last };
  }

  #readToken(): void {
    const start = this.#at;
    let end = start + 1;
    while (end < this.#text.length && !ENDS.has(this.#text.charCodeAt(end))) end++;
    const text = this.#text.slice(start, end);
    const span = this.#span(start, end);
    this.#at = end;
    const sugar = unsupported(text, this.#text[end]);
    if (sugar !== null) return this.#stop(span, sugar.message, { hint: sugar.hint });
    const token = classify(text);
    if (token.kind === "bad") {
      this.#report(span, token.message, { hint: token.hint });
      return this.#add({ kind: "nil", span });
    }
    if (token.kind === "symbol" && text.startsWith("%"))
      return this.#add(this.#positional(text, span));
    this.#add({ ...token, span });
  }

  /** `%`, `%1` … inside `#( )` name its parameters. */
  #positional(name: string, span: SourceSpan): Form {
    const open = this.#stack.find((each) => each.shape === "#(");
    const index =
      name === "%" ? 1 : /^%[1-9]$|^%1[0-9]$|^%20$/.test(name) ? Number(name.slice(1)) : 0;
    if (open === undefined || index === 0) return { kind: "symbol", name, span };
    open.arity = Math.max(open.arity, index);
    return { kind: "symbol", name: `%${index}`, span };
  }

  /** Put a form where it belongs; a waiting `'` wraps it at once. */
  #add(form: Form): void {
    let placed = form;
    for (;;) {
      const open = this.#stack.at(-1);
      if (open === undefined) {
        this.#forms.push(placed);
        return;
      }
      if (open.shape !== "'") {
        open.items.push(placed);
        return;
      }
      this.#stack.pop();
      const quote: Form = { kind: "symbol", name: "quote", span: open.span };
      placed = {
        kind: "list",
        items: [quote, placed],
        span: { ...open.span, end: placed.span.end },
      };
    }
  }

  #refuseUnclosed(): void {
    const open = this.#stack.at(-1);
    if (open === undefined) return;
    const what = open.shape === "'" ? "Nothing follows `'`" : `\`${open.shape}\` is never closed`;
    const outer = this.#stack[0]!;
    this.#stop(open.span, what, {
      hint: open.closer === "" ? undefined : `Add \`${open.closer}\``,
      related: outer === open ? [] : [{ message: "the outermost open bracket", span: outer.span }],
    });
  }

  #span(start: number, end: number): SourceSpan {
    return { file: this.#file, start, end, line: this.#line, column: start - this.#lineStart + 1 };
  }

  #report(span: SourceSpan, message: string, more: DiagnosticMore = {}): void {
    this.#problems.push(diagnostic(span, message, more));
    if (this.#problems.length >= DIAGNOSTICS_MAX) throw new Stop();
  }

  #stop(span: SourceSpan, message: string, more: DiagnosticMore = {}): never {
    this.#report(span, message, more);
    throw new Stop();
  }
}

function unsupported(
  text: string,
  next: string | undefined,
): { message: string; hint: string } | null {
  const first = text[0]!;
  if (text === "#" && next === "{")
    return { message: "There are no set literals", hint: "Use a vector" };
  if (text.startsWith("#_")) return { message: "There is no `#_` comment", hint: "Use `;`" };
  if (!"`~@^".includes(first)) return null;
  const hint = "Quasiquote, context access and metadata are not part of this version";
  return { message: `\`${first}\` is not read by this version`, hint };
}

function loneSurrogate(text: string): number {
  return text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
}
