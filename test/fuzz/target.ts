/**
 * What a fuzzer needs to know of a thing under test: where texts begin, and what must hold of each.
 *
 * @module
 */

/** Uniform in [0, 1). */
export type Random = () => number;

/** One thing under test. A case is a text; what a case does depends on that text alone. */
export interface Target {
  readonly name: string;
  /** Most characters of a case. */
  readonly lengthMax: number;
  /** Where the corpus begins. */
  readonly seeds: () => readonly string[];
  /** A text that is no mutant of another. */
  readonly fresh?: (random: Random) => string;
  /** Default: `mutate` of mutate.ts. */
  readonly mutate?: (text: string, donor: string, random: Random) => string;
  /**
   * Hold the laws of the target against one case.
   *
   * @returns what the case showed, in few and short words: one never seen before makes the case
   *   worth mutating.
   * @throws {Broken} a law does not hold; any other exception is a crash.
   */
  readonly check: (text: string) => readonly string[];
}

/** A law that a case breaks. */
export class Broken extends Error {
  readonly law: string;

  constructor(law: string, detail: string) {
    super(`${law}\n${detail}`);
    this.name = "Broken";
    this.law = law;
  }
}

/** @throws {Broken} when the two differ. */
export function same(law: string, actual: unknown, expected: unknown): void {
  const [left, right] = [shown(actual), shown(expected)];
  if (left !== right) throw new Broken(law, `  one:   ${left}\n  other: ${right}`);
}

export function holds(law: string, isHeld: boolean, detail = ""): void {
  if (!isHeld) throw new Broken(law, detail);
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === "bigint") return `${each}n`;
    if (typeof each !== "number" || (Number.isFinite(each) && !Object.is(each, -0))) return each;
    return `#${Object.is(each, -0) ? "-0" : each}`;
  });
}

/** What tells one fault from another while its case is made smaller. */
export function faultOf(error: unknown): string {
  if (error instanceof Broken) return error.law;
  if (!(error instanceof Error)) return String(error);
  const place = /\/src\/[^\s)]*/.exec(error.stack ?? "")?.[0] ?? "";
  return `${error.name} ${place}`;
}
