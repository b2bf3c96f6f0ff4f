/**
 * `^{…} form`: entries for judging before a run, `runtime.…`, `idempotency` and `retry` for the host's calls, and where
 * a function is evaluated.
 *
 * @module
 */
import { type Form, headName, keyOf, type ListForm, type MapForm } from "../syntax/form.ts";
import { Keyword, type MapKey } from "../values/value.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import { constant } from "./build.ts";
import { type Annotated, stripMetadata } from "./metadata.ts";
import { findLocal } from "./names.ts";
import type { Node } from "./node.ts";

const RUNTIME = "runtime.";
/** How a call may be made; the host reads them with the call (src/runtime/call-terms.ts). */
const TERMS: ReadonlySet<string> = new Set(["idempotency", "retry"]);
const DELEGATION_HINT = 'Write ^:delegation :remote "model" (fn [x] x)';
const FUNCTION_HEADS = new Set(["fn", "lambda", "λ", "defn"]);

/** `(metadata {…} form)`. Of a function it holds for what the function does. */
export const metadataForm: SpecialForm = (analyser, form, context) => {
  const [, map, written] = form.items;
  if (map?.kind !== "map" || written === undefined || form.items.length !== 3) {
    return analyser.problem(form.span, "Metadata is a map before a form");
  }
  const { form: inner, metadata } = stripMetadata(form);
  const head = headName(inner);
  if (head !== null && FUNCTION_HEADS.has(head) && findLocal(head, context.block) === null) {
    return analyser.form(onParameters(inner as ListForm, metadata, form), context);
  }
  const delegation = delegationOf(metadata);
  if (delegation !== undefined) {
    analyser.problem(delegation.span, "`:delegation` belongs to a function", {
      hint: DELEGATION_HINT,
    });
  }
  return withMetadata(analyser, { form, metadata }, context, (at) => analyser.form(inner, at));
};

/** The function with its metadata moved to the name or the parameters, where functions look. */
function onParameters(
  inner: ListForm,
  metadata: readonly MapForm[],
  { items, span }: ListForm,
): ListForm {
  const [head, target, ...rest] = inner.items;
  if (head === undefined || target === undefined) return inner;
  return { ...inner, items: [head, withWritten(target, metadata, items[0]!, span), ...rest] };
}

/** `(metadata m … form)`, outermost first. */
function withWritten(
  form: Form,
  metadata: readonly MapForm[],
  head: Form,
  span: ListForm["span"],
): Form {
  return metadata.reduceRight<Form>(
    (inner, map) => ({ kind: "list", items: [head, map, inner], span }),
    form,
  );
}

/** A value with the metadata of its name. */
export function metadataOn(value: Form, { form, metadata }: Annotated): Form {
  const head: Form = { kind: "symbol", name: "metadata", span: form.span };
  return withWritten(value, metadata, head, form.span);
}

/** `make` with the metadata around it. */
export function withMetadata(
  analyser: Analyser,
  { form, metadata }: Annotated,
  context: Context,
  make: (inner: Context) => Node,
): Node {
  if (metadata.length === 0) return make(context);
  const entries: (readonly [MapKey, Form])[] = [];
  const runtime: (readonly [string, Node])[] = [];
  const inner = argumentContext(context);
  for (const { key, value } of metadata.flatMap((map) => map.entries)) {
    const known = keyOf(key);
    if (known === null) {
      analyser.problem(key.span, "A key of metadata is a keyword or a string");
      continue;
    }
    entries.push([known, value]);
    const name = known instanceof Keyword ? known.name : String(known);
    if (name.startsWith(RUNTIME) || TERMS.has(name))
      runtime.push([name, analyser.form(value, inner)]);
  }
  if (entries.length === 0) return make(context);
  // Metadata ends with the form, so a call in it is not the last thing that happens.
  const body = make(runtime.length === 0 ? context : inner);
  return { op: "meta", entries, runtime, body, span: form.span };
}

function delegationOf(metadata: readonly MapForm[]): Form | undefined {
  return metadata
    .flatMap(({ entries }) => entries)
    .find(({ key }) => key.kind === "keyword" && key.name === "delegation")?.value;
}

/**
 * The host id that a function's `:delegation` names; null: the function runs here.
 *
 * `:local`, `[:local-model id]` and `[:remote id]` are what the reader makes.
 */
export function delegateOf(analyser: Analyser, metadata: readonly MapForm[]): string | null {
  const found = delegationOf(metadata);
  if (found === undefined || (found.kind === "keyword" && found.name === "local")) return null;
  const [place, id] = found.kind === "vector" ? found.items : [];
  const isPlace = place?.kind === "keyword" && ["local-model", "remote"].includes(place.name);
  if (isPlace && id?.kind === "string" && id.value !== "") return `model-call:${id.value}`;
  analyser.problem(
    found.span,
    "`:delegation` is :local, :local-model and an id, or :remote and an id",
    {
      hint: DELEGATION_HINT,
    },
  );
  return null;
}

/** The call a delegated function makes in place of its body. */
export function delegated(id: string, args: readonly Node[], form: Form): Node {
  return { op: "host-call", args: [constant(id), ...args], span: form.span };
}
