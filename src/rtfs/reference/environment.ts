import type { CodeNode } from "../analysis/node.ts";
import { FunctionValue, type Value } from "../values/value.ts";

/** The local names of one function call, loop turn, or the program. */
export class Environment {
  readonly parent: Environment | null;
  readonly #values = new Map<number, Value>();

  constructor(parent: Environment | null) {
    this.parent = parent;
  }

  /** Undefined: not set yet. */
  get(slot: number): Value | undefined {
    return this.#values.get(slot);
  }

  set(slot: number, value: Value): void {
    this.#values.set(slot, value);
  }

  /** The environment so many scopes outwards. */
  outer(depth: number): Environment {
    return depth === 0 ? this : this.parent!.outer(depth - 1);
  }

  /** A turn of a loop that begins with what is bound so far. */
  copy(): Environment {
    const copy = new Environment(this.parent);
    for (const [slot, value] of this.#values) copy.set(slot, value);
    return copy;
  }
}

/** A function of the program, with the environment it was made in. */
export class ReferenceClosure extends FunctionValue {
  readonly code: CodeNode;
  readonly environment: Environment;

  constructor(code: CodeNode, environment: Environment) {
    super(code.name);
    this.code = code;
    this.environment = environment;
  }
}

/** What a call in tail position gives to the call it ends; never a value a program sees. */
export class TailCall extends FunctionValue {
  readonly closure: ReferenceClosure;
  readonly environment: Environment;

  constructor(closure: ReferenceClosure, environment: Environment) {
    super("tail call");
    this.closure = closure;
    this.environment = environment;
  }
}
