/**
 * Values as text: `printValue` round-trips through the reader, `displayValue` is what `str` gives.
 *
 * @module
 */
import type { Meter } from "./meter.ts";
import { RtfsError } from "./rtfs-error.ts";
import {
  ErrorValue,
  FunctionValue,
  Keyword,
  List,
  Sym,
  type Value,
  Vector,
  WholeFloat,
  MapValue,
} from "./value.ts";

/** Longest text that one print may make, UTF-16 units. */
export const TEXT_LENGTH_MAX = 10_000_000;

/**
 * Text that reads back, quoted, as an equal value. Functions print as `#<function name>` and errors
 * as `#<error Kind: message>`, which the reader refuses.
 *
 * @throws {RtfsError} LimitExceeded over {@link TEXT_LENGTH_MAX}.
 */
export function printValue(value: Value): string {
  return printMetered(value, null);
}

/** As `str` shows a value: a string bare, a whole float without its `.0`, the rest as printed. */
export function displayValue(value: Value): string {
  return displayMetered(value, null);
}

/** {@link printValue} on a budget: a unit for eight characters. */
function printMetered(value: Value, meter: Meter | null): string {
  const writer = new Writer(meter);
  writer.value(value);
  return writer.text;
}

/** {@link displayValue} on a budget: a unit for eight characters of what is not a string. */
export function displayMetered(value: Value, meter: Meter | null): string {
  if (typeof value === "string") return value;
  if (value instanceof WholeFloat) return numberText(value.value);
  return value instanceof ErrorValue ? value.message : printMetered(value, meter);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/**
 * Characters a reader or a person could misread: controls, line separators, bidi overrides, BOM.
 */
const ESCAPED = /["\\\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\t", "\\t"],
  ["\r", "\\r"],
  ["\\", "\\\\"],
  ['"', '\\"'],
]);

function quote(text: string): string {
  const escaped = text.replaceAll(
    ESCAPED,
    (found) => SHORT_ESCAPES.get(found) ?? `\\u{${found.codePointAt(0)!.toString(16)}}`,
  );
  return `"${escaped}"`;
}

class Writer {
  text = "";
  readonly #meter: Meter | null;

  constructor(meter: Meter | null) {
    this.#meter = meter;
  }

  #add(text: string): void {
    this.text += text;
    this.#meter?.(1 + (text.length >>> 3));
    if (this.text.length > TEXT_LENGTH_MAX) {
      throw new RtfsError("LimitExceeded", `A text is over ${TEXT_LENGTH_MAX} characters`, {});
    }
  }

  /** No recursion: a value nests as deep as a program liked. */
  value(whole: Value): void {
    const open: Printing[] = [];
    let value = whole;
    for (;;) {
      const brackets = bracketsOf(value);
      if (brackets === null) this.#add(atomText(value as Atom));
      else {
        this.#add(brackets.opener);
        open.push({ items: brackets.items, closer: brackets.closer, isFirst: true });
      }
      const next = this.#nextItem(open);
      if (next === undefined) return;
      value = next;
    }
  }

  /** Close what has ended; undefined: everything has. */
  #nextItem(open: Printing[]): Value | undefined {
    for (;;) {
      const innermost = open.at(-1);
      if (innermost === undefined) return undefined;
      const next = innermost.items.next();
      if (next.done !== true) {
        if (!innermost.isFirst) this.#add(" ");
        innermost.isFirst = false;
        return next.value;
      }
      this.#add(innermost.closer);
      open.pop();
    }
  }
}

/** A collection half printed. */
interface Printing {
  readonly items: Iterator<Value>;
  readonly closer: string;
  isFirst: boolean;
}

interface Brackets {
  readonly opener: string;
  readonly closer: string;
  readonly items: Iterator<Value>;
}

/** Null: no collection. */
function bracketsOf(value: Value): Brackets | null {
  if (value instanceof Vector) return { opener: "[", closer: "]", items: value.items.values() };
  if (value instanceof List) return { opener: "(", closer: ")", items: value.items.values() };
  if (value instanceof MapValue) return { opener: "{", closer: "}", items: keysAndValues(value) };
  return null;
}

function* keysAndValues(map: MapValue): Generator<Value> {
  for (const [key, value] of map.entries()) {
    yield key;
    yield value;
  }
}

type Atom = Exclude<Value, Vector | List | MapValue>;

function atomText(value: Atom): string {
  if (value === null) return "nil";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return floatText(value);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof Keyword) return `:${value.name}`;
  if (value instanceof Sym) return value.name;
  if (value instanceof WholeFloat) return wholeFloatText(value.value);
  if (value instanceof FunctionValue) return `#<function ${value.name || "anonymous"}>`;
  if (value instanceof ErrorValue) return `#<error ${value.kind}: ${value.message}>`;
  return value.text;
}

/** Exponents stand at 1e21 and above and below 1e-7; JS writes them below 1e-6 already. */
const SMALL = /^(-?)(\d)(?:\.(\d+))?e-7$/;

function floatText(value: number): string {
  if (Number.isFinite(value)) {
    const text = String(value);
    const small = SMALL.exec(text);
    return small === null ? text : `${small[1]}0.000000${small[2]}${small[3] ?? ""}`;
  }
  if (Number.isNaN(value)) return "##NaN";
  return value > 0 ? "##Inf" : "##-Inf";
}

function wholeFloatText(value: number): string {
  const text = numberText(value);
  return text.includes("e") ? text : `${text}.0`;
}
