/**
 * What reaches the host: calls, steps, the context, metadata of calls.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { asRtfsError } from "../eval/machine.ts";
import { kindOf } from "../values/kind-of.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { Keyword, type Value } from "../values/value.ts";
import type { Environment } from "./environment.ts";
import { evaluateAll, type Evaluation } from "./evaluation.ts";
import type { ReferenceMachine } from "./reference-machine.ts";

/** Longest capability id that the protocol carries, UTF-16 units. */
const CAPABILITY_LENGTH_MAX = 256;

export function* hostCall(
  machine: ReferenceMachine,
  { args, span }: Extract<Node, { op: "host-call" }>,
  environment: Environment,
): Evaluation {
  const [id, ...values] = yield* evaluateAll(args, environment);
  machine.spend(1);
  machine.at = span;
  const capability = capabilityOf(id!);
  if (machine.host === null) {
    const message = `There is no host to call "${capability.slice(0, 80).toWellFormed()}"`;
    throw new RtfsError("SecurityViolation", message, { operation: "call", capability });
  }
  const value = machine.host.call(capability, values, machine.metadata);
  machine.at = span;
  return value;
}

function capabilityOf(id: Value): string {
  const capability = id instanceof Keyword ? id.name : id;
  if (typeof capability !== "string") {
    throw typeError("a keyword or a string", kindOf(capability), "call");
  }
  if (capability.length <= CAPABILITY_LENGTH_MAX) return capability;
  throw new RtfsError("UnknownCapability", "call: the id is over 256 characters");
}

/** The host hears of a step's beginning and of its end, whichever it is. */
export function* stepForm(
  machine: ReferenceMachine,
  { name, params, paramsSlot, body, span }: Extract<Node, { op: "step" }>,
  environment: Environment,
): Evaluation {
  if (params !== null) environment.set(paramsSlot, yield [params, environment]);
  machine.spend(1);
  machine.at = span;
  machine.host?.step("enter", name);
  let value: Value;
  try {
    value = yield [body, environment];
  } catch (thrown) {
    const error = asRtfsError(thrown, machine);
    if (error !== null) machine.host?.step("fail", name);
    throw error ?? thrown;
  }
  machine.host?.step("leave", name);
  return value;
}

export function* contextForm(
  machine: ReferenceMachine,
  { key, fallback, span }: Extract<Node, { op: "context" }>,
  environment: Environment,
): Evaluation {
  machine.spend(1);
  machine.at = span;
  const found = machine.host?.context?.(key);
  if (found !== undefined) return found;
  return fallback === null ? null : yield [fallback, environment];
}

/** Entries of an outer form stay unless this one has the same name. */
export function* metaForm(
  machine: ReferenceMachine,
  { runtime, body }: Extract<Node, { op: "meta" }>,
  environment: Environment,
): Evaluation {
  const around = machine.metadata;
  const metadata = new Map<string, Value>(around);
  for (const [name, value] of runtime) metadata.set(name, yield [value, environment]);
  if (runtime.length > 0) machine.metadata = metadata;
  try {
    return yield [body, environment];
  } finally {
    machine.metadata = around;
  }
}
