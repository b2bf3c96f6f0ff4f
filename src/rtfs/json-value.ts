/**
 * Between plain JSON and values, for capabilities that speak JSON.
 *
 * @module
 */
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { kindOf } from "./values/kind-of.ts";
import { makeFloat } from "./values/numbers.ts";
import { RtfsError } from "./values/rtfs-error.ts";
import {
  Keyword,
  List,
  type MapKey,
  ResourceHandle,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
  MapValue,
} from "./values/value.ts";

/** Deepest nesting of JSON that becomes a value or comes from one. */
export const JSON_DEPTH_MAX = 256;

/**
 * Objects become maps with string keys; safe integers become integers, other numbers floats.
 *
 * @throws {RtfsError} JsonError past {@link JSON_DEPTH_MAX} or for a lone surrogate.
 */
export function jsonToValue(json: JsonValue): Value {
  return fromJson(json, JSON_DEPTH_MAX);
}

function fromJson(json: JsonValue, depthLeft: number): Value {
  if (depthLeft < 0) throw jsonError(`JSON nests deeper than ${JSON_DEPTH_MAX}`);
  if (json === null || typeof json === "boolean") return json;
  if (typeof json === "number") {
    return Number.isSafeInteger(json) && !Object.is(json, -0) ? json : makeFloat(json);
  }
  if (typeof json === "string") return wellFormed(json);
  if (!isJsonObject(json)) return new Vector(json.map((item) => fromJson(item, depthLeft - 1)));
  return MapValue.of(
    Object.entries(json).map(
      ([key, value]) => [wellFormed(key), fromJson(value, depthLeft - 1)] as const,
    ),
  );
}

function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw jsonError("a JSON string has a lone surrogate");
}

export function jsonError(message: string): RtfsError {
  return new RtfsError("JsonError", message);
}

/**
 * Keyword keys lose their colon, integer keys become text; timestamps, uuids and resources become
 * their text. Refused: keyword, symbol, function and error values, NaN and infinities, integers
 * beyond 2^53, two keys of one text. Objects have no prototype, so any key is safe.
 */
export function valueToJson(value: Value): Result<JsonValue, string> {
  try {
    return ok(toJson(value, JSON_DEPTH_MAX));
  } catch (error) {
    if (error instanceof RtfsError) return err(error.message);
    throw error;
  }
}

function toJson(value: Value, depthLeft: number): JsonValue {
  if (depthLeft < 0) throw jsonError(`A value nests deeper than ${JSON_DEPTH_MAX}`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof WholeFloat) return value.value;
  if (value instanceof Vector || value instanceof List) {
    return value.items.map((item) => toJson(item, depthLeft - 1));
  }
  if (value instanceof MapValue) return objectOf(value, depthLeft);
  if (value instanceof Timestamp || value instanceof Uuid || value instanceof ResourceHandle) {
    return value.text;
  }
  if (typeof value === "bigint") throw jsonError(`the integer ${value} is beyond 2^53`);
  throw jsonError(`a ${kindOf(value)} has no JSON form`);
}

function objectOf(map: MapValue, depthLeft: number): JsonValue {
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const [key, value] of map.entries()) {
    const name = jsonKey(key);
    if (Object.hasOwn(object, name))
      throw jsonError(`the key ${JSON.stringify(name)} stands twice`);
    object[name] = toJson(value, depthLeft - 1);
  }
  return object;
}

/** The member name of a map key. */
export function jsonKey(key: MapKey): string {
  return key instanceof Keyword ? key.name : String(key);
}
