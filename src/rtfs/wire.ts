/**
 * Values as JSON with tags: what crosses the wall and goes into records.
 *
 * nil, booleans, strings, safe integers and non-integral floats pass as they are, a vector is an
 * array; everything else is `{"$t": tag, "v": …}` with exactly those two fields. Maps are lists of
 * pairs, so no object key is ever interpreted. Each value has one encoding, and `fromWire` accepts
 * no other, so equal digests mean equal values.
 *
 * @module
 */
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import {
  isKeywordName,
  isResourceText,
  isSymbolName,
  isTimestampText,
  isUuidText,
} from "./syntax/token.ts";
import { kindOf } from "./values/kind-of.ts";
import { boundedMeter, type Meter } from "./values/meter.ts";
import { INT_MAX, INT_MIN } from "./values/numbers.ts";
import { RtfsError } from "./values/rtfs-error.ts";
import {
  ErrorValue,
  type FunctionValue,
  Keyword,
  keyword,
  knownKeyword,
  List,
  type MapKey,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
  MapValue,
} from "./values/value.ts";

/** Deepest nesting that crosses, on both sides. */
export const WIRE_DEPTH_MAX = 256;

/**
 * Encode a value.
 *
 * @throws {RtfsError} TypeError for a function; LimitExceeded past {@link WIRE_DEPTH_MAX} or ten
 *   million parts.
 */
export function toWire(value: Value): JsonValue {
  return encode(value, 0, boundedMeter());
}

function encode(value: Value, depth: number, meter: Meter): JsonValue {
  meter(1);
  if (depth > WIRE_DEPTH_MAX) {
    throw new RtfsError("LimitExceeded", `A value nests deeper than ${WIRE_DEPTH_MAX}`);
  }
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number")
    return Number.isFinite(value) ? value : tagged("float", floatText(value));
  if (typeof value === "bigint") return tagged("int", String(value));
  if (value instanceof Keyword) return tagged("kw", value.name);
  if (value instanceof Vector) return encodeItems(value.items, depth, meter);
  if (value instanceof MapValue) return tagged("map", encodePairs(value, depth, meter));
  if (value instanceof List) return tagged("list", encodeItems(value.items, depth, meter));
  return encodeAtom(value, depth, meter);
}

type Atom = Sym | WholeFloat | FunctionValue | ErrorValue | Timestamp | Uuid | ResourceHandle;

function encodeAtom(value: Atom, depth: number, meter: Meter): JsonValue {
  if (value instanceof Sym) return tagged("sym", value.name);
  if (value instanceof WholeFloat) return tagged("float", floatText(value.value));
  if (value instanceof Timestamp) return tagged("ts", value.text);
  if (value instanceof Uuid) return tagged("uuid", value.text);
  if (value instanceof ResourceHandle) return tagged("resource", value.text);
  if (value instanceof ErrorValue) {
    return tagged("error", [value.kind, value.message, encodePairs(value.payload, depth, meter)]);
  }
  throw new RtfsError("TypeError", `A ${kindOf(value)} cannot leave the program`);
}

function tagged(tag: string, content: JsonValue): JsonValue {
  return { $t: tag, v: content };
}

function encodeItems(items: readonly Value[], depth: number, meter: Meter): JsonValue[] {
  const encoded: JsonValue[] = [];
  for (let at = 0; at < items.length; at++) encoded.push(encode(items[at]!, depth + 1, meter));
  return encoded;
}

