/**
 * Steps: what the host is told about, and forms that are made of plain ones.
 *
 * @module
 */
import { type Form, keyOf, type ListForm, type MapForm } from "../syntax/form.ts";
import { keyword, type MapKey } from "../values/value.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import {
  callNode,
  constant,
  functionNode,
  hiddenLocal,
  isolated,
  libraryCall,
  NIL,
  raise,
  readLocal,
} from "./build.ts";
import { bindName, newBlock } from "./names.ts";
import type { Node } from "./node.ts";

/** Longest step name, UTF-16 units. */
const STEP_NAME_LENGTH_MAX = 256;
const LOOP_TURNS_MAX = 10_000;
const MERGE_POLICIES = new Set([
  "keep-existing",
  "parent-wins",
  "overwrite",
  "child-wins",
  "merge",
]);

interface Options {
  readonly params: MapForm | null;
  /** For judging; kept as metadata. */
  readonly entries: readonly (readonly [MapKey, Form])[];
  /** The forms after the options. */
  readonly body: readonly Form[];
}

type Check = (value: Form) => string | null;

const isText = (form: Form): boolean => form.kind === "string";
const OPTIONS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["params", (value) => (value.kind === "map" ? null : 'a map such as {"key" value}')],
  ["expose-context", (value) => (value.kind === "boolean" ? null : "true or false")],
  [
    "context-keys",
    (value) =>
      value.kind === "vector" && value.items.every(isText) ? null : "a vector of strings",
  ],
]);
const PARALLEL_OPTIONS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...OPTIONS,
  ["merge-policy", (value) => (isPolicy(value) ? null : [...MERGE_POLICIES].join(", "))],
]);

function isPolicy(form: Form): boolean {
  const name = form.kind === "string" ? form.value : form.kind === "keyword" ? form.name : "";
  return MERGE_POLICIES.has(name);
}

/** Leading `:option value` pairs that are known; each is a literal. */
function takeOptions(
  analyser: Analyser,
  forms: readonly Form[],
  known: ReadonlyMap<string, Check> = OPTIONS,
): Options {
  let at = 0;
  let params: MapForm | null = null;
  const entries: (readonly [MapKey, Form])[] = [];
  for (; at + 1 < forms.length; at += 2) {
    const key = forms[at]!;
    const value = forms[at + 1]!;
    const check = key.kind === "keyword" ? known.get(key.name) : undefined;
    if (key.kind !== "keyword" || check === undefined) break;
    const wanted = check(value);
    if (wanted !== null) {
      analyser.problem(value.span, `\`:${key.name}\` is ${wanted}`, { kind: "InvalidArguments" });
    } else if (value.kind === "map" && key.name === "params") params = value;
    else entries.push([keyword(key.name), value]);
  }
  return { params, entries, body: forms.slice(at) };
}

function judged(entries: Options["entries"], body: Node, { span }: ListForm): Node {
  return entries.length === 0 ? body : { op: "meta", entries, runtime: [], body, span };
}

/** `(step "name" [:params {"k" expr …}] [:expose-context …] [:context-keys …] body…)`. */
export const stepForm: SpecialForm = (analyser, form, context) => {
  const [, name, ...rest] = form.items;
  if (name?.kind !== "string" || name.value === "" || name.value.length > STEP_NAME_LENGTH_MAX) {
    return analyser.problem(name?.span ?? form.span, "A step's name is a literal string", {
      kind: "InvalidArguments",
      hint: `1 to ${STEP_NAME_LENGTH_MAX} characters, written out`,
    });
  }
  const first = analyser.stepNames.get(name.value);
  if (first !== undefined) {
    analyser.problem(name.span, `Two steps are called "${name.value}"`, {
      hint: "Give each step a name of its own",
      related: [{ message: "the first", span: first }],
    });
  } else analyser.stepNames.set(name.value, name.span);
  const { params, entries, body } = takeOptions(analyser, rest);
  const inner = argumentContext(context);
  const step = { op: "step", name: name.value, span: form.span } as const;
  if (params === null) {
    const node = analyser.sequence(body, inner);
    return judged(entries, { ...step, paramsSlot: 0, params: null, body: node }, form);
  }
  return judged(entries, { ...step, ...withParams(analyser, params, body, inner) }, form);
};

