import type { Form } from "../syntax/form.ts";
import type { Field, Type } from "./type.ts";
import { BadType, isQuestionMark, nameOf } from "./type-form.ts";

const FIELD = "A field is [:key T] or [:key T ?]";

/**
 * The fields of a record: `[:k T] [:k T ?] [:* T]…`, or one map `{:k T}` of required fields. `:*`
 * types every field that is not named.
 */
export function parseFields(
  parts: readonly Form[],
  inner: (part: Form) => Type,
): { fields: readonly Field[]; rest: Type | null } {
  const fields = new Map<string, Field>();
  let rest: Type | null = null;
  for (const { key, type, isOptional } of fieldForms(parts)) {
    const name = fieldName(key);
    if (nameOf(key) === "*") {
      if (rest !== null) throw new BadType(key.span, "`:*` stands twice");
      if (isOptional)
        throw new BadType(key.span, "`:*` is [:* T]: every other field may be absent");
      rest = inner(type);
    } else if (fields.has(name)) {
      throw new BadType(type.span, `The field \`${name}\` stands twice`);
    } else {
      fields.set(name, { name, type: inner(type), isOptional });
    }
  }
  return { fields: [...fields.values()], rest };
}

interface FieldForm {
  readonly key: Form;
  readonly type: Form;
  readonly isOptional: boolean;
}

function fieldForms(parts: readonly Form[]): FieldForm[] {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "map") {
    return only.entries.map(({ key, value }) => ({ key, type: value, isOptional: false }));
  }
  return parts.map((part) => {
    const [key, type, ...more] = part.kind === "vector" ? part.items : [];
    const isOptional = more.length === 1 && isQuestionMark(more[0]);
    if (key === undefined || type === undefined || (more.length > 0 && !isOptional)) {
      throw new BadType(part.span, FIELD, "Any other field: [:* T]");
    }
    return { key, type, isOptional };
  });
}

/** A string spells a name that no keyword can. */
function fieldName(form: Form): string {
  const name = form.kind === "string" ? form.value : nameOf(form);
  if (name === null) throw new BadType(form.span, "A field's key is a keyword");
  return name;
}