function encodePairs(map: MapValue, depth: number, meter: Meter): JsonValue {
  const pairs: JsonValue[] = [];
  map.forEach((value, key) => {
    pairs.push([encode(key, depth + 1, meter), encode(value, depth + 1, meter)]);
  });
  return pairs;
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** A refusal on the way in; never leaves this file. */
class Refused extends Error {}

/**
 * Decode what another side sent. Unknown tag, surplus field, wrong shape, a second encoding of the
 * same value, lone surrogates and nesting past `depthMax` are refused.
 */
export function fromWire(
  json: JsonValue,
  options: { readonly depthMax?: number } = {},
): Result<Value, string> {
  try {
    return ok(decode(json, Math.min(options.depthMax ?? WIRE_DEPTH_MAX, WIRE_DEPTH_MAX)));
  } catch (refused) {
    if (refused instanceof Refused) return err(refused.message);
    throw refused;
  }
}

function refuse(message: string): never {
  throw new Refused(message);
}

function decode(json: JsonValue, depthLeft: number): Value {
  if (depthLeft < 0) return refuse("a wire value nests too deep");
  if (json === null || typeof json === "boolean") return json;
  if (typeof json === "string") return decodeText(json);
  if (typeof json === "number") return decodeNumber(json);
  if (isJsonObject(json)) return decodeTagged(json, depthLeft);
  return new Vector(decodeItems(json, depthLeft));
}

function decodeText(json: JsonValue | undefined): string {
  if (typeof json === "string" && json.isWellFormed()) return json;
  return refuse("a wire text is a string without lone surrogates");
}

function decodeNumber(json: number): number {
  const isRaw = Number.isFinite(json) && (!Number.isInteger(json) || Number.isSafeInteger(json));
  if (isRaw && !Object.is(json, -0)) return json;
  return refuse(`the number ${json} needs a tag`);
}

function decodeItems(json: JsonValue | undefined, depthLeft: number): Value[] {
  if (!Array.isArray(json)) return refuse("a wire list is an array");
  const items: Value[] = [];
  for (let at = 0; at < json.length; at++) items.push(decode(json[at] as JsonValue, depthLeft - 1));
  return items;
}

function decodeTagged(json: { readonly [key: string]: JsonValue }, depthLeft: number): Value {
  let tag: JsonValue | undefined;
  let content: JsonValue | undefined;
  for (const key in json) {
    if (key === "$t") tag = json[key];
    else if (key === "v") content = json[key];
    else return refuse("a wire object has exactly the fields $t and v");
  }
  if (typeof tag !== "string" || content === undefined) {
    return refuse("a wire object has exactly the fields $t and v");
  }
  switch (tag) {
    case "kw":
      return typeof content === "string" ? decodeKeyword(content) : decodeText(content);
    case "list":
      return new List(decodeItems(content, depthLeft));
    case "map":
      return decodePairs(content, depthLeft);
    case "error":
      return decodeError(content, depthLeft);
    default:
      return decodeAtom(tag, decodeText(content));
  }
}

function decodeAtom(tag: string, text: string): Value {
  switch (tag) {
    case "sym":
      return isSymbolName(text) ? new Sym(text) : refuse("a symbol has a malformed name");
    case "int":
      return decodeInt(text);
    case "float":
      return decodeFloat(text);
    case "ts":
      return isTimestampText(text) ? new Timestamp(text) : refuse("a timestamp is malformed");
    case "uuid":
      return isUuidText(text) ? new Uuid(text) : refuse("a uuid is malformed");
    case "resource":
      return isResourceText(text) ? new ResourceHandle(text) : refuse("a resource is malformed");
    default:
      return refuse(`no wire tag is called ${JSON.stringify(tag.slice(0, 40))}`);
  }
}

function decodeKeyword(name: string): Keyword {
  const known = knownKeyword(name);
  if (known !== undefined) return known;
  return isKeywordName(name) ? keyword(name) : refuse("a keyword has a malformed name");
}

function decodeInt(text: string): bigint {
  const value = /^-?[1-9][0-9]{15,18}$/.test(text) ? BigInt(text) : 0n;
  const isBeyondSafe = value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER;
  if (isBeyondSafe && value <= INT_MAX && value >= INT_MIN) return value;
  return refuse("a tagged int is a decimal beyond 2^53 within 64 bits");
}

function decodeFloat(text: string): number | WholeFloat {
  if (text === "nan") return Number.NaN;
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  const value = Number(text);
  if (Number.isInteger(value) && floatText(value) === text) return new WholeFloat(value);
  return refuse("a tagged float is nan, inf, -inf or an integral decimal");
}

/** Maps up to here are checked for a key that stands twice by walking along the keys. */
const WALKED_MAX = 16;

function decodePairs(json: JsonValue, depthLeft: number): MapValue {
  if (!Array.isArray(json)) return refuse("a wire map is an array of pairs");
  if (json.length > WALKED_MAX) return decodeTable(json as readonly JsonValue[], depthLeft);
  const keys: MapKey[] = [];
  const values: Value[] = [];
  for (let at = 0; at < json.length; at++) {
    const [key, value] = pairOf(json[at] as JsonValue);
    const decoded = decodeKey(key, depthLeft - 1);
    if (keys.includes(decoded)) return refuse("a map has the same key twice");
    keys.push(decoded);
    values.push(decode(value, depthLeft - 1));
  }
  return MapValue.record(keys, values);
}

function decodeTable(json: readonly JsonValue[], depthLeft: number): MapValue {
  const entries = new Map<MapKey, Value>();
  for (const pair of json) {
    const [key, value] = pairOf(pair);
    const decoded = decodeKey(key, depthLeft - 1);
    if (entries.has(decoded)) return refuse("a map has the same key twice");
    entries.set(decoded, decode(value, depthLeft - 1));
  }
  return new MapValue(entries);
}

function pairOf(pair: JsonValue): readonly [JsonValue, JsonValue] {
  if (Array.isArray(pair) && pair.length === 2) return pair as unknown as [JsonValue, JsonValue];
  return refuse("a wire map is an array of pairs");
}

function decodeKey(json: JsonValue, depthLeft: number): MapKey {
  const key = decode(json, depthLeft);
  return isKey(key) ? key : refuse("a map key is a keyword, a string or an integer");
}

function isKey(value: Value): value is MapKey {
  return value instanceof Keyword || typeof value === "string" || kindOf(value) === "integer";
}

function decodeError(json: JsonValue, depthLeft: number): ErrorValue {
  if (!Array.isArray(json) || json.length !== 3) {
    return refuse("a wire error is kind, message and payload");
  }
  const [kind, message, payload] = json as readonly JsonValue[];
  return new ErrorValue(
    decodeText(kind),
    decodeText(message),
    decodePairs(payload ?? null, depthLeft),
  );
}
