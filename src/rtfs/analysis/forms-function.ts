/**
 * `fn` and `defn`.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, ListForm, VectorForm } from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { inside } from "../types/failure.ts";
import { type List, Vector } from "../values/value.ts";
import type { Analyser, Context, SpecialForm } from "./analyser.ts";
import { type Annotated, parseParameters, takeReturnType } from "./annotation.ts";
import { analyseBody, define } from "./forms-core.ts";
import { type Block, bindName, newBlock, newScope } from "./names.ts";
import type { CodeNode, Node } from "./node.ts";
import { PatternReader } from "./patterns.ts";

/** `(fn [params] body…)`, `(fn name [params] body…)`. */
export const fnForm: SpecialForm = (analyser, form, context) => {
  const [, first] = form.items;
  if (first?.kind !== "symbol") {
    return { op: "fn", code: analyseFunction(analyser, { name: "", form, at: 1 }, context) };
  }
  const block = newBlock(context.block, context.block.scope);
  const self = bindName(block, first.name, true);
  const code = analyseFunction(analyser, { name: first.name, form, at: 2 }, { ...context, block });
  const value: Node = { op: "fn", code };
  self.value = value;
  return { op: "set", slot: self.slot, value };
};

/** `(defn name [params] body…)`. */
export const defnForm: SpecialForm = (analyser, form, context) => {
  const [, name] = form.items;
  if (name?.kind !== "symbol") return analyser.problem(form.span, "`defn` needs a name");
  return define(analyser, { name: name.name, form, context }, () => ({
    op: "fn",
    code: analyseFunction(analyser, { name: name.name, form, at: 2 }, context),
  }));
};

interface FunctionSource {
  readonly name: string;
  readonly form: ListForm;
  /** Index of the parameter vector. */
  readonly at: number;
}

function analyseFunction(
  analyser: Analyser,
  { name, form, at }: FunctionSource,
  outer: Context,
): CodeNode {
  const params = form.items[at];
  const scope = newScope(outer.block.scope);
  const block = newBlock(outer.block, scope);
  const { type, body } = takeReturnType(form.items.slice(at + 1));
  if (params?.kind !== "vector") {
    const node = analyser.problem(params?.span ?? form.span, "A parameter vector must stand here");
    return { name, scope, arity: 0, restSlot: 0, prologue: [], body: node };
  }
  if (body.length === 0) analyser.problem(form.span, "A function needs a body");
  const read = readParameters(analyser, params, block);
  const inner: Context = { block, isTail: type === null, isConditional: false };
  const node = analyseBody(analyser, body, inner);
  const what = `result of ${name === "" ? "fn" : name}`;
  return { name, scope, ...read, body: analyser.checked(node, type, what, form.span) };
}

interface Parameters {
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
    return { arity: 0, restSlot: 0, prologue: [] };
  }
  const slots = [...fixed, ...rest].map((parameter) => reserve(parameter, block));
  const context: Context = { block, isTail: false, isConditional: false };
  const prologue = fixed.flatMap((parameter, index) =>
    prologueOf(analyser, parameter, slots[index]!, context),
  );
  if (rest[0]?.type) prologue.push(...restCheck(analyser, rest[0], slots.at(-1)!));
  return { arity: fixed.length, restSlot: rest.length === 0 ? 0 : slots.at(-1)!.slot, prologue };
}

type Reserved = ReturnType<typeof bindName>;

/** Slots 1… in order of the parameters. A pattern's slot has a name nobody can write. */
function reserve({ target }: Annotated, block: Block): Reserved {
  if (target.kind === "symbol" && target.name !== "_") return bindName(block, target.name);
  const hidden = bindName(block, `(${block.scope.slots})`);
  block.names.delete(hidden.name);
  return hidden;
}

function readSlot(binding: Reserved, span: SourceSpan): Node {
  return { op: "local", depth: 0, binding, span };
}

function prologueOf(
  analyser: Analyser,
  { target, type }: Annotated,
  binding: Reserved,
  context: Context,
): Node[] {
  const value = analyser.checked(readSlot(binding, target.span), type, nameOf(target), target.span);
  if (target.kind === "symbol") return type === null ? [] : [value];
  const pattern = new PatternReader(analyser, context, false).read(target);
  return [{ op: "bind", pattern, value, span: target.span }];
}

function nameOf(target: Form): string {
  return target.kind === "symbol" ? `parameter ${target.name}` : "parameter";
}

/** An annotated rest parameter: each item has the type, or the whole list as a vector does. */
function restCheck(analyser: Analyser, { target, type }: Annotated, binding: Reserved): Node[] {
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
  const validator = { source: item.source, check };
  return [{ op: "check", type: validator, value, what: nameOf(target), span: target.span }];
}
