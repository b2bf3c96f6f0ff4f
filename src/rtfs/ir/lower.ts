/**
 * Nodes to the optimiser's form: slots become variables, frames become blocks.
 *
 * Each node is folded as soon as its parts are made, and what gives functions their names is noted
 * on the way: neither takes a walk of its own.
 *
 * @module
 */
import type { Analysed } from "../analysis/analyser.ts";
import type { CodeNode, Node, Pattern, Scope } from "../analysis/node.ts";
import type { Type } from "../types/type.ts";
import { nameFunctions, type Naming } from "./facts.ts";
import { folded } from "./fold.ts";
import type { Block, Global, Ir, IrPattern, IrProgram, Lambda, Variable } from "./ir.ts";

const NIL: Ir = { op: "const", value: null };

/** The frame that a bare slot number belongs to. */
interface Place {
  readonly scope: Scope;
  readonly lambda: Lambda | null;
}

interface Frame {
  readonly block: Block;
  readonly slots: Map<number, Variable>;
}

/** @param proven - Checks that always succeed: they are left out where they cost nothing. */
export function lowerProgram(analysed: Analysed, proven: ReadonlySet<Node>): IrProgram {
  return new Lowering(analysed, proven).program();
}

type LoopNode = Extract<Node, { op: "for" | "dotimes" }>;

class Lowering {
  readonly #analysed: Analysed;
  readonly #proven: ReadonlySet<Node>;
  readonly #globals: readonly Global[];
  readonly #lambdas: Lambda[] = [];
  readonly #namings: Naming[] = [];
  readonly #frames = new Map<Scope, Frame>();
  #count = 0;

