/**
 * Checks of records `[:map [:k T] [:k T ?] [:* T]]` and homogeneous maps `[:map-of K V]`.
 *
 * A field's key is a keyword; a string key of the same name satisfies it too. A map that holds both
 * is refused: two readers could pick different ones.
 *
 * @module
 */
import type { Meter } from "../values/meter.ts";
import { Keyword, keyword, type MapKey, MapValue } from "../values/value.ts";
import { type Check, inside, mismatch, type TypeFailure } from "./failure.ts";
import type { Field, Type } from "./type.ts";

interface CheckedField {
  readonly name: string;
  readonly key: Keyword;
  readonly check: Check;
  readonly isOptional: boolean;
}

type Compile = (type: Type) => Check;

/** @param rest - The type of all other fields; null: they are not looked at. */
export function checkRecord(fields: readonly Field[], rest: Type | null, compile: Compile): Check {
  const checked = fields.map(
    ({ name, type, isOptional }): CheckedField => ({
      name,
      key: keyword(name),
      check: compile(type),
      isOptional,
    }),
  );
  const checkRest = rest === null ? null : checkOthers(checked, compile(rest));
  return (value, meter) => {
    if (!(value instanceof MapValue)) return mismatch("map", value);
    meter(checked.length);
    for (let index = 0; index < checked.length; index++) {
      const failure = checkField(value, checked[index]!, meter);
      if (failure !== null) return failure;
    }
    return checkRest === null ? null : checkRest(value, meter);
  };
}

function checkField(
  map: MapValue,
  { name, key, check, isOptional }: CheckedField,
  meter: Meter,
): TypeFailure | null {
  const byKeyword = map.get(key);
  const byString = map.get(name);
  if (byKeyword !== undefined && byString !== undefined) {
    const expected = "one key";
    const actual = "a keyword and a string key";
    return { kind: "ShapeViolation", path: keyStep(name), expected, actual };
  }
  const value = byKeyword === undefined ? byString : byKeyword;
  if (value === undefined) {
    if (isOptional) return null;
    const path = keyStep(name);
    return { kind: "MissingRequiredKey", path, expected: "a value", actual: "nothing" };
  }
  const failure = check(value, meter);
  return failure === null ? null : inside(keyStep(name), failure);
}

function checkOthers(
  fields: readonly CheckedField[],
  rest: Check,
): (map: MapValue, meter: Meter) => TypeFailure | null {
  const known = new Set<MapKey>(fields.flatMap(({ key, name }) => [key, name]));
  return (map, meter) => {
    meter(map.size);
    for (const [key, value] of map.entries()) {
      const failure = known.has(key) ? null : rest(value, meter);
      if (failure !== null) return inside(keyStep(key), failure);
    }
    return null;
  };
}

/** Every key and every value of a map. */
export function checkMapOf(checkKey: Check, checkValue: Check): Check {
  return (value, meter) => {
    if (!(value instanceof MapValue)) return mismatch("map", value);
    meter(value.size);
    for (const [key, item] of value.entries()) {
      const failure = checkKey(key, meter);
      if (failure !== null) {
        return inside(keyStep(key), { ...failure, expected: `key ${failure.expected}` });
      }
      const below = checkValue(item, meter);
      if (below !== null) return inside(keyStep(key), below);
    }
    return null;
  };
}

/** A key in a path, clipped: keys are hostile text. */
function keyStep(key: MapKey): string {
  const name = key instanceof Keyword ? key.name : String(key);
  return `.${name.slice(0, 40).toWellFormed()}`;
}
