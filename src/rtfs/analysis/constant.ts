/**
 * Values known before a run: literals, names bound to scalar literals or quoted data, and `str` of those.
 *
 * Containers are known only where they are written, so a few lines cannot name a value of
 * exponential size.
 *
 * @module
 */
import { displayValue } from "../values/print.ts";
import { type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import type { Binding, Cell, Node } from "./node.ts";

/** Longest text that is computed before a run, UTF-16 units. */
const TEXT_LENGTH_MAX = 65_536;

export class Constants {
  readonly #known = new Map<Binding | Cell, Value | undefined>();

  /**
   * The value of the node, the same in every run that gets past it; undefined when it is not known.
   */
  of(node: Node): Value | undefined {
    if (node.op === "map") return this.#map(node.entries);
    if (node.op !== "vector") return this.#scalar(node);
    const items = node.items.map((item) => this.of(item));
    return items.every((item) => item !== undefined) ? new Vector(items) : undefined;
  }

  #map(nodes: readonly (readonly [MapKey, Node])[]): MapValue | undefined {
    const entries = new Map<MapKey, Value>();
    for (const [key, node] of nodes) {
      const value = this.of(node);
      if (value === undefined) return undefined;
      entries.set(key, value);
    }
    return new MapValue(entries);
  }

  #scalar(node: Node): Value | undefined {
    if (node.op === "const") return node.value;
    if (node.op === "check") return this.#scalar(node.value);
    if (node.op === "local") return this.#named(node.binding, node.binding.value);
    if (node.op === "global") return this.#global(node.cell);
    if (node.op !== "call" || node.callee.op !== "builtin") return undefined;
    return node.callee.name === "str" ? this.#text(node.args) : undefined;
  }

  #global(cell: Cell): Value | undefined {
    const { values, isExternal } = cell;
    return isExternal || values.length !== 1 ? undefined : this.#named(cell, values[0]!);
  }

  #named(name: Binding | Cell, node: Node | null): Value | undefined {
    if (node === null) return undefined;
    if (this.#known.has(name)) return this.#known.get(name);
    // Unknown while it is being computed: a name may be defined by itself.
    this.#known.set(name, undefined);
    const value = this.#scalar(node);
    this.#known.set(name, value);
    return value;
  }

  #text(args: readonly Node[]): string | undefined {
    let text = "";
    for (const arg of args) {
      const value = this.#scalar(arg);
      if (value === undefined) return undefined;
      text += displayValue(value);
      if (text.length > TEXT_LENGTH_MAX) return undefined;
    }
    return text;
  }
}
