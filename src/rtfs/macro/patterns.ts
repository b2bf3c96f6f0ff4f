/**
 * Names that patterns bind, for the scope walk; mirrors analysis/patterns.ts.
 *
 * Defaults of `:or` are expressions and are walked; nothing else inside a pattern is.
 *
 * @module
 */
import { parseParameters, splitName } from "../analysis/annotation.ts";
import { stripMetadata } from "../analysis/metadata.ts";
import type { Form, MapForm, SymbolForm, VectorForm } from "../syntax/form.ts";
import type { Place } from "./place.ts";
import { mapForms, mapValues, withItems } from "./rewrite.ts";
import type { Walker } from "./walker.ts";

/** Bind the names of a pattern in `place.block`; the pattern with its defaults walked. */
export function walkPattern(walker: Walker, form: Form, place: Place): Form {
  if (form.kind === "symbol") {
    walker.bind(splitName(form)?.target ?? form, place.block);
    return typedName(walker, form);
  }
  if (form.kind === "vector") {
    return withItems(
      form,
      mapForms(form.items, (item) => walkPattern(walker, item, place)),
    );
  }
  return form.kind === "map" ? walkMapPattern(walker, form, place) : form;
}

function walkMapPattern(walker: Walker, form: MapForm, place: Place): Form {
  return mapValues(form, (value, key) => {
    if (key.kind === "symbol") {
      walkPattern(walker, key.name === "&" ? value : key, place);
      return value;
    }
    if (key.kind === "keyword" && key.name === "or" && value.kind === "map") {
      return mapValues(value, (fallback) => walker.walk(fallback, place));
    }
    return walkPattern(walker, value, place);
  });
}

/** `x:T` with its type walked. */
export function typedName(walker: Walker, form: SymbolForm): SymbolForm {
  const joined = splitName(form);
  if (joined?.type?.kind !== "keyword") return form;
  const type = walker.type(joined.type);
  if (type === joined.type || type.kind !== "keyword") return form;
  return { ...form, name: `${joined.target.name}:${type.name}` };
}

/** The names of a `match` pattern bound; `(:T name)` with its type walked. */
export function walkMatchPattern(walker: Walker, form: Form, place: Place): Form {
  const inner = (each: Form): Form => walkMatchPattern(walker, each, place);
  if (form.kind === "symbol") walker.bind(form, place.block);
  if (form.kind === "vector") return withItems(form, mapForms(form.items, inner));
  if (form.kind === "list") {
    const change = (each: Form, index: number): Form =>
      index === 0 ? walker.type(each) : inner(each);
    return withItems(form, mapForms(form.items, change));
  }
  if (form.kind !== "map") return form;
  return mapValues(form, (value, key) => {
    if (key.kind === "symbol") inner(key);
    return inner(value);
  });
}

/** A parameter vector: its names bound, annotations and defaults walked. */
export function walkParameters(walker: Walker, form: VectorForm, place: Place): VectorForm {
  // Copies make identity unique: a macro may have put one form in two places.
  const copies = form.items.map((item) => ({ ...item }));
  const ampersand = copies.findIndex((item) => item.kind === "symbol" && item.name === "&");
  const fixed = parseParameters(ampersand < 0 ? copies : copies.slice(0, ampersand));
  const rest = ampersand < 0 ? [] : parseParameters(copies.slice(ampersand + 1));
  if (fixed === null || rest === null) return form;
  const types = new Set<Form>();
  const patterns = new Set<Form>();
  for (const { target, type } of [...fixed, ...rest]) {
    if (type !== null) types.add(type);
    if (target.kind === "symbol") walker.bind(target, place.block);
    else patterns.add(target);
  }
  const items = mapForms(form.items, (item, index) => {
    const copy = copies[index]!;
    if (types.has(copy)) return walker.type(item);
    if (item.kind === "symbol") return typedName(walker, item);
    const isPattern = patterns.has(stripMetadata(copy).form);
    return isPattern ? walkPattern(walker, stripMetadata(item).form, place) : item;
  });
  return withItems(form, items);
}

/** The name of `[name expression]`; null when it is none. */
export function soleName(form: Form | undefined): SymbolForm | null {
  return form?.kind === "symbol" ? (splitName(form)?.target ?? form) : null;
}
