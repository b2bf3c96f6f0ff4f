/**
 * Records `[:map [:k T] [:k T ?] [:* T]]` and homogeneous maps `[:map-of K V]`.
 *
 * A field's key is a keyword; a string key of the same name satisfies it too. A map that holds both
 * is refused: two readers could pick different ones.
 *
 * @module
 */
import type { Form } from "../syntax/form.ts";
import type { Meter } from "../values/meter.ts";
import { Keyword, keyword, type MapKey, MapValue } from "../values/value.ts";
import { type Check, inside, mismatch, type TypeFailure } from "./failure.ts";
import { BadType, isQuestionMark } from "./type-form.ts";

interface Field {
  readonly name: string;
  readonly key: Keyword;
  readonly check: Check;
  readonly isOptional: boolean;
}

type CompileForm = (form: Form) => Check;

export function compileRecord(parts: readonly Form[], form: Form, compile: CompileForm): Check {
  const fields: Field[] = [];
  let wildcard: Check | null = null;
  for (const entry of fieldForms(parts, form)) {
    if (entry.name === "*") wildcard = compile(entry.type);
    else if (fields.some((field) => field.name === entry.name)) {
      throw new BadType(entry.type.span, `The field \`${entry.name}\` stands twice`);
    } else {
      fields.push({ ...entry, key: keyword(entry.name), check: compile(entry.type) });
    }
  }
  const checkRest = wildcard === null ? null : checkOthers(fields, wildcard);
  return (value, meter) => {
    if (!(value instanceof MapValue)) return mismatch("map", value);
    meter(fields.length);
    for (let index = 0; index < fields.length; index++) {
      const failure = checkField(value, fields[index]!, meter);
      if (failure !== null) return failure;
    }
    return checkRest === null ? null : checkRest(value, meter);
  };
}

interface FieldForm {
  readonly name: string;
  readonly type: Form;
  readonly isOptional: boolean;
}

function fieldForms(parts: readonly Form[], form: Form): FieldForm[] {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "map") {
    return only.entries.map(({ key, value }) => ({
      name: fieldName(key),
      type: value,
      isOptional: false,
    }));
  }
  return parts.map((part) => {
    const items = part.kind === "vector" ? part.items : [];
    const isOptional = items.length === 3 && isQuestionMark(items[2]);
    if (items[0] === undefined || items[1] === undefined || (items.length > 2 && !isOptional)) {
      throw new BadType(part.span, "A field is [:key T] or [:key T ?]", `in ${form.kind}`);
    }
    return { name: fieldName(items[0]), type: items[1], isOptional };
  });
}

function fieldName(form: Form): string {
  if (form.kind === "keyword" || form.kind === "symbol") return form.name;
  throw new BadType(form.span, "A field's key is a keyword");
}

function checkField(
  map: MapValue,
  { name, key, check, isOptional }: Field,
  meter: Meter,
): TypeFailure | null {
  const byKeyword = map.get(key);
  const byString = map.get(name);
  if (byKeyword !== undefined && byString !== undefined) {
    return { path: `.${name}`, expected: "one key", actual: "a keyword and a string key" };
  }
  const value = byKeyword === undefined ? byString : byKeyword;
  if (value === undefined) {
    return isOptional ? null : { path: `.${name}`, expected: "a value", actual: "nothing" };
  }
  const failure = check(value, meter);
  return failure === null ? null : inside(`.${name}`, failure);
}

function checkOthers(
  fields: readonly Field[],
  wildcard: Check,
): (map: MapValue, meter: Meter) => TypeFailure | null {
  const known = new Set<MapKey>(fields.flatMap(({ key, name }) => [key, name]));
  return (map, meter) => {
    meter(map.size);
    for (const [key, value] of map.entries()) {
      const failure = known.has(key) ? null : wildcard(value, meter);
      if (failure !== null) return inside(keyStep(key), failure);
    }
    return null;
  };
}

export function compileMapOf(parts: readonly Form[], form: Form, compile: CompileForm): Check {
  const [keyForm, valueForm] = parts;
  if (keyForm === undefined || valueForm === undefined || parts.length > 2) {
    throw new BadType(form.span, "`map-of` is [:map-of K V]");
  }
  const checkKey = compile(keyForm);
  const checkValue = compile(valueForm);
  return (value, meter) => {
    if (!(value instanceof MapValue)) return mismatch("map", value);
    meter(value.size);
    for (const [key, item] of value.entries()) {
      const failure = checkKey(key, meter);
      if (failure !== null)
        return inside(keyStep(key), { ...failure, expected: `key ${failure.expected}` });
      const below = checkValue(item, meter);
      if (below !== null) return inside(keyStep(key), below);
    }
    return null;
  };
}

/** A key in a path, clipped: keys are hostile text. */
function keyStep(key: MapKey): string {
  if (key instanceof Keyword) return `.${key.name}`;
  return `.${String(key).slice(0, 40).toWellFormed()}`;
}
