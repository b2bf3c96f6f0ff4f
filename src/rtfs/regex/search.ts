/**
 * The machine: all threads of a pattern at once, one character at a time (Pike, Thompson).
 *
 * Read in this order: search, Search.run, Search.add. A thread is an instruction and the place
 * where its match began; at one character each instruction is visited at most once, so the work is
 * at most instructions × characters, whatever the pattern. Threads stand in order of preference:
 * the first that matches cuts those behind it.
 *
 * @module
 */
import type { Meter } from "../values/meter.ts";
import type { Instruction, RegexProgram } from "./program.ts";
import type { Assertion } from "./tree.ts";

/** Where a match begins and ends, UTF-16 units. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Visits that cost one unit of the meter. */
const VISITS_PER_UNIT = 4;
/** Visits after which the meter is paid. */
const VISITS_MAX = 1024;

/** Threads in order of preference, each instruction once. */
class Threads {
  readonly at: number[] = [];
  readonly start: number[] = [];
  readonly #mark: Uint32Array;
  #generation = 1;

  constructor(size: number) {
    this.#mark = new Uint32Array(size);
  }

  /** Whether the instruction was not here yet. */
  enter(at: number): boolean {
    if (this.#mark[at] === this.#generation) return false;
    this.#mark[at] = this.#generation;
    return true;
  }

  clear(): void {
    this.at.length = 0;
    this.start.length = 0;
    this.#generation++;
  }
}

/** One use of a pattern on one text. */
export class Search {
  readonly #code: readonly Instruction[];
  readonly #first: number;
  readonly #text: string;
  readonly #meter: Meter;
  #now: Threads;
  #soon: Threads;
  readonly #stack: number[] = [];
  /** The lists are work too. */
  #visits: number;

  constructor(program: RegexProgram, text: string, meter: Meter) {
    this.#code = program.code;
    this.#first = program.start;
    this.#text = text;
    this.#meter = meter;
    this.#now = new Threads(program.code.length);
    this.#soon = new Threads(program.code.length);
    this.#visits = program.code.length >>> 3;
  }

  /**
   * The first match that begins at `from` or behind it; null when there is none.
   *
   * @param isWhole - The match is the whole text or nothing; `from` is 0.
   * @throws {RtfsError} what the meter throws.
   */
  run(from: number, isWhole: boolean): Place | null {
    const text = this.#text;
    let found: Place | null = null;
    this.#now.clear();
    for (let at = from; ; ) {
      if (found === null && (!isWhole || at === 0)) this.#add(this.#now, this.#first, at, at);
      if (this.#now.at.length === 0 && (found !== null || isWhole)) break;
      const point = text.codePointAt(at) ?? -1;
      const next = at + (point > 0xffff ? 2 : 1);
      found = this.#step(point, at, next, isWhole) ?? found;
      if (point === -1) break;
      [this.#now, this.#soon] = [this.#soon, this.#now];
      at = next;
    }
    this.#pay();
    return found;
  }

  /** All threads over one character (-1: the end); the match of the most preferred that ends. */
  #step(point: number, at: number, next: number, isWhole: boolean): Place | null {
    const now = this.#now;
    const soon = this.#soon;
    soon.clear();
    // Also a character that no thread looks at is work.
    this.#visits++;
    for (let index = 0; index < now.at.length; index++) {
      const instruction = this.#code[now.at[index]!]!;
      const start = now.start[index]!;
      if (instruction.op === "match") {
        if (isWhole && point !== -1) continue;
        return { start, end: at };
      }
      const fits =
        (instruction.op === "point" && instruction.point === point) ||
        (instruction.op === "set" && point !== -1 && instruction.set.has(point));
      if (fits) this.#add(soon, instruction.next, next, start);
    }
    return null;
  }

  /** Add a thread and all it can become without a character, in order of preference. */
  #add(threads: Threads, first: number, at: number, start: number): void {
    const stack = this.#stack;
    stack.push(first);
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (++this.#visits > VISITS_MAX) this.#pay();
      if (!threads.enter(top)) continue;
      const instruction = this.#code[top]!;
      if (instruction.op === "split") stack.push(instruction.second, instruction.first);
      else if (instruction.op === "assert") {
        if (holds(instruction.assertion, this.#text, at)) stack.push(instruction.next);
      } else {
        threads.at.push(top);
        threads.start.push(start);
      }
    }
  }

  #pay(): void {
    const units = Math.ceil(this.#visits / VISITS_PER_UNIT);
    this.#visits = 0;
    this.#meter(units);
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === text.length;
    case "line-start":
      return at === 0 || text.charCodeAt(at - 1) === 10;
    case "line-end":
      return at === text.length || text.charCodeAt(at) === 10;
    case "boundary":
      return isWord(text, at - 1) !== isWord(text, at);
    case "no-boundary":
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const isLetter = (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
  return isLetter || (unit >= 48 && unit <= 57) || unit === 95;
}
