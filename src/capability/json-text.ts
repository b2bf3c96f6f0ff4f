/**
 * JSON text and RTFS values, without loss and without surprises.
 *
 * Objects become maps with string keys (a key is data: `":x"` stays a string, `__proto__` is a key like
 * any other), 64-bit integers stay exact, every other number is a float. Writing refuses what JSON has no
 * form for. Depth and size are bounded before the work is done.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import {
  Keyword,
  List,
  makeFloat,
  makeInt,
  MapValue,
  type Value,
  Vector,
  WholeFloat,
} from "../rtfs/index.ts";

const DEPTH_MAX = 200;
/** Longest text read or written, UTF-16 units. */
const TEXT_LENGTH_MAX = 10 * 1024 * 1024;
const INTEGER = /^-?\d+$/;

/** @returns The value, or why the text is not JSON that can be taken. */
export function parseJsonText(text: string): Result<Value, string> {
  if (text.length > TEXT_LENGTH_MAX) return err(`the text is over ${TEXT_LENGTH_MAX} characters`);
  if (depthOf(text) > DEPTH_MAX) return err(`the text nests deeper than ${DEPTH_MAX}`);
  try {
    return ok(JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as Value);
  } catch (cause) {
    return err(cause instanceof SyntaxError ? "the text is not JSON" : String(cause));
  }
}

/** Nesting of brackets outside strings; text that is not JSON gives some number and fails later. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text[at];
    if (inString) {
      if (unit === "\\") at++;
      else inString = unit !== '"';
    } else if (unit === '"') inString = true;
    else if (unit === "[" || unit === "{") deepest = Math.max(deepest, ++depth);
    else if (unit === "]" || unit === "}") depth--;
  }
  return deepest;
}

/** Called from the leaves up: children are RTFS values already. */
function revive(_key: string, value: unknown, context: { readonly source?: string }): Value {
  if (typeof value === "number") return numberOf(value, context.source ?? "");
  if (Array.isArray(value)) return new Vector(value as Value[]);
  if (typeof value !== "object" || value === null) return value as string | boolean | null;
  return MapValue.of(Object.entries(value as Record<string, Value>));
}

function numberOf(value: number, source: string): Value {
  const exact = INTEGER.test(source) && source.length <= 20 ? makeInt(BigInt(source)) : null;
  return exact ?? makeFloat(value);
}

/**
 * Compact text, or indented by two spaces. Map keys are sorted, so equal maps give equal text.
 *
 * @returns The reason when a value has no JSON form: symbols, functions, errors, infinities, keywords
 * (as values; as keys they lose their colon), keys that meet under one name, nesting over 200.
 */
export function writeJsonText(value: Value, pretty: boolean): Result<string, string> {
  const writer = new Writer(pretty);
  const refused = writer.write(value, 0);
  return refused === null ? ok(writer.text) : err(refused);
}

class Writer {
  text = "";
  readonly #pretty: boolean;

  constructor(pretty: boolean) {
    this.#pretty = pretty;
  }

  /** Null when written, else the reason. */
  write(value: Value, depth: number): string | null {
    if (depth > DEPTH_MAX) return `the value nests deeper than ${DEPTH_MAX}`;
    if (this.text.length > TEXT_LENGTH_MAX) return `the text is over ${TEXT_LENGTH_MAX} characters`;
    if (value instanceof MapValue) return this.#map(value, depth);
    if (value instanceof Vector || value instanceof List) return this.#items(value.items, depth);
    const atom = atomText(value);
    if (atom === null)
      return "a symbol, keyword, function, error, handle, NaN or infinity is not JSON";
    this.text += atom;
    return null;
  }

  #items(items: readonly Value[], depth: number): string | null {
    this.text += "[";
    for (const [index, item] of items.entries()) {
      this.#separate(index, depth + 1);
      const refused = this.write(item, depth + 1);
      if (refused !== null) return refused;
    }
    this.#close("]", items.length, depth);
    return null;
  }

  #map(map: MapValue, depth: number): string | null {
    const fields = new Map<string, Value>();
    for (const [key, value] of map.entries()) {
      const name = key instanceof Keyword ? key.name : String(key);
      if (fields.has(name)) return `two keys are written as ${JSON.stringify(name.slice(0, 40))}`;
      fields.set(name, value);
    }
    this.text += "{";
    for (const [index, name] of [...fields.keys()].sort().entries()) {
      this.#separate(index, depth + 1);
      this.text += JSON.stringify(name) + (this.#pretty ? ": " : ":");
      const refused = this.write(fields.get(name)!, depth + 1);
      if (refused !== null) return refused;
    }
    this.#close("}", fields.size, depth);
    return null;
  }

  #separate(index: number, depth: number): void {
    if (index > 0) this.text += ",";
    if (this.#pretty) this.text += `\n${"  ".repeat(depth)}`;
  }

  #close(bracket: string, count: number, depth: number): void {
    if (this.#pretty && count > 0) this.text += `\n${"  ".repeat(depth)}`;
    this.text += bracket;
  }
}

function atomText(value: Value): string | null {
  if (value === null || typeof value === "boolean" || typeof value === "string") {
    return JSON.stringify(value);
  }
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : null;
  return value instanceof WholeFloat ? wholeText(value.value) : null;
}

/** `.0` keeps a whole float a float for whoever reads the text back. */
function wholeText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return text.includes("e") ? text : `${text}.0`;
}
