/**
 * `for` and `dotimes`. A turn has a frame of its own only when something inside captures it.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { kindOf } from "../values/kind-of.ts";
import { isInt } from "../values/numbers.ts";
import { typeError } from "../values/rtfs-error.ts";
import { List, type Value, Vector } from "../values/value.ts";
import { type Generation, newFrame } from "./generation.ts";
import { checkSize } from "./limits.ts";
import type { Frame, Run } from "./machine.ts";

export function generateDotimes(
  generator: Generation,
  node: Extract<Node, { op: "dotimes" }>,
): Run {
  const { machine } = generator;
  const { scope, slot, span } = node;
  const count = generator.run(node.count);
  const body = generator.run(node.body);
  return (frame) => {
    const times = count(frame);
    machine.at = span;
    if (!isInt(times)) throw typeError("an integer", kindOf(times), "dotimes");
    let value: Value = null;
    let turn = newFrame(scope.slots, frame);
    for (let index = 0; index < times; index++) {
      if (--machine.fuel < 0) machine.refuel();
      if (scope.isCaptured && index > 0) turn = newFrame(scope.slots, frame);
      turn[slot] = index;
      value = body(turn);
    }
    return value;
  };
}

export function generateFor(generator: Generation, node: Extract<Node, { op: "for" }>): Run {
  const { machine } = generator;
  const { scope, span } = node;
  const sources = node.loops.map(({ source }) => generator.run(source));
  const slots = node.loops.map(({ slot }) => slot);
  const body = generator.run(node.body);
  const turns = (level: number, frame: Frame, results: Value[]): void => {
    if (level === sources.length) {
      results.push(body(frame));
      checkSize(results.length, "for");
      return;
    }
    const source = sources[level]!(frame);
    machine.at = span;
    if (!(source instanceof Vector || source instanceof List)) {
      throw typeError("a vector or a list", kindOf(source), "for");
    }
    for (const item of source.items) {
      if (--machine.fuel < 0) machine.refuel();
      const turn = scope.isCaptured ? frame.slice() : frame;
      turn[slots[level]!] = item;
      turns(level + 1, turn, results);
    }
  };
  return (frame) => {
    const results: Value[] = [];
    turns(0, newFrame(scope.slots, frame), results);
    return new Vector(results);
  };
}
