/**
 * The parts of each kind of node, and what becomes of their values: one table that every walk over
 * a program uses.
 *
 * @module
 */
import type { Node, Pattern } from "./node.ts";

/** A node inside another. */
export interface Part {
  readonly node: Node;
  /** Its value is the value of the whole. */
  readonly isResult: boolean;
  /** When it is not the result: its value is used. */
  readonly isValue: boolean;
}

const result = (node: Node): Part => ({ node, isResult: true, isValue: true });
const used = (node: Node): Part => ({ node, isResult: false, isValue: true });
const dropped = (node: Node): Part => ({ node, isResult: false, isValue: false });

/**
 * The nodes directly inside one, in order of evaluation. Bodies of functions are not among them.
 */
export function partsOf(node: Node): readonly Part[] {
  switch (node.op) {
    case "const":
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "fn":
      return [];
    case "if":
      return [used(node.test), result(node.then), result(node.otherwise)];
    case "do":
      return node.nodes.map((each, index) =>
        index === node.nodes.length - 1 ? result(each) : dropped(each),
      );
    case "and":
    case "or":
      return node.nodes.map(result);
    case "set":
    case "define":
    case "check":
      return [used(node.value)];
    case "bind":
      return [used(node.value), ...fallbacksOf(node.pattern).map(used)];
    case "call":
      return [used(node.callee), ...node.args.map(used)];
    case "host-call":
      return node.args.map(used);
    case "vector":
      return node.items.map(used);
    case "map":
      return node.entries.map(([, value]) => used(value));
    case "context":
      return node.fallback === null ? [] : [result(node.fallback)];
    case "meta":
      return [...node.runtime.map(([, value]) => used(value)), result(node.body)];
    case "match":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return controlParts(node);
  }
}

type ControlNode = Extract<Node, { op: "match" | "try" | "step" | "for" | "dotimes" }>;

function controlParts(node: ControlNode): readonly Part[] {
  switch (node.op) {
    case "match":
      return [
        used(node.subject),
        ...node.clauses.flatMap(({ pattern, guard, body }) => [
          ...fallbacksOf(pattern).map(used),
          ...(guard === null ? [] : [used(guard)]),
          result(body),
        ]),
      ];
    case "try":
      return [
        result(node.body),
        ...node.catches.map(({ body }) => result(body)),
        ...(node.finalizer === null ? [] : [dropped(node.finalizer)]),
      ];
    case "step":
      return [...(node.params === null ? [] : [used(node.params)]), result(node.body)];
    case "for":
      return [...node.loops.map(({ source }) => used(source)), used(node.body)];
    case "dotimes":
      return [used(node.count), result(node.body)];
  }
}

/** Defaults of a pattern, which are evaluated when a key is absent. */
export function fallbacksOf(pattern: Pattern | null): readonly Node[] {
  if (pattern === null) return [];
  switch (pattern.kind) {
    case "vector":
      return [...pattern.items, pattern.rest, pattern.whole].flatMap(fallbacksOf);
    case "map":
      return pattern.entries.flatMap(({ fallback, pattern: inner }) => [
        ...(fallback === null ? [] : [fallback]),
        ...fallbacksOf(inner),
      ]);
    case "as":
    case "typed":
      return fallbacksOf(pattern.pattern);
    case "any":
    case "bind":
    case "literal":
      return [];
  }
}
