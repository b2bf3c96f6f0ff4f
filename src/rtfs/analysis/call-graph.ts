/**
 * One walk over a program: its steps, its calls of the host, and which function may call which.
 *
 * Read in this order: CallGraph.visit, #call, #direct, #unknown. A call of a function that is certain
 * (a name bound to one) is an edge to it. Any other call is an edge to the class of its callee
 * (flow.ts), and that to every function that can flow there. What comes from outside the program is
 * one class; errors that are raised are another.
 *
 * @module
 */
import type { AnnotationNode } from "./bounds.ts";
import { Flow, FlowClass } from "./flow.ts";
import type { Binding, Cell, CodeNode, MatchClause, Node, Pattern, Scope } from "./node.ts";
import { partsOf } from "./node-parts.ts";
import { type Place, Reach } from "./reach.ts";

/** What is known of the library without running it. */
export interface LibraryFacts {
  /** Argument places that a library function calls and never keeps. */
  readonly calls: ReadonlyMap<string, readonly number[]>;
  /** Functions whose results never hold a function. */
  readonly plain: ReadonlySet<string>;
}

export type HostCallNode = Extract<Node, { op: "host-call" }>;
export type StepNode = Extract<Node, { op: "step" }>;
type CallNode = Extract<Node, { op: "call" }>;

/** Where something stands, and the annotations written around it, innermost first. */
export interface Site<N> {
  readonly node: N;
  readonly place: Place;
  readonly annotations: Annotations;
}

/** A chain: each points at the one around it. */
export type Annotations = { readonly node: AnnotationNode; readonly outer: Annotations } | null;

/** What a call runs. */
export interface Called {
  /** Exactly one of these, once. */
  readonly once: readonly CodeNode[];
  /** Any of these, any number of times. */
  readonly often: readonly CodeNode[];
  /** As `often`, whatever functions stand in these. */
  readonly classes: readonly FlowClass[];
}

interface Around extends Place {
  readonly scope: Scope;
  readonly annotations: Annotations;
}

export class CallGraph {
  readonly steps: Site<StepNode>[] = [];
  readonly calls: Site<HostCallNode>[] = [];
  readonly reach: Reach = new Reach();
  /** Every function of the program. */
  readonly codes: CodeNode[] = [];
  /** Calls that can run functions of the program. */
  readonly called: Map<Node, Called> = new Map();
  /** Library functions as values, and what they call when they are called. */
  readonly callers: Map<object, FlowClass> = new Map();
  /** Nodes looked at; grows with the program. */
  visited = 0;
  readonly #flow = new Flow();
  readonly #facts: LibraryFacts;
  readonly #outside = new FlowClass();
  readonly #raised = new FlowClass();
  readonly #slots = new Map<Scope, FlowClass[]>();
  readonly #cells = new Map<Cell, FlowClass>();
  readonly #results = new Map<CodeNode, FlowClass>();
  readonly #indirect: (readonly [Place, FlowClass])[] = [];

  constructor(facts: LibraryFacts) {
    this.#facts = facts;
    this.#flow.join(this.#flow.restFrom(this.#outside, 0), this.#outside);
    this.#flow.join(this.#flow.result(this.#outside), this.#outside);
  }

  program(nodes: readonly Node[], scope: Scope): void {
    for (const node of nodes)
      this.visit(node, { code: null, step: null, scope, annotations: null });
    for (const [place, called] of this.#indirect) this.reach.calls(place, this.#flow.root(called));
    for (const called of new Set(this.#indirect.map(([, each]) => this.#flow.root(each)))) {
      for (const code of new Set(called.functions)) this.reach.within(called, code);
    }
  }

  /** Functions that can stand in a class. Complete once the program was seen. */
  functionsIn(of: FlowClass): readonly object[] {
    return this.#flow.root(of).functions;
  }

  #slot(scope: Scope, slot: number): FlowClass {
    const known = this.#slots.get(scope) ?? [];
    if (known.length === 0) this.#slots.set(scope, known);
    return (known[slot] ??= new FlowClass());
  }

  #cell(cell: Cell): FlowClass {
    if (cell.isExternal) return this.#outside;
    const known = this.#cells.get(cell) ?? new FlowClass();
    this.#cells.set(cell, known);
    return known;
  }

