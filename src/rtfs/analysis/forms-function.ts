/**
 * `fn` and `defn`.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, ListForm, MapForm, VectorForm } from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { inside } from "../types/failure.ts";
import { type List, Vector } from "../values/value.ts";
import type { Analyser, Context, SpecialForm } from "./analyser.ts";
import { type Annotated, parseParameters, takeReturnType } from "./annotation.ts";
import { analyseBody, define } from "./forms-core.ts";
import { delegated, delegateOf, withMetadata } from "./forms-metadata.ts";
import { stripMetadata } from "./metadata.ts";
import { type Block, bindName, newBlock, newScope } from "./names.ts";
import type { Binding, CodeNode, Node } from "./node.ts";
import { namesOf, PatternReader, shapeOf } from "./patterns.ts";

/** `(fn [params] body…)`, `(fn name [params] body…)`. */
export const fnForm: SpecialForm = (analyser, form, context) => {
  const first = form.items[1] === undefined ? undefined : stripMetadata(form.items[1]);
  if (first?.form.kind !== "symbol") {
    return { op: "fn", code: analyseFunction(analyser, { name: "", form, at: 1 }, context) };
  }
  const { name } = first.form;
  const { metadata } = first;
  const block = newBlock(context.block, context.block.scope);
  const self = bindName(block, name, true);
  const inner = { ...context, block };
  const code = analyseFunction(analyser, { name, form, at: 2, metadata }, inner);
  const value: Node = { op: "fn", code };
  self.value = value;
  return { op: "set", slot: self.slot, value };
};

/** `(defn name [params] body…)`. */
export const defnForm: SpecialForm = (analyser, form, context) => {
  const target = form.items[1] === undefined ? undefined : stripMetadata(form.items[1]);
  if (target?.form.kind !== "symbol") return analyser.problem(form.span, "`defn` needs a name");
  const { name } = target.form;
  const { metadata } = target;
  return define(analyser, { name, form, context }, () => ({
    op: "fn",
    code: analyseFunction(analyser, { name, form, at: 2, metadata }, context),
  }));
};

interface FunctionSource {
  readonly name: string;
  readonly form: ListForm;
  /** Index of the parameter vector. */
  readonly at: number;
  readonly metadata?: readonly MapForm[];
  /** The function is a loop: what `recur` calls. */
  readonly self?: Binding;
}

export function analyseFunction(
  analyser: Analyser,
  { name, form, at, metadata: outerMetadata = [], self }: FunctionSource,
  outer: Context,
): CodeNode {
  const written = form.items[at];
  const { form: params, metadata: own } =
    written === undefined ? { form: undefined, metadata: [] } : stripMetadata(written);
  const metadata = [...outerMetadata, ...own];
  const scope = newScope(outer.block.scope);
  const block = newBlock(outer.block, scope);
  const { type, body } = takeReturnType(form.items.slice(at + 1), analyser.aliases);
  if (params?.kind !== "vector") {
    const node = analyser.problem(params?.span ?? form.span, "A parameter vector must stand here");
    return { name, scope, arity: 0, restSlot: 0, prologue: [], body: node };
  }
  if (body.length === 0) analyser.problem(form.span, "A function needs a body");
  const { fixed, ...read } = readParameters(analyser, params, block);
  if (self !== undefined) analyser.loops.set(scope, { self, arity: read.arity });
  const inner: Context = { block, isTail: type === null, isConditional: false };
  const host = delegateOf(analyser, metadata);
  const node = withMetadata(analyser, { form, metadata }, inner, (place) =>
    analyseBody(analyser, body, place),
  );
  const args = fixed.map((binding) => readSlot(binding, form.span));
  if (host !== null && read.restSlot !== 0) {
    analyser.problem(
      params.span,
      "A function that runs elsewhere takes a fixed number of arguments",
    );
  }
  const result = host === null ? node : delegated(host, args, form);
  const what = `result of ${name === "" ? "fn" : name}`;
  return { name, scope, ...read, body: analyser.checked(result, type, what, form.span) };
}

interface Parameters {
  /** The parameters before the rest parameter. */
  readonly fixed: readonly Binding[];
  readonly arity: number;
  readonly restSlot: number;
  readonly prologue: readonly Node[];
}

