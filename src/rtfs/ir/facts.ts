/**
 * What the writer of code needs to know about names and functions.
 *
 * Read in this order: nameFunctions, countUses.
 *
 * @module
 */
import type { Global, Ir, IrCall, IrProgram, Lambda } from "./ir.ts";
import { eachPart } from "./parts.ts";

/** The program's own forms, and the bodies of the functions that have code of their own. */
export function roots(program: IrProgram): readonly (readonly [Lambda | null, Ir])[] {
  return [
    ...program.nodes.map((node) => [null, node] as const),
    ...program.lambdas
      .filter(({ isInline }) => !isInline)
      .map((lambda) => [lambda, lambda.body] as const),
  ];
}

/** The function that a node makes, seen through the names it is given on the way. */
export function madeFunction(node: Ir): Lambda | null {
  if (node.op === "fn") return node.lambda;
  return node.op === "set" ? madeFunction(node.value) : null;
}

/** What gives a name its value. */
export type Naming = Extract<Ir, { op: "set" | "define" }>;

/** Marks the names that hold one function whenever they hold anything. */
export function nameFunctions(namings: readonly Naming[]): void {
  const written = new Set<Global>();
  for (const node of namings) {
    const made = madeFunction(node.value);
    if (node.op === "set") {
      node.variable.lambda = node.variable.writes === 1 ? made : null;
      if (made !== null) made.isLocal = true;
    } else
      for (const global of node.globals) {
        const isOnly = !written.has(global) && !global.isExternal;
        global.lambda = isOnly ? made : null;
        written.add(global);
      }
  }
}

/** The function a callee is known to be. */
export function knownCallee(callee: Ir): Lambda | null {
  if (callee.op === "local") return callee.variable.lambda;
  return callee.op === "global" ? callee.global.lambda : null;
}

/** The known function that a call fits with its number of arguments; null otherwise. */
export function fittingCallee(callee: Ir, count: number): Lambda | null {
  const lambda = knownCallee(callee);
  if (lambda === null || lambda.isInline) return null;
  const isFit =
    lambda.rest === null ? count === lambda.params.length : count >= lambda.params.length;
  return isFit ? lambda : null;
}

/** Values that the callback of a library function gets that is written as a loop; null: none is. */
export function walkArity({ callee, args }: IrCall): 1 | 2 | null {
  if (callee.op !== "builtin") return null;
  const { name } = callee;
  if ((name === "map" || name === "filter") && args.length === 2) return 1;
  return name === "reduce" && (args.length === 2 || args.length === 3) ? 2 : null;
}

/** The function of the program that such a loop calls by name; null: it calls something else. */
export function walkedLambda(node: IrCall): Lambda | null {
  const arity = walkArity(node);
  if (arity === null) return null;
  const callback = node.args[0]!;
  const isChecked = (callback.op === "local" || callback.op === "global") && callback.isChecked;
  const lambda = callback.op === "fn" ? callback.lambda : fittingCallee(callback, arity);
  const isFit = lambda?.rest === null && lambda.params.length === arity && !isChecked;
  return isFit ? lambda : null;
}

function isCheckedLocal(callee: Ir): boolean {
  return callee.op === "local" && callee.isChecked;
}

/** How often variables are read as values, and which functions are called by name: once only. */
export function countUses(program: IrProgram): void {
  const down = (node: Ir): void => {
    if (node.op === "local") node.variable.reads++;
    else if (node.op === "call") {
      const known = fittingCallee(node.callee, node.args.length);
      if (known === null || isCheckedLocal(node.callee)) down(node.callee);
      if (known !== null) known.isNamed = true;
      const walked = walkedLambda(node);
      if (walked !== null) walked.isNamed = true;
      for (const arg of walked === null ? node.args : node.args.slice(1)) down(arg);
    } else eachPart(node, down);
  };
  for (const [, body] of roots(program)) down(body);
}
