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

  value(value: Value): void {
    if (value instanceof Vector) this.#sequence("[", value.items, "]");
    else if (value instanceof List) this.#sequence("(", value.items, ")");
    else if (value instanceof MapValue) this.#map(value);
    else this.#add(atomText(value));
  }

  #sequence(open: string, items: readonly Value[], close: string): void {
    this.#add(open);
    for (const [index, item] of items.entries()) {
      if (index > 0) this.#add(" ");
      this.value(item);
    }
    this.#add(close);
  }

  #map(map: MapValue): void {
    this.#add("{");
    let first = true;
    for (const [key, value] of map.entries()) {
      if (!first) this.#add(" ");
      first = false;
      this.value(key);
      this.#add(" ");
      this.value(value);
    }
    this.#add("}");
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

function floatText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "##NaN";
  return value > 0 ? "##Inf" : "##-Inf";
}

function wholeFloatText(value: number): string {
  const text = numberText(value);
  return text.includes("e") ? text : `${text}.0`;
}
