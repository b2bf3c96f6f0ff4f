/**
 * A few instances that wait, so that a job finds one ready: each for one job, never used again.
 *
 * Read in this order: WarmPoolOptions, WarmPool.take, #refill. A pool holds instances of one image, one wall
 * and one set of limits; whoever asks for anything else has another pool. `take` never waits: with nothing
 * ready it says so, and the caller starts cold. What is taken, too old or dead is replaced behind the caller's
 * back, few at a time; raising that fails is tried again ever more slowly.
 *
 * @module
 */

/** An instance that can wait. */
export interface Waiting {
  /** Settles when it has ended by itself. Never rejects. */
  readonly ended: Promise<void>;
  /** Nothing of it is left when this resolves. */
  close(): Promise<void>;
}

export interface WarmPoolOptions<T extends Waiting> {
  /** How many wait; 1 to {@link POOL_SIZE_MAX}. */
  readonly size: number;
  /** How many are raised at once; at least 1. More than there are processors only delays each. */
  readonly raisingMax: number;
  /** An instance that waited longer is ended and replaced, milliseconds. */
  readonly idleMsMax: number;
  /** Start one and wait until it is ready. The signal ends the attempt. */
  raise(signal: AbortSignal): Promise<T>;
}

export interface WarmPoolCounts {
  readonly ready: number;
  readonly raising: number;
  /** Taken while one was ready. */
  readonly hits: number;
  /** Asked while none was. */
  readonly misses: number;
  /** Attempts to raise that failed, and instances that ended while they waited. */
  readonly failures: number;
  /** What the last failure said; null: none. */
  readonly lastFailure: string | null;
}

export const POOL_SIZE_MAX = 256;
const REFILL_DELAY_MS = 20;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 30_000;

interface Entry<T> {
  readonly instance: T;
  readonly expiry: NodeJS.Timeout;
}

export class WarmPool<T extends Waiting> {
  readonly #options: WarmPoolOptions<T>;
  /** Oldest first. */
  readonly #ready: Entry<T>[] = [];
  readonly #abort = new AbortController();
  /** Everything that is being raised or ended; awaited by `close`. */
  readonly #work = new Set<Promise<void>>();
  #raising = 0;
  #hits = 0;
  #misses = 0;
  #failures = 0;
  #lastFailure: string | null = null;
  #retryMs = 0;
  #retry: NodeJS.Timeout | null = null;

  /** Starts filling at once. @throws {RangeError} for a size or a number out of its range. */
  constructor(options: WarmPoolOptions<T>) {
    const { size, raisingMax, idleMsMax } = options;
    const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
    if (!isCount(size) || size > POOL_SIZE_MAX) {
      throw new RangeError(`A pool holds 1 to ${POOL_SIZE_MAX} instances, not ${size}`);
    }
    if (!isCount(raisingMax) || !isCount(idleMsMax)) {
      throw new RangeError("A pool raises at least one at a time, and keeps it for a while");
    }
    this.#options = options;
    this.#refill();
  }

  get counts(): WarmPoolCounts {
    return {
      ready: this.#ready.length,
      raising: this.#raising,
      hits: this.#hits,
      misses: this.#misses,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    };
  }

  /** One that waits, now the caller's alone and theirs to close; null: none is ready. */
  take(): T | null {
    const entry = this.#ready.shift();
    if (entry === undefined) this.#misses++;
    else {
      this.#hits++;
      this.#retryMs = 0;
      clearTimeout(entry.expiry);
    }
    // Not at once: raising takes the processor from the job that has just begun.
    setTimeout(() => this.#refill(), REFILL_DELAY_MS).unref();
    return entry?.instance ?? null;
  }

  /** End what waits and what is being raised. What was taken stays its taker's. */
  async close(): Promise<void> {
    this.#abort.abort();
    if (this.#retry !== null) clearTimeout(this.#retry);
    for (const entry of this.#ready.splice(0)) this.#end(entry);
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #refill(): void {
    const { size, raisingMax } = this.#options;
    while (
      !this.#abort.signal.aborted &&
      this.#retry === null &&
      this.#raising < raisingMax &&
      this.#ready.length + this.#raising < size
    ) {
      this.#raising++;
      this.#during(this.#raise());
    }
  }

  async #raise(): Promise<void> {
    let instance: T;
    try {
      instance = await this.#options.raise(this.#abort.signal);
    } catch (cause) {
      this.#raising--;
      this.#failed(cause instanceof Error ? cause.message : String(cause));
      return;
    }
    this.#raising--;
    if (this.#abort.signal.aborted) return await instance.close();
    this.#keep(instance);
    this.#refill();
  }

  #keep(instance: T): void {
    const expiry = setTimeout(() => this.#drop(entry), this.#options.idleMsMax);
    expiry.unref();
    const entry: Entry<T> = { instance, expiry };
    this.#ready.push(entry);
    void instance.ended.then(() => {
      if (!this.#ready.includes(entry)) return;
      this.#failed("an instance ended while it waited");
      this.#drop(entry);
    });
  }

  #drop(entry: Entry<T>): void {
    this.#ready.splice(this.#ready.indexOf(entry), 1);
    this.#end(entry);
    this.#refill();
  }

  #end({ instance, expiry }: Entry<T>): void {
    clearTimeout(expiry);
    this.#during(instance.close());
  }

  /** Try again later, each time twice as late. */
  #failed(why: string): void {
    if (this.#abort.signal.aborted) return;
    this.#failures++;
    this.#lastFailure = why;
    this.#retryMs = Math.min(Math.max(this.#retryMs * 2, RETRY_MS_MIN), RETRY_MS_MAX);
    if (this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#refill();
    }, this.#retryMs);
    this.#retry.unref();
  }

  #during(work: Promise<void>): void {
    const noted = work.catch((cause: unknown) => {
      this.#failed(cause instanceof Error ? cause.message : String(cause));
    });
    this.#work.add(noted);
    void noted.then(() => this.#work.delete(noted));
  }
}
