/**
 * Which tail calls are loops, which are plain calls, and which must wait for the caller to make
 * them.
 *
 * A function's tail call of itself is a loop. A tail call of a known function that never comes back
 * in tail position is a plain call: the stack it takes is bounded by the number of functions. All
 * others are left pending ("bounce"), so that they take no stack.
 *
 * @module
 */
import { fittingCallee, roots } from "./facts.ts";
import type { Ir, IrCall, IrProgram, Lambda } from "./ir.ts";
import { eachPart } from "./parts.ts";

/** Where a node stands: what a tail call there can be. */
export interface TailPlace {
  /** The function whose code it is; null: the program's own. */
  readonly home: Lambda | null;
  /** Functions that a jump can start again. */
  readonly loops: readonly Lambda[];
  /** A tail call there ends `home`. */
  readonly isReturn: boolean;
}

export type TailKind = "none" | "loop" | "direct" | "bounce";

export function homePlace(home: Lambda | null): TailPlace {
  return { home, loops: home === null ? [] : [home], isReturn: home !== null };
}

/** Inside a function that runs in place. */
export function inlinePlace(place: TailPlace, lambda: Lambda, isTail: boolean): TailPlace {
  return {
    home: place.home,
    loops: isTail ? [...place.loops, lambda] : [lambda],
    isReturn: isTail && place.isReturn,
  };
}

/** How to make a call; "none": it is no tail call. */
export function tailKind({ callee, args, isTail }: IrCall, place: TailPlace): TailKind {
  if (!isTail || callee.op === "builtin") return "none";
  const target = fittingCallee(callee, args.length);
  if (target === null) {
    const known = callee.op === "local" ? callee.variable.lambda : null;
    if (known !== null && known.params.length === args.length && place.loops.includes(known)) {
      return "loop";
    }
    return place.isReturn && callee.op !== "const" ? "bounce" : "none";
  }
  if (place.loops.includes(target)) return "loop";
  if (!place.isReturn) return "none";
  return target.group === place.home?.group ? "bounce" : "direct";
}

/** Fills `isLoop`, `group` and `mayBounce` of every function. */
export function settleTailCalls(program: IrProgram): void {
  const edges = new Map<Lambda, Set<Lambda>>();
  for (const lambda of program.lambdas) {
    lambda.isLoop = false;
    lambda.mayBounce = false;
    lambda.group = -1 - lambda.id;
    edges.set(lambda, new Set());
  }
  const collector = new TailCollector(edges);
  for (const [home, body] of roots(program)) collector.root(home, body);
  new Groups(edges).number();
  for (const [lambda, targets] of edges) {
    if ([...targets].some(({ group }) => group === lambda.group)) lambda.mayBounce = true;
  }
  spreadBounces(edges);
}

/** Tail calls in the code of one function: loops are marked, others become edges. */
class TailCollector {
  readonly #edges: ReadonlyMap<Lambda, Set<Lambda>>;
  #place: TailPlace = homePlace(null);

  constructor(edges: ReadonlyMap<Lambda, Set<Lambda>>) {
    this.#edges = edges;
  }

  root(home: Lambda | null, body: Ir): void {
    this.#place = homePlace(home);
    this.#collect(body);
  }

  readonly #collect = (node: Ir): void => {
    if (node.op === "call" && node.isTail) this.#call(node);
    if (node.op === "inline") {
      for (const arg of node.args) this.#collect(arg);
      const around = this.#place;
      this.#place = inlinePlace(around, node.lambda, node.isTail);
      this.#collect(node.lambda.body);
      this.#place = around;
    } else eachPart(node, this.#collect);
  };

  #call(node: IrCall): void {
    const { home } = this.#place;
    const kind = tailKind(node, this.#place);
    const target = knownTarget(node);
    if (kind === "loop") target!.isLoop = true;
    else if (kind === "direct") this.#edges.get(home!)!.add(target!);
    else if (kind === "bounce") home!.mayBounce = true;
  }
}

/** The function a call by name is of, inlined or not. */
export function knownTarget({ callee }: IrCall): Lambda | null {
  if (callee.op === "local") return callee.variable.lambda;
  return callee.op === "global" ? callee.global.lambda : null;
}

/** Tail calls travel: who calls directly what may bounce, may bounce. */
function spreadBounces(edges: ReadonlyMap<Lambda, ReadonlySet<Lambda>>): void {
  const callers = new Map<Lambda, Lambda[]>();
  for (const [caller, targets] of edges) {
    for (const target of targets) callers.set(target, [...(callers.get(target) ?? []), caller]);
  }
  const waiting = [...edges.keys()].filter(({ mayBounce }) => mayBounce);
  for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
    for (const caller of callers.get(target) ?? []) {
      if (caller.mayBounce) continue;
      caller.mayBounce = true;
      waiting.push(caller);
    }
  }
}

interface Visit {
  readonly lambda: Lambda;
  readonly targets: Iterator<Lambda>;
}

/** Strongly connected components of the tail calls, by Tarjan, without recursion. */
class Groups {
  readonly #edges: ReadonlyMap<Lambda, ReadonlySet<Lambda>>;
  readonly #index = new Map<Lambda, number>();
  readonly #low = new Map<Lambda, number>();
  readonly #open: Lambda[] = [];
  readonly #isOpen = new Set<Lambda>();
  #count = 0;

  constructor(edges: ReadonlyMap<Lambda, ReadonlySet<Lambda>>) {
    this.#edges = edges;
  }

  number(): void {
    for (const lambda of this.#edges.keys()) {
      if (!this.#index.has(lambda)) this.#walk(lambda);
    }
  }

  #enter(lambda: Lambda): Visit {
    this.#index.set(lambda, this.#count);
    this.#low.set(lambda, this.#count++);
    this.#open.push(lambda);
    this.#isOpen.add(lambda);
    return { lambda, targets: this.#edges.get(lambda)!.values() };
  }

  #walk(start: Lambda): void {
    const path = [this.#enter(start)];
    while (path.length > 0) {
      const { lambda, targets } = path.at(-1)!;
      const next = targets.next();
      if (next.done) {
        path.pop();
        this.#close(lambda);
        const caller = path.at(-1)?.lambda;
        if (caller !== undefined) this.#lower(caller, this.#low.get(lambda)!);
      } else if (!this.#index.has(next.value)) path.push(this.#enter(next.value));
      else if (this.#isOpen.has(next.value)) this.#lower(lambda, this.#index.get(next.value)!);
    }
  }

  #lower(lambda: Lambda, value: number): void {
    this.#low.set(lambda, Math.min(this.#low.get(lambda)!, value));
  }

  /** The root of a component takes everything that was opened since. */
  #close(root: Lambda): void {
    if (this.#low.get(root) !== this.#index.get(root)) return;
    for (;;) {
      const lambda = this.#open.pop()!;
      this.#isOpen.delete(lambda);
      lambda.group = this.#index.get(root)!;
      if (lambda === root) return;
    }
  }
}
