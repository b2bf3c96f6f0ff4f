/**
 * What a bare token is: a number, a name, or one of the literals with a shape of their own.
 *
 * A token is a maximal run without white space, comma, bracket, quote or semicolon, so `1/2` and
 * `0x42` are one token and refused, never split. Every pattern here is linear.
 *
 * @module
 */
import type { DiagnosticCode } from "../diagnostic.ts";
import { makeInt } from "../values/numbers.ts";

export type Token =
  | { readonly kind: "nil" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "integer"; readonly value: number | bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "keyword"; readonly name: string }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "timestamp" | "uuid" | "resource"; readonly text: string }
  | {
      readonly kind: "bad";
      readonly code: DiagnosticCode;
      readonly message: string;
      readonly hint?: string;
    };

/** Longest symbol or keyword, characters. */
export const NAME_LENGTH_MAX = 256;
const NAME = /^[A-Za-z0-9_$+\-*/=<>!?%&.@:]+$/;
/** A name that a template makes fresh: `x#`. */
const AUTO_NAME = /^[A-Za-z0-9_$+\-*/=<>!?%&.@:]+#$/;
const NAME_START = /^[A-Za-z_$+\-*/=<>!?%&.]/;
const INTEGER = /^[+-]?[0-9]+$/;
const FLOAT = /^[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NUMBER_LIKE = /^[+-]?\.?[0-9]/;
const UUID = /^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/;
const TIMESTAMP =
  /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[._][0-9]{3})?Z$/;
const RESOURCE = /^resource:\/\/[\x21-\x7e]+$/;

/** Classify a non-empty token. */
export function classify(text: string): Token {
  if (text.startsWith(":") && text.length > 1) return keywordToken(text.slice(1));
  if (isUuidText(text)) return { kind: "uuid", text };
  if (NUMBER_LIKE.test(text)) return numberToken(text);
  if (text.startsWith("##")) return specialFloat(text);
  if (text.startsWith("resource://")) {
    return isResourceText(text)
      ? { kind: "resource", text }
      : {
          kind: "bad",
          code: "READ_TOKEN",
          message: "A resource handle is `resource://` and printable ASCII",
          hint: "Percent-encode the rest; at most 2048 characters",
        };
  }
  return wordToken(text);
}

/** What follows the `@` of context access: a symbol or a keyword, or why it is none. */
export function contextToken(name: string): Extract<Token, { kind: "keyword" | "symbol" | "bad" }> {
  const token = classify(name === "" || name === ":" ? "@" : name);
  if (token.kind === "symbol" || token.kind === "keyword") return token;
  return {
    kind: "bad",
    code: "READ_NAME",
    message: "A name must follow `@`",
    hint: "Write @name for a value of the context, or @:key",
  };
}

/** Spellings of other Lisps that this one does not have; `next` is the character after the token. */
export function unsupported(text: string, next: string | undefined): Token | null {
  if (!text.startsWith("#") || text.startsWith("##")) return null;
  const refuse = (message: string, hint: string): Token => {
    return { kind: "bad", code: "READ_UNSUPPORTED", message, hint };
  };
  if (text === "#" && next === "{") return refuse("There are no set literals", "Use a vector");
  if (text === "#" && next === '"') {
    return refuse("There are no regular expression literals", "Use a string");
  }
  if (text.startsWith("#_")) return refuse("There is no `#_` comment", "Use `;` or `#| |#`");
  if (text.startsWith("#<")) {
    return refuse("A printed function or error does not read back", "Write the code that makes it");
  }
  return refuse("`#` starts nothing here", "There are #( ), #| |# and ##Inf");
}

function wordToken(text: string): Token {
  if (text === "nil") return { kind: "nil" };
  if (text === "true" || text === "false") return { kind: "boolean", value: text === "true" };
  // `λ` is the one name outside ASCII: an alias of `fn`. A lone `:` separates a name from its type.
  if (text === "λ" || text === ":") return { kind: "symbol", name: text };
  const problem = nameProblem(text, "symbol");
  if (problem !== null) return problem;
  if (NAME_START.test(text)) return { kind: "symbol", name: text };
  return {
    kind: "bad",
    code: "READ_NAME",
    message: `\`${clip(text)}\` does not start like a symbol`,
    hint: "A symbol starts with a letter or one of _ $ + - * / = < > ! ? % & .",
  };
}

