/**
 * Values known before a run: literals, names bound to scalar literals, and `str` of those.
 *
 * Containers are known only where they are written, so a few lines cannot name a value of exponential size.
 *
 * @module
 */
import { MapValue } from "../values/map-value.ts";
import { displayValue } from "../values/print.ts";
import { type MapKey, type Value, Vector } from "../values/value.ts";
import type { Binding, Cell, Node } from "./node.ts";

/** Longest text that is computed before a run, UTF-16 units. */
const TEXT_LENGTH_MAX = 65_536;

export class Constants {
  readonly #known = new Map<Binding | Cell, Value | undefined>();

  /** The value of the node, the same in every run that gets past it; undefined when it is not known. */
  of(node: Node): Value | undefined {
    switch (node.op) {
      case "const":
        return node.value;
      case "vector": {
        const items = node.items.map((item) => this.of(item));
        return items.every((item) => item !== undefined) ? new Vector(items) : undefined;
      }
      case "map":
        return this.#map(node.entries);
      default:
        return this.#scalar(node);
    }
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
    switch (node.op) {
      case "const":
        return node.value;
      case "check":
        return this.#scalar(node.value);
      case "local":
        return this.#named(node.binding, node.binding.value);
      case "global":
        return node.cell.isExternal || node.cell.values.length !== 1
          ? undefined
          : this.#named(node.cell, node.cell.values[0]!);
      case "call":
        return node.callee.op === "builtin" && node.callee.name === "str"
          ? this.#text(node.args)
          : undefined;
      default:
        return undefined;
    }
  }

  #named(name: Binding | Cell, node: Node | null): Value | undefined {
    if (node === null) return undefined;
    if (this.#known.has(name)) return this.#known.get(name);
    // Unknown while it is being computed: a name may be defined by itself.
    this.#known.set(name, undefined);
    const value = this.#scalar(node);
    const isScalar = typeof value !== "object" || value === null || "name" in value;
    this.#known.set(name, isScalar ? value : undefined);
    return isScalar ? value : undefined;
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
