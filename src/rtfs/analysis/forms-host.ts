/**
 * `call`, and the forms that are calls by another name.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, MapForm } from "../syntax/form.ts";
import { type Analyser, argumentContext, type Context, type SpecialForm } from "./analyser.ts";
import {
  callNode,
  constant,
  functionNode,
  hiddenLocal,
  hostCallNode,
  libraryCall,
  mapNode,
  NIL,
  readLocal,
} from "./build.ts";
import type { Node } from "./node.ts";

/** `(call :capability arg…)`. */
export const callForm: SpecialForm = (analyser, form, context) => {
  const args = analyseAll(analyser, form.items.slice(1), context);
  if (args.length > 0) return { op: "host-call", args, span: form.span };
  return analyser.problem(form.span, "`call` needs a capability id", { kind: "ArityMismatch" });
};

/** Forms as arguments, from left to right. */
export function analyseAll(
  analyser: Analyser,
  forms: readonly Form[],
  context: Context,
): readonly Node[] {
  const inner = argumentContext(context);
  return forms.map((form) => analyser.form(form, inner));
}

const LLM = "ccos.ai.llm-execute";
const LLM_OPTIONS = new Set(["model", "prompt", "system"]);

/** `(llm-execute "model" "prompt")`: the call `(call :ccos.ai.llm-execute prompt {:model …})`. */
export const llmExecuteForm: SpecialForm = (analyser, form, context) => {
  const parts = form.items.slice(1);
  if (parts[0]?.kind !== "keyword") {
    const [model, prompt] = parts;
    if (model === undefined || prompt === undefined || parts.length > 2) {
      return analyser.problem(form.span, "`llm-execute` takes a model and a prompt");
    }
    return llmCall(
      analyser,
      new Map([
        ["model", model],
        ["prompt", prompt],
      ]),
      { form, context },
    );
  }
  const options = new Map<string, Form>();
  for (let at = 0; at < parts.length; at += 2) {
    const key = parts[at]!;
    const value = parts[at + 1];
    const isKnown = key.kind === "keyword" && LLM_OPTIONS.has(key.name) && !options.has(key.name);
    if (!isKnown || value === undefined) {
      return analyser.problem(
        key.span,
        "`llm-execute` takes :model, :prompt and :system, once each",
      );
    }
    options.set(key.name, value);
  }
  if (options.has("model") && options.has("prompt"))
    return llmCall(analyser, options, { form, context });
  return analyser.problem(form.span, "`llm-execute` needs :model and :prompt");
};

/** Evaluated in the order written. */
function llmCall(
  analyser: Analyser,
  options: ReadonlyMap<string, Form>,
  { form: { span }, context: outer }: { form: Form; context: Context },
): Node {
  let context = outer;
  const nodes: Node[] = [];
  const read = new Map<string, (at: Context) => Node>();
  for (const [name, value] of options) {
    const { binding, inner } = hiddenLocal(context, name);
    nodes.push({
      op: "set",
      slot: binding.slot,
      value: analyser.form(value, argumentContext(context)),
    });
    binding.value = null;
    read.set(name, (at) => readLocal(binding, at, span));
    context = inner;
  }
  const prompt = read.get("prompt")!(context);
  const rest = ["model", "system"].flatMap((name) => {
    const node = read.get(name)?.(context);
    return node === undefined ? [] : [[name, node] as const];
  });
  return {
    op: "do",
    nodes: [...nodes, hostCallNode(LLM, [prompt, mapNode(rest, span, true)], span)],
  };
}

/** A form whose arguments are those of one capability. */
export function streamForm(capability: string): SpecialForm {
  return (analyser, form, context) => {
    if (form.items.length < 2) return analyser.problem(form.span, "A stream needs an id");
    return hostCallNode(capability, analyseAll(analyser, form.items.slice(1), context), form.span);
  };
}

/** A function by its name, which is what crosses to the host; it must be defined. */
function functionName(analyser: Analyser, form: Form, { block }: Context): Node {
  if (form.kind === "string") return constant(form.value);
  if (form.kind !== "symbol") {
    return analyser.problem(form.span, "The host is given functions by name", {
      hint: "Define it with (defn name …) and write the name",
    });
  }
  analyser.names.resolve(form.name, block, form.span);
  return constant(form.name);
}

