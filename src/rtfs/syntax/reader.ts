/**
 * Text to forms. One pass over tokens, an explicit stack, nothing evaluated.
 *
 * Read in this order: readSource, Reader.run, Reader.#form, Reader.#add. The stack makes nesting
 * cost memory that is bounded by `depthMax`, never the JS stack; time is linear in the text. An
 * error does not end the reading: recovery.ts says where it goes on, so that one pass finds several.
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
import { hiddenCharacters, SOURCE_BYTES_MAX, tooLarge, utf8Length } from "../source/decode.ts";
import { CHARACTER_BITS, DECIMAL, DIGIT, NAME, WORD_START } from "../source/character.ts";
import {
  finishBracket,
  finishPrefix,
  newOpen,
  type Open,
  openerSpan,
  type Report,
} from "./bracket.ts";
import { CommentCollector, type Comment } from "./comment.ts";
import type { Form } from "./form.ts";
import { type Closer, Lexer, type Opener, type Prefix } from "./lexer.ts";
import {
  closesNext,
  innermostWith,
  nextTopLevel,
  outermostFirst,
  placeInside,
} from "./recovery.ts";
import { readString } from "./string-literal.ts";
import { classify, contextToken, NAME_LENGTH_MAX, type Token, unsupported } from "./token.ts";

export interface ReadOptions {
  /** What diagnostics call the text. */
  readonly file: string;
  /** Default 1 MiB. */
  readonly bytesMax?: number;
  /** Nesting of brackets and prefixes; default 512. */
  readonly depthMax?: number;
}

const DEPTH_MAX = 512;
/** Longest decimal that is read at once: in the range of a float, whatever it is. */
const DECIMAL_LENGTH_MAX = 64;
/** Parameters of a `#( )`. */
const POSITIONS_MAX = 20;

/** A text as far as it can be read. */
export interface ReadText {
  /** In order. Where there are diagnostics: what could be read, open brackets taken as closed. */
  readonly forms: readonly Form[];
  /** In order. */
  readonly comments: readonly Comment[];
  /** In order of their places; empty when the text is good, at most {@link DIAGNOSTICS_MAX}. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Read a whole text, comments too, and go on after errors: for editors and the formatter. */
export function readSource(source: string, options: ReadOptions): ReadText {
  return read(source, options, true);
}

/** Read a whole text. An empty text has no forms. */
export function readForms(
  source: string,
  options: ReadOptions,
): Result<readonly Form[], readonly Diagnostic[]> {
  const { forms, diagnostics } = read(source, options, false);
  return diagnostics.length === 0 ? ok(forms) : err(diagnostics);
}

function read(source: string, options: ReadOptions, keepsComments: boolean): ReadText {
  const { file, bytesMax = SOURCE_BYTES_MAX, depthMax = DEPTH_MAX } = options;
  // A unit is at most three bytes.
  if (source.length * 3 > bytesMax) {
    const bytes = source.length > bytesMax ? source.length : utf8Length(source);
    if (bytes > bytesMax) {
      return { forms: [], comments: [], diagnostics: [tooLarge(file, bytes, bytesMax)] };
    }
  }
  const hidden = hiddenCharacters(source, file, DIAGNOSTICS_MAX);
  if (hidden.length > 0) return { forms: [], comments: [], diagnostics: hidden };
  return new Reader(new Lexer(source, file, keepsComments), depthMax).run();
}

/** Ends the reading: enough errors, or one after which all would be guesses. */
class Stop extends Error {}

class Reader {
  readonly #lexer: Lexer;
  readonly #depthMax: number;
  readonly #stack: Open[] = [];
  /** Forms of the open brackets, one after the other; those from `#waiting` on are left-overs. */
  readonly #items: Form[] = [];
  #waiting = 0;
  /** How many of the stack are `#(`. */
  #shortFunctions = 0;
  readonly #forms: Form[] = [];
  readonly #comments = new CommentCollector();
  #problems: Diagnostic[] = [];
  /** A `(` at column 1 starts a top-level form, whatever is open. */
  #isStrict = false;
  /** The last string that spans lines: where a quote may be missing. */
  #longString: SourceSpan | null = null;

  constructor(lexer: Lexer, depthMax: number) {
    this.#lexer = lexer;
    this.#depthMax = depthMax;
  }

