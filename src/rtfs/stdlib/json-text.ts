/**
 * JSON texts, read and written exactly: 64-bit integers keep every digit, member order stays.
 *
 * The reader is strict RFC 8259 and refuses a member name that stands twice: two readers that
 * disagree about a name are an attack. Nesting is bounded.
 *
 * @module
 */
import { JSON_DEPTH_MAX, jsonError, jsonKey } from "../json-value.ts";
import { compareText } from "../values/equality.ts";
import { kindOf } from "../values/kind-of.ts";
import type { Meter } from "../values/meter.ts";
import { makeFloat, makeInt } from "../values/numbers.ts";
import {
  List,
  type MapKey,
  ResourceHandle,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
  MapValue,
} from "../values/value.ts";

/** @throws {RtfsError} JsonError with the offset. */
export function parseJson(text: string): Value {
  return new JsonReader(text).read();
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS: readonly (readonly [string, Value])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Value {
    const value = this.#value(JSON_DEPTH_MAX);
    this.#skipSpace();
    return this.#at === this.#text.length ? value : this.#refuse("surplus text");
  }

  #refuse(what: string): never {
    throw jsonError(`not JSON: ${what} at offset ${this.#at}`);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  /** Whether the next character, after space, is this one; then it is taken. */
  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #value(depthLeft: number): Value {
    if (depthLeft < 0) return this.#refuse(`nesting over ${JSON_DEPTH_MAX}`);
    if (this.#take("{")) return this.#object(depthLeft - 1);
    if (this.#take("[")) return this.#array(depthLeft - 1);
    if (this.#text[this.#at] === '"') return this.#string();
    const word = WORDS.find(([spelling]) => this.#text.startsWith(spelling, this.#at));
    if (word !== undefined) {
      this.#at += word[0].length;
      return word[1];
    }
    return this.#number();
  }

  #array(depthLeft: number): Vector {
    const items: Value[] = [];
    if (this.#take("]")) return new Vector(items);
    do items.push(this.#value(depthLeft));
    while (this.#take(","));
    return this.#take("]") ? new Vector(items) : this.#refuse("an open array");
  }

  #object(depthLeft: number): MapValue {
    const entries = new Map<MapKey, Value>();
    if (this.#take("}")) return new MapValue(entries);
    do {
      this.#skipSpace();
      const name = this.#string();
      if (entries.has(name)) this.#refuse("a name that stands twice");
      if (!this.#take(":")) this.#refuse("a name without value");
      entries.set(name, this.#value(depthLeft));
    } while (this.#take(","));
    return this.#take("}") ? new MapValue(entries) : this.#refuse("an open object");
  }

  #string(): string {
    const literal = this.#match(STRING);
    if (literal === null) return this.#refuse("no string");
    const text = JSON.parse(literal) as string;
    return text.isWellFormed() ? text : this.#refuse("a lone surrogate");
  }

  #number(): Value {
    const literal = this.#match(NUMBER);
    if (literal === null) return this.#refuse("no value");
    const isInteger = literal.length <= 20 && !/[.eE]/.test(literal) && literal !== "-0";
    const int = isInteger ? makeInt(BigInt(literal)) : null;
    if (int !== null) return int;
    const value = Number(literal);
    return Number.isFinite(value) ? makeFloat(value) : this.#refuse("a number out of range");
  }
}

/**
 * A JSON text with sorted member names.
 *
 * @param indent - Spaces per level; 0: compact.
 * @param meter - Pays for each part and its text.
 * @throws {RtfsError} JsonError for what has no JSON form.
 */
export function serializeJson(value: Value, indent: number, meter: Meter): string {
  return write(value, { indent, meter }, 0);
}

interface Style {
  readonly indent: number;
  readonly meter: Meter;
}

function write(value: Value, style: Style, depth: number): string {
  style.meter(1);
  if (depth > JSON_DEPTH_MAX) throw jsonError(`a value nests deeper than ${JSON_DEPTH_MAX}`);
  if (value instanceof Vector || value instanceof List) {
    const items = value.items.map((item) => write(item, style, depth + 1));
    return bracketed("[]", items, style, depth);
  }
  if (value instanceof MapValue) return writeObject(value, style, depth);
  const text = writeAtom(value);
  style.meter(text.length >>> 3);
  return text;
}

function writeAtom(value: Value): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint")
    return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (value instanceof WholeFloat) {
    const text = Object.is(value.value, -0) ? "-0" : String(value.value);
    return text.includes("e") ? text : `${text}.0`;
  }
  if (value instanceof Timestamp || value instanceof Uuid || value instanceof ResourceHandle) {
    return JSON.stringify(value.text);
  }
  throw jsonError(`a ${kindOf(value)} has no JSON form`);
}

function writeObject(map: MapValue, style: Style, depth: number): string {
  const members = Array.from(map.entries(), ([key, value]) => ({ name: jsonKey(key), value }));
  members.sort((a, b) => compareText(a.name, b.name));
  const twice = members.find(({ name }, index) => index > 0 && members[index - 1]!.name === name);
  if (twice !== undefined) throw jsonError(`the key ${JSON.stringify(twice.name)} stands twice`);
  const colon = style.indent === 0 ? ":" : ": ";
  const texts = members.map(
    ({ name, value }) => JSON.stringify(name) + colon + write(value, style, depth + 1),
  );
  return bracketed("{}", texts, style, depth);
}

function bracketed(
  brackets: string,
  parts: readonly string[],
  style: Style,
  depth: number,
): string {
  const { indent } = style;
  if (parts.length === 0 || indent === 0) return brackets[0]! + parts.join(",") + brackets[1]!;
  const inner = `\n${" ".repeat(indent * (depth + 1))}`;
  return (
    brackets[0]! +
    inner +
    parts.join(`,${inner}`) +
    `\n${" ".repeat(indent * depth)}` +
    brackets[1]!
  );
}
