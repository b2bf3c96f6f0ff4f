/**
 * What the writer of code needs to know about names and functions.
 *
 * Read in this order: findKnownFunctions, countUses. All facts are of the
 * program as it is: gather them again after a pass that changes it.
 *
 * @module
 */
import type { Ir, IrCall, IrProgram, Lambda, Variable } from "./ir.ts";
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

export function visitAll(program: IrProgram, visit: (node: Ir) => void): void {
  const down = (node: Ir): void => {
    visit(node);
    eachPart(node, down);
  };
  for (const [, body] of roots(program)) down(body);
}

/** The function that a node makes, seen through the names it is given on the way. */
export function madeFunction(node: Ir): Lambda | null {
  if (node.op === "fn") return node.lambda;
  return node.op === "set" ? madeFunction(node.value) : null;
}

/** Names that hold one function whenever they hold anything. */
export function findKnownFunctions(program: IrProgram): void {
  const written = new Set<number>();
  visitAll(program, (node) => {
    if (node.op === "set") {
      const { variable, value } = node;
      variable.lambda = variable.writes === 1 ? madeFunction(value) : null;
    }
    if (node.op !== "define") return;
    for (const global of node.globals) {
      const isOnly = !written.has(global.index) && !global.isExternal;
      global.lambda = isOnly ? madeFunction(node.value) : null;
      written.add(global.index);
    }
  });
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

/** How often variables are read as values, and which functions are called by name. */
export function countUses(program: IrProgram): void {
  const variables = new Set<Variable>();
  visitAll(program, (node) => {
    if (node.op === "local" || node.op === "set") variables.add(node.variable);
  });
  for (const variable of variables) variable.reads = 0;
  for (const lambda of program.lambdas) lambda.isNamed = false;
  const down = (node: Ir): void => {
    if (node.op === "local") node.variable.reads++;
    if (node.op !== "call") {
      eachPart(node, down);
      return;
    }
    const known = fittingCallee(node.callee, node.args.length);
    if (known === null || isCheckedLocal(node.callee)) down(node.callee);
    if (known !== null) known.isNamed = true;
    const walked = walkedLambda(node);
    if (walked !== null) walked.isNamed = true;
    for (const arg of walked === null ? node.args : node.args.slice(1)) down(arg);
  };
  for (const [, body] of roots(program)) down(body);
}