/** `(mcp-stream endpoint processor initial-state?)`. */
export const mcpStreamForm: SpecialForm = (analyser, form, context) => {
  const [, endpoint, processor, initial] = form.items;
  if (endpoint === undefined || processor === undefined || form.items.length > 4) {
    return analyser.problem(form.span, "`mcp-stream` takes an endpoint and a processor");
  }
  const inner = argumentContext(context);
  const entries: (readonly [string, Node])[] = [
    ["endpoint", analyser.form(endpoint, inner)],
    ["processor", functionName(analyser, processor, context)],
  ];
  if (initial !== undefined) entries.push(["initial-state", analyser.form(initial, inner)]);
  return hostCallNode("mcp.stream.start", [mapNode(entries, form.span, true)], form.span);
};

/** `(stream-produce sink item)`. */
export const streamProduceForm: SpecialForm = (analyser, form, context) => {
  if (form.items.length !== 3) {
    return analyser.problem(form.span, "`stream-produce` takes a sink and an item");
  }
  const [handle, item] = analyseAll(analyser, form.items.slice(1), context);
  const argument = mapNode(
    [
      ["handle", handle!],
      ["item", item!],
    ],
    form.span,
    true,
  );
  return hostCallNode("marketplace.stream.send", [argument], form.span);
};

/** `(stream-consume handle f timeout-ms?)`, or with a map of callbacks by name. */
export const streamConsumeForm: SpecialForm = (analyser, form, context) => {
  const [, handle, consumer, timeout] = form.items;
  const isCallbacks = consumer?.kind === "map";
  if (handle === undefined || consumer === undefined || form.items.length > (isCallbacks ? 3 : 4)) {
    return analyser.problem(form.span, "`stream-consume` takes a handle and what gets the items");
  }
  const from = analyser.form(handle, argumentContext(context));
  if (isCallbacks) return registerCallbacks(analyser, { from, callbacks: consumer }, context);
  const rest = analyseAll(
    analyser,
    timeout === undefined ? [consumer] : [consumer, timeout],
    context,
  );
  return consume([from, ...rest], form.span, context);
};

function registerCallbacks(
  analyser: Analyser,
  { from, callbacks }: { from: Node; callbacks: MapForm },
  context: Context,
): Node {
  const entries = callbacks.entries.flatMap(({ key, value }) => {
    if (key.kind === "keyword")
      return [[key.name, functionName(analyser, value, context)] as const];
    analyser.problem(key.span, "A callback's key is a keyword");
    return [];
  });
  const { span } = callbacks;
  const named = mapNode(entries, span, true);
  const argument = mapNode(
    [
      ["handle", from],
      ["callbacks", named],
    ],
    span,
    true,
  );
  return hostCallNode("marketplace.stream.register-callbacks", [argument], span);
}

/** A function that asks for the next item until there is none, and hands each on. */
function consume(args: readonly Node[], span: SourceSpan, context: Context): Node {
  const { binding: self, inner } = hiddenLocal(context, "stream-consume", true);
  const names = ["(handle)", "(f)", "(timeout)"].slice(0, args.length);
  const fn = functionNode("stream-consume", names, inner, (place, [handle, f, timeout]) => {
    const read = (binding: NonNullable<typeof handle>): Node => readLocal(binding, place, span);
    const request: (readonly [string, Node])[] = [["handle", read(handle!)]];
    if (timeout !== undefined) request.push(["timeout_ms", read(timeout)]);
    const item = hiddenLocal(place, "item");
    const next = hostCallNode("marketplace.stream.next", [mapNode(request, span, true)], span);
    const taken = readLocal(item.binding, item.inner, span);
    const again: Node = {
      op: "call",
      callee: readLocal(self, place, span),
      args: [handle!, f!, ...(timeout === undefined ? [] : [timeout])].map(read),
      isTail: true,
      span,
    };
    const more: Node = { op: "do", nodes: [callNode(read(f!), [taken], span), again] };
    const isOver = libraryCall("nil?", [taken], span);
    return {
      op: "do",
      nodes: [
        { op: "set", slot: item.binding.slot, value: next },
        { op: "if", test: isOver, then: NIL, otherwise: more },
      ],
    };
  });
  self.value = fn;
  return callNode({ op: "set", slot: self.slot, value: fn }, args, span);
}
