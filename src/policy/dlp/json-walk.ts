/**
 * Walk through JSON text value by value, with the place of each, without building it.
 *
 * A parser that keeps the last of two equal keys sees another document than one that keeps the first;
 * this one visits both. Several documents after each other (JSON lines) are one walk.
 *
 * @module
 */
import type { Span } from "./detector.ts";

/** Keys and indexes from the root. */
export type JsonPlace = readonly (string | number)[];

export type JsonVisitor = (place: JsonPlace, span: Span, kind: "scalar" | "container") => void;

const DEPTH_MAX = 64;
const SCALAR = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const QUOTE = 34;
const BACKSLASH = 92;
const BLANKS = /[ \t\r\n]*/y;

/** Whether the text begins as an object or an array does. */
export function looksLikeJson(text: string): boolean {
  const start = text.startsWith("\xef\xbb\xbf") ? 3 : 0;
  return /^[ \t\r\n]*[[{]/.test(text.slice(start, start + 64));
}

/**
 * Visit every value of a byte text.
 *
 * @returns False when it is not JSON, or deeper than 64; what was visited before stays visited.
 */
export function walkJson(text: string, visit: JsonVisitor): boolean {
  const walk = new Walk(text, visit);
  return walk.documents();
}

class Walk {
  readonly #text: string;
  readonly #visit: JsonVisitor;
  readonly #place: (string | number)[] = [];
  #at = 0;

  constructor(text: string, visit: JsonVisitor) {
    this.#text = text;
    this.#visit = visit;
    if (text.startsWith("\xef\xbb\xbf")) this.#at = 3;
  }

  documents(): boolean {
    do {
      if (!this.#value()) return false;
      this.#take(BLANKS);
    } while (this.#at < this.#text.length);
    return true;
  }

  #value(): boolean {
    this.#take(BLANKS);
    const from = this.#at;
    const open = this.#text[from];
    const isContainer = open === "{" || open === "[";
    const isRead = isContainer ? this.#container(open) : this.#string() || this.#take(SCALAR);
    if (!isRead) return false;
    const span = { from, to: this.#at };
    this.#visit(this.#place, span, isContainer ? "container" : "scalar");
    return true;
  }

  #container(open: "{" | "["): boolean {
    if (this.#place.length >= DEPTH_MAX) return false;
    this.#at += 1;
    const close = open === "{" ? "}" : "]";
    if (this.#isNext(close)) return true;
    for (let index = 0; ; index += 1) {
      const key = open === "{" ? this.#key() : index;
      if (key === null) return false;
      this.#place.push(key);
      const isRead = this.#value();
      this.#place.pop();
      if (!isRead) return false;
      if (this.#isNext(close)) return true;
      if (!this.#isNext(",")) return false;
    }
  }

  #key(): string | null {
    this.#take(BLANKS);
    const from = this.#at;
    if (!this.#string()) return null;
    const written = this.#text.slice(from, this.#at);
    return this.#isNext(":") ? readString(written) : null;
  }

  /** A loop: a pattern would keep a way back for each unit of a long string. */
  #string(): boolean {
    if (this.#text[this.#at] !== '"') return false;
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      const unit = this.#text.charCodeAt(at);
      if (unit === BACKSLASH) at += 1;
      else if (unit === QUOTE) {
        this.#at = at + 1;
        return true;
      }
    }
    return false;
  }

  #isNext(unit: string): boolean {
    this.#take(BLANKS);
    if (this.#text[this.#at] !== unit) return false;
    this.#at += 1;
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}

/** A JSON string of byte text as the text it means; null when an escape in it is none. */
function readString(written: string): string | null {
  try {
    return String(JSON.parse(Buffer.from(written, "latin1").toString("utf8")));
  } catch {
    return null;
  }
}