function keywordToken(name: string): Token {
  const problem = nameProblem(name, "keyword");
  if (problem !== null) return problem;
  if (name.endsWith(":") || name.startsWith(":")) {
    return {
      kind: "bad",
      code: "READ_NAME",
      message: `\`:${clip(name)}\` has an empty part`,
      hint: "A keyword is one colon and a name that neither starts nor ends with one",
    };
  }
  return { kind: "keyword", name };
}

function nameProblem(name: string, what: string): Token | null {
  if (name.length > NAME_LENGTH_MAX) {
    return {
      kind: "bad",
      code: "READ_NAME",
      message: `A ${what} is over ${NAME_LENGTH_MAX} characters`,
      hint: "Long texts are strings",
    };
  }
  if (NAME.test(name) || (what === "symbol" && AUTO_NAME.test(name))) return null;
  const bad = Array.from(name).find((character) => !NAME.test(character)) ?? "";
  return {
    kind: "bad",
    code: "READ_NAME",
    message: `\`${showCharacter(bad)}\` is no character of a ${what}`,
    hint: "Names are ASCII letters, digits and _ $ + - * / = < > ! ? % & . @ :",
  };
}

/** A character for a message: itself when printable ASCII, else its code point. */
export function showCharacter(character: string): string {
  if (/^[\x21-\x7e]$/.test(character)) return character;
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function numberToken(text: string): Token {
  if (FLOAT.test(text)) {
    if (INTEGER.test(text)) return integerToken(text);
    const value = Number(text);
    if (Number.isFinite(value)) return { kind: "float", value };
    return {
      kind: "bad",
      code: "READ_NUMBER",
      message: `\`${clip(text)}\` is over the range of a float`,
      hint: "Write ##Inf",
    };
  }
  if (isTimestampText(text)) return { kind: "timestamp", text };
  return {
    kind: "bad",
    code: "READ_NUMBER",
    message: `\`${clip(text)}\` starts like a number but is none`,
    hint: "There are decimal integers, floats with digits on both sides of the point, and 1e5",
  };
}

function integerToken(text: string): Token {
  const digits = text.replace(/^[+-]?0*(?=[0-9])/, "");
  const value =
    digits.length > 19 ? null : makeInt(BigInt(text.startsWith("-") ? `-${digits}` : digits));
  if (value !== null) return { kind: "integer", value };
  return {
    kind: "bad",
    code: "READ_NUMBER",
    message: `\`${clip(text)}\` does not fit a 64-bit integer`,
    hint: "Write a float, or a string",
  };
}

function specialFloat(text: string): Token {
  if (text === "##Inf") return { kind: "float", value: Number.POSITIVE_INFINITY };
  if (text === "##-Inf") return { kind: "float", value: Number.NEGATIVE_INFINITY };
  if (text === "##NaN") return { kind: "float", value: Number.NaN };
  return {
    kind: "bad",
    code: "READ_NUMBER",
    message: `\`${clip(text)}\` is no float`,
    hint: "##Inf, ##-Inf or ##NaN",
  };
}

export function isTimestampText(text: string): boolean {
  return text.length <= 32 && TIMESTAMP.test(text);
}

export function isUuidText(text: string): boolean {
  return text.length === 36 && UUID.test(text);
}

/** At most 2048 characters, none of which could end the token. */
export function isResourceText(text: string): boolean {
  return text.length <= 2048 && RESOURCE.test(text) && !/[,()[\]{}";]/.test(text);
}

/** Whether `:name` reads as one keyword. */
export function isKeywordName(name: string): boolean {
  return name !== "" && keywordToken(name).kind === "keyword";
}

/** Whether `name` reads as one symbol. */
export function isSymbolName(name: string): boolean {
  return name !== "" && classify(name).kind === "symbol";
}

function clip(text: string): string {
  const shown = Array.from(text.slice(0, 80)).slice(0, 40);
  return shown.map(showCharacter).join("");
}
