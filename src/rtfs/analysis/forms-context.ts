/**
 * Values that the host provides: `@name`, `(get :name)`, `(context/get key)`, `(resource:ref …)`.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form } from "../syntax/form.ts";
import { type Analyser, argumentContext, type SpecialForm } from "./analyser.ts";
import { libraryCall, raise } from "./build.ts";
import { findLocal } from "./names.ts";
import type { Node } from "./node.ts";

/** Absent: nil. */
function contextNode(key: string, span: SourceSpan): Node {
  return { op: "context", key, fallback: null, span };
}

/** Absent: nil, and an error in strict programs. */
function referenceNode(analyser: Analyser, key: string, span: SourceSpan): Node {
  const message = `The host has no context key "${key}"`;
  const error = { kind: "UndefinedSymbol", message, fields: [["symbol", `@${key}`]] as const };
  const fallback = analyser.language.isStrict ? raise(error, span) : null;
  return { op: "context", key, fallback, span };
}

/** The name a keyword, string or symbol form stands for; null for anything else. */
function literalKey(form: Form | undefined): string | null {
  if (form?.kind === "keyword" || form?.kind === "symbol") return form.name;
  return form?.kind === "string" ? form.value : null;
}

/** `@name`, read as `(context-ref name)`. */
export const contextReference: SpecialForm = (analyser, form) => {
  const key = literalKey(form.items[1]);
  if (key !== null && form.items.length === 2) return referenceNode(analyser, key, form.span);
  return analyser.problem(form.span, "A context reference is `@` and a name");
};

/** `(resource:ref "name")`. */
export const resourceReference: SpecialForm = (analyser, form) => {
  const key = literalKey(form.items[1]);
  if (key !== null && form.items.length === 2) return referenceNode(analyser, key, form.span);
  return analyser.problem(form.span, "`resource:ref` takes one name, written out");
};

/** `(get :name)`: the local or global of that name, else the context; with more it is a function. */
export const getForm: SpecialForm = (analyser, form, context) => {
  const [, key] = form.items;
  if (form.items.length !== 2) return analyser.call(form, context);
  if (key?.kind !== "keyword" && key?.kind !== "symbol") {
    return analyser.problem(form.span, "`get` with one argument takes a keyword or a name", {
      kind: "InvalidArguments",
    });
  }
  const { name } = key;
  if (findLocal(name, context.block) !== null || analyser.names.isDefined(name)) {
    return analyser.names.resolve(name, context.block, key.span);
  }
  return contextNode(name, form.span);
};

/** `(context/get key)`; a key that is computed is looked up by the library function. */
export const contextGetForm: SpecialForm = (analyser, form, context) => {
  const [, key] = form.items;
  if (key === undefined || form.items.length !== 2) {
    return analyser.problem(form.span, "`context/get` takes one key");
  }
  if (key.kind !== "keyword" && key.kind !== "string") {
    const node = analyser.form(key, argumentContext(context));
    return libraryCall("context/get", [node], form.span);
  }
  return contextNode(key.kind === "keyword" ? key.name : key.value, form.span);
};
