/**
 * Trees to instructions for the machine in search.ts.
 *
 * Built from the back: each instruction is made after the one it goes on to, so only loops are
 * patched. A bounded repetition is written out, within {@link INSTRUCTIONS_MAX}.
 *
 * @module
 */
import type { CharSet } from "./char-set.ts";
import { BadPattern } from "./reader.ts";
import { type Assertion, isNullable, type Tree } from "./tree.ts";

export type Instruction =
  | { readonly op: "match" }
  | { readonly op: "point"; readonly point: number; readonly next: number }
  | { readonly op: "set"; readonly set: CharSet; readonly next: number }
  | { readonly op: "assert"; readonly assertion: Assertion; readonly next: number }
  /** `first` is preferred. */
  | { readonly op: "split"; first: number; second: number };

export interface RegexProgram {
  readonly code: readonly Instruction[];
  readonly start: number;
}

/** Most instructions of one pattern; also the most steps of making them. */
export const INSTRUCTIONS_MAX = 10_000;

/** @throws {BadPattern} when the repetitions make it too large. */
export function compileTree(tree: Tree): RegexProgram {
  const builder = new Builder();
  const start = builder.tree(tree, builder.push({ op: "match" }));
  return { code: builder.code, start };
}

class Builder {
  readonly code: Instruction[] = [];
  #steps = 0;

  push(instruction: Instruction): number {
    this.code.push(instruction);
    return this.code.length - 1;
  }

  /** Where the instructions of `tree` begin that go on to `next`. */
  tree(tree: Tree, next: number): number {
    if (++this.#steps > INSTRUCTIONS_MAX) {
      throw new BadPattern(
        `The pattern is too large: its repetitions make over ${INSTRUCTIONS_MAX} steps`,
      );
    }
    switch (tree.kind) {
      case "empty":
        return next;
      case "literal":
        return this.push({ op: "point", point: tree.point, next });
      case "set":
        return this.push({ op: "set", set: tree.set, next });
      case "assert":
        return this.push({ op: "assert", assertion: tree.assertion, next });
      case "sequence":
        return tree.parts.reduceRight((after, part) => this.tree(part, after), next);
      case "either":
        return this.#either(tree.parts, next);
      case "repeat":
        return this.#repeat(tree, next);
    }
  }

  #either(parts: readonly Tree[], next: number): number {
    const starts = parts.map((part) => this.tree(part, next));
    return starts.reduceRight((second, first) => this.push({ op: "split", first, second }));
  }

  #repeat(tree: Extract<Tree, { kind: "repeat" }>, next: number): number {
    const { part, least, most, isGreedy } = tree;
    let start = next;
    let written = 0;
    if (most === null) {
      start = this.#loop(part, next, isGreedy, least === 0);
      written = Math.min(least, 1);
    } else {
      for (let count = least; count < most; count++) {
        start = this.#choice(this.tree(part, start), next, isGreedy);
      }
    }
    for (; written < least; written++) start = this.tree(part, start);
    return start;
  }

  /**
   * `part+`, or `part*` when it may be left out. A part that can be empty is `(part+)?`: the order
   * of preference would be wrong otherwise.
   */
  #loop(part: Tree, next: number, isGreedy: boolean, mayBeAbsent: boolean): number {
    const loop: Instruction = { op: "split", first: next, second: next };
    const at = this.push(loop);
    const body = this.tree(part, at);
    if (isGreedy) loop.first = body;
    else loop.second = body;
    if (!mayBeAbsent) return body;
    return isNullable(part) ? this.#choice(body, next, isGreedy) : at;
  }

  #choice(body: number, next: number, isGreedy: boolean): number {
    return this.push(
      isGreedy
        ? { op: "split", first: body, second: next }
        : { op: "split", first: next, second: body },
    );
  }
}
