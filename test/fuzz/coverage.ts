/**
 * Which blocks of `src/rtfs` have ever run, by V8's own count.
 *
 * Must be started before the language is loaded: blocks are counted only in functions that are
 * compiled afterwards.
 *
 * @module
 */
import { Session } from "node:inspector";

/** Offsets of a script that never ran, from and behind. */
type Gap = readonly [number, number];

interface Answer {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number;
        readonly endOffset: number;
        readonly count: number;
      }[];
    }[];
  }[];
}

export class Coverage {
  readonly #session = new Session();
  /** By script and place of a function: what of it never ran. */
  readonly #gaps = new Map<string, readonly Gap[]>();
  #blocks = 0;

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error: Error | null, result: unknown) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }

  /** How often a function ran blocks that never ran before. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Whether something ran since the last question that never did before; it still counts as new. */
  wouldGrow(): boolean {
    return this.#newGaps().size > 0;
  }

  /** How many functions ran new blocks since the last question. */
  grow(): number {
    const found = this.#newGaps();
    for (const [key, gaps] of found) this.#gaps.set(key, gaps);
    this.#blocks += found.size;
    return found.size;
  }

  #newGaps(): Map<string, readonly Gap[]> {
    const { result } = this.#post("Profiler.takePreciseCoverage") as Answer;
    const found = new Map<string, readonly Gap[]>();
    for (const { url, functions } of result) {
      if (!url.includes("/src/rtfs/")) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const key = `${url}:${whole.startOffset}-${whole.endOffset}`;
        const left = leftOf(this.#gaps.get(key), ranges);
        if (left !== null) found.set(key, left);
      }
    }
    return found;
  }
}

type Ranges = Answer["result"][0]["functions"][0]["ranges"];

/** What still never ran; null: as much as was known. */
function leftOf(known: readonly Gap[] | undefined, ranges: Ranges): readonly Gap[] | null {
  if (known?.length === 0) return null;
  const gaps = ranges
    .filter(({ count }) => count === 0)
    .map(({ startOffset, endOffset }) => [startOffset, endOffset] as const);
  if (known === undefined) return gaps;
  const left = known.flatMap(([from, to]) =>
    gaps
      .map(([start, end]) => [Math.max(from, start), Math.min(to, end)] as const)
      .filter(([start, end]) => start < end),
  );
  return lengthOf(left) < lengthOf(known) ? left : null;
}

function lengthOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, [from, to]) => sum + to - from, 0);
}
