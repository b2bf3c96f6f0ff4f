/**
 * A pattern as a tree. Groups capture nothing: the library only gives whole matches.
 *
 * @module
 */
import type { CharSet } from "./char-set.ts";

/** A condition between two characters. `line-*` also hold at `\n`. */
export type Assertion =
  | "text-start"
  | "text-end"
  | "line-start"
  | "line-end"
  | "boundary"
  | "no-boundary";

export type Tree =
  | { readonly kind: "empty" }
  /** One code point. */
  | { readonly kind: "literal"; readonly point: number }
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "assert"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Tree[] }
  /** Earlier alternatives are preferred. */
  | { readonly kind: "either"; readonly parts: readonly Tree[] }
  | {
      readonly kind: "repeat";
      readonly part: Tree;
      readonly least: number;
      /** Null: without end. */
      readonly most: number | null;
      readonly isGreedy: boolean;
    };

/** Whether the tree can match the empty text. The reader bounds its depth. */
export function isNullable(tree: Tree): boolean {
  switch (tree.kind) {
    case "empty":
    case "assert":
      return true;
    case "literal":
    case "set":
      return false;
    case "sequence":
      return tree.parts.every(isNullable);
    case "either":
      return tree.parts.some(isNullable);
    case "repeat":
      return tree.least === 0 || isNullable(tree.part);
  }
}
