/**
 * The variables that code writes, functions apart.
 *
 * @module
 */
import type { Ir, IrPattern, Variable } from "./ir.ts";
import { eachPart } from "./parts.ts";

export function writtenIn(node: Ir): ReadonlySet<Variable> {
  const found = new Set<Variable>();
  const down = (each: Ir): void => {
    for (const variable of writtenBy(each)) found.add(variable);
    eachPart(each, down);
  };
  down(node);
  return found;
}

/** What the node itself writes, its parts apart. */
function writtenBy(node: Ir): readonly Variable[] {
  switch (node.op) {
    case "set":
    case "dotimes":
      return [node.variable];
    case "bind":
      return inPattern(node.pattern);
    case "match":
      return node.clauses.flatMap(({ pattern }) => inPattern(pattern));
    case "try":
      return node.catches.map(({ variable }) => variable);
    case "step":
      return node.paramsVariable === null ? [] : [node.paramsVariable];
    case "for":
      return node.loops.map(({ variable }) => variable);
    case "const":
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "if":
    case "do":
    case "and":
    case "or":
    case "define":
    case "check":
    case "fn":
    case "call":
    case "inline":
    case "host-call":
    case "context":
    case "meta":
    case "vector":
    case "map":
      return [];
  }
}

function inPattern(pattern: IrPattern | null): readonly Variable[] {
  if (pattern === null) return [];
  switch (pattern.kind) {
    case "any":
    case "literal":
      return [];
    case "bind":
      return [pattern.variable];
    case "as":
      return [pattern.variable, ...inPattern(pattern.pattern)];
    case "typed":
      return inPattern(pattern.pattern);
    case "vector":
      return [...pattern.items, pattern.rest, pattern.whole].flatMap(inPattern);
    case "map":
      return [
        ...pattern.entries.flatMap((entry) => inPattern(entry.pattern)),
        ...inPattern(pattern.rest),
        ...inPattern(pattern.whole),
      ];
  }
}
