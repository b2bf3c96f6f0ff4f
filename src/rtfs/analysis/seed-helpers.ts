/**
 * The functions of the first language version that reach the host. Each is a call, made where it is
 * written, so that its effects are judged there; as a value it is a function of one call.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Context, Helper } from "./analyser.ts";
import {
  constant,
  functionNode,
  hiddenLocal,
  hostCallNode,
  libraryCall,
  mapNode,
  NIL,
  readLocal,
} from "./build.ts";
import { analyseAll } from "./forms-host.ts";
import type { Binding, MatchClause, Node, Pattern } from "./node.ts";

type Arity = readonly [number, number];
type Make = (args: readonly Node[], context: Context, span: SourceSpan) => Node;

/** Most arguments of a helper that takes any number, when it is used as a value. */
const VALUE_ARITY_MAX = 6;
const MANY = Number.POSITIVE_INFINITY;

/** Raises what a library function raises for such a call, when it is reached. */
function wrongCount(name: string, [least, most]: Arity, actual: Node, span: SourceSpan): Node {
  const open = most === MANY ? `at least ${least}` : `${least} to ${most}`;
  const expected = constant(most === least ? `${least}` : open);
  const words = [constant(`${name}: expected `), expected, constant(" arguments, got "), actual];
  const fields = [
    ["function", constant(name)],
    ["expected", expected],
    ["actual", actual],
  ] as const;
  const error = [libraryCall("str", words, span), mapNode(fields, span, true)];
  return libraryCall("throw", [libraryCall("ArityMismatch.", error, span)], span);
}

function helper(name: string, arity: Arity, make: Make): Helper {
  const [least, most] = arity;
  return {
    call(analyser, form, context) {
      const args = analyseAll(analyser, form.items.slice(1), context);
      const { length } = args;
      const fits = length >= least && length <= most;
      if (fits) return make(args, context, form.span);
      return { op: "do", nodes: [...args, wrongCount(name, arity, constant(length), form.span)] };
    },
    value: (context, span) => asFunction(name, arity, make, { context, span }),
  };
}

/** A function of all arguments, which takes them apart by their number. */
function asFunction(
  name: string,
  [least, most]: Arity,
  make: Make,
  { context, span }: { context: Context; span: SourceSpan },
): Node {
  const { op, code } = functionNode(name, ["(args)"], context, (inner, [all]) => {
    const clauses: MatchClause[] = [];
    for (let count = least; count <= Math.min(most, VALUE_ARITY_MAX); count++) {
      clauses.push(clauseOf(count, inner, span, make));
    }
    const taken: Arity = [least, most === MANY ? VALUE_ARITY_MAX : most];
    const given = libraryCall("count", [readLocal(all!, inner, span)], span);
    const body = wrongCount(name, taken, given, span);
    clauses.push({ pattern: { kind: "any" }, guard: null, body });
    return { op: "match", subject: readLocal(all!, inner, span), clauses, span };
  });
  return { op, code: { ...code, arity: 0, restSlot: 1 } };
}

function clauseOf(count: number, context: Context, span: SourceSpan, make: Make): MatchClause {
  const items: Pattern[] = [];
  const bindings: Binding[] = [];
  let inner = context;
  for (let index = 0; index < count; index++) {
    const hidden = hiddenLocal(inner, `arg ${index}`);
    items.push({ kind: "bind", slot: hidden.binding.slot, type: null });
    bindings.push(hidden.binding);
    inner = hidden.inner;
  }
  const args = bindings.map((binding) => readLocal(binding, inner, span));
  const pattern: Pattern = { kind: "vector", items, rest: null, whole: null };
  return { pattern, guard: null, body: make(args, inner, span) };
}

/** The helper that is one call of a capability. */
function plain(name: string, capability: string, arity: Arity): readonly [string, Helper] {
  return [name, helper(name, arity, (args, _, span) => hostCallNode(capability, args, span))];
}

/** The helper that calls and gives nil. */
function silent(name: string, capability: string): readonly [string, Helper] {
  const make: Make = (args, _, span) => ({
    op: "do",
    nodes: [hostCallNode(capability, args, span), NIL],
  });
  return [name, helper(name, [0, MANY], make)];
}

/** Read the value of a key, change it with a library function, write it, give it. */
function changing(
  name: string,
  change: string,
  empty: "map" | "vector",
  arity: Arity,
): readonly [string, Helper] {
  const make: Make = ([key, ...rest], context, span) => {
    const named = hiddenLocal(context, "key");
    const made = hiddenLocal(named.inner, "value");
    const read = (binding: Binding): Node => readLocal(binding, made.inner, span);
    const none: Node = empty === "map" ? mapNode([], span, true) : { op: "vector", items: [] };
    const stored = hostCallNode("ccos.state.kv.get", [read(named.binding)], span);
    const value = libraryCall(change, [{ op: "or", nodes: [stored, none] }, ...rest], span);
    return {
      op: "do",
      nodes: [
        { op: "set", slot: named.binding.slot, value: key! },
        { op: "set", slot: made.binding.slot, value },
        hostCallNode("ccos.state.kv.put", [read(named.binding), read(made.binding)], span),
        read(made.binding),
      ],
    };
  };
  return [name, helper(name, arity, make)];
}

export const SEED_HELPERS: ReadonlyMap<string, Helper> = new Map([
  silent("println", "ccos.io.println"),
  silent("print", "ccos.io.print"),
  silent("log", "ccos.io.log"),
  silent("tool/log", "ccos.io.log"),
  silent("tool.log", "ccos.io.log"),
  plain("tool/time-ms", "ccos.system.current-timestamp-ms", [0, 0]),
  plain("tool.time-ms", "ccos.system.current-timestamp-ms", [0, 0]),
  plain("current-time-millis", "ccos.system.current-timestamp-ms", [0, 0]),
  plain("thread/sleep", "ccos.system.sleep-ms", [1, 1]),
  plain("get-env", "ccos.system.get-env", [1, 1]),
  plain("file-exists?", "ccos.io.file-exists", [1, 1]),
  plain("tool/open-file", "ccos.io.open-file", [1, 2]),
  plain("read-lines", "ccos.io.read-lines", [1, 1]),
  plain("http-fetch", "ccos.network.http-fetch", [1, MANY]),
  plain("tool/http-fetch", "ccos.network.http-fetch", [1, MANY]),
  plain("load-capability", "ccos.capability.load", [1, 1]),
  changing("kv/assoc!", "assoc", "map", [3, MANY]),
  changing("kv/dissoc!", "dissoc", "map", [2, MANY]),
  changing("kv/conj!", "conj", "vector", [2, MANY]),
]);
