/**
 * The nodes directly inside one: to visit them, and to rebuild a node around new ones.
 *
 * Order is that of evaluation. Bodies of functions are parts of `inline` only: another function's
 * body does not run where the function is made.
 *
 * @module
 */
import type { Ir, IrPattern } from "./ir.ts";

export type Change = (part: Ir) => Ir;

type Visit = (part: Ir) => void;

/** Visit the parts of a node. Written out, the frequent first: every pass goes through here often. */
export function eachPart(node: Ir, visit: Visit): void {
  switch (node.op) {
    case "const":
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "fn":
      return;
    case "call":
      visit(node.callee);
      return visitEach(node.args, visit);
    case "if":
      visit(node.test);
      visit(node.then);
      visit(node.otherwise);
      return;
    case "do":
    case "and":
    case "or":
      return visitEach(node.nodes, visit);
    case "set":
    case "define":
    case "check":
      return visit(node.value);
    case "bind":
      visit(node.value);
      return eachDefault(node.pattern, visit);
    case "inline":
      visitEach(node.args, visit);
      return visit(node.lambda.body);
    case "host-call":
      return visitEach(node.args, visit);
    case "vector":
      return visitEach(node.items, visit);
    case "context":
      return visit(node.fallback);
    case "map":
      for (const [, value] of node.entries) visit(value);
      return;
    case "meta":
    case "match":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return eachControlPart(node, visit);
  }
}

function visitEach(nodes: readonly Ir[], visit: Visit): void {
  for (let at = 0; at < nodes.length; at++) visit(nodes[at]!);
}

function eachControlPart(node: Control | Extract<Ir, { op: "meta" }>, visit: Visit): void {
  const optional = (part: Ir | null): void => {
    if (part !== null) visit(part);
  };
  switch (node.op) {
    case "meta":
      for (const [, value] of node.runtime) visit(value);
      return visit(node.body);
    case "match":
      visit(node.subject);
      for (const { pattern, guard, body } of node.clauses) {
        eachDefault(pattern, visit);
        optional(guard);
        visit(body);
      }
      return;
    case "try":
      visit(node.body);
      for (const { body } of node.catches) visit(body);
      return optional(node.finalizer);
    case "step":
      optional(node.params);
      return visit(node.body);
    case "for":
      for (const { source } of node.loops) visit(source);
      return visit(node.body);
    case "dotimes":
      visit(node.count);
      return visit(node.body);
  }
}

/** Defaults of a pattern. */
function eachDefault(pattern: IrPattern | null, visit: Visit): void {
  if (pattern === null) return;
  switch (pattern.kind) {
    case "any":
    case "bind":
    case "literal":
      return;
    case "as":
    case "typed":
      return eachDefault(pattern.pattern, visit);
    case "vector":
      for (const item of pattern.items) eachDefault(item, visit);
      eachDefault(pattern.rest, visit);
      return eachDefault(pattern.whole, visit);
    case "map":
      for (const { fallback, pattern: inner } of pattern.entries) {
        if (fallback !== null) visit(fallback);
        eachDefault(inner, visit);
      }
      eachDefault(pattern.rest, visit);
      return eachDefault(pattern.whole, visit);
  }
}

/** The same node around changed parts; `inline` changes its function's body in place. */
export function mapParts(node: Ir, change: Change): Ir {
  switch (node.op) {
    case "const":
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "fn":
      return node;
    case "if":
      return {
        op: "if",
        test: change(node.test),
        then: change(node.then),
        otherwise: change(node.otherwise),
      };
    case "do":
    case "and":
    case "or":
      return { op: node.op, nodes: node.nodes.map(change) };
    case "set":
    case "define":
    case "check":
      return { ...node, value: change(node.value) };
    case "bind": {
      const value = change(node.value);
      return { ...node, value, pattern: mapPattern(node.pattern, change) };
    }
    case "call": {
      const callee = change(node.callee);
      return { ...node, callee, args: node.args.map(change) };
    }
    case "inline": {
      const args = node.args.map(change);
      node.lambda.body = change(node.lambda.body);
      return { ...node, args };
    }
    case "host-call":
      return { ...node, args: node.args.map(change) };
    case "context":
      return { ...node, fallback: change(node.fallback) };
    case "meta": {
      const runtime = node.runtime.map(([name, value]) => [name, change(value)] as const);
      return { op: "meta", runtime, body: change(node.body) };
    }
    case "vector":
      return { op: "vector", items: node.items.map(change) };
    case "map":
      return {
        ...node,
        entries: node.entries.map(([key, value]) => [key, change(value)] as const),
      };
    case "match":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return mapControl(node, change);
  }
}

type Control = Extract<Ir, { op: "match" | "try" | "step" | "for" | "dotimes" }>;

function mapControl(node: Control, change: Change): Ir {
  const optional = (part: Ir | null): Ir | null => (part === null ? null : change(part));
  switch (node.op) {
    case "match": {
      const subject = change(node.subject);
      const clauses = node.clauses.map((clause) => ({
        pattern: mapPattern(clause.pattern, change),
        guard: optional(clause.guard),
        body: change(clause.body),
      }));
      return { ...node, subject, clauses };
    }
    case "try": {
      const body = change(node.body);
      const catches = node.catches.map((each) => ({ ...each, body: change(each.body) }));
      return { ...node, body, catches, finalizer: optional(node.finalizer) };
    }
    case "step":
      return { ...node, params: optional(node.params), body: change(node.body) };
    case "for": {
      const loops = node.loops.map(({ variable, source }) => ({
        variable,
        source: change(source),
      }));
      return { ...node, loops, body: change(node.body) };
    }
    case "dotimes":
      return { ...node, count: change(node.count), body: change(node.body) };
  }
}

/** The same pattern around changed defaults. */
export function mapPattern(pattern: IrPattern, change: Change): IrPattern {
  const optional = (inner: IrPattern | null): IrPattern | null =>
    inner === null ? null : mapPattern(inner, change);
  switch (pattern.kind) {
    case "any":
    case "bind":
    case "literal":
      return pattern;
    case "as":
    case "typed":
      return { ...pattern, pattern: mapPattern(pattern.pattern, change) };
    case "vector":
      return {
        ...pattern,
        items: pattern.items.map((item) => mapPattern(item, change)),
        rest: optional(pattern.rest),
        whole: optional(pattern.whole),
      };
    case "map":
      return {
        ...pattern,
        entries: pattern.entries.map((entry) => ({
          ...entry,
          fallback: entry.fallback === null ? null : change(entry.fallback),
          pattern: mapPattern(entry.pattern, change),
        })),
        rest: optional(pattern.rest),
        whole: optional(pattern.whole),
      };
  }
}
