/**
 * Special forms without functions or control transfer: quote, do, if and its relatives, def, let,
 * threading.
 *
 * @module
 */
import { type Form, formToValue, headName, type ListForm } from "../syntax/form.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import { type AnnotatedValue, parseBindings, splitName } from "./annotation.ts";
import { NIL } from "./build.ts";
import { metadataOn } from "./forms-metadata.ts";
import { stripMetadata } from "./metadata.ts";
import { bindName, type Block, findLocal, newBlock } from "./names.ts";
import type { Binding, Node } from "./node.ts";
import { PatternReader, refuseTwice, shapeOf } from "./patterns.ts";
import { isTypeName } from "../types/primitives.ts";

function conditional(context: Context): Context {
  return context.isConditional ? context : { ...context, isConditional: true };
}

export const quoteForm: SpecialForm = (analyser, form) => {
  const [, quoted] = form.items;
  if (quoted === undefined || form.items.length !== 2) {
    return analyser.problem(form.span, "`quote` takes exactly one form");
  }
  try {
    return { op: "const", value: formToValue(quoted) };
  } catch (error) {
    if (error instanceof RtfsError) return analyser.problem(error.span ?? form.span, error.message);
    throw error;
  }
};

export const doForm: SpecialForm = (analyser, form, context) =>
  analyser.sequence(form.items.slice(1), context);

export const ifForm: SpecialForm = (analyser, form, context) => {
  const [, test, then, otherwise] = form.items;
  if (test === undefined || then === undefined || form.items.length > 4) {
    return analyser.problem(form.span, "`if` is (if test then) or (if test then else)");
  }
  const branch = conditional(context);
  return {
    op: "if",
    test: analyser.form(test, argumentContext(context)),
    then: analyser.form(then, branch),
    otherwise: otherwise === undefined ? NIL : analyser.form(otherwise, branch),
  };
};

/** `when` and `when-not`. */
export function whenForm(isNegated: boolean): SpecialForm {
  return (analyser, form, context) => {
    const [, test, ...body] = form.items;
    if (test === undefined) return analyser.problem(form.span, "`when` needs a test");
    const tested = analyser.form(test, argumentContext(context));
    const nodes = analyser.sequence(body, conditional(context));
    return isNegated
      ? { op: "if", test: tested, then: NIL, otherwise: nodes }
      : { op: "if", test: tested, then: nodes, otherwise: NIL };
  };
}

/** `(cond test expr … :else expr)`; nothing true: nil. */
export const condForm: SpecialForm = (analyser, form, context) => {
  const parts = form.items.slice(1);
  if (parts.length % 2 === 1) {
    return analyser.problem(parts.at(-1)!.span, "`cond` needs an expression after each test");
  }
  const branch = conditional(context);
  const nodes = parts.map((part, index) =>
    analyser.form(part, index % 2 === 0 ? argumentContext(branch) : branch),
  );
  let result: Node = NIL;
  for (let index = nodes.length - 2; index >= 0; index -= 2) {
    result = { op: "if", test: nodes[index]!, then: nodes[index + 1]!, otherwise: result };
  }
  return result;
};

/** `and`, `or`: short-circuit. */
export function logicForm(op: "and" | "or"): SpecialForm {
  return (analyser, form, context) => {
    const parts = form.items.slice(1);
    const branch = conditional(context);
    const nodes = parts.map((part, index) =>
      analyser.form(part, index === parts.length - 1 ? branch : argumentContext(branch)),
    );
    return nodes.length === 0 ? { op: "const", value: op === "and" } : { op, nodes };
  };
}

