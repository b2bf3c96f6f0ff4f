/**
 * Names of types, and the top-level objects that are data.
 *
 * @module
 */
import type { Form, ListForm } from "../syntax/form.ts";

import {
  type Analyser,
  argumentContext,
  type Context,
  recordType,
  type SpecialForm,
} from "./analyser.ts";
import { constant, functionNode, libraryCall, mapNode, NIL, readLocal } from "./build.ts";
import { define } from "./forms-core.ts";
import type { Binding, Node } from "./node.ts";

/** `(deftype Name type)`: another name of a type; nil. */
export const deftypeForm: SpecialForm = (analyser, form) => {
  const [, name, type] = form.items;
  if (name?.kind !== "symbol" || type === undefined || form.items.length !== 3) {
    return analyser.problem(form.span, "`deftype` takes a name and a type");
  }
  declareType(analyser, name, type, form);
  analyser.type(type);
  return NIL;
};

function declareType(
  analyser: Analyser,
  name: Extract<Form, { kind: "symbol" }>,
  type: Form,
  declaration: ListForm,
): void {
  const problem = analyser.aliases.define(name.name, type, declaration);
  if (problem === null) return;
  analyser.problem(name.span, problem, { hint: "Give the type a name of its own" });
}

/** `(defstruct Name :field type …)`: a function that checks a map and gives it back. */
export const defstructForm: SpecialForm = (analyser, form, context) => {
  const [, name, ...fields] = form.items;
  if (name?.kind !== "symbol" || fields.length % 2 === 1) {
    return analyser.problem(form.span, "`defstruct` takes a name, then fields and types in pairs");
  }
  const seen = new Set<string>();
  for (const [index, field] of fields.entries()) {
    if (index % 2 === 1) continue;
    if (field.kind !== "keyword") return analyser.problem(field.span, "A field is a keyword");
    if (seen.has(field.name)) analyser.problem(field.span, `The field :${field.name} stands twice`);
    seen.add(field.name);
  }
  declareType(analyser, name, recordType(form), form);
  return define(analyser, { name: name.name, form, context }, () =>
    functionNode(name.name, ["(map)"], context, (inner, [map]) =>
      construct(analyser, form, inner, map!),
    ),
  );
};

function construct(analyser: Analyser, form: ListForm, context: Context, map: Binding): Node {
  const { span } = form;
  const name = (form.items[1] as { readonly name: string }).name;
  const value = readLocal(map, context, span);
  const actual = libraryCall("type-name", [value], span);
  const message = libraryCall("str", [constant(`${name}: expected a map, got `), actual], span);
  const fields: readonly (readonly [string, Node])[] = [
    ["expected", constant("a map")],
    ["actual", actual],
    ["operation", constant(name)],
  ];
  const error = libraryCall("TypeError.", [message, mapNode(fields, span, true)], span);
  return {
    op: "if",
    test: libraryCall("map?", [value], span),
    then: analyser.checked(value, recordType(form), name, span),
    otherwise: libraryCall("throw", [error], span),
  };
}

/** `(capability "id" :key value …)`: its properties under string keys. */
export const capabilityForm: SpecialForm = (analyser, form, context) => {
  const [, id, ...properties] = form.items;
  const isNamed = id?.kind === "string" || id?.kind === "keyword" || id?.kind === "symbol";
  if (!isNamed || properties.length % 2 === 1) {
    return analyser.problem(form.span, "`capability` takes an id, then keys and values in pairs");
  }
  const pairs: [Form, Form][] = [];
  for (let at = 0; at < properties.length; at += 2)
    pairs.push([properties[at]!, properties[at + 1]!]);
  return propertyMap(analyser, form, pairs, context);
};

/** `(resource name (property :key value)…)`: its properties under string keys. */
export const resourceForm: SpecialForm = (analyser, form, context) => {
  const [, name, ...properties] = form.items;
  if (name?.kind !== "symbol" && name?.kind !== "string") {
    return analyser.problem(form.span, "`resource` takes a name and its properties");
  }
  const pairs: [Form, Form][] = [];
  for (const property of properties) {
    const [head, key, value] = property.kind === "list" ? property.items : [];
    const isShaped = property.kind === "list" && property.items.length === 3;
    if (!isShaped || head?.kind !== "symbol" || head.name !== "property") {
      return analyser.problem(property.span, "A property is (property :key value)");
    }
    pairs.push([key!, value!]);
  }
  return propertyMap(analyser, form, pairs, context);
};

function propertyMap(
  analyser: Analyser,
  form: ListForm,
  pairs: readonly (readonly [Form, Form])[],
  context: Context,
): Node {
  const inner = argumentContext(context);
  const entries: (readonly [string, Node])[] = [];
  const seen = new Set<string>();
  for (const [key, value] of pairs) {
    const name = key.kind === "keyword" ? key.name : key.kind === "string" ? key.value : null;
    if (name === null) {
      analyser.problem(key.span, "A property's key is a keyword or a string");
      continue;
    }
    if (seen.has(name)) analyser.problem(key.span, `The property "${name}" stands twice`);
    else entries.push([name, analyser.form(value, inner)]);
    seen.add(name);
  }
  return mapNode(entries, form.span, false);
}
