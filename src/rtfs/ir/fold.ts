/**
 * What can be computed, decided or left out before the program runs.
 *
 * Constants of operators that cost nothing are computed, unless that would raise: the program fails
 * where it is reached, and only then. Constant tests choose their branch, sequences lose their
 * brackets and what has no effect, `match` loses what follows a clause that takes everything.
 * Fuel is part of what a program means: nothing that costs any is left out.
 *
 * @module
 */
import { equalValues } from "../values/equality.ts";
import {
  add,
  compareNumbers,
  divide,
  isNumber,
  modulo,
  multiply,
  subtract,
} from "../values/numbers.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { Ir, IrCall, IrClause } from "./ir.ts";

/** What takes the place of a node whose parts are folded. */
export function folded(node: Ir): Ir {
  switch (node.op) {
    case "if":
      if (node.test.op !== "const") return node;
      return isTrue(node.test.value) ? node.then : node.otherwise;
    case "do":
      return sequence(node);
    case "and":
    case "or":
      return logic(node);
    case "call":
      return computed(node) ?? node;
    case "match":
      return { ...node, clauses: reachable(node.clauses) };
    case "const":
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "set":
    case "bind":
    case "define":
    case "check":
    case "fn":
    case "inline":
    case "host-call":
    case "context":
    case "meta":
    case "vector":
    case "map":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return node;
  }
}

function isTrue(value: Value): boolean {
  return value !== null && value !== false;
}

function sequence(whole: Extract<Ir, { op: "do" }>): Ir {
  const { nodes } = whole;
  const last = nodes.length - 1;
  if (!nodes.some((node, at) => node.op === "do" || (at < last && isIdle(node)))) return whole;
  const flat = nodes.flatMap((node) => (node.op === "do" ? node.nodes : [node]));
  const kept = flat.filter((node, at) => at === flat.length - 1 || !isIdle(node));
  return kept.length === 1 ? kept[0]! : { op: "do", nodes: kept };
}

/** Evaluating it does nothing, costs nothing and cannot fail. */
export function isIdle(node: Ir): boolean {
  switch (node.op) {
    case "const":
    case "builtin":
      return true;
    case "local":
    case "global":
      return !node.isChecked;
    case "argument":
    case "if":
    case "do":
    case "and":
    case "or":
    case "set":
    case "bind":
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
    case "match":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return false;
  }
}

/** Constants at the front decide, or are left out. */
function logic(whole: Extract<Ir, { op: "and" | "or" }>): Ir {
  const { op, nodes } = whole;
  const first = nodes[0]!;
  if (nodes.length === 1) return first;
  if (first.op !== "const") return whole;
  return isTrue(first.value) === (op === "and") ? logic({ op, nodes: nodes.slice(1) }) : first;
}

/** No clause is reached after one that takes everything. */
function reachable(clauses: readonly IrClause[]): readonly IrClause[] {
  const last = clauses.findIndex(
    ({ pattern, guard }) =>
      guard === null &&
      (pattern.kind === "any" || (pattern.kind === "bind" && pattern.type === null)),
  );
  return last < 0 ? clauses : clauses.slice(0, last + 1);
}

const ARITHMETIC: ReadonlyMap<string, (a: Value, b: Value) => Value> = new Map([
  ["+", add],
  ["-", subtract],
  ["*", multiply],
  ["/", divide],
  ["mod", modulo],
]);
const ORDER: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ["<", (order: number) => order < 0],
  [">", (order: number) => order > 0],
  ["<=", (order: number) => order <= 0],
  [">=", (order: number) => order >= 0],
]);

/** The value of an operator on constants; null when there is none to know. */
function computed({ callee, args, isNamed }: IrCall): Ir | null {
  if (callee.op !== "builtin" || !isNamed) return null;
  const values: Value[] = [];
  for (const arg of args) {
    if (arg.op !== "const") return null;
    values.push(arg.value);
  }
  const value = operate(callee.name, values);
  return value === undefined ? null : { op: "const", value };
}

function operate(name: string, [a, b, ...more]: readonly Value[]): Value | undefined {
  if (a === undefined || more.length > 0) return undefined;
  if (b === undefined) return name === "not" ? !isTrue(a) : undefined;
  if (!isNumber(a) || !isNumber(b)) return undefined;
  if (name === "=") return equalValues(a, b);
  const accept = ORDER.get(name);
  if (accept !== undefined) return accept(compareNumbers(a, b));
  try {
    return ARITHMETIC.get(name)?.(a, b);
  } catch (error) {
    if (error instanceof RtfsError) return undefined;
    throw error;
  }
}
