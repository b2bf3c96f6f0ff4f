/**
 * `match`, `try` and `step`.
 *
 * `try` sees errors of the language only. What is no matter of the program (a broken channel, a
 * defect) and exhausted fuel pass through it, and `finally` does not run for them.
 *
 * @module
 */
import type { CatchClause, Node } from "../analysis/node.ts";
import { displayMetered } from "../values/print.ts";
import { familyOf, isErrorKind, kindKeyword, RtfsError } from "../values/rtfs-error.ts";
import { keyword } from "../values/value.ts";
import type { Generation } from "./generation.ts";
import { matcher } from "./generate-pattern.ts";
import { asRtfsError, type Frame, type Machine, type Run } from "./machine.ts";

export function generateMatch(generator: Generation, node: Extract<Node, { op: "match" }>): Run {
  const { machine } = generator;
  const { span } = node;
  const subject = generator.run(node.subject);
  const clauses = node.clauses.map((clause) => ({
    matches: matcher(generator, clause.pattern),
    guard: clause.guard === null ? null : generator.run(clause.guard),
    body: generator.run(clause.body),
  }));
  return (frame) => {
    const value = subject(frame);
    for (const { matches, guard, body } of clauses) {
      if (!matches(frame, value)) continue;
      const passed = guard === null ? true : guard(frame);
      if (passed !== false && passed !== null) return body(frame);
    }
    machine.at = span;
    const shown = displayMetered(value, machine.meter).slice(0, 80).toWellFormed();
    throw new RtfsError("MatchError", `No clause matches ${shown}`, { value });
  };
}

interface Handler {
  readonly accepts: (error: RtfsError) => boolean;
  readonly slot: number;
  readonly body: Run;
}

export function generateTry(generator: Generation, node: Extract<Node, { op: "try" }>): Run {
  const { machine } = generator;
  const body = generator.run(node.body);
  const handlers = node.catches.map((clause) => ({
    accepts: acceptance(clause),
    slot: clause.slot,
    body: generator.run(clause.body),
  }));
  const guarded = handlers.length === 0 ? body : withHandlers(machine, body, handlers);
  return node.finalizer === null
    ? guarded
    : withFinalizer(machine, guarded, generator.run(node.finalizer));
}

function withHandlers(machine: Machine, body: Run, handlers: readonly Handler[]): Run {
  return (frame) => {
    const { depth } = machine;
    try {
      return body(frame);
    } catch (thrown) {
      const error = catchable(thrown, machine);
      const handler = handlers.find(({ accepts }) => accepts(error));
      if (handler === undefined) throw error;
      machine.depth = depth;
      frame[handler.slot] = error.toValue();
      return handler.body(frame);
    }
  };
}

function withFinalizer(machine: Machine, body: Run, finalizer: Run): Run {
  return (frame) => {
    const value = runGuarded(machine, body, finalizer, frame);
    finalizer(frame);
    return value;
  };
}

/** The body; when it fails, the finalizer and then the error. */
function runGuarded(machine: Machine, body: Run, finalizer: Run, frame: Frame) {
  const { depth } = machine;
  try {
    return body(frame);
  } catch (thrown) {
    const error = catchable(thrown, machine);
    machine.depth = depth;
    finalizer(frame);
    throw error;
  }
}

/** The error a program may handle; anything else is thrown on. */
function catchable(thrown: unknown, machine: Machine): RtfsError {
  const error = asRtfsError(thrown, machine);
  if (error === null || error.kind === "FuelExhausted") throw error ?? thrown;
  return error;
}

const EVERYTHING = new Set(["Exception", "Error", "_"]);

function acceptance({ type }: CatchClause): (error: RtfsError) => boolean {
  if (type === null || EVERYTHING.has(type)) return () => true;
  if (type.startsWith(":")) {
    const name = type.slice(1);
    const key = keyword(name);
    return (error) =>
      kindKeyword(error.kind) === name ||
      kindKeyword(familyOf(error.kind)) === name ||
      error.payload.get(keyword("type")) === key;
  }
  // A name that is no kind of the language catches everything, as programs written elsewhere
  // expect.
  if (!isErrorKind(type)) return () => true;
  return (error) => error.kind === type || familyOf(error.kind) === type;
}

export function generateStep(generator: Generation, node: Extract<Node, { op: "step" }>): Run {
  const { machine } = generator;
  const { name, paramsSlot, span } = node;
  const params = node.params === null ? null : generator.run(node.params);
  const body = generator.run(node.body);
  return (frame) => {
    if (params !== null) frame[paramsSlot] = params(frame);
    if (--machine.fuel < 0) machine.refuel();
    machine.at = span;
    machine.host?.step("enter", name);
    const value = runStep(machine, name, () => body(frame));
    machine.host?.step("leave", name);
    return value;
  };
}

function runStep<T>(machine: Machine, name: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    const error = asRtfsError(thrown, machine);
    if (error === null) throw thrown;
    machine.host?.step("fail", name);
    throw error;
  }
}
