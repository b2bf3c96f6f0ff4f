/**
 * Search for many byte texts at once: Aho-Corasick, so the time does not depend on how many
 * patterns there are or how they repeat. Blanks, line breaks and NULs of the text are stepped over.
 *
 * @module
 */
import type { Meter } from "./meter.ts";

export interface Pattern {
  /** Byte text without blanks. Not empty. */
  readonly text: string;
  /** What a hit reports. */
  readonly id: number;
}

const SKIPPED: ReadonlySet<number> = new Set([0, 9, 10, 11, 12, 13, 32]);
const SKIP = 255;

/** The text without what the search steps over. */
export function compact(text: string): string {
  return text.replace(/[\0\t-\r ]/g, "");
}

/** An automaton over the patterns; `search` answers the ids that occur. */
export class SecretAutomaton {
  /** Unit to column; column 0 is every unit that no pattern has, 255 a skipped one. */
  readonly #columns: Uint8Array = new Uint8Array(256);
  readonly #width: number;
  /** At the row of a state plus a column: the row of the next state, negative where a pattern ends in it. */
  readonly #next: Int32Array;
  readonly #hits: readonly (readonly number[])[];

  constructor(patterns: readonly Pattern[]) {
    const units = [...new Set(patterns.flatMap((pattern) => pattern.text.split("")))];
    for (const [index, unit] of units.entries()) this.#columns[unit.charCodeAt(0)] = index + 1;
    for (const unit of SKIPPED) this.#columns[unit] = SKIP;
    this.#width = units.length + 1;
    const states = patterns.reduce((sum, pattern) => sum + pattern.text.length, 1);
    this.#next = new Int32Array(states * this.#width);
    const hits: Set<number>[] = [new Set()];
    for (const pattern of patterns) this.#insert(pattern, hits);
    this.#link(hits);
    this.#hits = hits.map((ids) => [...ids]);
    for (let at = 0; at < this.#next.length; at += 1) {
      const state = this.#next[at]!;
      const isEnd = this.#hits[state]!.length > 0;
      this.#next[at] = isEnd ? -state * this.#width : state * this.#width;
    }
  }

  /** The ids of all patterns that occur in the bytes. */
  search(bytes: Uint8Array, meter: Meter): ReadonlySet<number> {
    meter.add(bytes.length);
    const columns = this.#columns;
    const next = this.#next;
    const found = new Set<number>();
    let row = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const column = columns[bytes[at]!]!;
      if (column === SKIP) continue;
      row = next[row + column]!;
      if (row >= 0) continue;
      row = -row;
      for (const id of this.#hits[row / this.#width]!) found.add(id);
    }
    return found;
  }

  #insert(pattern: Pattern, hits: Set<number>[]): void {
    let state = 0;
    for (let at = 0; at < pattern.text.length; at += 1) {
      const cell = state * this.#width + (this.#columns[pattern.text.charCodeAt(at)] ?? 0);
      let next = this.#next[cell] ?? 0;
      if (next === 0) {
        next = hits.push(new Set()) - 1;
        this.#next[cell] = next;
      }
      state = next;
    }
    hits[state]?.add(pattern.id);
  }

  /** Fill the missing edges with those of the longest proper suffix, breadth first. */
  #link(hits: Set<number>[]): void {
    const width = this.#width;
    const suffix = new Int32Array(hits.length);
    const queue: number[] = [0];
    for (let head = 0; head < queue.length; head += 1) {
      const state = queue[head] ?? 0;
      const fallback = suffix[state] ?? 0;
      for (const id of hits[fallback] ?? []) hits[state]?.add(id);
      for (let column = 0; column < width; column += 1) {
        const next = this.#next[state * width + column] ?? 0;
        const other = state === 0 ? 0 : (this.#next[fallback * width + column] ?? 0);
        if (next === 0) this.#next[state * width + column] = other;
        else {
          suffix[next] = other;
          queue.push(next);
        }
      }
    }
  }
}
