/**
 * The order in which a plan can speak to the host: a graph whose paths are all that its evaluation can say.
 *
 * Read in this order: PlanFlow, flowOf, Builder.node. An event is a step's beginning, end or failure, or a call of the
 * host; points between events are joined where evaluation can go from one to the other without saying anything. A
 * function that says nothing leaves no trace; one that does is drawn anew at each place that calls it, so that its way
 * back is to that place, unless it calls itself or the graph grows over {@link DRAWN_MAX}: then it is drawn once and its
 * ends lead to everyone who called it. An error can rise anywhere. The graph admits more than evaluation does, never less.
 *
 * @module
 */
import type { CallGraph, Called, HostCallNode, StepNode } from "./call-graph.ts";
import type { CodeNode, Node } from "./node.ts";
import { fallbacksOf, partsOf } from "./node-parts.ts";

export type FlowEvent =
  | { readonly kind: "enter" | "leave" | "fail"; readonly step: string }
  /** `site` counts the host calls of the plan; a {@link import("./outline.ts").CallSite} names it. */
  | { readonly kind: "call"; readonly site: number };

interface Point {
  /** Where evaluation can be next without an event. */
  readonly to: number[];
  /** What is said here; the point then leads to one other. Null: nothing. */
  readonly event: FlowEvent | null;
}

export interface PlanFlow {
  readonly points: readonly Point[];
  readonly start: number;
  /** Where the plan has its value. */
  readonly end: number;
}

/** Points after which a function is drawn only once. */
const DRAWN_MAX = 20_000;

/** @param nodes the plan's forms, those that `graph` has seen. */
export function flowOf(nodes: readonly Node[], graph: CallGraph): PlanFlow {
  return new Builder(graph).plan(nodes);
}

/** A function's drawing. Errors that nobody in it catches rise from `raise`. */
interface Drawn {
  readonly entry: number;
  readonly exit: number;
  readonly raise: number;
}

interface Around {
  /** Where an error goes. */
  readonly raise: number;
  /** The functions that are being drawn around this place. */
  readonly active: ReadonlyMap<object, Drawn>;
}

class Builder {
  readonly #points: { readonly to: number[]; readonly event: FlowEvent | null }[] = [];
  readonly #graph: CallGraph;
  readonly #sites: ReadonlyMap<HostCallNode, number>;
  readonly #speaking: ReadonlySet<object>;
  readonly #shared = new Map<object, Drawn>();

  constructor(graph: CallGraph) {
    this.#graph = graph;
    this.#sites = new Map(graph.calls.map(({ node }, site) => [node, site]));
    this.#speaking = speakingFunctions(graph);
  }

  plan(nodes: readonly Node[]): PlanFlow {
    const failed = this.#add(null);
    const around = { raise: failed, active: new Map() };
    const start = this.#point(around);
    const end = this.#add(null);
    this.#join(this.#all(nodes, start, around), end);
    return { points: this.#points, start, end };
  }

  #add(event: FlowEvent | null): number {
    return this.#points.push({ to: [], event }) - 1;
  }