  run(): ReadText {
    try {
      this.#readRest();
      const outer = this.#stack[0];
      if (outer !== undefined && nextTopLevel(this.#lexer.text, outer.start) >= 0) {
        this.#readAgain(outer);
      }
      this.#abandonOpen();
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
    }
    const diagnostics = this.#problems.toSorted((a, b) => a.span.start - b.span.start);
    return { forms: this.#forms, comments: this.#comments.comments, diagnostics };
  }

  #readRest(): void {
    while (this.#lexer.next() !== "end") this.#form();
  }

  /** Something after `from` is never closed: find it by the top-level forms that follow. */
  #readAgain(from: Open): void {
    this.#isStrict = true;
    this.#stack.length = 0;
    this.#waiting = 0;
    this.#shortFunctions = 0;
    this.#problems = this.#problems.filter(({ span }) => span.start < from.start);
    this.#comments.forget(from.start);
    this.#lexer.restartAt(from.start, from.line, from.column);
    this.#readRest();
  }

  #form(): void {
    const lexer = this.#lexer;
    switch (lexer.kind) {
      case "atom":
        return this.#atom();
      case "(":
        if (this.#isStrict && lexer.column === 1) this.#abandonOpen();
        return this.#open("(");
      case ")":
      case "]":
      case "}":
        return this.#close(lexer.kind);
      case "string":
        return this.#string();
      case "[":
      case "{":
      case "#(":
      case "'":
      case "`":
      case "~":
      case "~@":
      case "^":
        return this.#open(lexer.kind);
      case "line-comment":
      case "block-comment":
        return this.#comments.add(lexer);
      case "open-string":
      case "open-comment":
        return this.#neverClosed(lexer.kind);
      case "end":
    }
  }

  #open(shape: Opener | Prefix): void {
    if (this.#stack.length >= this.#depthMax) {
      this.report(this.#lexer.span(), `The text nests deeper than ${this.#depthMax}`, {
        code: "READ_TOO_DEEP",
        hint: "Give the inner parts names",
        related: [{ message: "the outermost opener", span: this.#placeOf(this.#stack[0]!) }],
      });
      throw new Stop();
    }
    if (shape === "#(" && this.#shortFunctions++ > 0) {
      this.report(this.#lexer.span(), "`#(` must not stand inside `#(`", {
        code: "READ_SHORT_FUNCTION",
        hint: "Use (fn [x] …)",
      });
    }
    this.#stack.push(newOpen(shape, this.#lexer, this.#waiting));
  }

  #placeOf(open: Open): SourceSpan {
    return openerSpan(open, this.#lexer.file);
  }

