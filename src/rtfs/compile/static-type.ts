/**
 * What is known of a value before the program runs.
 *
 * @module
 */
import type { Ir } from "../ir/ir.ts";

/** "integer": a JS number that is a safe integer. */
export type StaticType = "boolean" | "integer" | "unknown";

const BOOLEAN = new Set(["=", "!=", "not=", "<", ">", "<=", ">=", "not"]);

export function typeOf(node: Ir): StaticType {
  switch (node.op) {
    case "const":
      if (typeof node.value === "boolean") return "boolean";
      return Number.isSafeInteger(node.value) ? "integer" : "unknown";
    case "call":
      return node.callee.op === "builtin" && BOOLEAN.has(node.callee.name) ? "boolean" : "unknown";
    case "and":
    case "or":
      return node.nodes.every((each) => typeOf(each) === "boolean") ? "boolean" : "unknown";
    case "if": {
      const then = typeOf(node.then);
      return then === typeOf(node.otherwise) ? then : "unknown";
    }
    case "do":
      return node.nodes.length === 0 ? "unknown" : typeOf(node.nodes.at(-1)!);
    case "set":
      return typeOf(node.value);
    case "local":
    case "global":
    case "builtin":
    case "argument":
    case "bind":
    case "define":
    case "check":
    case "fn":
    case "inline":
    case "host-call":
    case "context":
    case "meta":
    case "vector":
    case "map":
    case "match":
    case "try":
    case "step":
    case "for":
    case "dotimes":
      return "unknown";
  }
}
