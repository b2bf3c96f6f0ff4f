/**
 * A part of a chain file checked for itself: every line a record, each linked to the one before.
 *
 * Read in this order: Stretch, checkStretch, checkStretches. Several threads take the stretches of one file in turn;
 * where a stretch's first record belongs is judged by whoever knows what came before (verify-file.ts). Nothing here
 * tells what is wrong with a chain, only that something may be.
 *
 * @module
 */
import { readChunks } from "../host/index.ts";
import { LineChecker, LineReader, type Link } from "./lines.ts";
import { addLeaf, type Range } from "./merkle.ts";

export interface Stretch {
  readonly first: Link;
  /** At least 1. */
  readonly records: number;
  /** Hash of the last record. */
  readonly last: string;
  /** The records' subtrees; empty when nobody asks for a root. */
  readonly tree: Range;
}

/** A file cut into stretches, for threads that share the work. */
export interface StretchPlan {
  readonly path: string;
  readonly stretchBytes: number;
  readonly stretches: number;
  /** Whether a head says what the root of the records' tree is. */
  readonly withTree: boolean;
  /** Of all but each stretch's first record, look at the bytes' hash and link alone. */
  readonly linksOnly: boolean;
  /** One number, shared: the next stretch that nobody has taken. */
  readonly next: Int32Array;
}

/** By its number, what a stretch is; `empty` when no line begins in it. */
export type Checked = readonly (readonly [number, Stretch | "empty" | "unsound"])[];

/** Take stretches until none is left, or one is not sound: then nobody takes another. */
export async function checkStretches(plan: StretchPlan): Promise<Checked> {
  const { stretchBytes, stretches, next } = plan;
  const checked: [number, Stretch | "empty" | "unsound"][] = [];
  for (;;) {
    const number = Atomics.add(next, 0, 1);
    if (number >= stretches) return checked;
    // The last one ends where the file does, which may grow meanwhile.
    const end = number === stretches - 1 ? Number.MAX_SAFE_INTEGER : (number + 1) * stretchBytes;
    const stretch = await checkStretch(plan, number * stretchBytes, end);
    checked.push([number, stretch]);
    if (stretch === "unsound") Atomics.store(next, 0, stretches);
  }
}

/**
 * Check the lines that begin at or after byte `start` and before byte `end`. Unsound: one of them is no record, is not
 * linked to the one before, or has no end.
 */
async function checkStretch(
  plan: StretchPlan,
  start: number,
  end: number,
): Promise<Stretch | "empty" | "unsound"> {
  const reader = new LineReader();
  const stretch = new GrowingStretch(plan);
  // A line begins at `start` when the byte before is a newline: so the line of that byte is left out.
  let at = Math.max(start - 1, 0);
  let isOurs = start === 0;
  for await (const chunk of readChunks(plan.path, at)) {
    for (const line of reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))) {
      if (line === null) return "unsound";
      if (at >= end) return stretch.sum();
      at += line.length + 1;
      if (isOurs && !stretch.add(line)) return "unsound";
      isOurs = true;
    }
  }
  return reader.tail().length > 0 && at < end ? "unsound" : stretch.sum();
}

class GrowingStretch {
  readonly #checker = new LineChecker();
  readonly #plan: StretchPlan;
  readonly #tree: Range = [];
  #first: Link | null = null;
  #records = 0;
  #last = "";

  constructor(plan: StretchPlan) {
    this.#plan = plan;
  }

  /** @returns False when the line is no record, or not linked to the one before. */
  add(line: Buffer): boolean {
    const { linksOnly, withTree } = this.#plan;
    const quick = linksOnly && this.#first !== null ? this.#checker.link(line) : null;
    const isSound = quick === null ? this.#addChecked(line) : quick.prev === this.#last;
    if (quick !== null) this.#last = quick.hash;
    if (withTree && isSound) addLeaf(this.#tree, this.#first!.seq + this.#records, this.#last);
    this.#records++;
    return isSound;
  }

  sum(): Stretch | "empty" {
    const [first, records, last, tree] = [this.#first, this.#records, this.#last, this.#tree];
    return first === null ? "empty" : { first, records, last, tree };
  }

  #addChecked(line: Buffer): boolean {
    const link = this.#checker.check(line);
    if (link.kind === "fault" || !this.#isNext(link)) return false;
    this.#first ??= link;
    this.#last = link.hash;
    return true;
  }

  #isNext({ chain, seq, prev }: Link): boolean {
    const first = this.#first;
    if (first === null) return true;
    return chain === first.chain && seq === first.seq + this.#records && prev === this.#last;
  }
}
