/**
 * `try`: `catch` and `finally` see errors of the language only. What is no matter of the program (a
 * broken channel, a defect) and exhausted fuel pass through, and `finally` does not run for them.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { asRtfsError } from "../eval/machine.ts";
import { catchTest } from "../values/catching.ts";
import type { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { Environment } from "./environment.ts";
import type { Evaluation } from "./evaluation.ts";
import type { ReferenceMachine } from "./reference-machine.ts";

type TryNode = Extract<Node, { op: "try" }>;

export function* tryForm(
  machine: ReferenceMachine,
  node: TryNode,
  environment: Environment,
): Evaluation {
  const { finalizer } = node;
  if (finalizer === null) return yield* caught(machine, node, environment);
  let value: Value;
  try {
    value = yield* caught(machine, node, environment);
  } catch (thrown) {
    const error = catchable(machine, thrown);
    yield [finalizer, environment];
    throw error;
  }
  yield [finalizer, environment];
  return value;
}

/** The body, or the first clause that takes its error. */
function* caught(
  machine: ReferenceMachine,
  { body, catches }: TryNode,
  environment: Environment,
): Evaluation {
  try {
    return yield [body, environment];
  } catch (thrown) {
    const error = catchable(machine, thrown);
    const clause = catches.find(({ type }) => catchTest(type)(error));
    if (clause === undefined) throw error;
    environment.set(clause.slot, error.toValue());
    return yield [clause.body, environment];
  }
}

/** The error a program may handle; anything else is thrown on. */
function catchable(machine: ReferenceMachine, thrown: unknown): RtfsError {
  const error = asRtfsError(thrown, machine);
  if (error === null || error.kind === "FuelExhausted") throw error ?? thrown;
  return error;
}
