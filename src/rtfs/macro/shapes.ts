/**
 * How each special form binds: where its parts are evaluated, and with which names.
 *
 * A shape gets the whole list, whose head is free. A special form that is not listed evaluates all
 * its parts where it stands.
 *
 * @module
 */
import { stripMetadata } from "../analysis/metadata.ts";
import { type AnnotatedValue, parseBindings, takeReturnType } from "../analysis/annotation.ts";
import { type Form, headName, type ListForm, type VectorForm } from "../syntax/form.ts";
import { mentionedNames } from "./form-value.ts";
import { soleName, typedName, walkMatchPattern, walkParameters, walkPattern } from "./patterns.ts";
import { Block, innerPlace, inside, type Place } from "./place.ts";
import { mapAnnotated, mapForms, threaded, withItems } from "./rewrite.ts";
import type { Placed, Walker } from "./walker.ts";

type Shape = (walker: Walker, form: ListForm, place: Place) => Form;

/** The list with every part from `from` on changed. */
function tail(
  form: ListForm,
  from: number,
  change: (forms: readonly Form[]) => readonly Form[],
): ListForm {
  const before = form.items.slice(from);
  const after = change(before);
  const isSame = after.every((item, index) => item === before[index]);
  return isSame ? form : { ...form, items: [...form.items.slice(0, from), ...after] };
}

/** The list with its part at `index` changed. */
function part(form: ListForm, index: number, change: (form: Form) => Form): ListForm {
  return withItems(
    form,
    mapForms(form.items, (item, at) => (at === index ? change(item) : item)),
  );
}

const asItStands: Shape = (_walker, form) => form;

const evaluated: Shape = (walker, form, place) =>
  tail(form, 1, (forms) => walker.all(forms, inside(place)));

/** At top level the forms of a `do` are at top level. */
const doShape: Shape = (walker, form, place) => tail(form, 1, (forms) => walker.all(forms, place));

function threadShape(isLast: boolean): Shape {
  return (walker, form, place) => {
    const nested = threaded(form, isLast);
    if (nested === null) return form;
    const walked = walker.walk(nested, inside(place));
    return walked === nested ? form : walked;
  };
}

const defShape: Shape = (walker, form, place) =>
  walker.define(form, place, (definition) => {
    const last = definition.items.length - 1;
    if (last < 2) return definition;
    const typed = withItems(
      definition,
      mapForms(definition.items, (item, at) => (at > 1 && at < last ? walker.type(item) : item)),
    );
    return part(typed, last, (value) => walker.walk(value, inside(place)));
  });

const defnShape: Shape = (walker, form, place) =>
  walker.define(form, place, (definition) => functionParts(walker, definition, 2, place));

const fnShape: Shape = (walker, form, place) => {
  const [, first] = form.items;
  const name = first === undefined ? undefined : stripMetadata(first).form;
  if (name?.kind !== "symbol") return functionParts(walker, form, 1, place);
  const named = innerPlace(place);
  walker.bind(name, named.block);
  return functionParts(walker, form, 2, named);
};

/** Parameters at `at`, then the return type, then the body. */
function functionParts(walker: Walker, form: ListForm, at: number, outer: Place): ListForm {
  const written = form.items[at];
  const params = written === undefined ? undefined : stripMetadata(written).form;
  if (params?.kind !== "vector") return form;
  const place = innerPlace(outer);
  const walked = part(form, at, (each) =>
    mapAnnotated(
      each,
      () => walkParameters(walker, params, place),
      (map) => walker.walk(map, inside(place)),
    ),
  );
  const { body } = takeReturnType(form.items.slice(at + 1));
  const first = body.length > 1 ? body[0]! : null;
  // A type of a module may be known to this walk alone.
  const isType = first?.kind === "keyword" && walker.type(first) !== first;
  const from = form.items.length - body.length + (isType ? 1 : 0);
  const typed = from === at + 1 ? walked : part(walked, from - 1, (type) => walker.type(type));
  return tail(typed, from, (forms) => walker.body(forms, place));
}

/** `let`, `loop`: a vector of bindings, then a body. */
const letShape: Shape = (walker, form, place) => {
  const bindings = form.items[1];
  if (bindings?.kind !== "vector") return form;
  const inner = innerPlace(place);
  const bound = walkBindings(walker, bindings, inner);
  if (bound === null) return form;
  return tail(
    part(form, 1, () => bound),
    2,
    (forms) => walker.body(forms, inner),
  );
};

