/**
 * Which reads of late names are certain to find a value, so that they need no check.
 *
 * A walk in order of evaluation keeps the set of names that are written by then; what a branch
 * writes is forgotten after it. A function sees what was written where it is made. Functions
 * that are bound one after another can be taken as written together: making them runs nothing.
 *
 * @module
 */
import { madeFunction } from "./facts.ts";
import type { Global, Ir, IrProgram, Variable } from "./ir.ts";
import { eachPart } from "./parts.ts";

/** Takes the check from reads that cannot fail. */
export function dropNeedlessChecks(program: IrProgram): void {
  new Walk().sequence(program.nodes);
}

type Name = Variable | Global;

class Walk {
  readonly #written = new Set<Name>();
  readonly #trail: Name[] = [];
  readonly #visit = (node: Ir): void => this.#node(node);
  readonly #visitBranch = (node: Ir): void => this.#branch(node);

  sequence(nodes: readonly Ir[]): void {
    // Where the run of nodes that only bind ends.
    let inert = 0;
    for (let at = 0; at < nodes.length; at++) {
      for (inert = Math.max(inert, at); inert < nodes.length; inert++) {
        const next = nodes[inert]!;
        if (!isInert(next)) break;
        this.#write(next);
      }
      this.#node(nodes[at]!);
    }
  }

  /** What the node itself writes is written from here on. */
  #write(node: Ir): void {
    if (node.op === "set") this.#add(node.variable);
    else if (node.op === "define") for (const global of node.globals) this.#add(global);
  }

  #add(name: Name): void {
    if (this.#written.has(name)) return;
    this.#written.add(name);
    this.#trail.push(name);
  }

  /** What is written inside does not count outside. */
  #branch(node: Ir): void {
    const { length } = this.#trail;
    this.#node(node);
    while (this.#trail.length > length) this.#written.delete(this.#trail.pop()!);
  }

  #node(node: Ir): void {
    switch (node.op) {
      case "local":
        if (this.#written.has(node.variable)) node.isChecked = false;
        return;
      case "global":
        if (this.#written.has(node.global)) node.isChecked = false;
        return;
      case "const":
      case "builtin":
      case "argument":
        return;
      case "call":
        return eachPart(node, this.#visit);
      case "do":
        this.sequence(node.nodes);
        return;
      case "set":
      case "define":
        // A function is not called before its name is written.
        if (isInert(node)) this.#write(node);
        this.#node(node.value);
        this.#write(node);
        return;
      case "fn":
        return this.#branch(node.lambda.body);
      case "if":
        this.#node(node.test);
        this.#branch(node.then);
        return this.#branch(node.otherwise);
      case "host-call":
      case "vector":
      case "map":
      case "check":
        return eachPart(node, this.#visit);
      case "inline":
        for (const arg of node.args) this.#node(arg);
        return this.#branch(node.lambda.body);
      case "and":
      case "or":
      case "bind":
      case "context":
      case "meta":
      case "match":
      case "try":
      case "step":
      case "for":
      case "dotimes":
        eachPart(node, this.#visitBranch);
    }
  }
}

/** Evaluating it calls nothing and cannot fail. */
function isInert(node: Ir): boolean {
  if (node.op === "const") return true;
  if (node.op !== "set" && node.op !== "define") return false;
  return node.value.op === "const" || madeFunction(node.value) !== null;
}
