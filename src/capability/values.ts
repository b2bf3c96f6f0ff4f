/**
 * Between RTFS values and what the built-ins work with. The only file here that builds RTFS maps.
 *
 * @module
 */
import { Keyword, keyword, MapValue, type Value } from "../rtfs/index.ts";

/** Entries of a map whose keys are all keywords or strings, by name; null for any other value. */
export function namedEntries(value: Value): readonly (readonly [string, Value])[] | null {
  if (!(value instanceof MapValue)) return null;
  const entries: (readonly [string, Value])[] = [];
  for (const [key, field] of value.entries()) {
    if (key instanceof Keyword) entries.push([key.name, field]);
    else if (typeof key === "string") entries.push([key, field]);
    else return null;
  }
  return entries;
}

/** `{:name value …}` in the given order. */
export function keywordMap(entries: readonly (readonly [string, Value])[]): MapValue {
  return MapValue.of(entries.map(([name, value]) => [keyword(name), value]));
}

/** `{"name" value …}` in the given order. */
export function stringMap(entries: readonly (readonly [string, string])[]): MapValue {
  return MapValue.of(entries);
}
