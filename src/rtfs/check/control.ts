/**
 * Judging control and patterns: which parts every run passes, and what names in patterns can be.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { CodeNode, Node, Pattern, Scope } from "../analysis/node.ts";
import { partsOf } from "../analysis/node-parts.ts";
import type { FindingKind, TypeFinding } from "./finding.ts";
import {
  ANY,
  FALSY,
  INT,
  type Kinds,
  kindsOfType,
  kindsText,
  LIST,
  MAP,
  NEVER,
  NIL,
  VECTOR,
} from "./kinds.ts";

/** Where a node stands. */
export interface Around {
  readonly scope: Scope;
  readonly code: CodeNode | null;
  /** Every evaluation of `code` (or every run) passes here, unless it fails before. */
  readonly isCertain: boolean;
  /** The nearest place, for nodes that have none. */
  readonly span: SourceSpan;
}

/** What the checker does for its parts. */
export interface Judge {
  judge(node: Node, around: Around): Kinds;
  each(nodes: readonly Node[], around: Around): readonly Kinds[];
  /** A slot holds values of these kinds from now on. */
  bound(scope: Scope, slot: number, value: Kinds): Kinds;
  find(around: Around, kind: FindingKind, finding: Omit<TypeFinding, "severity" | "kind">): void;
}

const SEQUENCE = VECTOR | LIST;

export type ControlNode = Extract<
  Node,
  { op: "do" | "if" | "and" | "or" | "match" | "try" | "step" | "for" | "dotimes" | "context" }
>;

export function judgeControl(judge: Judge, node: ControlNode, around: Around): Kinds {
  const maybe = around.isCertain ? { ...around, isCertain: false } : around;
  switch (node.op) {
    case "do":
      return judge.each(node.nodes, around).at(-1) ?? NIL;
    case "if": {
      const test = judge.judge(node.test, around);
      const then = judge.judge(node.then, (test & FALSY) === 0 ? around : maybe);
      return then | judge.judge(node.otherwise, test === NIL ? around : maybe);
    }
    case "and":
    case "or": {
      const [first, ...others] = node.nodes;
      return judge
        .each(others, maybe)
        .reduce((all, each) => all | each, judge.judge(first!, around));
    }
    case "match": {
      const subject = judge.judge(node.subject, { ...around, span: node.span });
      return clauses(judge, node, subject, maybe);
    }
    case "try":
      return tryNode(judge, node, around);
    case "step":
      if (node.params !== null) {
        judge.bound(around.scope, node.paramsSlot, judge.judge(node.params, around));
      }
      return judge.judge(node.body, around);
    case "for":
      return forNode(judge, node, maybe);
    case "dotimes":
      return dotimesNode(judge, node, around);
    case "context":
      for (const { node: part } of partsOf(node)) judge.judge(part, maybe);
      return ANY;
  }
}

function clauses(
  judge: Judge,
  node: Extract<Node, { op: "match" }>,
  subject: Kinds,
  around: Around,
): Kinds {
  let result = NEVER;
  for (const { pattern, guard, body } of node.clauses) {
    taken(judge, pattern, subject, around);
    if (guard !== null) judge.judge(guard, around);
    result |= judge.judge(body, around);
  }
  return result;
}

/** A catch saves the run from what fails before it. */
function tryNode(judge: Judge, node: Extract<Node, { op: "try" }>, around: Around): Kinds {
  const maybe = { ...around, isCertain: false };
  let result = judge.judge(node.body, node.catches.length === 0 ? around : maybe);
  for (const { slot, body } of node.catches) {
    judge.bound(around.scope, slot, ANY);
    result |= judge.judge(body, maybe);
  }
  if (node.finalizer !== null) judge.judge(node.finalizer, around);
  return result;
}

function forNode(judge: Judge, node: Extract<Node, { op: "for" }>, maybe: Around): Kinds {
  const inner = { ...maybe, scope: node.scope, span: node.span };
  for (const { slot, source } of node.loops) {
    const items = judge.judge(source, inner);
    if ((items & SEQUENCE) === 0) {
      const message = `\`for\` takes a vector or a list, and this is ${kindsText(items)}`;
      judge.find(inner, "not-a-collection", { message, span: node.span });
    }
    judge.bound(node.scope, slot, ANY);
  }
  judge.judge(node.body, inner);
  return VECTOR;
}

function dotimesNode(judge: Judge, node: Extract<Node, { op: "dotimes" }>, around: Around): Kinds {
  const count = judge.judge(node.count, around);
  if ((count & INT) === 0) {
    const message = `\`dotimes\` takes an integer, and this is ${kindsText(count)}`;
    judge.find(around, "bad-argument", { message, span: node.span, argument: 0 });
  }
  judge.bound(node.scope, node.slot, INT);
  const inner = { ...around, scope: node.scope, span: node.span, isCertain: false };
  return NIL | judge.judge(node.body, inner);
}

/** Destructuring: a wrong container is a TypeError. */
export function judgeBinding(judge: Judge, pattern: Pattern, value: Kinds, around: Around): Kinds {
  const wanted = pattern.kind === "vector" ? SEQUENCE : pattern.kind === "map" ? MAP | NIL : ANY;
  if ((value & wanted) === 0 && value !== NEVER) {
    const message = `this pattern takes apart ${kindsText(wanted)}, and the value is ${kindsText(value)}`;
    judge.find(around, "mismatch", { message, span: around.span });
  }
  taken(judge, pattern, value, { ...around, isCertain: false });
  return value;
}

/** Names in a pattern can be anything; defaults are judged. */
function taken(judge: Judge, pattern: Pattern, value: Kinds, maybe: Around): void {
  switch (pattern.kind) {
    case "bind":
      judge.bound(maybe.scope, pattern.slot, value);
      break;
    case "as":
      judge.bound(maybe.scope, pattern.slot, value);
      taken(judge, pattern.pattern, value, maybe);
      break;
    case "typed":
      taken(judge, pattern.pattern, value & kindsOfType(pattern.type).kinds, maybe);
      break;
    case "vector":
      for (const item of pattern.items) taken(judge, item, ANY, maybe);
      if (pattern.rest !== null) taken(judge, pattern.rest, LIST, maybe);
      if (pattern.whole !== null) taken(judge, pattern.whole, value, maybe);
      break;
    case "map":
      for (const { pattern: inner, fallback } of pattern.entries) {
        if (fallback !== null) judge.judge(fallback, maybe);
        taken(judge, inner, ANY, maybe);
      }
      if (pattern.rest !== null) taken(judge, pattern.rest, MAP | NIL, maybe);
      if (pattern.whole !== null) taken(judge, pattern.whole, value, maybe);
      break;
    case "any":
    case "literal":
      break;
  }
}
