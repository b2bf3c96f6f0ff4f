/**
 * Where a form stands while forms are rewritten: the names bound around it, and the macro calls that made it.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";

/** Names of one body. Definitions inside a body add to it as they are met; the outermost is the program. */
export class Block {
  readonly parent: Block | null;
  readonly names: Set<string> = new Set();

  constructor(parent: Block | null) {
    this.parent = parent;
  }

  /** Whether a local of that name is in reach. Names of the outermost block are no locals. */
  binds(name: string): boolean {
    return isBound(this, name);
  }
}

function isBound(block: Block, name: string): boolean {
  for (let at: Block | null = block; at !== null && at.parent !== null; at = at.parent) {
    if (at.names.has(name)) return true;
  }
  return false;
}

/** One macro call on the way to a form. */
export interface Expansion {
  readonly macro: string;
  /** The call, in the text. */
  readonly span: SourceSpan;
  /** The call whose result contained this one. */
  readonly parent: Expansion | null;
  /** 1 for a call that stands in the text. */
  readonly depth: number;
}

export interface Place {
  readonly block: Block;
  /** Directly at top level, or in a `do` there: macros may be defined. */
  readonly isTop: boolean;
  readonly expansion: Expansion | null;
}

/** The place of a program's own forms. */
export function topPlace(): Place {
  return { block: new Block(null), isTop: true, expansion: null };
}

/** The same block, but not at top level. */
export function inside(place: Place): Place {
  return place.isTop ? { ...place, isTop: false } : place;
}

/** A body of its own. */
export function innerPlace(place: Place): Place {
  return { ...place, block: new Block(place.block), isTop: false };
}
