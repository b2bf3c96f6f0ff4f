/**
 * JSON as one reader reads it: what two readers could read differently is refused, and the text that goes on is
 * written anew from what was read.
 *
 * Refused: a key given twice in one object, lone surrogates, a byte order mark, bytes that are no UTF-8, more than
 * 64 levels. Numbers keep the digits they came with. Pure and linear.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";

export type JsonNode =
  | { readonly kind: "object"; readonly members: ReadonlyMap<string, JsonNode> }
  | { readonly kind: "array"; readonly items: readonly JsonNode[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number" | "literal" };

export interface StrictJson {
  readonly root: JsonNode;
  /** The same value without blanks, with the same numbers. */
  readonly text: string;
}

const LEVELS_MAX = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANKS = /[ \t\n\r]*/y;
const LITERALS = ["true", "false", "null"] as const;

/** @returns The reason for people when the bytes are no JSON that everybody reads alike. */
export function readStrictJson(bytes: Uint8Array): Result<StrictJson, string> {
  try {
    const reader = new Reader(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
    const root = reader.value(LEVELS_MAX);
    reader.end();
    return ok({ root, text: reader.written.join("") });
  } catch (cause) {
    return err(cause instanceof NotJson ? cause.message : "it is not JSON in UTF-8");
  }
}

class NotJson extends Error {}

/** Reads forward and writes what it read. */
class Reader {
  readonly written: string[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(levels: number): JsonNode {
    if (levels === 0) throw new NotJson(`it is deeper than ${LEVELS_MAX} levels`);
    this.#skip();
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(levels);
    if (first === "[") return this.#array(levels);
    if (first === '"') return { kind: "string", value: this.#string() };
    return this.#plain();
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw new NotJson("something stands behind the JSON");
  }

  #skip(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.test(this.#text);
    this.#at = BLANKS.lastIndex;
  }

  /** Take `sign` when it is next. */
  #takes(sign: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    this.written.push(sign);
    return true;
  }

  #needs(sign: string): void {
    if (!this.#takes(sign)) throw new NotJson(`${sign} is missing`);
  }

  #object(levels: number): JsonNode {
    const members = new Map<string, JsonNode>();
    this.#needs("{");
    if (this.#takes("}")) return { kind: "object", members };
    do {
      this.#skip();
      const key = this.#string();
      if (members.has(key)) throw new NotJson("a key is given twice");
      this.#needs(":");
      members.set(key, this.value(levels - 1));
    } while (this.#takes(","));
    this.#needs("}");
    return { kind: "object", members };
  }

  #array(levels: number): JsonNode {
    const items: JsonNode[] = [];
    this.#needs("[");
    if (this.#takes("]")) return { kind: "array", items };
    do items.push(this.value(levels - 1));
    while (this.#takes(","));
    this.#needs("]");
    return { kind: "array", items };
  }

  #string(): string {
    const from = this.#at;
    if (this.#text[from] !== '"') throw new NotJson("a text is missing");
    let at = from + 1;
    while (at < this.#text.length && this.#text[at] !== '"') at += this.#text[at] === "\\" ? 2 : 1;
    this.#at = at + 1;
    const value: unknown = parsed(this.#text.slice(from, this.#at));
    if (typeof value !== "string" || !value.isWellFormed()) throw new NotJson("a text is broken");
    this.written.push(JSON.stringify(value));
    return value;
  }

  #plain(): JsonNode {
    const literal = LITERALS.find((each) => this.#text.startsWith(each, this.#at));
    NUMBER.lastIndex = this.#at;
    const text = literal ?? NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw new NotJson("a value is missing");
    this.#at += text.length;
    this.written.push(text);
    return { kind: literal === undefined ? "number" : "literal" };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NotJson("a text is broken");
  }
}
