/**
 * Functions that are called once, where they are called.
 *
 * Read in this order: inlineOnce, isOnce. A function made for one call (`loop` becomes such a one)
 * runs in place: its parameters become variables there, and its calls of itself in tail position
 * become jumps. It is still a call: it pays fuel and counts as depth.
 *
 * @module
 */
import { knownCallee, madeFunction, roots } from "./facts.ts";
import type { Ir, IrCall, IrProgram, Lambda } from "./ir.ts";
import { eachPart, mapParts } from "./parts.ts";

const NIL: Ir = { op: "const", value: null };

interface Use {
  /** Calls by name from elsewhere than its own body, and the functions they stand in. */
  readonly calls: { readonly node: IrCall; readonly home: Lambda | null }[];
  /** It is used otherwise: as a value, or by a call that no jump can stand for. */
  isOther: boolean;
}

/** Puts functions with one call in its place. Known functions must be found before. */
export function inlineOnce(program: IrProgram): void {
  const uses = new Map(program.lambdas.map((lambda) => [lambda, newUse()]));
  for (const [home, body] of roots(program)) collect(body, home, uses);
  const chosen = new Map<IrCall, Lambda>();
  for (const [lambda, { calls, isOther }] of uses) {
    const [call, second] = calls;
    const isOnce = call !== undefined && second === undefined && !isOther;
    if (isOnce && call.home === lambda.parent && fits(call.node, lambda)) {
      chosen.set(call.node, lambda);
    }
  }
  if (chosen.size === 0) return;
  for (const lambda of chosen.values()) lambda.isInline = true;
  const replace = (node: Ir): Ir => replaced(node, chosen, replace);
  for (const lambda of program.lambdas) {
    if (!lambda.isInline) lambda.body = replace(lambda.body);
  }
  program.nodes = program.nodes.map(replace);
}

function newUse(): Use {
  return { calls: [], isOther: false };
}

function fits({ args, callee }: IrCall, lambda: Lambda): boolean {
  const isChecked = callee.op === "local" && callee.isChecked;
  return lambda.rest === null && lambda.params.length === args.length && !isChecked;
}

/** What is done with functions in code of `home`. `owner`: the function a value is given to. */
function collect(node: Ir, home: Lambda | null, uses: ReadonlyMap<Lambda, Use>): void {
  if (node.op === "local" || node.op === "global") {
    const known = knownCallee(node);
    if (known !== null) uses.get(known)!.isOther = true;
    return;
  }
  if (node.op === "fn") {
    uses.get(node.lambda)!.isOther = true;
    return;
  }
  if (node.op === "define") {
    const made = madeFunction(node.value);
    if (made !== null) uses.get(made)!.isOther = true;
  }
  if (node.op === "do") {
    for (const [at, each] of node.nodes.entries()) {
      const isDropped = at < node.nodes.length - 1;
      if (!(isDropped && isNamed(each))) collect(each, home, uses);
    }
    return;
  }
  if (node.op === "call") {
    collectCall(node, home, uses);
    return;
  }
  eachPart(node, (part) => collect(part, home, uses));
}

/** A function that is given a name, and nothing more. */
function isNamed(node: Ir): node is Extract<Ir, { op: "set" }> {
  return node.op === "set" && node.value.op === "fn" && node.variable.lambda === node.value.lambda;
}

function collectCall(node: IrCall, home: Lambda | null, uses: ReadonlyMap<Lambda, Use>): void {
  for (const arg of node.args) collect(arg, home, uses);
  const target = calledFunction(node);
  if (target === null) {
    collect(node.callee, home, uses);
    return;
  }
  const isSelf = home === target;
  const use = uses.get(target)!;
  if (!isSelf) use.calls.push({ node, home });
  else if (!node.isTail || !fits(node, target)) use.isOther = true;
}

/** The function that a call is of: known by name, or made on the spot. */
function calledFunction({ callee }: IrCall): Lambda | null {
  if (callee.op === "fn") return callee.lambda;
  if (isNamed(callee)) return callee.variable.lambda;
  return callee.op === "local" ? knownCallee(callee) : null;
}

function replaced(node: Ir, chosen: ReadonlyMap<IrCall, Lambda>, change: (part: Ir) => Ir): Ir {
  if (isNamed(node) && node.variable.lambda!.isInline) return NIL;
  const lambda = node.op === "call" ? chosen.get(node) : undefined;
  if (lambda === undefined || node.op !== "call") return mapParts(node, change);
  const args = node.args.map(change);
  lambda.body = change(lambda.body);
  return { op: "inline", lambda, args, isTail: node.isTail, span: node.span };
}
