/**
 * Types that a program states of its values: annotations, results of functions and of capabilities.
 *
 * @module
 */
import { functionsOf } from "../analysis/call-graph.ts";
import type { CodeNode, Node } from "../analysis/node.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import type { Type } from "../types/type.ts";
import { Keyword } from "../values/value.ts";

/** Names that stand for names that are followed. */
const CHAIN_MAX = 16;

type Contract = (id: string) => { readonly output: TypeValidator } | null;

export class StatedTypes {
  readonly #capability: Contract;

  constructor(capability: Contract) {
    this.#capability = capability;
  }

  /** The type that every value of the node was checked against; null: none is stated. */
  of(node: Node): Type | null {
    let at: Node | null = node;
    for (let left = CHAIN_MAX; at !== null && left > 0; left--) {
      if (at.op === "check") return at.type.type;
      if (at.op === "host-call") return this.#answer(at);
      if (at.op === "call") return resultType(at);
      at = behind(at);
    }
    return null;
  }

  #answer({ args: [id] }: Extract<Node, { op: "host-call" }>): Type | null {
    const written = id?.op === "const" ? id.value : null;
    const name = written instanceof Keyword ? written.name : written;
    return typeof name === "string" ? (this.#capability(name)?.output.type ?? null) : null;
  }
}

/** What a node's value comes from; null: several places, or unknown. */
function behind(node: Node): Node | null {
  if (node.op === "local") return node.binding.value;
  if (node.op === "set") return node.value;
  if (node.op !== "global" || node.cell.isExternal) return null;
  const [value, ...others] = node.cell.values;
  return value === undefined || others.length > 0 ? null : value;
}

function resultType({ callee }: Extract<Node, { op: "call" }>): Type | null {
  const [code, ...others] = functionsOf(callee);
  if (code === undefined || others.length > 0) return null;
  return code.body.op === "check" ? code.body.type.type : null;
}

/** The annotation of a parameter; null: it has none. */
export function parameterType(code: CodeNode, index: number): Type | null {
  for (const node of code.prologue) {
    const isOwn =
      node.op === "check" &&
      node.value.op === "local" &&
      node.value.binding.scope === code.scope &&
      node.value.binding.slot === index + 1;
    if (isOwn) return node.type.type;
  }
  return null;
}
