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
  #trail: Name[] = [];

  sequence(nodes: readonly Ir[]): void {
    for (const [at, node] of nodes.entries()) {
      for (let next = at; next < nodes.length && isInert(nodes[next]!); next++) {
        this.#add(...namesOf(nodes[next]!));
      }
      this.#node(node);
    }
  }

  #add(...names: readonly Name[]): void {
    for (const name of names) {
      if (this.#written.has(name)) continue;
      this.#written.add(name);
      this.#trail.push(name);
    }
  }

  /** What is written inside does not count outside. */
  #branch(walk: () => void): void {
    const { length } = this.#trail;
    walk();
    for (const name of this.#trail.splice(length)) this.#written.delete(name);
  }

  #node(node: Ir): void {
    switch (node.op) {
      case "local":
        if (this.#written.has(node.variable)) node.isChecked = false;
        return;
      case "global":
        if (this.#written.has(node.global)) node.isChecked = false;
        return;
      case "do":
        this.sequence(node.nodes);
        return;
      case "set":
      case "define":
        // A function is not called before its name is written.
        if (isInert(node)) this.#add(...namesOf(node));
        this.#node(node.value);
        this.#add(...namesOf(node));
        return;
      case "fn":
        this.#branch(() => this.#node(node.lambda.body));
        return;
      case "if":
        this.#node(node.test);
        this.#branch(() => this.#node(node.then));
        this.#branch(() => this.#node(node.otherwise));
        return;
      case "call":
      case "host-call":
      case "vector":
      case "map":
      case "check":
        eachPart(node, (part) => this.#node(part));
        return;
      case "inline":
        for (const arg of node.args) this.#node(arg);
        this.#branch(() => this.#node(node.lambda.body));
        return;
      case "const":
      case "builtin":
      case "argument":
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
        eachPart(node, (part) => this.#branch(() => this.#node(part)));
    }
  }
}

/** Evaluating it calls nothing and cannot fail. */
function isInert(node: Ir): boolean {
  if (node.op === "const") return true;
  if (node.op !== "set" && node.op !== "define") return false;
  return node.value.op === "const" || madeFunction(node.value) !== null;
}

function namesOf(node: Ir): readonly Name[] {
  if (node.op === "set") return [node.variable];
  return node.op === "define" ? node.globals : [];
}
