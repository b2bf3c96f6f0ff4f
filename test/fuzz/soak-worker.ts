/**
 * One slice of a soak, in a thread of its own: what never ends can be ended from outside. The case under
 * way stands in shared memory, so that it is known then.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.ts";

/** What a slice is told. */
export interface Slice {
  readonly target: string;
  readonly seed: number;
  readonly milliseconds: number;
  readonly corpus: readonly string[];
  /** The number of the case, the length of its text, then the text in UTF-16. */
  readonly shared: SharedArrayBuffer;
}

/** Most characters of a case that are shared. */
export const CASE_MAX = 16_384;
/** Bytes of `Slice.shared`. */
export const SHARED_BYTES = 8 + 2 * CASE_MAX;

if (parentPort !== null) {
  const { target: name, seed, milliseconds, corpus, shared } = workerData as Slice;
  // Before the language is loaded: only then are its blocks counted.
  const coverage = new Coverage();
  const { Campaign } = await import("./campaign.ts");
  const { TARGETS } = await import("./targets/index.ts");
  const counts = new Int32Array(shared, 0, 2);
  const letters = new Uint16Array(shared, 8);
  const until = performance.now() + milliseconds;
  const campaign = new Campaign(TARGETS.get(name)!, {
    seed,
    corpus,
    coverage,
    runsSeeds: corpus.length === 0,
    goesOn: () => performance.now() < until,
    announce: (text) => {
      const length = Math.min(text.length, CASE_MAX);
      for (let at = 0; at < length; at++) letters[at] = text.charCodeAt(at);
      Atomics.store(counts, 1, length);
      Atomics.add(counts, 0, 1);
    },
  });
  const result = campaign.run();
  parentPort.postMessage({ ...result, blocks: coverage.blocks });
}
