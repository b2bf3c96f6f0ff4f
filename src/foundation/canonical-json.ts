/**
 * Canonical JSON (RFC 8785): one value, one text, in any language.
 *
 * Read in this order: canonicalJson, isOrdered (the usual case), writeValue (the grammar). Keys are
 * sorted by UTF-16 code units; numbers and escapes are ECMAScript's own. A value whose keys already
 * stand in order is handed to the engine's writer, several times faster than code here. What has no
 * such text is refused, never repaired: undefined, functions, BigInt, NaN, infinities, lone
 * surrogates, holes, objects with a class, depth over 200 (so also cycles).
 *
 * @module
 */
import { CcosError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

/** Nesting of arrays and objects that is still written. */
export const CANONICAL_DEPTH_MAX = 200;

/**
 * The canonical text of `value`; digests are over this text as UTF-8.
 *
 * Symbol keys and non-enumerable properties are no part of a value. A getter may be read twice.
 *
 * @throws {CcosError} `NOT_CANONICAL` for what JSON cannot carry; `details.path` names the place.
 */
export function canonicalJson(value: JsonValue): string {
  if (isOrdered(value, 0)) {
    const text = JSON.stringify(value);
    // A lone surrogate is written as an escape in this form; so may be harmless text, told apart
    // below.
    if (!text.includes("\\ud")) return text;
  }
  return writeValue(value, 0, null);
}

/** Whether the engine's writer gives the canonical text, lone surrogates apart. */
function isOrdered(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      if (value === null) return true;
      if (depth >= CANONICAL_DEPTH_MAX) return false;
      return Array.isArray(value)
        ? isOrderedArray(value, depth + 1)
        : isOrderedObject(value, depth + 1);
    case "undefined":
    case "bigint":
    case "symbol":
    case "function":
      return false;
  }
}

function isOrderedArray(items: readonly unknown[], depth: number): boolean {
  if ((items as { toJSON?: unknown }).toJSON !== undefined) return false;
  for (let at = 0; at < items.length; at++) {
    if (!isOrdered(items[at], depth)) return false;
  }
  return true;
}

function isOrderedObject(object: object, depth: number): boolean {
  if (!isPlain(object)) return false;
  const fields = object as Readonly<Record<string, unknown>>;
  let last = "";
  let lastUnit = -1;
  for (const key in fields) {
    const unit = key.length === 0 ? -1 : key.charCodeAt(0);
    // Most neighbours differ in their first unit, and comparing numbers is cheaper.
    if (unit <= lastUnit && (unit < lastUnit || key < last)) return false;
    last = key;
    lastUnit = unit;
    const field = fields[key];
    if (typeof field !== "string" && !isOrdered(field, depth)) return false;
  }
  return true;
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** Where a value stands, from the inside out; read only when something is refused. */
interface Place {
  readonly key: string | number;
  readonly outer: Place | null;
}

function writeValue(value: unknown, depth: number, place: Place | null): string {
  switch (typeof value) {
    case "string":
      return writeString(value, place);
    case "number":
      if (!Number.isFinite(value)) throw refusal(`${value} is not a JSON number`, place);
      return String(value);
    case "boolean":
      return String(value);
    case "object":
      if (value === null) return "null";
      if (depth >= CANONICAL_DEPTH_MAX) {
        throw refusal(`it nests deeper than ${CANONICAL_DEPTH_MAX}`, place);
      }
      return Array.isArray(value)
        ? writeArray(value, depth + 1, place)
        : writeObject(value, depth + 1, place);
    case "undefined":
    case "bigint":
    case "symbol":
    case "function":
      throw refusal(`${typeof value} is not JSON`, place);
  }
}

function writeString(text: string, place: Place | null): string {
  if (!text.isWellFormed()) throw refusal("the text has a lone surrogate", place);
  return JSON.stringify(text);
}

function writeArray(items: readonly unknown[], depth: number, outer: Place | null): string {
  let text = "[";
  for (let at = 0; at < items.length; at++) {
    text += at === 0 ? "" : ",";
    text += writeValue(items[at], depth, { key: at, outer });
  }
  return `${text}]`;
}

function writeObject(object: object, depth: number, outer: Place | null): string {
  if (!isPlain(object)) throw refusal("an object with a class is not plain data", outer);
  const fields = object as Readonly<Record<string, unknown>>;
  let text = "{";
  // Without a comparator, sort is by UTF-16 code units, as the RFC asks.
  for (const key of Object.keys(fields).sort()) {
    const place = { key, outer };
    text += text === "{" ? "" : ",";
    text += `${writeString(key, place)}:${writeValue(fields[key], depth, place)}`;
  }
  return `${text}}`;
}

const SHOWN_KEY_LENGTH = 40;
const SHOWN_PATH_LENGTH = 400;

function refusal(why: string, place: Place | null): CcosError {
  const parts: string[] = [];
  for (let at = place; at !== null; at = at.outer) {
    const { key } = at;
    const name = typeof key === "number" ? `[${key}]` : `.${key.slice(0, SHOWN_KEY_LENGTH)}`;
    parts.push(name.toWellFormed());
  }
  const path = parts.reverse().join("").slice(0, SHOWN_PATH_LENGTH).toWellFormed();
  return new CcosError("NOT_CANONICAL", {
    what: `Cannot write ${path === "" ? "the value" : `"${path}"`} as canonical JSON`,
    why,
    fix: "Send plain JSON data",
    details: { path },
  });
}
