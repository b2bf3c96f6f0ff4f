/**
 * How an evaluation proceeds, without the stack of JS.
 *
 * Each form is a generator that yields what it needs the value of, an `Ask`. The driver keeps the
 * waiting generators in an array: it starts one for each ask, hands its value to the one below, and
 * throws an error into the one below. So nesting costs memory that is counted, a `try` of the
 * language is a `try` of the generator, and only a library function that calls back nests the
 * driver itself.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { Environment } from "./environment.ts";

export type Ask = readonly [Node, Environment];
/** A form under way: yields what it needs, gets the values, returns its own. */
export type Evaluation<T = Value> = Generator<Ask, T, Value>;

/** Forms that may wait for others at once; about 300 bytes each. */
const WAITING_MAX = 250_000;

/** The values of nodes, from left to right. */
export function* evaluateAll(
  nodes: readonly Node[],
  environment: Environment,
): Evaluation<readonly Value[]> {
  const values: Value[] = [];
  for (const node of nodes) values.push(yield [node, environment]);
  return values;
}

export interface Asked {
  /** The value, when it is there without evaluating anything; undefined: `begin` it. */
  atom(ask: Ask): Value | undefined;
  begin(ask: Ask): Evaluation;
}

/** Runs evaluations to their end; one for a run. */
export class Driver {
  #waiting = 0;
  readonly #asked: Asked;

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  /** @throws whatever the evaluation throws. */
  run(first: Evaluation): Value {
    const before = this.#waiting++;
    const stack = [first];
    let answer: Value = null;
    let failure: { readonly error: unknown } | null = null;
    while (stack.length > 0) {
      let isAsking = false;
      try {
        const top = stack.at(-1)!;
        const step: IteratorResult<Ask, Value> =
          failure === null ? top.next(answer) : top.throw(failure.error);
        failure = null;
        isAsking = step.done !== true;
        answer =
          step.done === true ? this.#finish(stack, step.value) : this.#ask(stack, step.value);
      } catch (error) {
        // Who failed by itself is over; who only asked gets the error where it asked.
        if (!isAsking) this.#finish(stack, null);
        failure = { error };
      }
    }
    this.#waiting = before;
    if (failure !== null) throw failure.error;
    return answer;
  }

  #finish(stack: Evaluation[], value: Value): Value {
    stack.pop();
    this.#waiting--;
    return value;
  }

  /** The value, or null when an evaluation that will give it was put on top. */
  #ask(stack: Evaluation[], ask: Ask): Value {
    const value = this.#asked.atom(ask);
    if (value !== undefined) return value;
    if (this.#waiting >= WAITING_MAX) {
      throw new RtfsError("StackOverflow", `More than ${WAITING_MAX} forms wait for each other`);
    }
    this.#waiting++;
    stack.push(this.#asked.begin(ask));
    return null;
  }
}