  #join(from: number, to: number): void {
    if (from !== to) this.#points[from]!.to.push(to);
  }

  /** A point at which an error can rise. */
  #point({ raise }: Pick<Around, "raise">): number {
    const point = this.#add(null);
    this.#join(point, raise);
    return point;
  }

  #say(event: FlowEvent, from: number, around: Pick<Around, "raise">): number {
    const said = this.#add(event);
    this.#join(from, said);
    const after = this.#point(around);
    this.#join(said, after);
    return after;
  }

  /** The point after any of `ends`. */
  #either(ends: readonly number[], around: Around): number {
    const distinct = [...new Set(ends)];
    if (distinct.length === 1) return distinct[0]!;
    const after = this.#point(around);
    for (const each of distinct) this.#join(each, after);
    return after;
  }

  #all(nodes: readonly Node[], from: number, around: Around): number {
    return nodes.reduce((at, node) => this.#node(node, at, around), from);
  }

  /** Each of the nodes may be evaluated, in this order. */
  #perhaps(nodes: readonly Node[], from: number, around: Around): number {
    return nodes.reduce(
      (at, node) => this.#either([at, this.#node(node, at, around)], around),
      from,
    );
  }

  /** Any of the nodes, any number of times. */
  #repeat(nodes: readonly Node[], from: number, around: Around): number {
    const turn = this.#point(around);
    const ends = nodes.map((node) => this.#node(node, turn, around));
    if (ends.every((end) => end === turn)) return from;
    this.#join(from, turn);
    for (const end of ends) this.#join(end, turn);
    return turn;
  }

  /** Draw a node from a point on; the point at which its value is known. */
  #node(node: Node, from: number, around: Around): number {
    switch (node.op) {
      case "if": {
        const tested = this.#node(node.test, from, around);
        const branches = [node.then, node.otherwise];
        return this.#either(
          branches.map((branch) => this.#node(branch, tested, around)),
          around,
        );
      }
      case "and":
      case "or": {
        const ends: number[] = [];
        for (let at = from, index = 0; index < node.nodes.length; index++) {
          at = this.#node(node.nodes[index]!, at, around);
          ends.push(at);
        }
        return ends.length === 0 ? from : this.#either(ends, around);
      }
      case "bind":
        return this.#perhaps(
          fallbacksOf(node.pattern),
          this.#node(node.value, from, around),
          around,
        );
      case "context":
        return node.fallback === null ? from : this.#perhaps([node.fallback], from, around);
      case "call":
        return this.#call(node, from, around);
      case "host-call": {
        const given = this.#all(node.args, from, around);
        return this.#say({ kind: "call", site: this.#sites.get(node)! }, given, around);
      }
      case "match":
        return this.#match(node, from, around);
      case "try":
        return this.#try(node, from, around);
      case "step":
        return this.#step(node, from, around);
      case "for":
        return this.#repeat([...node.loops.map(({ source }) => source), node.body], from, around);
      case "dotimes":
        return this.#repeat([node.body], this.#node(node.count, from, around), around);
      case "const":
      case "local":
      case "global":
      case "builtin":
      case "argument":
      case "fn":
      case "do":
      case "set":
      case "define":
      case "check":
      case "vector":
      case "map":
      case "meta":
        return this.#all(
          partsOf(node).map((part) => part.node),
          from,
          around,
        );
    }
  }

  #match(
    { subject, clauses }: Extract<Node, { op: "match" }>,
    from: number,
    around: Around,
  ): number {
    let at = this.#node(subject, from, around);
    const ends: number[] = [];
    for (const { pattern, guard, body } of clauses) {
      const matched = this.#perhaps(fallbacksOf(pattern), at, around);
      const guarded = guard === null ? matched : this.#node(guard, matched, around);
      ends.push(this.#node(body, guarded, around));
      at = this.#either([at, matched, guarded], around);
    }
    return ends.length === 0 ? at : this.#either(ends, around);
  }

  #try(
    { body, catches, finalizer }: Extract<Node, { op: "try" }>,
    from: number,
    around: Around,
  ): number {
    const finish = this.#point(around);
    const caught = this.#add(null);
    this.#join(caught, finish);
    const begin = this.#point({ raise: caught });
    this.#join(from, begin);
    const inner = { ...around, raise: caught };
    const ends = [this.#node(body, begin, inner)];
    for (const each of catches) {
      const handler = { ...around, raise: finish };
      const handling = this.#point(handler);
      this.#join(caught, handling);
      ends.push(this.#node(each.body, handling, handler));
    }
    // One drawing of the end serves both ways: what goes on, and what rises. What no clause can take passes it by.
    for (const end of ends) this.#join(end, finish);
    const finished = finalizer === null ? finish : this.#node(finalizer, finish, around);
    const after = this.#point(around);
    this.#join(finished, after);
    return after;
  }

  #step({ name: step, params, body }: StepNode, from: number, around: Around): number {
    const given = params === null ? from : this.#node(params, from, around);
    const failing = this.#add(null);
    this.#say({ kind: "fail", step }, failing, around);
    const inner = { ...around, raise: failing };
    const entered = this.#say({ kind: "enter", step }, given, inner);
    return this.#say({ kind: "leave", step }, this.#node(body, entered, inner), around);
  }

  #call(node: Extract<Node, { op: "call" }>, from: number, around: Around): number {
    const given = this.#all([node.callee, ...node.args], from, around);
    const called = this.#graph.called.get(node);
    return called === undefined ? given : this.#run(called, given, around);
  }

  #run({ once, often, classes }: Called, from: number, around: Around): number {
    if (once.length > 0) return this.#oneOf(once, from, around);
    const others = classes.flatMap((each) => this.#graph.functionsIn(each));
    return this.#anyOf([...often, ...others], from, around);
  }

  #oneOf(functions: readonly CodeNode[], from: number, around: Around): number {
    if (!functions.some((each) => this.#speaking.has(each))) return from;
    const after = this.#point(around);
    for (const code of functions) {
      if (this.#speaking.has(code)) this.#through(code, from, { after, around });
      else this.#join(from, after);
    }
    return after;
  }

  /** Any of the functions, any number of times. */
  #anyOf(functions: readonly object[], from: number, around: Around): number {
    const speaking = new Set(functions.filter((each) => this.#speaking.has(each)));
    if (speaking.size === 0) return from;
    const turn = this.#point(around);
    this.#join(from, turn);
    for (const each of speaking) this.#through(each, turn, { after: turn, around });
    return turn;
  }

  #through(
    code: object,
    from: number,
    { after, around }: { readonly after: number; readonly around: Around },
  ): void {
    const drawn = around.active.get(code) ?? this.#draw(code, around);
    this.#join(from, drawn.entry);
    this.#join(drawn.exit, after);
    this.#join(drawn.raise, around.raise);
  }

  #draw(code: object, around: Around): Drawn {
    const isShared = this.#points.length > DRAWN_MAX;
    const known = isShared ? this.#shared.get(code) : undefined;
    if (known !== undefined) return known;
    const raise = this.#add(null);
    const drawn = { entry: this.#point({ raise }), exit: this.#add(null), raise };
    // A shared drawing has no place of its own: only what is shared is around it.
    const active = isShared ? this.#shared : new Map(around.active);
    active.set(code, drawn);
    this.#join(this.#body(code, drawn.entry, { raise, active }), drawn.exit);
    return drawn;
  }

  #body(code: object, entry: number, inner: Around): number {
    const handed = this.#graph.callers.get(code);
    if (handed !== undefined) return this.#anyOf(this.#graph.functionsIn(handed), entry, inner);
    const { prologue, body } = code as CodeNode;
    return this.#all([...prologue, body], entry, inner);
  }
}

/** The functions in which the host can be told something, directly or by what they call. */
function speakingFunctions(graph: CallGraph): ReadonlySet<object> {
  const speaking = new Set<object>();
  const callersOf = new Map<object, object[]>();
  const calls = (caller: object, callee: object): void => {
    const known = callersOf.get(callee);
    if (known === undefined) callersOf.set(callee, [caller]);
    else known.push(caller);
  };
  for (const code of graph.codes) {
    const waiting: Node[] = [...code.prologue, code.body];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.op === "host-call" || node.op === "step") speaking.add(code);
      const called = node.op === "call" ? graph.called.get(node) : undefined;
      for (const each of called === undefined ? [] : calleesOf(graph, called)) calls(code, each);
      for (const part of partsOf(node)) waiting.push(part.node);
    }
  }
  for (const [caller, handed] of graph.callers) {
    for (const each of graph.functionsIn(handed)) calls(caller, each);
  }
  for (const each of speaking) for (const caller of callersOf.get(each) ?? []) speaking.add(caller);
  return speaking;
}

function calleesOf(graph: CallGraph, { once, often, classes }: Called): readonly object[] {
  return [...once, ...often, ...classes.flatMap((each) => graph.functionsIn(each))];
}
