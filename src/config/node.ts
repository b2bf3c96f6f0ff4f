import type { SourceSpan } from "../foundation/source-span.ts";

/** Config data with its places: what the expression of a config file evaluated to. */
export type ConfigNode =
  | {
      readonly kind: "map";
      readonly entries: readonly ConfigEntry[];
      readonly span: SourceSpan | null;
    }
  | {
      readonly kind: "vector";
      readonly items: readonly ConfigNode[];
      readonly span: SourceSpan | null;
    }
  | { readonly kind: "string"; readonly text: string; readonly span: SourceSpan | null }
  | { readonly kind: "keyword"; readonly text: string; readonly span: SourceSpan | null }
  /** A 64-bit integer, or a float without fraction. Beyond 2^53 it is rounded: every bound is below. */
  | { readonly kind: "integer"; readonly value: number; readonly span: SourceSpan | null }
  | { readonly kind: "float"; readonly value: number; readonly span: SourceSpan | null }
  | { readonly kind: "boolean"; readonly value: boolean; readonly span: SourceSpan | null }
  | { readonly kind: "nil"; readonly span: SourceSpan | null }
  /** What no field takes; `what` names it: `a function`, `a list`. */
  | { readonly kind: "other"; readonly what: string; readonly span: SourceSpan | null };

export interface ConfigEntry {
  /** Without the colon. */
  readonly key: string;
  /** Null: neither keyword nor string, so no field can have this key. */
  readonly keyKind: "keyword" | "string" | null;
  readonly keySpan: SourceSpan | null;
  readonly value: ConfigNode;
}

/** How a message names a node's type. */
export function describeNode(node: ConfigNode): string {
  const names = {
    map: "a map",
    vector: "a vector",
    string: "a string",
    keyword: "a keyword",
    integer: "an integer",
    float: "a float",
    boolean: "a boolean",
    nil: "nil",
  };
  return node.kind === "other" ? node.what : names[node.kind];
}