function readParameters(analyser: Analyser, form: VectorForm, block: Block): Parameters {
  const ampersand = form.items.findIndex((item) => item.kind === "symbol" && item.name === "&");
  const fixedForms = ampersand < 0 ? form.items : form.items.slice(0, ampersand);
  const fixed = parseParameters(fixedForms);
  const rest = ampersand < 0 ? [] : parseParameters(form.items.slice(ampersand + 1));
  const isRestBad = ampersand >= 0 && (rest?.length !== 1 || rest[0]!.target.kind !== "symbol");
  if (fixed === null || rest === null || isRestBad) {
    analyser.problem(form.span, "Parameters are names or patterns; one name may follow `&`");
    return { fixed: [], arity: 0, restSlot: 0, prologue: [] };
  }
  refuseRepeated(analyser, [...fixed, ...rest]);
  const slots = [...fixed, ...rest].map((parameter) => reserve(parameter, block));
  const context: Context = { block, isTail: false, isConditional: false };
  const prologue = fixed.flatMap((parameter, index) =>
    prologueOf(analyser, parameter, slots[index]!, context),
  );
  if (rest[0]?.type) prologue.push(...restCheck(analyser, rest[0], slots.at(-1)!));
  const restSlot = rest.length === 0 ? 0 : slots.at(-1)!.slot;
  const bound = slots.slice(0, fixed.length);
  return { fixed: bound, arity: fixed.length, restSlot, prologue };
}

/** Two parameters of one name: which of them the body means is nobody's guess. */
function refuseRepeated(analyser: Analyser, parameters: readonly Annotated[]): void {
  if (parameters.length === 1 && parameters[0]!.target.kind === "symbol") return;
  const seen = new Map<string, SourceSpan>();
  for (const { target } of parameters) {
    for (const { name, span } of namesOf(target)) {
      const first = seen.get(name);
      seen.set(name, first ?? span);
      if (first === undefined) continue;
      analyser.problem(span, `Two parameters are called \`${name}\``, {
        hint: "Give each a name of its own, or `_`",
        related: [{ message: "the first", span: first }],
      });
    }
  }
}

/** Slots 1… in order of the parameters. A pattern's slot has a name nobody can write. */
function reserve({ target }: Annotated, block: Block): Binding {
  if (target.kind === "symbol" && target.name !== "_") return bindName(block, target.name);
  const hidden = bindName(block, `(${block.scope.slots})`);
  block.names.delete(hidden.name);
  return hidden;
}

function readSlot(binding: Binding, span: SourceSpan): Node {
  return { op: "local", depth: 0, binding, span };
}

function prologueOf(
  analyser: Analyser,
  { target, type }: Annotated,
  binding: Binding,
  context: Context,
): Node[] {
  const value = analyser.checked(readSlot(binding, target.span), type, nameOf(target), target.span);
  if (target.kind === "symbol") return type === null ? [] : [value];
  const pattern = new PatternReader(analyser, context, false).read(target);
  const shaped = shapeOf(analyser, pattern, value, target.span);
  return [{ op: "bind", pattern, value: shaped, span: target.span }];
}

function nameOf(target: Form): string {
  return target.kind === "symbol" ? `parameter ${target.name}` : "parameter";
}

/** An annotated rest parameter: each item has the type, or the whole list as a vector does. */
function restCheck(analyser: Analyser, { target, type }: Annotated, binding: Binding): Node[] {
  const item = analyser.type(type!);
  if (item === null) return [];
  const check: TypeValidator["check"] = (value, meter) => {
    const { items } = value as List;
    for (const [index, each] of items.entries()) {
      const failure = item.check(each, meter);
      if (failure !== null) {
        return item.check(new Vector(items), meter) === null ? null : inside(`[${index}]`, failure);
      }
    }
    return null;
  };
  const value = readSlot(binding, target.span);
  const validator: TypeValidator = {
    source: item.source,
    type: null,
    aliases: item.aliases,
    check,
  };
  return [{ op: "check", type: validator, value, what: nameOf(target), span: target.span }];
}
