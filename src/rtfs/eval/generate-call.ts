/**
 * Calls: of closures with 0 to 3 arguments without an argument array, of builtins, of keywords, of
 * the host.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { kindOf } from "../values/kind-of.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { Keyword, type Value } from "../values/value.ts";
import { evaluateAll, type Generation } from "./generation.ts";
import { generateOperator } from "./generate-operator.ts";
import {
  arityError,
  type Builtin,
  Closure,
  type Frame,
  frameFor,
  lookUp,
  type Run,
  TAIL_CALL,
} from "./machine.ts";

/** Longest capability id that the protocol carries. */
const CAPABILITY_LENGTH_MAX = 256;

type CallNode = Extract<Node, { op: "call" }>;

export function generateCall(generator: Generation, node: CallNode): Run {
  const { callee } = node;
  if (callee.op === "builtin") {
    const operator = generateOperator(generator, callee.name, node);
    return operator ?? builtinCall(generator, generator.builtins.get(callee.name)!, node);
  }
  if (callee.op === "const" && callee.value instanceof Keyword) {
    return keywordCall(generator, callee.value, node);
  }
  return node.isTail && generator.current !== null
    ? tailCall(generator, node)
    : plainCall(generator, node);
}

function builtinCall(generator: Generation, builtin: Builtin, node: CallNode): Run {
  const { machine } = generator;
  const { span } = node;
  const args = node.args.map((arg) => generator.run(arg));
  const isFit = args.length >= builtin.arityMin && args.length <= builtin.arityMax;
  return (frame) => {
    const values = evaluateAll(args, frame);
    if (--machine.fuel < 0) machine.refuel();
    machine.at = span;
    if (!isFit) throw arityError(builtin, args.length);
    return builtin.run(values, machine);
  };
}

function keywordCall(generator: Generation, key: Keyword, node: CallNode): Run {
  const { machine } = generator;
  const { span } = node;
  const args = node.args.map((arg) => generator.run(arg));
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    machine.at = span;
    return lookUp(key, values);
  };
}

function plainCall(generator: Generation, node: CallNode): Run {
  const { machine } = generator;
  const callee = generator.run(node.callee);
  const args = node.args.map((arg) => generator.run(arg));
  const count = args.length;
  const { span } = node;
  const slow = (target: Value, values: readonly Value[]): Value => {
    machine.at = span;
    return machine.apply(target, values);
  };
  const [first, second, third] = args as [Run, Run, Run];
  // Frames are built in place: this is the hottest code, and a helper here is not inlined.
  switch (count) {
    case 0:
      return (frame) => {
        const target = callee(frame);
        if (!(target instanceof Closure && target.code.exactArity === 0)) return slow(target, []);
        const inner: Frame = Array(target.code.slots);
        inner[0] = target.frame;
        machine.at = span;
        return machine.enter(target, inner);
      };
    case 1:
      return (frame) => {
        const target = callee(frame);
        if (!(target instanceof Closure && target.code.exactArity === 1)) {
          return slow(target, [first(frame)]);
        }
        const inner: Frame = Array(target.code.slots);
        inner[0] = target.frame;
        inner[1] = first(frame);
        machine.at = span;
        return machine.enter(target, inner);
      };
    case 2:
      return (frame) => {
        const target = callee(frame);
        if (!(target instanceof Closure && target.code.exactArity === 2)) {
          return slow(target, [first(frame), second(frame)]);
        }
        const inner: Frame = Array(target.code.slots);
        inner[0] = target.frame;
        inner[1] = first(frame);
        inner[2] = second(frame);
        machine.at = span;
        return machine.enter(target, inner);
      };
    case 3:
      return (frame) => {
        const target = callee(frame);
        if (!(target instanceof Closure && target.code.exactArity === 3)) {
          return slow(target, [first(frame), second(frame), third(frame)]);
        }
        const inner: Frame = Array(target.code.slots);
        inner[0] = target.frame;
        inner[1] = first(frame);
        inner[2] = second(frame);
        inner[3] = third(frame);
        machine.at = span;
        return machine.enter(target, inner);
      };
    default:
      return (frame) => slow(callee(frame), evaluateAll(args, frame));
  }
}

/**
 * A call whose value is the value of the current function: its target is left to `Machine.enter`.
 */
function tailCall(generator: Generation, node: CallNode): Run {
  const { machine } = generator;
  const own = generator.current!;
  const callee = generator.run(node.callee);
  const args = node.args.map((arg) => generator.run(arg));
  const { span } = node;
  const isOwnCount = args.length === own.arity && own.isReusable;
  const assign = assignment(args);
  return (frame) => {
    const target = callee(frame);
    if (
      isOwnCount &&
      target instanceof Closure &&
      target.code === own &&
      frame[0] === target.frame
    ) {
      assign(frame);
      machine.at = span;
      machine.tailTarget = target;
      machine.tailFrame = frame;
      return TAIL_CALL;
    }
    const values = evaluateAll(args, frame);
    machine.at = span;
    if (!(target instanceof Closure)) return machine.apply(target, values);
    machine.tailTarget = target;
    machine.tailFrame = frameFor(target, values);
    return TAIL_CALL;
  };
}

/** All arguments, and only then the slots they replace. */
function assignment(args: readonly Run[]): (frame: Frame) => void {
  const [first, second] = args as [Run, Run];
  if (args.length === 1) {
    return (frame) => {
      frame[1] = first(frame);
    };
  }
  if (args.length === 2) {
    return (frame) => {
      const value = first(frame);
      frame[2] = second(frame);
      frame[1] = value;
    };
  }
  return (frame) => {
    const values = evaluateAll(args, frame);
    for (let index = 0; index < values.length; index++) frame[index + 1] = values[index]!;
  };
}

/** `(call id arg…)`. */
export function generateHostCall(
  generator: Generation,
  node: Extract<Node, { op: "host-call" }>,
): Run {
  const { machine } = generator;
  const { span } = node;
  const args = node.args.map((arg) => generator.run(arg));
  return (frame) => {
    const [id, ...values] = evaluateAll(args, frame);
    if (--machine.fuel < 0) machine.refuel();
    machine.at = span;
    const capability = id instanceof Keyword ? id.name : id;
    if (typeof capability !== "string") {
      throw typeError("a keyword or a string", kindOf(capability ?? null), "call");
    }
    if (capability.length > CAPABILITY_LENGTH_MAX) {
      throw new RtfsError("UnknownCapability", "call: the id is over 256 characters");
    }
    if (machine.host === null) {
      const message = `There is no host to call "${capability.slice(0, 80).toWellFormed()}"`;
      throw new RtfsError("SecurityViolation", message, { operation: "call", capability });
    }
    const value = machine.host.call(capability, values, machine.metadata);
    machine.at = span;
    return value;
  };
}