  #close(closer: Closer): void {
    const open = this.#stack.at(-1);
    if (open?.closer === closer) return this.#closeTop(this.report);
    const span = this.#lexer.span();
    if (open === undefined) {
      return this.report(span, `\`${closer}\` closes nothing`, {
        code: "READ_STRAY_CLOSER",
        hint: "Remove it",
      });
    }
    const isPrefix = open.closer === null;
    const expected = isPrefix
      ? `a form must follow \`${open.shape}\``
      : `\`${open.closer}\` is needed`;
    this.report(span, `\`${closer}\` does not close \`${open.shape}\`: ${expected}`, {
      code: isPrefix ? "READ_DANGLING_PREFIX" : "READ_MISMATCHED",
      hint: isPrefix
        ? `Write a form, or remove \`${open.shape}\``
        : `Add \`${open.closer}\` before it`,
      related: [{ message: `\`${open.shape}\` is opened here`, span: this.#placeOf(open) }],
    });
    this.#recoverClose(closer);
  }

  /** After a report: close what `closer` most likely meant to close. */
  #recoverClose(closer: Closer): void {
    const matching = innermostWith(this.#stack, closer);
    if (matching >= 0) {
      while (this.#stack.length > matching + 1) this.#closeTop(ignore);
      return this.#closeTop(ignore);
    }
    while (this.#stack.at(-1)?.closer === null) this.#closeTop(ignore);
    const open = this.#stack.at(-1);
    const isSurplus =
      open === undefined || closesNext(this.#lexer.text, this.#lexer.end, open.closer);
    if (!isSurplus) this.#closeTop(ignore);
  }

  /** The innermost bracket ends with the present token; a prefix without form is dropped. */
  #closeTop(report: Report): void {
    const open = this.#stack.pop()!;
    if (open.shape === "#(") this.#shortFunctions--;
    if (open.closer === null) {
      this.#waiting = open.from;
      return;
    }
    const { start, line, column } = open;
    const { file, end } = this.#lexer;
    const items = this.#take(open);
    this.#add(finishBracket(open, items, { file, start, end, line, column }, report));
  }

  /** The forms that waited for the end of `open`, which they leave. */
  #take(open: Open): readonly Form[] {
    const items = this.#items.slice(open.from, this.#waiting);
    this.#waiting = open.from;
    return items;
  }

  /** Put a form where it belongs; a waiting prefix takes it at once. */
  #add(form: Form): void {
    let placed = form;
    for (;;) {
      const open = this.#stack[this.#stack.length - 1];
      if (open === undefined) {
        this.#forms.push(placed);
        return;
      }
      this.#items[this.#waiting++] = placed;
      if (open.closer !== null) return;
      const items = this.#items.slice(open.from, this.#waiting);
      const finished = finishPrefix(open, items, this.#lexer.file, this.report);
      if (finished === null) return;
      this.#waiting = open.from;
      this.#stack.pop();
      placed = finished;
    }
  }

  #string(): void {
    const lexer = this.#lexer;
    const span = lexer.span();
    if (lexer.endLine > lexer.line) this.#longString = span;
    if (!lexer.isEscaped) {
      const value = lexer.text.slice(lexer.start + 1, lexer.end - 1);
      return this.#add({ kind: "string", value, span });
    }
    const literal = readString(lexer.text, lexer.start + 1, lexer.end - 1);
    for (const problem of literal.problems) {
      const place = placeInside(lexer, problem.at, problem.at + 2);
      this.report(place, problem.message, { code: "READ_ESCAPE", hint: problem.hint });
    }
    this.#add({ kind: "string", value: literal.value, span });
  }

  #atom(): void {
    const { text, start, end, bitsOfAll } = this.#lexer;
    const length = end - start;
    const first = text.charCodeAt(start);
    const isName = (bitsOfAll & NAME) !== 0 && length <= NAME_LENGTH_MAX;
    if (isName && (CHARACTER_BITS[first]! & WORD_START) !== 0 && length !== 36) {
      const name = text.slice(start, end);
      const span = this.#lexer.span();
      if (name === "nil") return this.#add({ kind: "nil", span });
      if (name === "true") return this.#add({ kind: "boolean", value: true, span });
      if (name === "false") return this.#add({ kind: "boolean", value: false, span });
      if (!name.startsWith("resource://")) return this.#add({ kind: "symbol", name, span });
    } else if (isName && first === 58 && length > 1) {
      if (text.charCodeAt(start + 1) !== 58 && text.charCodeAt(end - 1) !== 58) {
        const name = text.slice(start + 1, end);
        return this.#add({ kind: "keyword", name, span: this.#lexer.span() });
      }
    } else if ((bitsOfAll & DIGIT) !== 0 && length <= 15) {
      const value = Number(text.slice(start, end));
      return this.#add({ kind: "integer", value, span: this.#lexer.span() });
    } else if ((bitsOfAll & DECIMAL) !== 0 && length <= DECIMAL_LENGTH_MAX) {
      const digits = text.slice(start, end);
      const point = digits.indexOf(".");
      if (point > 0 && point < length - 1 && point === digits.lastIndexOf(".")) {
        const value = Number(digits);
        return this.#add({ kind: "float", value, span: this.#lexer.span() });
      }
    }
    this.#otherAtom(text.slice(start, end));
  }

  #otherAtom(text: string): void {
    const span = this.#lexer.span();
    if (text.startsWith("@")) return this.#context(text, span);
    const next = this.#lexer.text[this.#lexer.end];
    const refusal = unsupported(text, next);
    if (refusal?.kind !== "bad" || text !== "#" || (next !== "{" && next !== '"')) {
      return this.#token(refusal ?? classify(text), span);
    }
    // What follows the `#` stands for the whole; a set's items are no entries of a map.
    this.report(span, refusal.message, { code: refusal.code, hint: refusal.hint });
    if (next === "{") {
      this.#lexer.next();
      this.#open("{");
      this.#stack.push({ ...this.#stack.pop()!, shape: "[" });
    }
  }

