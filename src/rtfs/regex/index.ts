/**
 * Regular expressions in linear time.
 *
 * An RE2-like dialect: read by parse.ts, compiled by program.ts, run by search.ts. One search
 * costs at most instructions × characters, and pays for them, so no pattern and no text can hold
 * a run up. Matches are leftmost, and of those the first that the pattern prefers.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { Meter } from "../values/meter.ts";
import { parsePattern } from "./parse.ts";
import { compileTree, type RegexProgram } from "./program.ts";
import { BadPattern } from "./reader.ts";
import { Search } from "./search.ts";

/**
 * Compile a pattern of at most 4096 characters and 10 000 instructions.
 *
 * @returns The pattern, or the fault with its place: `Look-ahead is not part of this dialect (at
 *   character 3)`.
 */
export function compilePattern(pattern: string): Result<Pattern, string> {
  try {
    return ok(new CompiledPattern(pattern, compileTree(parsePattern(pattern))));
  } catch (bad) {
    if (bad instanceof BadPattern) return err(bad.message);
    throw bad;
  }
}

/** A compiled pattern. Holds no state between uses. */
export interface Pattern {
  /** As written. */
  readonly source: string;
  /** The whole text when the pattern matches all of it; null otherwise. */
  match(text: string, meter: Meter): string | null;
  /** The first match anywhere; null when there is none. */
  find(text: string, meter: Meter): string | null;
  /** Whether there is a match anywhere. */
  test(text: string, meter: Meter): boolean;
  /**
   * All matches from left to right that do not overlap. An empty match directly behind another
   * match is none. A search per match: up to characters² work, all of it paid for.
   */
  all(text: string, meter: Meter): string[];
}

class CompiledPattern implements Pattern {
  readonly source: string;
  readonly #program: RegexProgram;

  constructor(source: string, program: RegexProgram) {
    this.source = source;
    this.#program = program;
  }

  match(text: string, meter: Meter): string | null {
    return new Search(this.#program, text, meter).run(0, true) === null ? null : text;
  }

  find(text: string, meter: Meter): string | null {
    const place = new Search(this.#program, text, meter).run(0, false);
    return place === null ? null : text.slice(place.start, place.end);
  }

  test(text: string, meter: Meter): boolean {
    return new Search(this.#program, text, meter).run(0, false) !== null;
  }

  all(text: string, meter: Meter): string[] {
    const search = new Search(this.#program, text, meter);
    const matches: string[] = [];
    let lastEnd = -1;
    for (let from = 0; from <= text.length; ) {
      const place = search.run(from, false);
      if (place === null) break;
      const { start, end } = place;
      if (end > start || start !== lastEnd) matches.push(text.slice(start, end));
      lastEnd = end;
      from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
    }
    return matches;
  }
}
