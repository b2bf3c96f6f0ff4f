/**
 * `call` and `step`: the forms that reach the host.
 *
 * @module
 */
import { type Form, keyOf, type MapForm } from "../syntax/form.ts";
import type { MapKey } from "../values/value.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import { bindName, newBlock } from "./names.ts";
import type { Node } from "./node.ts";

/** Longest step name, UTF-16 units. */
const STEP_NAME_LENGTH_MAX = 256;

/** `(call :capability arg…)`. */
export const callForm: SpecialForm = (analyser, form, context) => {
  const inner = argumentContext(context);
  const args = form.items.slice(1).map((arg) => analyser.form(arg, inner));
  if (args.length > 0) return { op: "host-call", args, span: form.span };
  return analyser.problem(form.span, "`call` needs a capability id", {
    hint: 'Write (call :ccos.echo "x")',
  });
};

/** `(step "name" [:params {"k" expr …}] body…)`. */
export const stepForm: SpecialForm = (analyser, form, context) => {
  const [, name, ...rest] = form.items;
  if (name?.kind !== "string" || name.value === "" || name.value.length > STEP_NAME_LENGTH_MAX) {
    return analyser.problem(name?.span ?? form.span, "A step's name is a literal string", {
      hint: `1 to ${STEP_NAME_LENGTH_MAX} characters, written out`,
    });
  }
  const first = analyser.stepNames.get(name.value);
  if (first !== undefined) {
    analyser.problem(name.span, `Two steps are called "${name.value}"`, {
      related: [{ message: "the first", span: first }],
    });
  } else analyser.stepNames.set(name.value, name.span);
  const options = stepOptions(analyser, rest);
  const bodyForms = rest.slice(options.count);
  const inner = argumentContext(context);
  const step = { op: "step", name: name.value, span: form.span } as const;
  if (options.params === null) {
    return { ...step, paramsSlot: 0, params: null, body: analyser.sequence(bodyForms, inner) };
  }
  const params = paramsNode(analyser, options.params, inner);
  const block = newBlock(context.block, context.block.scope);
  const paramsSlot = bindName(block, "%params").slot;
  const body = analyser.sequence(bodyForms, { block, isTail: false, isConditional: false });
  return { ...step, paramsSlot, params, body };
};

function stepOptions(
  analyser: Analyser,
  forms: readonly Form[],
): { count: number; params: MapForm | null } {
  let count = 0;
  let params: MapForm | null = null;
  for (; count + 1 < forms.length; count += 2) {
    const key = forms[count]!;
    const value = forms[count + 1]!;
    if (key.kind !== "keyword") break;
    if (key.name === "params" && value.kind === "map") params = value;
    else if (
      key.name === "expose-context" ||
      key.name === "context-keys" ||
      key.name === "params"
    ) {
      analyser.problem(key.span, `This version has no step option \`:${key.name}\` of that form`);
    } else break;
  }
  return { count, params };
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