/** Bindings in order; functions bound by name see each other. Null: they cannot be read. */
function walkBindings(walker: Walker, form: VectorForm, place: Place): VectorForm | null {
  const copies = form.items.map((item) => ({ ...item }));
  const parsed = parseBindings(copies);
  if (parsed === null) return null;
  const places = new Map(copies.map((copy, index) => [copy, form.items[index]!] as const));
  const values = headedValues(walker, parsed, { places, place: inside(place) });
  const pending = new Block(place.block);
  for (const [index, { target }] of parsed.entries()) {
    const isFunction = walker.isFunction(values[index]!.form, place);
    if (target.kind === "symbol" && isFunction) pending.names.add(target.name);
  }
  const changed = new Map<Form, Form>();
  let next = 0;
  for (const [index, { target, type, value }] of parsed.entries()) {
    const { form: own, place: at } = values[index]!;
    const isFunction = target.kind === "symbol" && walker.isFunction(own, place);
    changed.set(value, walker.walk(own, isFunction ? { ...at, block: pending } : at));
    const written = type === null ? undefined : places.get(type);
    if (written !== undefined) changed.set(type!, walker.type(written));
    if (target.kind === "symbol") walker.bind(target, place.block);
    else {
      // Metadata of a pattern says nothing about its value.
      next = copies.findIndex((copy, from) => from >= next && stripMetadata(copy).form === target);
      const pattern = stripMetadata(form.items[next]!).form;
      changed.set(copies[next++]!, walkPattern(walker, pattern, place));
    }
  }
  const items = mapForms(form.items, (item, index) => {
    const other = changed.get(copies[index]!);
    if (other !== undefined) return other;
    return item.kind === "symbol" ? typedName(walker, item) : item;
  });
  return withItems(form, items);
}

/** The values with macro calls at their heads expanded, where no binding before them has the name. */
function headedValues(
  walker: Walker,
  bindings: readonly AnnotatedValue[],
  { places, place }: { readonly places: ReadonlyMap<Form, Form>; readonly place: Place },
): readonly Placed[] {
  const before = new Set<string>();
  return bindings.map(({ target, value }) => {
    const form = places.get(value)!;
    const head = headName(form);
    const isBound = head !== null && before.has(head);
    for (const name of mentionedNames([target])) before.add(name);
    return isBound ? { form, place } : walker.headed(form, place);
  });
}

/** `if-let`, `when-let`: the name is bound where the value is true. */
function conditionalShape(isWhen: boolean): Shape {
  return (walker, form, place) => {
    const binding = form.items[1];
    const name = binding?.kind === "vector" ? soleName(binding.items[0]) : null;
    if (binding?.kind !== "vector" || binding.items.length !== 2 || name === null) return form;
    const inner = innerPlace(place);
    const bound = part(form, 1, () => lastWalked(walker, binding, inside(place)));
    walker.bind(name, inner.block);
    return tail(bound, 2, (forms) =>
      mapForms(forms, (each, index) =>
        walker.walk(each, isWhen || index === 0 ? inner : inside(place)),
      ),
    );
  };
}

/** The vector with its last item walked. */
function lastWalked(walker: Walker, form: VectorForm, place: Place): VectorForm {
  const last = form.items.length - 1;
  return withItems(
    form,
    mapForms(form.items, (item, at) => (at === last ? walker.walk(item, place) : item)),
  );
}

/** `for`, `dotimes`: names and sources in turn, each source sees the names before it. */
const loopShape: Shape = (walker, form, place) => {
  const bindings = form.items[1];
  if (bindings?.kind !== "vector") return form;
  const inner = innerPlace(place);
  const items = mapForms(bindings.items, (item, index) => {
    if (index % 2 === 0) return item;
    const walked = walker.walk(item, inner);
    const name = soleName(bindings.items[index - 1]);
    if (name !== null) walker.bind(name, inner.block);
    return walked;
  });
  return loopBody(
    walker,
    part(form, 1, () => withItems(bindings, items)),
    inner,
  );
};

function loopBody(walker: Walker, form: ListForm, place: Place): ListForm {
  return tail(form, 2, (forms) => walker.all(forms, place));
}

const matchShape: Shape = (walker, form, place) => {
  const parts = form.items;
  const changed = parts.slice();
  if (parts[1] !== undefined) changed[1] = walker.walk(parts[1], inside(place));
  for (let at = 2; at < parts.length; ) {
    const second = parts[at + 1];
    const hasGuard = second?.kind === "symbol" && second.name === "when";
    const inner = innerPlace(place);
    changed[at] = walkMatchPattern(walker, parts[at]!, inner);
    for (const index of hasGuard ? [at + 2, at + 3] : [at + 1]) {
      if (parts[index] !== undefined) changed[index] = walker.walk(parts[index], inner);
    }
    at += hasGuard ? 4 : 2;
  }
  return tail(form, 0, () => changed);
};

