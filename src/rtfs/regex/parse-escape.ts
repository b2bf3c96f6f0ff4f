/**
 * What a `\` begins: a character, a class, a condition or a feature that this dialect refuses.
 *
 * @module
 */
import { isProperty, PERL_CLASSES, type SetPart } from "./char-set.ts";
import type { PatternReader } from "./reader.ts";
import type { Assertion } from "./tree.ts";

export type Escape =
  | { readonly kind: "point"; readonly point: number }
  | { readonly kind: "class"; readonly part: SetPart }
  | { readonly kind: "assert"; readonly assertion: Assertion }
  /** `\Q…\E`: every character stands for itself. */
  | { readonly kind: "quoted"; readonly text: string };

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["t", 9],
  ["n", 10],
  ["r", 13],
  ["v", 11],
]);
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map<string, Assertion>([
  ["A", "text-start"],
  ["z", "text-end"],
  ["b", "boundary"],
  ["B", "no-boundary"],
]);
/** Features that need backtracking, or that mean something else in each dialect. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["k", "Back-references are not part of this dialect"],
  ["g", "Back-references are not part of this dialect"],
  ["G", "`\\G` is not part of this dialect"],
  ["K", "`\\K` is not part of this dialect"],
  ["Z", "`\\Z` is not part of this dialect; write \\z"],
  ["C", "`\\C` is not part of this dialect: patterns match characters, not bytes"],
  ["X", "`\\X` is not part of this dialect"],
  ["u", "`\\u` is not part of this dialect; write \\x{…}"],
]);

/** Read an escape; `reader` stands behind the `\`. */
export function parseEscape(reader: PatternReader, isInClass: boolean): Escape {
  const from = reader.at - 1;
  const name = reader.next();
  if (name === "") return reader.refuse("The pattern ends in a lone `\\`", from);
  const refused = REFUSED.get(name);
  if (refused !== undefined) return reader.refuse(refused, from);
  const assertion = isInClass ? undefined : ASSERTIONS.get(name);
  if (assertion !== undefined) return { kind: "assert", assertion };
  if (name === "Q" && !isInClass)
    return { kind: "quoted", text: reader.until("\\E") ?? rest(reader) };
  const part = classEscape(reader, name, from);
  if (part !== null) return { kind: "class", part };
  return { kind: "point", point: pointEscape(reader, name, from) };
}

function rest(reader: PatternReader): string {
  let text = "";
  while (!reader.isAtEnd) text += reader.next();
  return text;
}

function classEscape(reader: PatternReader, name: string, from: number): SetPart | null {
  if (name === "p" || name === "P") return property(reader, name === "P", from);
  const parts = PERL_CLASSES.get(name.toLowerCase());
  if (parts === undefined) return null;
  return { kind: "union", parts, isNegated: name !== name.toLowerCase() };
}

/** `\pL`, `\p{Greek}`, `\p{^Lu}`. */
function property(reader: PatternReader, isNegated: boolean, from: number): SetPart {
  let name = reader.next();
  if (name === "{") name = reader.until("}") ?? reader.refuse("`\\p{` is never closed", from);
  const isInverted = name.startsWith("^");
  if (isInverted) name = name.slice(1);
  if (!isProperty(name)) {
    return reader.refuse(`\`${name.slice(0, 40)}\` is no general category and no script`, from);
  }
  const part: SetPart = { kind: "property", name };
  return isNegated === isInverted ? part : { kind: "union", parts: [part], isNegated: true };
}

function pointEscape(reader: PatternReader, name: string, from: number): number {
  const control = CONTROLS.get(name);
  if (control !== undefined) return control;
  if (name === "x") return hexPoint(reader, from);
  if (/^[0-7]$/.test(name)) {
    const isOctal = name === "0" || /^[0-7]$/.test(reader.peek());
    if (!isOctal) return reader.refuse("Back-references are not part of this dialect", from);
    return octalPoint(reader, name);
  }
  if (/^[89]$/.test(name)) {
    return reader.refuse("Back-references are not part of this dialect", from);
  }
  if (name.codePointAt(0)! < 128 && !/^[A-Za-z0-9]$/.test(name)) return name.codePointAt(0)!;
  return reader.refuse(`\`\\${name}\` is no escape`, from);
}

function octalPoint(reader: PatternReader, first: string): number {
  let digits = first;
  while (digits.length < 3 && /^[0-7]$/.test(reader.peek())) digits += reader.next();
  return Number.parseInt(digits, 8);
}

function hexPoint(reader: PatternReader, from: number): number {
  const isBraced = reader.take("{");
  const digits = isBraced ? (reader.until("}") ?? "") : reader.next() + reader.next();
  const isHex = (isBraced ? /^[0-9A-Fa-f]{1,8}$/ : /^[0-9A-Fa-f]{2}$/).test(digits);
  const point = isHex ? Number.parseInt(digits, 16) : -1;
  if (point < 0 || point > 0x10ffff) {
    return reader.refuse("An `\\x` escape is two hex digits or a code point in braces", from);
  }
  return point;
}