  constructor(analysed: Analysed, proven: ReadonlySet<Node>) {
    this.#analysed = analysed;
    this.#proven = proven;
    this.#globals = analysed.cells.map(({ index, name, isExternal }) => ({
      index,
      name,
      isExternal,
      lambda: null,
    }));
  }

  program(): IrProgram {
    const { scope, nodes } = this.#analysed;
    const block = this.#open(scope, null);
    const place: Place = { scope, lambda: null };
    const lowered = nodes.map((node) => this.#node(node, place));
    nameFunctions(this.#namings);
    return { block, nodes: lowered, globals: this.#globals, lambdas: this.#lambdas };
  }

  #open(scope: Scope, owner: Lambda | null): Block {
    const block: Block = { owner, variables: [] };
    this.#frames.set(scope, { block, slots: new Map() });
    return block;
  }

  #variable(scope: Scope, slot: number): Variable {
    const { block, slots } = this.#frames.get(scope)!;
    const known = slots.get(slot);
    if (known !== undefined) return known;
    const variable = newVariable(this.#count++, block);
    slots.set(slot, variable);
    return variable;
  }

  #written(place: Place, slot: number): Variable {
    const variable = this.#variable(place.scope, slot);
    variable.writes++;
    return variable;
  }

  #node(node: Node, place: Place): Ir {
    return folded(this.#lowered(node, place));
  }

  #lowered(node: Node, place: Place): Ir {
    switch (node.op) {
      case "const":
      case "builtin":
      case "argument":
        return node;
      case "local":
        return this.#local(node);
      case "global": {
        const global = this.#globals[node.cell.index]!;
        return { op: "global", global, isChecked: true, span: node.span };
      }
      case "call":
        return this.#call(node, place);
      case "if":
        return {
          op: "if",
          test: this.#node(node.test, place),
          then: this.#node(node.then, place),
          otherwise: this.#node(node.otherwise, place),
        };
      case "do":
      case "and":
      case "or":
        return { op: node.op, nodes: this.#all(node.nodes, place) };
      case "set": {
        const value = this.#node(node.value, place);
        const variable = this.#written(place, node.slot);
        return this.#naming({ op: "set", variable, value });
      }
      case "bind": {
        const value = this.#node(node.value, place);
        return { op: "bind", value, pattern: this.#pattern(node.pattern, place), span: node.span };
      }
      case "define": {
        const globals = node.cells.map(({ index }) => this.#globals[index]!);
        return this.#naming({ op: "define", globals, value: this.#node(node.value, place) });
      }
      case "check": {
        const value = this.#node(node.value, place);
        const isLeftOut = this.#proven.has(node) && costsNothing(node.type.type);
        return isLeftOut ? value : { ...node, value };
      }
      case "fn":
        return { op: "fn", lambda: this.#function(node.code, place) };
      case "host-call":
        return { ...node, args: this.#all(node.args, place) };
      case "context": {
        const { key, span } = node;
        return { op: "context", key, fallback: this.#optional(node.fallback, place) ?? NIL, span };
      }
      case "meta":
        return this.#meta(node, place);
      case "vector":
        return { op: "vector", items: this.#all(node.items, place) };
      case "map":
        return {
          ...node,
          entries: node.entries.map(([key, value]) => [key, this.#node(value, place)] as const),
        };
      case "match":
      case "try":
      case "step":
        return this.#control(node, place);
      case "for":
      case "dotimes":
        return this.#loop(node, place);
    }
  }

  #naming(node: Naming): Ir {
    this.#namings.push(node);
    return node;
  }

  #call(node: Extract<Node, { op: "call" }>, place: Place): Ir {
    const callee = this.#node(node.callee, place);
    if (callee.op === "fn") callee.lambda.isLocal = true;
    const isNamed = node.callee.op === "builtin";
    return { ...node, callee, args: this.#all(node.args, place), isNamed };
  }

  #meta(node: Extract<Node, { op: "meta" }>, place: Place): Ir {
    const body = this.#node(node.body, place);
    if (node.runtime.length === 0) return body;
    const runtime = node.runtime.map(([name, value]) => [name, this.#node(value, place)] as const);
    return { op: "meta", runtime, body };
  }

  #all(nodes: readonly Node[], place: Place): readonly Ir[] {
    return nodes.map((node) => this.#node(node, place));
  }

  #optional(node: Node | null, place: Place): Ir | null {
    return node === null ? null : this.#node(node, place);
  }

  #local({ binding, span }: Extract<Node, { op: "local" }>): Ir {
    const variable = this.#variable(binding.scope, binding.slot);
    variable.name = binding.name;
    variable.isLate ||= binding.isLate;
    return { op: "local", variable, isChecked: binding.isLate, span };
  }

  #function(code: CodeNode, place: Place): Lambda {
    const lambda = newLambda(this.#lambdas.length, code.name, place.lambda);
    this.#lambdas.push(lambda);
    const { scope } = code;
    lambda.block = this.#open(scope, lambda);
    const inner: Place = { scope, lambda };
    lambda.params = Array.from({ length: code.arity }, (_, at) => this.#variable(scope, at + 1));
    lambda.rest = code.restSlot === 0 ? null : this.#variable(scope, code.restSlot);
    const prologue = this.#all(code.prologue, inner);
    const body = this.#node(code.body, inner);
    lambda.body = prologue.length === 0 ? body : folded({ op: "do", nodes: [...prologue, body] });
    return lambda;
  }

  #control(node: Extract<Node, { op: "match" | "try" | "step" }>, place: Place): Ir {
    if (node.op === "match") {
      const subject = this.#node(node.subject, place);
      const clauses = node.clauses.map(({ pattern, guard, body }) => ({
        pattern: this.#pattern(pattern, place),
        guard: this.#optional(guard, place),
        body: this.#node(body, place),
      }));
      return { op: "match", subject, clauses, span: node.span };
    }
    if (node.op === "step") {
      const { name, span } = node;
      const params = this.#optional(node.params, place);
      const paramsVariable = params === null ? null : this.#written(place, node.paramsSlot);
      return { op: "step", name, span, params, paramsVariable, body: this.#node(node.body, place) };
    }
    const body = this.#node(node.body, place);
    const catches = node.catches.map((clause) => ({
      type: clause.type,
      variable: this.#written(place, clause.slot),
      body: this.#node(clause.body, place),
    }));
    return { op: "try", body, catches, finalizer: this.#optional(node.finalizer, place) };
  }

  #loop(node: LoopNode, place: Place): Ir {
    const { scope, span } = node;
    const count = node.op === "dotimes" ? this.#node(node.count, place) : NIL;
    const block = this.#open(scope, place.lambda);
    const inner: Place = { scope, lambda: place.lambda };
    if (node.op === "dotimes") {
      const variable = this.#written(inner, node.slot);
      return { op: "dotimes", block, variable, count, body: this.#node(node.body, inner), span };
    }
    const loops = node.loops.map(({ slot, source }) => {
      const lowered = this.#node(source, inner);
      return { variable: this.#written(inner, slot), source: lowered };
    });
    return { op: "for", block, loops, body: this.#node(node.body, inner), span };
  }

  #optionalPattern(pattern: Pattern | null, place: Place): IrPattern | null {
    return pattern === null ? null : this.#pattern(pattern, place);
  }

  #pattern(pattern: Pattern, place: Place): IrPattern {
    switch (pattern.kind) {
      case "any":
      case "literal":
        return pattern;
      case "bind":
        return {
          kind: "bind",
          variable: this.#written(place, pattern.slot),
          type: pattern.type,
        };
      case "as":
        return {
          kind: "as",
          variable: this.#written(place, pattern.slot),
          pattern: this.#pattern(pattern.pattern, place),
        };
      case "typed":
        return { ...pattern, pattern: this.#pattern(pattern.pattern, place) };
      case "vector":
        return {
          kind: "vector",
          items: pattern.items.map((item) => this.#pattern(item, place)),
          rest: this.#optionalPattern(pattern.rest, place),
          whole: this.#optionalPattern(pattern.whole, place),
        };
      case "map":
        return {
          kind: "map",
          entries: pattern.entries.map((entry) => ({
            key: entry.key,
            fallback: this.#optional(entry.fallback, place),
            pattern: this.#pattern(entry.pattern, place),
          })),
          rest: this.#optionalPattern(pattern.rest, place),
          whole: this.#optionalPattern(pattern.whole, place),
        };
    }
  }
}

/** Whether a value that fits is found to do so for no fuel. */
function costsNothing(type: Type | null): boolean {
  if (type?.kind === "optional") return costsNothing(type.type);
  return type?.kind === "primitive";
}

/** A fresh variable of a block. */
export function newVariable(id: number, block: Block): Variable {
  const variable: Variable = {
    id,
    name: "",
    block,
    isLate: false,
    writes: 0,
    reads: 0,
    lambda: null,
  };
  block.variables.push(variable);
  return variable;
}

function newLambda(id: number, name: string, parent: Lambda | null): Lambda {
  return {
    id,
    name,
    parent,
    block: { owner: parent, variables: [] },
    params: [],
    rest: null,
    body: NIL,
    group: id,
    isLocal: false,
    isInline: false,
    isLoop: false,
    mayBounce: false,
    isNamed: false,
  };
}