  #token(token: Token, span: SourceSpan): void {
    if (token.kind === "bad") {
      this.report(span, token.message, { code: token.code, hint: token.hint });
      return this.#add({ kind: "nil", span });
    }
    if (token.kind === "symbol" && token.name.startsWith("%")) {
      return this.#add(this.#positional(token.name, span));
    }
    this.#add({ ...token, span });
  }

  /** `@name` is `(context-ref name)`, `@:key` is `(get :key)`. */
  #context(text: string, span: SourceSpan): void {
    const inner = { ...span, start: span.start + 1, column: span.column + 1 };
    const token = contextToken(text.slice(1));
    if (token.kind === "bad") return this.#token(token, span);
    const head = token.kind === "keyword" ? "get" : "context-ref";
    const headSpan = { ...span, end: span.start + 1 };
    const items: Form[] = [
      { kind: "symbol", name: head, span: headSpan },
      { ...token, span: inner },
    ];
    this.#add({ kind: "list", items, span });
  }

  /** `%`, `%1` … inside `#( )` name its parameters. */
  #positional(name: string, span: SourceSpan): Form {
    if (this.#shortFunctions === 0 || !/^%[0-9]*$/.test(name))
      return { kind: "symbol", name, span };
    const index = name === "%" ? 1 : Number(name.slice(1));
    if (index < 1 || index > POSITIONS_MAX) {
      this.report(span, `\`#(\` has parameters %1 to %${POSITIONS_MAX}`, {
        code: "READ_SHORT_FUNCTION",
        hint: "Use (fn [x] …)",
      });
      return { kind: "symbol", name, span };
    }
    const open = outermostFirst(this.#stack, "#(");
    open.arity = Math.max(open.arity, index);
    return { kind: "symbol", name: `%${index}`, span };
  }

  /** A string or comment to the end of the text: go on at the next top-level form, if any. */
  #neverClosed(kind: "open-string" | "open-comment"): void {
    const lexer = this.#lexer;
    const isString = kind === "open-string";
    const span = lexer.spanOf(lexer.start, lexer.start + (isString ? 1 : 2));
    const long = isString ? this.#longString : null;
    this.report(
      span,
      isString ? "The string is never closed" : "The comment `#|` is never closed",
      {
        code: isString ? "READ_UNCLOSED_STRING" : "READ_UNCLOSED_COMMENT",
        hint: isString ? 'Close it with `"`' : "Close it with `|#`",
        related:
          long === null ? [] : [{ message: "this string spans lines: is it closed?", span: long }],
      },
    );
    while (this.#stack.length > 0) this.#closeTop(ignore);
    const next = nextTopLevel(lexer.text, lexer.start);
    if (next < 0) throw new Stop();
    this.#isStrict = true;
    this.#longString = null;
    lexer.restartAt(next, placeInside(lexer, next, next).line, 1);
  }

  /** Report the innermost opener that waits, and take everything open as closed. */
  #abandonOpen(): void {
    const open = this.#stack.at(-1);
    if (open === undefined) return;
    const isPrefix = open.closer === null;
    const outer = this.#stack[0]!;
    this.report(
      this.#placeOf(open),
      isPrefix ? `Nothing follows \`${open.shape}\`` : `\`${open.shape}\` is never closed`,
      {
        code: isPrefix ? "READ_DANGLING_PREFIX" : "READ_UNCLOSED",
        hint: isPrefix ? `Write a form, or remove \`${open.shape}\`` : `Add \`${open.closer}\``,
        related:
          outer === open
            ? []
            : [{ message: "the outermost open bracket", span: this.#placeOf(outer) }],
      },
    );
    while (this.#stack.length > 0) this.#closeTop(ignore);
  }

  readonly report = (span: SourceSpan, message: string, more: DiagnosticMore): void => {
    this.#problems.push(diagnostic(span, message, more));
    if (this.#problems.length >= DIAGNOSTICS_MAX) throw new Stop();
  };
}

/** What an unclosed bracket holds is not judged: it may be half of something. */
const ignore = (): void => undefined;
