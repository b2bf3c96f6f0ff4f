/**
 * Forms as the values a macro works on, and back.
 *
 * Values carry no places, so the way in remembers which form each value was made from, and the way
 * back gives that very form: an argument keeps its place in the text wherever a macro puts it. All
 * other parts get the place of the macro call.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { PatternValue } from "../stdlib/templates.ts";
import { type Form, formToValue, keyOf } from "../syntax/form.ts";
import { isSymbolName } from "../syntax/token.ts";
import { kindOf } from "../values/kind-of.ts";
import { isFloat, isInt, toDouble } from "../values/numbers.ts";
import {
  Keyword,
  List,
  MapValue,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
} from "../values/value.ts";

/** The forms that values were made from. */
export type Origins = Map<Value & object, Form>;

/** Deepest nesting of a value that becomes a form. */
export const VALUE_DEPTH_MAX = 512;

/** Pays for forms; raises what its owner wants when there are too many. */
export type Pay = (forms: number) => void;

/** The form as a macro sees it. Maps with names for keys are opaque; everything else is data. */
export function formToArgument(form: Form, origins: Origins, pay: Pay): Value {
  pay(1);
  const value = argumentOf(form, origins, pay);
  if (typeof value === "object" && value !== null && !(value instanceof Keyword)) {
    origins.set(value, form);
  }
  return value;
}

function argumentOf(form: Form, origins: Origins, pay: Pay): Value {
  const inner = (each: Form): Value => formToArgument(each, origins, pay);
  if (form.kind === "list") return new List(form.items.map(inner));
  if (form.kind === "vector") return new Vector(form.items.map(inner));
  if (form.kind !== "map") return formToValue(form);
  if (form.entries.some(({ key }) => keyOf(key) === null)) {
    return new PatternValue(form.entries.map(({ key, value }) => [inner(key), inner(value)]));
  }
  return MapValue.of(form.entries.map(({ key, value }) => [keyOf(key)!, inner(value)] as const));
}

/** What is no form: the reason. */
export type NoForm = string;

/**
 * The value as code, `span` for every part that comes from no form of the text. The inverse of
 * `formToValue` but for places.
 */
export function valueToForm(
  value: Value,
  span: SourceSpan,
  pay: Pay = () => {},
  origins: Origins = new Map(),
): Result<Form, NoForm> {
  try {
    return ok(new FormBuilder(span, pay, origins).form(value, 1));
  } catch (error) {
    if (error instanceof NotAForm) return err(error.message);
    throw error;
  }
}

class NotAForm extends Error {}

class FormBuilder {
  readonly #span: SourceSpan;
  readonly #pay: Pay;
  readonly #origins: Origins;

  constructor(span: SourceSpan, pay: Pay, origins: Origins) {
    this.#span = span;
    this.#pay = pay;
    this.#origins = origins;
  }

  form(value: Value, depth: number): Form {
    const origin =
      typeof value === "object" && value !== null ? this.#origins.get(value) : undefined;
    if (origin !== undefined) {
      payAll(origin, this.#pay);
      return origin;
    }
    this.#pay(1);
    if (depth > VALUE_DEPTH_MAX) throw new NotAForm(`it nests deeper than ${VALUE_DEPTH_MAX}`);
    return typeof value === "object" && value !== null
      ? this.#object(value, depth)
      : this.#scalar(value);
  }

  #scalar(value: null | boolean | number | bigint | string): Form {
    const span = this.#span;
    if (value === null) return { kind: "nil", span };
    if (typeof value === "boolean") return { kind: "boolean", value, span };
    if (typeof value === "string") return { kind: "string", value, span };
    return isInt(value)
      ? { kind: "integer", value, span }
      : { kind: "float", value: toDouble(value), span };
  }

  #object(value: Value & object, depth: number): Form {
    const span = this.#span;
    if (isFloat(value)) return { kind: "float", value: toDouble(value), span };
    if (value instanceof Keyword) return { kind: "keyword", name: value.name, span };
    if (value instanceof Sym) return this.#symbol(value.name);
    if (value instanceof List || value instanceof Vector) {
      const items = value.items.map((item) => this.form(item, depth + 1));
      return { kind: value instanceof List ? "list" : "vector", items, span };
    }
    if (value instanceof MapValue) return this.#map(value.entries(), depth);
    if (value instanceof PatternValue) return this.#map(value.pairs, depth);
    if (value instanceof Timestamp) return { kind: "timestamp", text: value.text, span };
    if (value instanceof Uuid) return { kind: "uuid", text: value.text, span };
    if (value instanceof ResourceHandle) return { kind: "resource", text: value.text, span };
    throw new NotAForm(`it contains a ${kindOf(value)}, which no text can write`);
  }

  #symbol(name: string): Form {
    if (!isSymbolName(name)) throw new NotAForm("it contains a symbol that cannot be read");
    return { kind: "symbol", name, span: this.#span };
  }

  #map(pairs: Iterable<readonly [Value, Value]>, depth: number): Form {
    const entries = Array.from(pairs, ([key, item]) => {
      const name = this.form(key, depth + 1);
      if (keyOf(name) === null && name.kind !== "symbol") {
        throw new NotAForm(`it contains a map with a ${name.kind} for a key`);
      }
      return { key: name, value: this.form(item, depth + 1) };
    });
    return { kind: "map", entries, span: this.#span };
  }
}

/** Pay for every part of a form, a part that stands twice counts twice. */
function payAll(form: Form, pay: Pay): void {
  const waiting: Form[] = [form];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    pay(1);
    if (at.kind === "list" || at.kind === "vector") for (const item of at.items) waiting.push(item);
    else if (at.kind === "map") for (const { key, value } of at.entries) waiting.push(key, value);
  }
}

/** The names that stand anywhere in the forms. */
export function mentionedNames(forms: readonly Form[], pay: Pay = () => {}): ReadonlySet<string> {
  const names = new Set<string>();
  const waiting: Form[] = forms.slice();
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    pay(1);
    if (at.kind === "symbol") names.add(at.name);
    else if (at.kind === "list" || at.kind === "vector") {
      for (const item of at.items) waiting.push(item);
    } else if (at.kind === "map") {
      for (const { key, value } of at.entries) waiting.push(key, value);
    }
  }
  return names;
}

/** Whether one of the names stands anywhere in the forms. */
export function mentionsAny(forms: readonly Form[], names: ReadonlySet<string>): boolean {
  const waiting: (readonly Form[])[] = [forms];
  const isOne = (form: Form): boolean => {
    if (form.kind === "symbol") return names.has(form.name);
    if (form.kind === "list" || form.kind === "vector") waiting.push(form.items);
    else if (form.kind === "map") {
      return form.entries.some(({ key, value }) => isOne(key) || isOne(value));
    }
    return false;
  };
  for (let items = waiting.pop(); items !== undefined; items = waiting.pop()) {
    if (items.some(isOne)) return true;
  }
  return false;
}