  #result(code: CodeNode): FlowClass {
    const known = this.#results.get(code) ?? new FlowClass();
    this.#results.set(code, known);
    return known;
  }

  /** Walk a node; where its value can flow. */
  visit(node: Node, around: Around): FlowClass {
    this.visited++;
    switch (node.op) {
      case "const":
        return new FlowClass();
      case "local":
        return this.#slot(node.binding.scope, node.binding.slot);
      case "global":
        return this.#cell(node.cell);
      case "builtin":
        return this.#builtinValue(node.name);
      case "argument":
        return this.#outside;
      case "fn":
        return this.#function(node.code, around);
      case "call":
        return this.#call(node, around);
      case "host-call":
        this.calls.push({ node, place: around, annotations: around.annotations });
        return this.#all(node.args, around, this.#outside);
      case "vector":
        return this.#all(node.items, around, new FlowClass());
      case "map":
        return this.#all(
          node.entries.map(([, value]) => value),
          around,
          new FlowClass(),
        );
      case "set":
        return this.#joined(this.#slot(around.scope, node.slot), this.visit(node.value, around));
      case "define": {
        const value = this.visit(node.value, around);
        for (const cell of node.cells) this.#flow.join(this.#cell(cell), value);
        return value;
      }
      case "bind":
        return this.#bind(node.pattern, this.visit(node.value, around), around);
      case "check":
        return this.visit(node.value, around);
      case "context":
        return this.#parts(node, around, this.#outside);
      case "meta":
        for (const [, value] of node.runtime) this.#into(this.#outside, value, around);
        return this.visit(node.body, {
          ...around,
          annotations: { node, outer: around.annotations },
        });
      case "if":
      case "do":
      case "and":
      case "or":
        return this.#parts(node, around, new FlowClass());
      case "match":
        return this.#match(node.clauses, this.visit(node.subject, around), around);
      case "try":
        return this.#try(node, around);
      case "step":
        return this.#step(node, around);
      case "for":
        return this.#for(node, around);
      case "dotimes":
        this.visit(node.count, around);
        return this.visit(node.body, { ...around, scope: node.scope });
    }
  }

  #joined(one: FlowClass, other: FlowClass): FlowClass {
    this.#flow.join(one, other);
    return one;
  }

  #into(target: FlowClass, node: Node, around: Around): void {
    this.#flow.join(target, this.visit(node, around));
  }

  #all(nodes: readonly Node[], around: Around, target: FlowClass): FlowClass {
    for (const node of nodes) this.#into(target, node, around);
    return target;
  }

  /** The parts of a node; those that give its value flow into `target`. */
  #parts(node: Node, around: Around, target: FlowClass): FlowClass {
    for (const part of partsOf(node)) {
      const value = this.visit(part.node, around);
      if (part.isResult) this.#flow.join(target, value);
    }
    return target;
  }

  /** Parts of a value are one class with it; so are defaults that take their place. */
  #bind(pattern: Pattern, value: FlowClass, around: Around): FlowClass {
    const bound = (slot: number): void => {
      this.#flow.join(this.#slot(around.scope, slot), value);
    };
    switch (pattern.kind) {
      case "bind":
        bound(pattern.slot);
        break;
      case "as":
        bound(pattern.slot);
        this.#bind(pattern.pattern, value, around);
        break;
      case "typed":
        this.#bind(pattern.pattern, value, around);
        break;
      case "vector":
      case "map": {
        const inner =
          pattern.kind === "vector" ? pattern.items : pattern.entries.map((each) => each.pattern);
        for (const each of [...inner, pattern.rest, pattern.whole]) {
          if (each !== null) this.#bind(each, value, around);
        }
        const defaults = pattern.kind === "map" ? pattern.entries : [];
        for (const { fallback } of defaults) {
          if (fallback !== null) this.#into(value, fallback, around);
        }
        break;
      }
      case "any":
      case "literal":
        break;
    }
    return value;
  }

  /** A value that no clause takes is part of the error. */
  #match(clauses: readonly MatchClause[], subject: FlowClass, around: Around): FlowClass {
    const result = new FlowClass();
    this.#flow.join(this.#raised, subject);
    for (const { pattern, guard, body } of clauses) {
      this.#bind(pattern, subject, around);
      if (guard !== null) this.visit(guard, around);
      this.#into(result, body, around);
    }
    return result;
  }

  #try(node: Extract<Node, { op: "try" }>, around: Around): FlowClass {
    const result = new FlowClass();
    this.#into(result, node.body, around);
    for (const { slot, body } of node.catches) {
      this.#flow.join(this.#raised, this.#outside);
      this.#flow.join(this.#slot(around.scope, slot), this.#raised);
      this.#into(result, body, around);
    }
    if (node.finalizer !== null) this.visit(node.finalizer, around);
    return result;
  }

  #step(node: StepNode, around: Around): FlowClass {
    this.steps.push({ node, place: around, annotations: around.annotations });
    if (node.params !== null) {
      this.#into(this.#slot(around.scope, node.paramsSlot), node.params, around);
    }
    return this.visit(node.body, { ...around, step: node.name });
  }

  #for(node: Extract<Node, { op: "for" }>, around: Around): FlowClass {
    const inner = { ...around, scope: node.scope };
    for (const { slot, source } of node.loops) {
      this.#into(this.#slot(node.scope, slot), source, inner);
    }
    return this.visit(node.body, inner);
  }

  /** The function as a value: whoever calls its class gives its parameters and gets its result. */
  #function(code: CodeNode, { annotations }: Around): FlowClass {
    const value = new FlowClass();
    this.codes.push(code);
    this.#flow.add(value, code);
    for (let index = 0; index < code.arity; index++) {
      this.#flow.join(this.#flow.param(value, index), this.#slot(code.scope, index + 1));
    }
    if (code.restSlot !== 0) {
      const rest = this.#flow.restFrom(value, code.arity);
      this.#flow.join(rest, this.#slot(code.scope, code.restSlot));
    }
    const result = this.#joined(this.#flow.result(value), this.#result(code));
    const inner: Around = { code, step: null, scope: code.scope, annotations };
    for (const node of code.prologue) this.visit(node, inner);
    this.#into(result, code.body, inner);
    return value;
  }

  /** A function that hands parts of its arguments on. */
  #accessor(): FlowClass {
    const value = new FlowClass();
    this.#flow.join(this.#flow.result(value), this.#flow.restFrom(value, 0));
    return value;
  }

  #builtinValue(name: string): FlowClass {
    if (this.#facts.plain.has(name)) return new FlowClass();
    const value = this.#accessor();
    this.#elsewhere(name, this.#flow.result(value));
    if ((this.#facts.calls.get(name) ?? []).length === 0) return value;
    const caller = { name };
    this.#flow.add(value, caller);
    const handed = this.#flow.result(value);
    this.callers.set(caller, handed);
    this.#callAny({ code: caller, step: null }, handed, handed);
    return value;
  }

  /** What a library function is given may come out at another place. */
  #elsewhere(name: string, data: FlowClass): void {
    if (name === "throw" || name === "Exception.") this.#flow.join(this.#raised, data);
    if (name.startsWith("context/")) this.#flow.join(this.#outside, data);
  }

  #call(node: CallNode, around: Around): FlowClass {
    const { callee, args } = node;
    if (callee.op === "builtin") return this.#library(callee.name, node, around);
    const once = functionsOf(callee);
    const value = this.visit(callee, around);
    const given = args.map((arg) => this.visit(arg, around));
    this.called.set(node, { once, often: [], classes: once.length > 0 ? [] : [value] });
    return once.length > 0
      ? this.#direct(once, given, around)
      : this.#unknown(value, given, around);
  }

  #direct(targets: readonly CodeNode[], given: readonly FlowClass[], around: Around): FlowClass {
    const result = targets.length === 1 ? this.#result(targets[0]!) : new FlowClass();
    for (const code of targets) {
      this.reach.calls(around, code);
      this.#flow.join(result, this.#result(code));
      for (const [index, value] of given.entries()) {
        const slot = index < code.arity ? index + 1 : code.restSlot;
        if (slot !== 0) this.#flow.join(this.#slot(code.scope, slot), value);
      }
    }
    return result;
  }

  /** The callee may also be a keyword, whose result is part of what it is given. */
  #unknown(callee: FlowClass, given: readonly FlowClass[], around: Around): FlowClass {
    this.#indirect.push([around, callee]);
    const result = this.#flow.result(callee);
    for (const [index, value] of given.entries()) {
      this.#flow.join(this.#flow.param(callee, index), value);
      this.#flow.join(result, value);
    }
    return result;
  }

  /** Something calls everything in `called` with anything in `data`, and keeps the results there. */
  #callAny(place: Place, called: FlowClass, data: FlowClass): void {
    this.#indirect.push([place, called]);
    this.#flow.join(this.#flow.restFrom(called, 0), data);
    this.#flow.join(this.#flow.result(called), data);
  }

  #library(name: string, node: CallNode, around: Around): FlowClass {
    const { args } = node;
    const called = this.#facts.calls.get(name) ?? [];
    if (this.#facts.plain.has(name)) {
      for (const arg of args) this.visit(arg, around);
      return new FlowClass();
    }
    const data = new FlowClass();
    const runs: { readonly often: CodeNode[]; readonly classes: FlowClass[] } = {
      often: [],
      classes: [],
    };
    for (const [index, arg] of args.entries()) {
      if (!called.includes(index)) this.#into(data, arg, around);
      else {
        const { often, classes } = this.#calledArgument(arg, data, around);
        runs.often.push(...often);
        runs.classes.push(...classes);
      }
    }
    this.called.set(node, { once: [], ...runs });
    this.#elsewhere(name, data);
    return data;
  }

  #calledArgument(arg: Node, data: FlowClass, around: Around): Omit<Called, "once"> {
    const targets = functionsOf(arg);
    const value = this.visit(arg, around);
    if (targets.length === 0) {
      this.#callAny(around, value, data);
      return { often: [], classes: [value] };
    }
    for (const code of targets) {
      this.reach.calls(around, code);
      this.#flow.join(data, this.#result(code));
      for (let slot = 1; slot <= code.arity; slot++) {
        this.#flow.join(data, this.#slot(code.scope, slot));
      }
      if (code.restSlot !== 0) this.#flow.join(data, this.#slot(code.scope, code.restSlot));
    }
    return { often: targets, classes: [] };
  }
}

/** The functions a node can stand for, when that is certain; empty otherwise. */
export function functionsOf(node: Node): readonly CodeNode[] {
  if (node.op === "fn") return [node.code];
  if (node.op === "meta") return functionsOf(node.body);
  if (node.op === "set") return isFunction(node.value) ? functionsOf(node.value) : [];
  if (node.op === "local") return functionOf(node.binding);
  if (node.op !== "global") return [];
  const { values, isExternal } = node.cell;
  return !isExternal && values.every(isFunction) ? values.flatMap(functionsOf) : [];
}

function functionOf({ value }: Binding): readonly CodeNode[] {
  return value !== null && isFunction(value) ? functionsOf(value) : [];
}

/** A function written here, perhaps with a name of its own. */
function isFunction(node: Node): boolean {
  if (node.op === "meta") return isFunction(node.body);
  return node.op === "fn" || (node.op === "set" && isFunction(node.value));
}
