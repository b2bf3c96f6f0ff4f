/**
 * Nodes that special forms are lowered to, and the hidden names they need.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form } from "../syntax/form.ts";
import { ErrorValue, keyword, MapValue, type Value } from "../values/value.ts";
import type { Context } from "./context.ts";
import { bindName, localNode, newBlock, newScope } from "./names.ts";
import type { Binding, CodeNode, Node } from "./node.ts";

export const NIL: Node = { op: "const", value: null };

export function constant(value: Value): Node {
  return { op: "const", value };
}

export function callNode(callee: Node, args: readonly Node[], span: SourceSpan): Node {
  return { op: "call", callee, args, isTail: false, span };
}

/** A call of a library function, whatever the program calls by that name. */
export function libraryCall(name: string, args: readonly Node[], span: SourceSpan): Node {
  return callNode({ op: "builtin", name, span }, args, span);
}

/** An error of the language, raised when the node is reached. */
export function raise(
  error: { kind: string; message: string; fields?: readonly (readonly [string, Value])[] },
  span: SourceSpan,
): Node {
  const fields = (error.fields ?? []).map(([name, value]) => [keyword(name), value] as const);
  const value = new ErrorValue(error.kind, error.message, MapValue.of(fields));
  return libraryCall("throw", [constant(value)], span);
}

export function hostCallNode(id: string, args: readonly Node[], span: SourceSpan): Node {
  return { op: "host-call", args: [constant(id), ...args], span };
}

/** A map from names known here; `form` is the place it stands for. */
export function mapNode(
  entries: readonly (readonly [string, Node])[],
  span: SourceSpan,
  asKeywords: boolean,
): Node {
  const forms = entries.map(([name]): { key: Form; value: Form } => ({
    key: asKeywords ? { kind: "keyword", name, span } : { kind: "string", value: name, span },
    value: { kind: "nil", span },
  }));
  return {
    op: "map",
    entries: entries.map(([name, node]) => [asKeywords ? keyword(name) : name, node] as const),
    form: { kind: "map", entries: forms, span },
  };
}

/** The value of a local at the place of `context`. */
export function readLocal(binding: Binding, { block }: Context, span: SourceSpan): Node {
  return localNode(binding, block, span);
}

/** A name that no program can write, in a block of its own. */
export function hiddenLocal(
  context: Context,
  name: string,
  isLate = false,
): { readonly binding: Binding; readonly inner: Context } {
  const block = newBlock(context.block, context.block.scope);
  const binding = bindName(block, `(${name})`, isLate);
  return { binding, inner: { ...context, block, isTail: false } };
}

/** A function written by the analyser. */
export function functionNode(
  name: string,
  params: readonly string[],
  { block: outer }: Context,
  body: (inner: Context, params: readonly Binding[]) => Node,
): { readonly op: "fn"; readonly code: CodeNode } {
  const scope = newScope(outer.scope);
  const block = newBlock(outer, scope);
  const bindings = params.map((param) => bindName(block, param));
  const inner: Context = { block, isTail: true, isConditional: false };
  const node = body(inner, bindings);
  const code = { name, scope, arity: params.length, restSlot: 0, prologue: [], body: node };
  return { op: "fn", code };
}

/** A form evaluated in names of its own: its definitions are seen by nothing else. */
export function isolated(context: Context, span: SourceSpan, body: (inner: Context) => Node): Node {
  return callNode(functionNode("", [], context, body), [], span);
}
