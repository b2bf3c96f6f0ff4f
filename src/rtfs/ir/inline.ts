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
  const candidates = program.lambdas.filter(({ isLocal }) => isLocal);
  if (candidates.length === 0) return;
  const uses = new Map(candidates.map((lambda) => [lambda, newUse()]));
  const collector = new UseCollector(uses);
  for (const [home, body] of roots(program)) collector.root(home, body);
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

/** What is done with the functions in question, in code of `home`. */
class UseCollector {
  readonly #uses: ReadonlyMap<Lambda, Use>;
  #home: Lambda | null = null;

  constructor(uses: ReadonlyMap<Lambda, Use>) {
    this.#uses = uses;
  }

  root(home: Lambda | null, body: Ir): void {
    this.#home = home;
    this.#collect(body);
  }

  readonly #collect = (node: Ir): void => {
    if (node.op === "local" || node.op === "global") this.#other(knownCallee(node));
    else if (node.op === "fn") this.#other(node.lambda);
    else if (node.op === "call") this.#call(node);
    else if (node.op === "do") this.#sequence(node.nodes);
    else {
      if (node.op === "define") this.#other(madeFunction(node.value));
      eachPart(node, this.#collect);
    }
  };

  #other(lambda: Lambda | null): void {
    const use = lambda === null ? undefined : this.#uses.get(lambda);
    if (use !== undefined) use.isOther = true;
  }

  #sequence(nodes: readonly Ir[]): void {
    const last = nodes.length - 1;
    for (let at = 0; at <= last; at++) {
      if (at === last || !isNamed(nodes[at]!)) this.#collect(nodes[at]!);
    }
  }

  #call(node: IrCall): void {
    for (const arg of node.args) this.#collect(arg);
    const target = calledFunction(node);
    if (target === null) {
      this.#collect(node.callee);
      return;
    }
    const use = this.#uses.get(target)!;
    if (this.#home !== target) use.calls.push({ node, home: this.#home });
    else if (!node.isTail || !fits(node, target)) use.isOther = true;
  }
}

/** A function that is given a name, and nothing more. */
function isNamed(node: Ir): node is Extract<Ir, { op: "set" }> {
  return node.op === "set" && node.value.op === "fn" && node.variable.lambda === node.value.lambda;
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
