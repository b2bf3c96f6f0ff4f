/**
 * Where function values can go: classes of places between which a value may flow.
 *
 * Read in this order: FlowClass, Flow.join, Flow.called. When a value can flow from one place to
 * another the two become one class (union-find), so the work grows with the program and not with its
 * square. A container and what is in it are one class. A class that is called has parameters and a
 * result, which are classes too; whatever functions end up in it are called from all its call sites.
 *
 * @module
 */

/** Class of the arguments from an index on: rest parameters and spread arguments. */
interface Rest {
  readonly from: number;
  readonly items: FlowClass;
}

/** Places whose values may be the same value, or one part of the other. Opaque: use {@link Flow}. */
export class FlowClass {
  parent: FlowClass | null = null;
  rank = 0;
  /** Functions that values here may be. */
  readonly functions: object[] = [];
  readonly params: FlowClass[] = [];
  rest: Rest | null = null;
  result: FlowClass | null = null;
}

export class Flow {
  readonly #waiting: (readonly [FlowClass, FlowClass])[] = [];

  root(of: FlowClass): FlowClass {
    let root = of;
    while (root.parent !== null) root = root.parent;
    for (let at = of; at.parent !== null; ) {
      const next: FlowClass = at.parent;
      at.parent = root;
      at = next;
    }
    return root;
  }

  /** Values of the class may be this function. */
  add(to: FlowClass, code: object): void {
    this.root(to).functions.push(code);
  }

  /** A value may flow between the two. */
  join(one: FlowClass, other: FlowClass): void {
    this.#waiting.push([one, other]);
    for (let pair = this.#waiting.pop(); pair !== undefined; pair = this.#waiting.pop()) {
      this.#merge(this.root(pair[0]), this.root(pair[1]));
    }
  }

  #merge(one: FlowClass, other: FlowClass): void {
    if (one === other) return;
    const [small, large] = one.rank <= other.rank ? [one, other] : [other, one];
    if (small.rank === large.rank) large.rank++;
    small.parent = large;
    for (const each of small.functions) large.functions.push(each);
    for (const [index, param] of small.params.entries()) {
      const known = large.params[index];
      if (known === undefined) large.params[index] = param;
      else this.#waiting.push([known, param]);
    }
    if (small.result !== null) {
      if (large.result === null) large.result = small.result;
      else this.#waiting.push([large.result, small.result]);
    }
    const { rest } = large;
    if (rest === null) large.rest = small.rest;
    else if (small.rest !== null) {
      large.rest = { from: Math.min(rest.from, small.rest.from), items: rest.items };
      this.#waiting.push([rest.items, small.rest.items]);
    }
    this.#spread(large);
  }

  /** Parameters from the rest on are its items. */
  #spread({ rest, params }: FlowClass): void {
    if (rest === null) return;
    for (let index = rest.from; index < params.length; index++) {
      this.#waiting.push([rest.items, params[index]!]);
    }
    params.length = Math.min(params.length, rest.from);
  }

  /** What a call of values in this class gets at an index. */
  param(of: FlowClass, index: number): FlowClass {
    const root = this.root(of);
    if (root.rest !== null && index >= root.rest.from) return root.rest.items;
    for (let at = root.params.length; at <= index; at++) root.params.push(new FlowClass());
    return root.params[index]!;
  }

  /** What a call of values in this class gets from an index on. */
  restFrom(of: FlowClass, from: number): FlowClass {
    const holder = new FlowClass();
    for (let at = 0; at < from; at++) holder.params.push(new FlowClass());
    const items = new FlowClass();
    holder.rest = { from, items };
    this.join(of, holder);
    return items;
  }

  result(of: FlowClass): FlowClass {
    const root = this.root(of);
    root.result ??= new FlowClass();
    return root.result;
  }
}
