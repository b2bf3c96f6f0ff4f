/**
 * Forms of the first language version, for programs written for it.
 *
 * @module
 */
import type { Form, MapForm } from "../syntax/form.ts";
import { keyword, type MapKey } from "../values/value.ts";
import { type SpecialForm } from "./analyser.ts";
import { parseBindings } from "./annotation.ts";
import { constant, hostCallNode, isolated, libraryCall, NIL, readLocal } from "./build.ts";
import { analyseBody } from "./forms-core.ts";
import { analyseAll } from "./forms-host.ts";
import { stepForm } from "./forms-step.ts";
import { bindName, newBlock } from "./names.ts";
import type { Node } from "./node.ts";

/** `(parallel [name expression] [name : type expression] …)`: a map of the values, in order. */
export const parallelForm: SpecialForm = (analyser, form, context) => {
  const branches = form.items.slice(1);
  if (branches.length === 0) return analyser.problem(form.span, "`parallel` needs a branch");
  const entries: (readonly [MapKey, Node])[] = [];
  const forms: MapForm["entries"][number][] = [];
  const seen = new Set<string>();
  for (const branch of branches) {
    const parsed = branch.kind === "vector" ? parseBindings(branch.items) : null;
    const [only] = parsed ?? [];
    if (only?.target.kind !== "symbol" || parsed!.length !== 1) {
      return analyser.problem(branch.span, "A branch of `parallel` is [name expression]");
    }
    const { target, type, value } = only;
    const key = keyword(target.name);
    if (seen.has(target.name)) {
      analyser.problem(target.span, `Two branches are called \`${target.name}\``);
    }
    seen.add(target.name);
    const node = isolated(context, branch.span, (inner) => analyser.form(value, inner));
    entries.push([key, analyser.checked(node, type, target.name, branch.span)]);
    const name: Form = { kind: "keyword", name: target.name, span: target.span };
    forms.push({ key: name, value });
  }
  return { op: "map", entries, form: { kind: "map", entries: forms, span: form.span } };
};

/** `(with-resource [name Type init] body…)`: the host is told when the body ends, however it does. */
export const withResourceForm: SpecialForm = (analyser, form, context) => {
  const [, binding, ...body] = form.items;
  const parts = binding?.kind === "vector" ? binding.items : [];
  const [name] = parts;
  if (name?.kind !== "symbol" || parts.length < 2 || parts.length > 3) {
    return analyser.problem(form.span, "`with-resource` binds one name");
  }
  if (body.length === 0) return analyser.problem(form.span, "`with-resource` needs a body");
  const [made] = analyseAll(analyser, parts.slice(-1), context);
  const block = newBlock(context.block, context.block.scope);
  const local = bindName(block, name.name);
  const inner = { block, isTail: false, isConditional: true };
  const handle = readLocal(local, inner, form.span);
  const kind = libraryCall("type-name", [handle], form.span);
  const isHandle = libraryCall("=", [kind, constant("resource-handle")], form.span);
  return {
    op: "do",
    nodes: [
      { op: "set", slot: local.slot, value: made! },
      {
        op: "try",
        body: analyseBody(analyser, body, inner),
        catches: [],
        finalizer: {
          op: "if",
          test: isHandle,
          then: hostCallNode("ccos.resource.release", [handle], form.span),
          otherwise: NIL,
        },
      },
    ],
  };
};

const LEVELS = new Set(["trace", "debug", "info", "warn", "error"]);

/** `(log-step :level? expression…)`: nil. */
export const logStepForm: SpecialForm = (analyser, form, context) => {
  const [first] = form.items.slice(1);
  const isLevel = first?.kind === "keyword" && LEVELS.has(first.name);
  const level = isLevel ? first.name : "info";
  const args = analyseAll(analyser, form.items.slice(isLevel ? 2 : 1), context);
  const call = hostCallNode("ccos.io.log", [constant(keyword(level)), ...args], form.span);
  return { op: "do", nodes: [call, NIL] };
};

/** `(step :level expression…)` writes a line; with a name it is the step of today. */
export const seedStepForm: SpecialForm = (analyser, form, context) => {
  if (form.items[1]?.kind !== "keyword") return stepForm(analyser, form, context);
  const args = analyseAll(analyser, form.items.slice(1), context);
  return { op: "do", nodes: [hostCallNode("ccos.io.println", args, form.span), NIL] };
};

/** `(discover-agents query…)`. */
export const discoverAgentsForm: SpecialForm = (analyser, form, context) => {
  const args = analyseAll(analyser, form.items.slice(1), context);
  if (args.length > 0 && args.length < 3) {
    return hostCallNode("ccos.agent.discover-agents", args, form.span);
  }
  return analyser.problem(form.span, "`discover-agents` takes a query and options");
};
