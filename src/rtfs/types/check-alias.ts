/**
 * Types that name each other and themselves: that they are more than a name, that compiling them
 * ends, and that checking them does not reach the end of the machine's stack.
 *
 * @module
 */
import { RtfsError } from "../values/rtfs-error.ts";
import type { Check } from "./failure.ts";
import { partsOf, type Type, type TypeEnvironment } from "./type.ts";

/** Levels of a value that one check may be inside of by way of aliases. */
const LEVELS_MAX = 2048;
/** Longest chain of aliases, each standing in the one before it. */
export const ALIAS_CHAIN_MAX = 64;

/** How deep the check of a value is, by way of all aliases of a compiled type. */
export class AliasDepth {
  #levels = 0;

  /** A check on this budget; each use of a name is a unit of work. */
  bounded(name: string, type: Type, check: Check): Check {
    const levels = heightOf(type);
    return (value, meter) => {
      meter(1);
      if (this.#levels + levels > LEVELS_MAX) {
        throw new RtfsError("LimitExceeded", `A value of the type ${name} nests too deep`, {
          type: name,
        });
      }
      this.#levels += levels;
      try {
        return check(value, meter);
      } finally {
        this.#levels -= levels;
      }
    };
  }
}

/** The parser bounds it. */
function heightOf(type: Type): number {
  return 1 + partsOf(type).reduce((most, part) => Math.max(most, heightOf(part)), 0);
}

/**
 * A way from `name` back to itself that no value stands between, such as `A = [:union A :nil]`;
 * null when there is none. Whatever is not found here makes a value smaller at each turn.
 */
export function loopOf(name: string, aliases: TypeEnvironment): readonly string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [name];
  for (let current = queue.pop(); current !== undefined; current = queue.pop()) {
    const type = aliases.get(current);
    for (const next of type === undefined ? [] : directAliases(type)) {
      if (next === name) return wayTo(current, name, cameFrom);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, current);
      queue.push(next);
    }
  }
  return null;
}

function wayTo(last: string, name: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [name];
  for (let at: string | undefined = last; at !== undefined && at !== name; at = cameFrom.get(at)) {
    way.unshift(at);
  }
  return [name, ...way];
}

/** Names that must be looked at to check the same value. */
function directAliases(type: Type): readonly string[] {
  if (type.kind === "alias") return [type.name];
  const isTransparent = type.kind === "optional" || type.kind === "union" || type.kind === "and";
  return isTransparent ? partsOf(type).flatMap(directAliases) : [];
}
