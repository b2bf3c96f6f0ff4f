/**
 * Forms: what the reader makes of a text. Data with places, nothing evaluated.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { makeFloat } from "../values/numbers.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import {
  keyword,
  List,
  type MapKey,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  MapValue,
} from "../values/value.ts";

interface Placed {
  readonly span: SourceSpan;
}
export interface NilForm extends Placed {
  readonly kind: "nil";
}
export interface BooleanForm extends Placed {
  readonly kind: "boolean";
  readonly value: boolean;
}
export interface IntegerForm extends Placed {
  readonly kind: "integer";
  readonly value: number | bigint;
}
export interface FloatForm extends Placed {
  readonly kind: "float";
  readonly value: number;
}
export interface StringForm extends Placed {
  readonly kind: "string";
  readonly value: string;
}
export interface KeywordForm extends Placed {
  readonly kind: "keyword";
  /** Without the colon. */
  readonly name: string;
}
export interface SymbolForm extends Placed {
  readonly kind: "symbol";
  readonly name: string;
}
export interface TextForm extends Placed {
  readonly kind: "timestamp" | "uuid" | "resource";
  readonly text: string;
}
export interface ListForm extends Placed {
  readonly kind: "list";
  readonly items: readonly Form[];
}
export interface VectorForm extends Placed {
  readonly kind: "vector";
  readonly items: readonly Form[];
}
export interface MapForm extends Placed {
  readonly kind: "map";
  /**
   * In source order. Keys are keyword, string, integer, or (in patterns) symbol forms; none twice.
   */
  readonly entries: readonly { readonly key: Form; readonly value: Form }[];
}

export type Form =
  | NilForm
  | BooleanForm
  | IntegerForm
  | FloatForm
  | StringForm
  | KeywordForm
  | SymbolForm
  | TextForm
  | ListForm
  | VectorForm
  | MapForm;

/** `[x …]`'s head name when `form` is a list that starts with a symbol; null otherwise. */
export function headName(form: Form): string | null {
  const head = form.kind === "list" ? form.items[0] : undefined;
  return head?.kind === "symbol" ? head.name : null;
}

/**
 * The form as data: what `quote` gives.
 *
 * @throws {RtfsError} TypeError for a map with a symbol key.
 */
export function formToValue(form: Form): Value {
  switch (form.kind) {
    case "nil":
      return null;
    case "boolean":
    case "integer":
    case "string":
      return form.value;
    case "float":
      return makeFloat(form.value);
    case "keyword":
      return keyword(form.name);
    case "symbol":
      return new Sym(form.name);
    case "list":
      return new List(form.items.map(formToValue));
    case "vector":
      return new Vector(form.items.map(formToValue));
    case "map":
      return MapValue.of(
        form.entries.map(({ key, value }) => [keyValue(key), formToValue(value)] as const),
      );
    case "timestamp":
      return new Timestamp(form.text);
    case "uuid":
      return new Uuid(form.text);
    case "resource":
      return new ResourceHandle(form.text);
  }
}

/** The map key a key form stands for; null for a symbol, which is no key outside a pattern. */
export function keyOf(form: Form): MapKey | null {
  if (form.kind === "keyword") return keyword(form.name);
  return form.kind === "string" || form.kind === "integer" ? form.value : null;
}

function keyValue(form: Form): MapKey {
  const key = keyOf(form);
  if (key !== null) return key;
  const error = new RtfsError("TypeError", "A map key is a keyword, a string or an integer");
  error.span = form.span;
  throw error;
}
