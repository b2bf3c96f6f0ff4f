/**
 * One run of a fuzzer over one target: from a corpus, by a seed, to an end in cases or in time.
 *
 * Read in this order: Campaign.run, #try, #keep. A mutant that shows something new, or that runs a
 * block of the language that no case ran before, becomes part of the corpus. Without coverage a run of
 * a given number of cases depends on the seed alone.
 *
 * @module
 */
import { randomFrom } from "../differential/program-source.ts";
import type { Coverage } from "./coverage.ts";
import { mutate, pick } from "./mutate.ts";
import { shrink } from "./shrink.ts";
import { faultOf, type Random, type Target } from "./target.ts";

export interface Failure {
  /** The broken law, or the exception and its place. */
  readonly fault: string;
  readonly detail: string;
  readonly case: string;
  readonly smallest: string;
}

export interface CampaignResult {
  readonly cases: number;
  readonly corpus: readonly string[];
  readonly signals: number;
  /** Processor time of the slowest case, and its text. */
  readonly longestMs: number;
  readonly longest: string;
  readonly failure: Failure | null;
}

export interface CampaignOptions {
  readonly seed: number;
  /** Whether there may be one more case. */
  readonly goesOn: (cases: number) => boolean;
  /** Added to the target's own. */
  readonly corpus?: readonly string[];
  readonly coverage?: Coverage | null;
  /** Told of each case before it runs. */
  readonly announce?: (text: string) => void;
  /** Seeds of the target are run first, each; default true. */
  readonly runsSeeds?: boolean;
}

/** Cases between two looks at the coverage, which costs as much as a few cases. */
const BATCH = 48;
const SLOW_MS = 500;
/** Processor time that making a case smaller may take. */
const SHRINK_SECONDS = 30;
const CORPUS_MAX = 20_000;

export class Campaign {
  readonly #target: Target;
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #corpus: string[];
  readonly #signals = new Set<string>();
  #batch: string[] = [];
  #cases = 0;
  #longestMs = 0;
  #longest = "";
  #failure: Failure | null = null;

  constructor(target: Target, options: CampaignOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#corpus = [...new Set([...target.seeds(), ...(options.corpus ?? [])])];
  }

  run(): CampaignResult {
    const { goesOn, coverage, runsSeeds = true } = this.#options;
    for (const text of runsSeeds ? [...this.#corpus] : []) {
      if (this.#failure === null && goesOn(this.#cases)) this.#try(text, true);
    }
    coverage?.grow();
    while (this.#failure === null && goesOn(this.#cases)) {
      this.#try(this.#next(), false);
      if (this.#batch.length >= BATCH) this.#look();
    }
    return {
      cases: this.#cases,
      corpus: this.#corpus,
      signals: this.#signals.size,
      longestMs: this.#longestMs,
      longest: this.#longest,
      failure: this.#failure,
    };
  }

  #next(): string {
    const random = this.#random;
    const { fresh, mutate: change = mutate, lengthMax } = this.#target;
    if (fresh !== undefined && random() < 0.15) return fresh(random).slice(0, lengthMax);
    // The latest finds lead on more often than old ones.
    const isLate = random() < 0.5;
    const from = isLate ? Math.max(0, this.#corpus.length - 100) : 0;
    const text = this.#corpus[from + Math.floor(random() * (this.#corpus.length - from))] ?? "";
    const mutant = change(text, pick(this.#corpus, random) ?? "", random);
    return mutant.length > lengthMax ? text : mutant;
  }

  #try(text: string, isKnown: boolean): void {
    this.#cases++;
    this.#options.announce?.(text);
    const started = process.cpuUsage();
    const signals = this.#checked(text);
    const { user, system } = process.cpuUsage(started);
    const milliseconds = (user + system) / 1000;
    if (milliseconds > this.#longestMs) [this.#longestMs, this.#longest] = [milliseconds, text];
    if (signals === null) return;
    if (milliseconds > SLOW_MS && this.#options.coverage) return this.#drop(text);
    const size = this.#signals.size;
    for (const signal of signals) this.#signals.add(signal);
    if (isKnown) return;
    if (this.#signals.size > size) this.#keep(text);
    else if (this.#options.coverage) this.#batch.push(text);
  }

  #checked(text: string): readonly string[] | null {
    try {
      return this.#target.check(text);
    } catch (error) {
      const fault = faultOf(error);
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const started = process.cpuUsage();
      const isInTime = (): boolean => process.cpuUsage(started).user < SHRINK_SECONDS * 1e6;
      const smallest = shrink(text, (next) => isInTime() && this.#failsWith(fault, next));
      this.#failure = { fault, detail: detail.slice(0, 4000), case: text, smallest };
      return null;
    }
  }

  #failsWith(fault: string, text: string): boolean {
    this.#options.announce?.(text);
    try {
      this.#target.check(text);
      return false;
    } catch (error) {
      return faultOf(error) === fault;
    }
  }

  /** When a batch ran something new, the cases that did so are found and kept. */
  #look(): void {
    const { coverage } = this.#options;
    const batch = this.#batch;
    this.#batch = [];
    if (!coverage?.wouldGrow()) return;
    for (const text of batch) {
      this.#options.announce?.(text);
      this.#target.check(text);
      if (coverage.grow() > 0) this.#keep(text);
    }
  }

  /** Mutants of what is slow are slow: a long run looks at more without them. */
  #drop(text: string): void {
    const at = this.#corpus.indexOf(text);
    if (at >= 0) this.#corpus.splice(at, 1);
  }

  #keep(text: string): void {
    if (this.#corpus.length >= CORPUS_MAX)
      this.#corpus.splice(Math.floor(this.#random() * 1000), 1);
    this.#corpus.push(text);
  }
}
