/**
 * `match`, `try`, `for`, `dotimes`.
 *
 * @module
 */
import { type Form, headName, type ListForm } from "../syntax/form.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import { bindName, newBlock, newScope } from "./names.ts";
import type { CatchClause, ForLoop, MatchClause, Node } from "./node.ts";
import { PatternReader, refuseTwice } from "./patterns.ts";

/** The same place with names of its own. */
function innerContext(context: Context): Context {
  return { ...context, block: newBlock(context.block, context.block.scope), isConditional: false };
}

/** `(match subject pattern body pattern when guard body …)`. */
export const matchForm: SpecialForm = (analyser, form, context) => {
  const [, subject, ...parts] = form.items;
  if (subject === undefined) return analyser.problem(form.span, "`match` needs a value");
  const node = analyser.form(subject, argumentContext(context));
  const clauses: MatchClause[] = [];
  for (let at = 0; at < parts.length; ) {
    const hasGuard = isWhen(parts[at + 1]);
    const body = parts[at + (hasGuard ? 3 : 1)];
    if (body === undefined) {
      return analyser.problem(parts[at]!.span, "A clause of `match` needs a body");
    }
    const inner = innerContext(context);
    const pattern = new PatternReader(analyser, inner, true).read(parts[at]!);
    refuseTwice(analyser, parts[at]!);
    const guard = hasGuard ? analyser.form(parts[at + 2]!, argumentContext(inner)) : null;
    clauses.push({ pattern, guard, body: analyser.form(body, inner) });
    at += hasGuard ? 4 : 2;
  }
  return { op: "match", subject: node, clauses, span: form.span };
};

function isWhen(form: Form | undefined): boolean {
  return form?.kind === "symbol" && form.name === "when";
}

/** `(try body… (catch …)… (finally …)?)`. */
export const tryForm: SpecialForm = (analyser, form, context) => {
  const parts = form.items.slice(1);
  const first = parts.findIndex((part) => isHandler(part));
  const bodyForms = first < 0 ? parts : parts.slice(0, first);
  const handlers = first < 0 ? [] : parts.slice(first);
  const inner: Context = { ...context, isTail: false, isConditional: true };
  const body = analyser.sequence(bodyForms, inner);
  const catches: CatchClause[] = [];
  let finalizer: Node | null = null;
  for (const handler of handlers) {
    if (!isHandler(handler) || finalizer !== null) {
      return analyser.problem(
        handler.span,
        "Only `catch` clauses and one last `finally` may follow",
      );
    }
    const list = handler as ListForm;
    if (headName(handler) === "finally") finalizer = analyser.sequence(list.items.slice(1), inner);
    else catches.push(readCatch(analyser, list, inner));
  }
  return { op: "try", body, catches, finalizer };
};

function isHandler(form: Form): boolean {
  const head = headName(form);
  return head === "catch" || head === "finally";
}

function readCatch(analyser: Analyser, form: ListForm, context: Context): CatchClause {
  const [, first, second, ...rest] = form.items;
  const inner = innerContext(context);
  const isTyped = rest.length > 0 && second?.kind === "symbol";
  const target = isTyped ? second : first;
  const isNamed = first?.kind === "symbol" || (isTyped && first?.kind === "keyword");
  if (second === undefined || target?.kind !== "symbol" || !isNamed) {
    const body = analyser.problem(
      form.span,
      "`catch` is (catch Type name body…) or (catch name body…)",
    );
    return { type: null, slot: 0, body };
  }
  const { slot } = bindName(inner.block, target.name);
  const body = analyser.sequence(isTyped ? rest : form.items.slice(2), inner);
  if (!isTyped) return { type: null, slot, body };
  return {
    type: first!.kind === "keyword" ? `:${first!.name}` : (first as { name: string }).name,
    slot,
    body,
  };
}

/** `(for [x xs y ys] body)`: rightmost fastest, a vector of the results. */
export const forForm: SpecialForm = (analyser, form, context) => {
  const [, bindings, bodyForm] = form.items;
  const pairs = bindings?.kind === "vector" ? bindings.items : [];
  if (
    bodyForm === undefined ||
    form.items.length > 3 ||
    pairs.length === 0 ||
    pairs.length % 2 === 1
  ) {
    return analyser.problem(form.span, "`for` is (for [name collection …] body)");
  }
  const { scope, inner } = turnContext(context);
  const loops: ForLoop[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at]!;
    if (name.kind !== "symbol") return analyser.problem(name.span, "`for` binds plain names");
    const source = analyser.form(pairs[at + 1]!, inner);
    loops.push({ slot: bindName(inner.block, name.name).slot, source });
  }
  return { op: "for", scope, loops, body: analyser.form(bodyForm, inner), span: form.span };
};

/** `(dotimes [i n] body…)`. */
export const dotimesForm: SpecialForm = (analyser, form, context) => {
  const [, binding, ...bodyForms] = form.items;
  const [name, countForm] = binding?.kind === "vector" ? binding.items : [];
  const isShaped = binding?.kind === "vector" && binding.items.length === 2;
  if (!isShaped || name?.kind !== "symbol" || bodyForms.length === 0) {
    return analyser.problem(form.span, "`dotimes` is (dotimes [name count] body…)");
  }
  const count = analyser.form(countForm!, argumentContext(context));
  const { scope, inner } = turnContext(context);
  const { slot } = bindName(inner.block, name.name);
  const body = analyser.sequence(bodyForms, inner);
  return { op: "dotimes", scope, slot, count, body, span: form.span };
};

function turnContext(context: Context): { scope: ReturnType<typeof newScope>; inner: Context } {
  const scope = newScope(context.block.scope);
  const block = newBlock(context.block, scope);
  return { scope, inner: { block, isTail: false, isConditional: false } };
}
