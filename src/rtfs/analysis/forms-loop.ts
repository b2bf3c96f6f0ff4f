/**
 * `loop` and `recur`: a function that calls itself in tail position.
 *
 * @module
 */
import type { Form } from "../syntax/form.ts";
import { argumentContext, type SpecialForm } from "./analyser.ts";
import { parseBindings } from "./annotation.ts";
import { hiddenLocal, readLocal } from "./build.ts";
import { bindOne } from "./forms-core.ts";
import { analyseFunction } from "./forms-function.ts";

/** `(loop [name value …] body…)`: later values see earlier names. */
export const loopForm: SpecialForm = (analyser, form, context) => {
  const [, bindings, ...body] = form.items;
  const parsed = bindings?.kind === "vector" ? parseBindings(bindings.items) : null;
  if (parsed === null || bindings === undefined) {
    const span = bindings?.span ?? form.span;
    return analyser.problem(span, "`loop` needs a vector of names and values in pairs");
  }
  if (body.length === 0) return analyser.problem(form.span, "`loop` needs a body");
  const { binding: self, inner } = hiddenLocal(context, "loop", true);
  const start = hiddenLocal(inner, "start").inner;
  const args = parsed.map((each) => bindOne(analyser, each, start));
  const params: Form[] = parsed.flatMap(({ target, type }) =>
    type === null ? [target] : [target, { kind: "symbol", name: ":", span: target.span }, type],
  );
  const source = { ...form, items: [form.items[0]!, { ...bindings, items: params }, ...body] };
  const code = analyseFunction(
    analyser,
    { name: "loop", form: source as typeof form, at: 1, self },
    inner,
  );
  self.value = { op: "fn", code };
  const callee = { op: "set", slot: self.slot, value: self.value } as const;
  return { op: "call", callee, args, isTail: context.isTail, span: form.span };
};

/** `(recur value …)`: the next turn of the loop it stands last in. */
export const recurForm: SpecialForm = (analyser, form, context) => {
  const loop = analyser.loops.get(context.block.scope);
  if (loop === undefined) {
    return analyser.problem(form.span, "`recur` stands in no loop", {
      hint: "Call the function by its name; tail calls take no stack",
    });
  }
  if (!context.isTail) {
    return analyser.problem(form.span, "`recur` must be the last thing its loop does");
  }
  const given = form.items.length - 1;
  if (given !== loop.arity) {
    return analyser.problem(form.span, `\`recur\` gives ${given} of ${loop.arity} values`);
  }
  const inner = argumentContext(context);
  const args = form.items.slice(1).map((arg) => analyser.form(arg, inner));
  const callee = readLocal(loop.self, context, form.span);
  return { op: "call", callee, args, isTail: true, span: form.span };
};