const tryShape: Shape = (walker, form, place) =>
  tail(form, 1, (forms) =>
    mapForms(forms, (each) => {
      const head = headName(each);
      if (head === "catch") return catchClause(walker, each as ListForm, place);
      if (head !== "finally") return walker.walk(each, inside(place));
      return tail(each as ListForm, 1, (rest) => walker.all(rest, inside(place)));
    }),
  );

function catchClause(walker: Walker, form: ListForm, place: Place): ListForm {
  const [, first, second, ...rest] = form.items;
  const isTyped = rest.length > 0 && second?.kind === "symbol";
  const target = isTyped ? second : first;
  if (target?.kind !== "symbol") return form;
  const inner = innerPlace(place);
  walker.bind(target, inner.block);
  return tail(form, isTyped ? 3 : 2, (forms) => walker.all(forms, inner));
}

/** `step`: `:params` binds `%params` in the body. */
const stepShape: Shape = (walker, form, place) => {
  const inner = innerPlace(place);
  const hasParams = form.items.some(({ kind }, at) => at > 1 && kind === "map");
  if (!hasParams) return evaluated(walker, form, place);
  inner.block.names.add("%params");
  return tail(form, 1, (forms) => walker.all(forms, inner));
};

/** `(with-resource [name Type? init] body…)`. */
const resourceShape: Shape = (walker, form, place) => {
  const binding = form.items[1];
  const name = binding?.kind === "vector" ? soleName(binding.items[0]) : null;
  if (binding?.kind !== "vector" || name === null) return form;
  const bound = part(form, 1, () => lastWalked(walker, binding, inside(place)));
  const inner = innerPlace(place);
  walker.bind(name, inner.block);
  return loopBody(walker, bound, inner);
};

/** `(parallel [name : type? expression] …)`. */
const parallelShape: Shape = (walker, form, place) =>
  tail(form, 1, (forms) =>
    mapForms(forms, (each) =>
      each.kind === "vector" && each.items.length > 1
        ? lastWalked(walker, each, inside(place))
        : each,
    ),
  );

/** `(defstruct Name :field type …)`: a definition whose parts are types. */
const structShape: Shape = (walker, form, place) =>
  walker.define(form, place, (definition) =>
    tail(definition, 2, (forms) =>
      mapForms(forms, (each, index) => (index % 2 === 1 ? walker.type(each) : each)),
    ),
  );

/** `(metadata {…} form)`: the form stands where the whole does. */
const metadataShape: Shape = (walker, form, place) =>
  tail(form, 1, (forms) =>
    mapForms(forms, (each, index) => walker.walk(each, index === 0 ? inside(place) : place)),
  );

/** `(deftype Name type)`. */
const typeShape: Shape = (walker, form, place) =>
  walker.define(form, place, (definition) =>
    tail(definition, 2, (forms) => mapForms(forms, (each) => walker.type(each))),
  );

/** `(capability "id" :key value …)`. */
const capabilityShape: Shape = (walker, form, place) =>
  tail(form, 2, (forms) => walker.all(forms, inside(place)));

/** `(resource name (property :key value) …)`. */
const resourceObjectShape: Shape = (walker, form, place) =>
  tail(form, 2, (forms) =>
    mapForms(forms, (each) =>
      each.kind === "list" ? tail(each, 2, (rest) => walker.all(rest, inside(place))) : each,
    ),
  );

export const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ["quote", asItStands],
  ["context-ref", asItStands],
  ["defmacro", asItStands],
  ["module", asItStands],
  ["import", asItStands],
  ["do", doShape],
  ["->", threadShape(false)],
  ["->>", threadShape(true)],
  ["def", defShape],
  ["defn", defnShape],
  ["fn", fnShape],
  ["lambda", fnShape],
  ["λ", fnShape],
  ["let", letShape],
  ["loop", letShape],
  ["if-let", conditionalShape(false)],
  ["when-let", conditionalShape(true)],
  ["for", loopShape],
  ["dotimes", loopShape],
  ["match", matchShape],
  ["try", tryShape],
  ["step", stepShape],
  ["with-resource", resourceShape],
  ["parallel", parallelShape],
  ["capability", capabilityShape],
  ["resource", resourceObjectShape],
  ["defstruct", structShape],
  ["deftype", typeShape],
  ["metadata", metadataShape],
]);