/** `(if-let [x e] then else?)` and `(when-let [x e] body…)`. */
export function conditionalLet(isWhen: boolean): SpecialForm {
  return (analyser, form, context) => {
    const [, binding, ...rest] = form.items;
    const [target, value] = binding?.kind === "vector" ? binding.items : [];
    const isShaped = binding?.kind === "vector" && binding.items.length === 2;
    if (
      !isShaped ||
      target?.kind !== "symbol" ||
      (!isWhen && (rest.length < 1 || rest.length > 2))
    ) {
      return analyser.problem(form.span, "This form needs [name expression] and its branches");
    }
    const bound = analyser.form(value!, argumentContext(context));
    const inner: Context = { ...context, block: newBlock(context.block, context.block.scope) };
    const local = bindName(inner.block, target.name);
    local.value = bound;
    const branch = conditional(inner);
    return {
      op: "if",
      test: { op: "set", slot: local.slot, value: bound },
      then: isWhen ? analyser.sequence(rest, branch) : analyser.form(rest[0]!, branch),
      otherwise:
        rest[1] === undefined || isWhen ? NIL : analyser.form(rest[1], conditional(context)),
    };
  };
}

/** `->` puts the value first, `->>` last. */
export function threadForm(isLast: boolean): SpecialForm {
  return (analyser, form, context) => {
    const [, first, ...steps] = form.items;
    if (first === undefined) return analyser.problem(form.span, "Threading needs a value");
    const threaded = steps.reduce<Form>((value, step) => {
      if (step.kind !== "list" || step.items.length === 0) {
        return { kind: "list", items: [step, value], span: step.span };
      }
      const [head, ...rest] = step.items;
      const items = isLast ? [head!, ...rest, value] : [head!, value, ...rest];
      return { kind: "list", items, span: step.span };
    }, first);
    return analyser.form(threaded, context);
  };
}

const FUNCTION_HEADS = new Set(["fn", "lambda", "λ"]);

/** Whether the form makes a function where it stands. */
export function isFunctionForm(form: Form | undefined, block: Block): boolean {
  const head = form === undefined ? null : headName(stripMetadata(form).form);
  return head !== null && FUNCTION_HEADS.has(head) && findLocal(head, block) === null;
}

/** A body with definitions of its own: its functions see each other. */
export function analyseBody(analyser: Analyser, forms: readonly Form[], context: Context): Node {
  for (const form of forms) {
    const name = definedFunction(form, context.block);
    if (name !== null && !context.block.names.get(name)?.isLate)
      bindName(context.block, name, true);
  }
  return analyser.sequence(forms, context);
}

function definedFunction(written: Form, block: Block): string | null {
  const { form } = stripMetadata(written);
  const head = headName(form);
  const [, target, value] = form.kind === "list" ? form.items : [];
  const name = target === undefined ? undefined : stripMetadata(target).form;
  if (name?.kind !== "symbol" || (head !== "defn" && head !== "def")) return null;
  if (findLocal(head, block) !== null) return null;
  return head === "defn" || isFunctionForm(value, block) ? name.name : null;
}

export const defForm: SpecialForm = (analyser, written, context) => {
  const [head, target, ...rest] = written.items;
  const named = target === undefined ? null : stripMetadata(target);
  const form = named === null ? written : { ...written, items: [head!, named.form, ...rest] };
  const parsed = parseDefinition(form);
  if (parsed === null) {
    return analyser.problem(form.span, "`def` takes a name, perhaps its type, and a value");
  }
  const { name, type, value } = parsed;
  const annotated = { form, metadata: named?.metadata ?? [] };
  const node = analyser.form(metadataOn(value, annotated), argumentContext(context));
  const checked = analyser.checked(node, type, `def ${name}`, form.span);
  return define(analyser, { name, form, context }, () => checked);
};

interface Definition {
  readonly name: string;
  readonly type: Form | null;
  readonly value: Form;
}

