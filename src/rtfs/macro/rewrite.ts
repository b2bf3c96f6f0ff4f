/**
 * Building forms out of forms, and what forms say about themselves. Unchanged parts keep their identity,
 * so "nothing happened" is one comparison.
 *
 * @module
 */
import { splitName } from "../analysis/annotation.ts";
import { stripMetadata } from "../analysis/metadata.ts";
import type { Form, ListForm, MapForm, SymbolForm, VectorForm } from "../syntax/form.ts";
import { isTypeName } from "../types/primitives.ts";

/** `forms` with `change` done to each; the same array when nothing changed. */
export function mapForms(
  forms: readonly Form[],
  change: (form: Form, index: number) => Form,
): readonly Form[] {
  let changed: Form[] | null = null;
  for (let index = 0; index < forms.length; index++) {
    const before = forms[index]!;
    const after = change(before, index);
    if (after === before) continue;
    changed ??= forms.slice();
    changed[index] = after;
  }
  return changed ?? forms;
}

/** The same list or vector with other items; itself when they are its own. */
export function withItems<F extends ListForm | VectorForm>(form: F, items: readonly Form[]): F {
  return items === form.items ? form : { ...form, items };
}

/** The map with `change` done to its values. */
export function mapValues(form: MapForm, change: (value: Form, key: Form) => Form): MapForm {
  let isChanged = false;
  const entries = form.entries.map((entry) => {
    const value = change(entry.value, entry.key);
    if (value === entry.value) return entry;
    isChanged = true;
    return { key: entry.key, value };
  });
  return isChanged ? { ...form, entries } : form;
}

/** `-> ` and `->>` as nested calls; null when it has no value to thread. */
export function threaded(form: ListForm, isLast: boolean): Form | null {
  const [, first, ...steps] = form.items;
  if (first === undefined) return null;
  return steps.reduce<Form>((value, step) => {
    const [head, ...rest] = step.kind === "list" && step.items.length > 0 ? step.items : [step];
    const items = isLast ? [head!, ...rest, value] : [head!, value, ...rest];
    return { kind: "list", items, span: step.span };
  }, first);
}

/** What `def` or `defn` names. */
export interface Defined {
  readonly target: SymbolForm;
  /** What stands after the name in the same token: `:int` of `x:int`, or nothing. */
  readonly suffix: string;
  readonly name: string;
}

/** The name a `def`, `defn` or `defstruct` binds; null when the form is malformed. */
export function definedName(form: ListForm): Defined | null {
  const target = bareName(form.items[1]);
  if (target === null) return null;
  const whole: Defined = { target, suffix: "", name: target.name };
  const rest = form.items.length - 2;
  if ((form.items[0] as SymbolForm).name !== "def" || rest < 1) return whole;
  const joined = splitName(target);
  if (joined === null) return whole;
  const { name } = joined.target;
  const isTyped = joined.type?.kind === "keyword" && isTypeName(joined.type.name);
  const isCut = (joined.type === null && rest === 2) || (isTyped && rest === 1);
  return isCut ? { target, suffix: target.name.slice(name.length), name } : whole;
}

/** `name`, or the name in `^meta name`. */
function bareName(form: Form | undefined): SymbolForm | null {
  const bare = form === undefined ? null : stripMetadata(form).form;
  return bare?.kind === "symbol" ? bare : null;
}

/** The form that metadata is written on changed, and its maps; both as they stand when nothing changes. */
export function mapAnnotated(
  form: Form,
  change: (bare: Form) => Form,
  changeMap: (map: Form) => Form = (map) => map,
): Form {
  if (form.kind !== "list" || stripMetadata(form).form === form) return change(form);
  const parts: readonly ((part: Form) => Form)[] = [
    (head) => head,
    changeMap,
    (inner) => mapAnnotated(inner, change, changeMap),
  ];
  return withItems(
    form,
    mapForms(form.items, (item, index) => parts[index]?.(item) ?? item),
  );
}

/** The definition with another name. */
export function renamedDefinition(
  form: ListForm,
  { target, suffix }: Defined,
  to: string,
): ListForm {
  const renamed: SymbolForm = { ...target, name: to + suffix };
  const items = form.items.map((item, index) =>
    index === 1 ? mapAnnotated(item, () => renamed) : item,
  );
  return { ...form, items };
}
