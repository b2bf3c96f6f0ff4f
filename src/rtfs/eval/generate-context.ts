/**
 * `@name` and `^{…}`.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import type { Value } from "../values/value.ts";
import type { Generation } from "./generation.ts";
import type { Run } from "./machine.ts";

export function generateContext(
  generator: Generation,
  { key, fallback, span }: Extract<Node, { op: "context" }>,
): Run {
  const { machine } = generator;
  const otherwise = fallback === null ? () => null : generator.run(fallback);
  return (frame) => {
    if (--machine.fuel < 0) machine.refuel();
    machine.at = span;
    const found = machine.host?.context?.(key);
    return found === undefined ? otherwise(frame) : found;
  };
}

/** Metadata of an outer form stays unless the inner one has the same name. */
export function generateMeta(
  generator: Generation,
  { runtime, body: node }: Extract<Node, { op: "meta" }>,
): Run {
  const { machine } = generator;
  const body = generator.run(node);
  if (runtime.length === 0) return body;
  const entries = runtime.map(([name, value]) => [name, generator.run(value)] as const);
  return (frame) => {
    const around = machine.metadata;
    const metadata = new Map<string, Value>(around);
    for (const [name, value] of entries) metadata.set(name, value(frame));
    machine.metadata = metadata;
    try {
      return body(frame);
    } finally {
      machine.metadata = around;
    }
  };
}