function parseDefinition(form: ListForm): Definition | null {
  const [, target, ...rest] = form.items;
  if (target?.kind !== "symbol" || rest.length === 0) return null;
  const [first, second, third] = rest;
  const joined = splitName(target);
  if (joined !== null && joined.type === null && rest.length === 2) {
    return { name: joined.target.name, type: first!, value: second! };
  }
  // `profile:networked` is a name; only a known type after the colon makes an annotation.
  const isTyped = joined?.type?.kind === "keyword" && isTypeName(joined.type.name);
  if (rest.length === 1) {
    const name = isTyped ? joined!.target.name : target.name;
    return { name, type: isTyped ? joined!.type : null, value: first! };
  }
  if (rest.length === 2 && first!.kind === "keyword") {
    return { name: target.name, type: first!, value: second! };
  }
  const isColon = first!.kind === "symbol" && first!.name === ":";
  return rest.length === 3 && isColon ? { name: target.name, type: second!, value: third! } : null;
}

interface Defining {
  readonly name: string;
  readonly form: ListForm;
  readonly context: Context;
}

/**
 * Bind a name at top level, or in the innermost body. `make` runs when the name is in reach, so a
 * function sees itself; a plain value was made before.
 */
export function define(
  analyser: Analyser,
  { name, form, context }: Defining,
  make: () => Node,
): Node {
  const { block } = context;
  if (block.parent === null && analyser.language.specialForms.has(name)) {
    return analyser.problem(form.span, `\`${name}\` is a special form and cannot be defined`);
  }
  if (block.parent === null) {
    const cells = analyser.names.define(name, context.isConditional);
    const value = make();
    for (const cell of cells) cell.values.push(value);
    return { op: "define", cells, value };
  }
  const known = block.names.get(name);
  const isFree = known !== undefined && known.isLate && known.value === null;
  const local: Binding = isFree ? known : bindName(block, name, true);
  const value = make();
  local.value = value;
  return { op: "set", slot: local.slot, value };
}

export const letForm: SpecialForm = (analyser, form, context) => {
  const [, bindings, ...body] = form.items;
  const parsed = bindings?.kind === "vector" ? parseBindings(bindings.items) : null;
  if (parsed === null) {
    const span = bindings?.span ?? form.span;
    return analyser.problem(span, "`let` needs a vector of names and values in pairs");
  }
  if (body.length === 0) return analyser.problem(form.span, "`let` needs a body");
  const block = newBlock(context.block, context.block.scope);
  const inner: Context = { ...context, block, isConditional: false };
  const nodes = bindAll(analyser, parsed, inner);
  return { op: "do", nodes: [...nodes, analyseBody(analyser, body, inner)] };
};

/** Bindings in order. Functions bound by name see themselves and the functions bound after them. */
function bindAll(
  analyser: Analyser,
  bindings: readonly AnnotatedValue[],
  context: Context,
): Node[] {
  const { block } = context;
  const pending = newBlock(block, block.scope);
  const late = bindings.map(({ target, value }) =>
    target.kind === "symbol" && isFunctionForm(value, block)
      ? bindName(pending, target.name, true)
      : null,
  );
  return bindings.map((binding, index) => {
    const own = late[index] ?? null;
    if (own === null) return bindOne(analyser, binding, { ...context, isTail: false });
    const inner: Context = { block: pending, isTail: false, isConditional: false };
    const value = analyser.form(binding.value, inner);
    own.value = value;
    if (pending.names.get(own.name) === own) pending.names.delete(own.name);
    block.names.set(own.name, own);
    const checked = analyser.checked(value, binding.type, "let", binding.target.span);
    return { op: "set", slot: own.slot, value: checked };
  });
}

export function bindOne(analyser: Analyser, binding: AnnotatedValue, context: Context): Node {
  const { target, type, value } = binding;
  const node = analyser.form(value, context);
  const checked = analyser.checked(node, type, "let", target.span);
  if (target.kind === "symbol" && target.name !== "_" && target.name !== "&") {
    const local = bindName(context.block, target.name);
    local.value = checked;
    return { op: "set", slot: local.slot, value: checked };
  }
  const pattern = new PatternReader(analyser, context, false).read(target);
  refuseTwice(analyser, target);
  const shaped = shapeOf(analyser, pattern, checked, target.span);
  return { op: "bind", pattern, value: shaped, span: target.span };
}
