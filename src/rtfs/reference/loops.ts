/**
 * `for` and `dotimes`: each turn has an environment of its own.
 *
 * @module
 */
import type { ForLoop, Node } from "../analysis/node.ts";
import { checkSize } from "../values/limits.ts";
import { kindOf } from "../values/kind-of.ts";
import { isInt } from "../values/numbers.ts";
import { typeError } from "../values/rtfs-error.ts";
import { List, type Value, Vector } from "../values/value.ts";
import { Environment } from "./environment.ts";
import type { Evaluation } from "./evaluation.ts";
import type { ReferenceMachine } from "./reference-machine.ts";

type ForNode = Extract<Node, { op: "for" }>;

export function* dotimesForm(
  machine: ReferenceMachine,
  { slot, count, body, span }: Extract<Node, { op: "dotimes" }>,
  environment: Environment,
): Evaluation {
  const times = yield [count, environment];
  machine.at = span;
  if (!isInt(times)) throw typeError("an integer", kindOf(times), "dotimes");
  let value: Value = null;
  for (let index = 0; index < times; index++) {
    machine.spend(1);
    const turn = new Environment(environment);
    turn.set(slot, index);
    value = yield [body, turn];
  }
  return value;
}

export function* forForm(
  machine: ReferenceMachine,
  node: ForNode,
  environment: Environment,
): Evaluation {
  const results: Value[] = [];
  yield* turns(machine, { node, loops: node.loops, results }, new Environment(environment));
  return new Vector(results);
}

interface Turns {
  readonly node: ForNode;
  /** The loops inside this one, outermost first. */
  readonly loops: readonly ForLoop[];
  readonly results: Value[];
}

function* turns(
  machine: ReferenceMachine,
  { node, loops: [loop, ...inner], results }: Turns,
  environment: Environment,
): Evaluation {
  if (loop === undefined) {
    results.push(yield [node.body, environment]);
    checkSize(results.length, "for");
    return null;
  }
  const source = yield [loop.source, environment];
  machine.at = node.span;
  if (!(source instanceof Vector || source instanceof List)) {
    throw typeError("a vector or a list", kindOf(source), "for");
  }
  for (const item of source.items) {
    machine.spend(1);
    const turn = environment.copy();
    turn.set(loop.slot, item);
    yield* turns(machine, { node, loops: inner, results }, turn);
  }
  return null;
}
