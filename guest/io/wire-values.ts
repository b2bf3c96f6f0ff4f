/** Plain JavaScript values and the wire values of the channel, as `ccos_client.py` has them for Python. */
import type { JsonValue } from "../../src/foundation/json.ts";

const DEPTH_MAX = 200;

/**
 * A value of a script as the gate takes it: objects are maps with text keys, whole numbers are integers.
 *
 * @throws {TypeError} for what RTFS has no form of, or nests deeper than 200.
 */
export function scriptToWire(value: unknown, depth = 0): JsonValue {
  if (depth > DEPTH_MAX) throw new TypeError(`The value nests deeper than ${DEPTH_MAX}`);
  if (value === undefined || value === null) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number")
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : floatToWire(value);
  if (typeof value === "bigint") return integerToWire(value);
  if (Array.isArray(value)) return value.map((item) => scriptToWire(item, depth + 1));
  if (typeof value !== "object") throw new TypeError(`A ${typeof value} has no RTFS form`);
  const pairs = Object.entries(value).map(([key, item]) => [key, scriptToWire(item, depth + 1)]);
  return { $t: "map", v: pairs };
}

/** A wire value as scripts have it: maps are objects without a prototype, keywords their names. */
export function wireToScript(wire: JsonValue): unknown {
  if (Array.isArray(wire)) return wire.map(wireToScript);
  if (wire === null || typeof wire !== "object") return wire;
  const { $t: tag, v: value } = wire as { readonly $t: string; readonly v: JsonValue };
  if (tag === "map") {
    const pairs = value as readonly (readonly [JsonValue, JsonValue])[];
    const map: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of pairs) map[String(wireToScript(key))] = wireToScript(item);
    return map;
  }
  if (tag === "int") return BigInt(value as string);
  if (tag === "float") return floatOf(value as string);
  return tag === "list" && Array.isArray(value) ? value.map(wireToScript) : value;
}

export function integerToWire(value: bigint): JsonValue {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : { $t: "int", v: String(value) };
}

/** A float keeps its kind, also where it is whole. */
export function floatToWire(value: number): JsonValue {
  if (Number.isFinite(value) && !Number.isInteger(value)) return value;
  return { $t: "float", v: floatText(value) };
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

function floatOf(text: string): number {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