function withParams(
  analyser: Analyser,
  form: MapForm,
  body: readonly Form[],
  context: Context,
): { readonly paramsSlot: number; readonly params: Node; readonly body: Node } {
  const params = paramsNode(analyser, form, context);
  const block = newBlock(context.block, context.block.scope);
  const paramsSlot = bindName(block, "%params").slot;
  const inner = { block, isTail: false, isConditional: false };
  return { paramsSlot, params, body: analyser.sequence(body, inner) };
}

function paramsNode(analyser: Analyser, form: MapForm, context: Context): Node {
  const entries: (readonly [MapKey, Node])[] = [];
  for (const { key, value } of form.entries) {
    const known = keyOf(key);
    if (typeof known !== "string") analyser.problem(key.span, "Keys of `:params` are strings");
    else entries.push([known, analyser.form(value, context)]);
  }
  return { op: "map", entries, form };
}

/** `%params` in scope for forms that are no step of their own. */
function bindParams(
  analyser: Analyser,
  params: MapForm | null,
  context: Context,
  make: (inner: Context) => Node,
): Node {
  if (params === null) return make(context);
  const value = paramsNode(analyser, params, argumentContext(context));
  const block = newBlock(context.block, context.block.scope);
  const { slot } = bindName(block, "%params");
  return { op: "do", nodes: [{ op: "set", slot, value }, make({ ...context, block })] };
}

/** `(step-if [options] test then else?)`. */
export const stepIfForm: SpecialForm = (analyser, form, context) => {
  const { params, entries, body } = takeOptions(analyser, form.items.slice(1));
  const [test, then, otherwise] = body;
  if (test === undefined || then === undefined || body.length > 3) {
    return analyser.problem(form.span, "`step-if` needs a test and one or two branches");
  }
  const node = bindParams(analyser, params, context, (at) => {
    const branch = { ...at, isConditional: true };
    return {
      op: "if",
      test: analyser.form(test, argumentContext(at)),
      then: analyser.form(then, branch),
      otherwise: otherwise === undefined ? NIL : analyser.form(otherwise, branch),
    };
  });
  return judged(entries, node, form);
};

/** `(step-loop [options] test body)`: a function that calls itself, counting its turns. */
export const stepLoopForm: SpecialForm = (analyser, form, context) => {
  const { params, entries, body: parts } = takeOptions(analyser, form.items.slice(1));
  const [test, body] = parts;
  if (test === undefined || body === undefined || parts.length > 2) {
    return analyser.problem(form.span, "`step-loop` needs a test and one body");
  }
  const { span } = form;
  const node = bindParams(analyser, params, context, (at) => {
    const { binding: self, inner } = hiddenLocal(at, "step-loop", true);
    const message = `A step-loop makes at most ${LOOP_TURNS_MAX} turns`;
    const fn = functionNode("step-loop", ["(turn)", "(last)"], inner, (place, [turn, last]) => {
      const used = argumentContext(place);
      const tested = analyser.form(test, used);
      const count = readLocal(turn!, place, span);
      // A definition of the body is its own: the next test does not see it.
      const bodyContext = { ...used, block: newBlock(place.block, place.block.scope) };
      const again: Node = {
        op: "call",
        callee: readLocal(self, place, span),
        args: [libraryCall("+", [count, constant(1)], span), analyser.form(body, bodyContext)],
        isTail: true,
        span,
      };
      const next: Node = {
        op: "if",
        test: libraryCall("<", [count, constant(LOOP_TURNS_MAX)], span),
        then: again,
        otherwise: raise({ kind: "LimitExceeded", message }, span),
      };
      return { op: "if", test: tested, then: next, otherwise: readLocal(last!, place, span) };
    });
    self.value = fn;
    return callNode({ op: "set", slot: self.slot, value: fn }, [constant(0), NIL], span);
  });
  return judged(entries, node, form);
};

/** `(step-parallel [:merge-policy p] [options] expression…)`: in order, none sees another. */
export const stepParallelForm: SpecialForm = (analyser, form, context) => {
  const { params, entries, body } = takeOptions(analyser, form.items.slice(1), PARALLEL_OPTIONS);
  if (body.length === 0) return analyser.problem(form.span, "`step-parallel` needs an expression");
  const node = bindParams(analyser, params, argumentContext(context), (at) => ({
    op: "vector",
    items: body.map((each) => isolated(at, each.span, (inner) => analyser.form(each, inner))),
  }));
  return judged(entries, node, form);
};
