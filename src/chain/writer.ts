/**
 * The one writer of a chain: links at once, makes durable in groups.
 *
 * Read in this order: ChainWriter, BufferedChain.append, commit, start, flush. `append` only builds and
 * buffers. `commit` resolves when all that was appended so far is on disk: one write and one sync
 * at a time; whoever arrives meanwhile shares the next. With many callers two groups take turns, so
 * that neither the disk nor the processor waits for the other. After any error of the store the writer is
 * dead for ever: the kernel reports a failed sync once and then forgets the pages, so trying again
 * would acknowledge what is lost.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import { LineBuffer } from "./line-buffer.ts";
import {
  bodyText,
  type ChainBody,
  type ChainRecord,
  FIRST_TYPES,
  genesisOf,
  RECORD_BYTES_MAX,
  RECORD_VERSION,
  sealBody,
  type RecordType,
} from "./record.ts";
import type { ChainStore } from "./store.ts";

export interface RecordInput {
  readonly type: RecordType;
  readonly data: JsonObject;
  /** Absent: the outside world said nothing. */
  readonly facts?: JsonObject;
}

export interface ChainWriter {
  /** The last record appended, durable or not; `seq` -1 and the genesis hash before the first. */
  readonly head: { readonly seq: number; readonly hash: string };
  /**
   * Link a record. It is not durable before the next `commit` resolves.
   *
   * @throws {CcosError} `CHAIN_UNWRITABLE`: the store has failed, the record is over 1 MiB, or 64
   *   MiB wait for the disk. `NOT_CANONICAL`: the data is not plain JSON. Nothing was linked then.
   */
  append(input: RecordInput): ChainRecord;
  /**
   * @throws {CcosError} `CHAIN_UNWRITABLE`: not everything appended is durable, and never will be.
   */
  commit(): Promise<void>;
  /**
   * Commit what is appended, then close the store. Rejects like `commit`; the store is closed
   * anyway.
   */
  close(): Promise<void>;
}

export interface ChainOptions {
  readonly store: ChainStore;
  /** The run's id. */
  readonly chainId: string;
  /** Digest of the config; record 0 must name it as `data.config`. */
  readonly configDigest: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Runs before each write; what records name (payloads) is durable when it resolves. */
  readonly before?: () => Promise<void>;
  /** The last record that stands in the store already, verified. Absent: there is none. */
  readonly after?: { readonly seq: number; readonly hash: string };
}

/** Most bytes that may wait for the disk. */
export const PENDING_BYTES_MAX: number = 64 * 1024 * 1024;

/** Begin an empty chain on an empty store, or go on behind the last record of the one that stands there. */
export function openChain(options: ChainOptions): ChainWriter {
  return new BufferedChain(options);
}

/** Exact where it matters: a line that could be over the limit. Else UTF-16 units, at most 3 bytes each. */
function bytesOf(line: string): number {
  return line.length * 3 <= RECORD_BYTES_MAX ? line.length : Buffer.byteLength(line);
}

/** Callers whose records reach the disk together. */
interface Group {
  callers: number;
  readonly done: PromiseWithResolvers<void>;
}

class BufferedChain implements ChainWriter {
  readonly #options: ChainOptions;
  #head: { readonly seq: number; readonly hash: string };
  readonly #pending = new LineBuffer();
  #inFlightBytes = 0;
  /** The group on its way to the disk, and the one that gathers meanwhile. */
  #flushing: Group | null = null;
  #gathering: Group | null = null;
  /** How many callers take part: who was seen in both groups of the last flush. */
  #population = 1;
  #failure: CcosError | null = null;
  #closed = false;

  constructor(options: ChainOptions) {
    this.#options = options;
    const { chainId, configDigest, after } = options;
    this.#head = after ?? { seq: -1, hash: genesisOf(chainId, configDigest) };
  }

  get head(): { readonly seq: number; readonly hash: string } {
    return this.#head;
  }

  append(input: RecordInput): ChainRecord {
    this.#assertUsable();
    const body = this.#bodyOf(input);
    const { hash, line } = sealBody(bodyText(body));
    this.#reserve(bytesOf(line));
    this.#pending.push(`${line}\n`);
    this.#head = { seq: body.seq, hash };
    return { body, hash };
  }

  commit(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#gathering === null) {
      if (this.#pending.length === 0) return this.#flushing?.done.promise ?? Promise.resolve();
      this.#gathering = { callers: 0, done: Promise.withResolvers<void>() };
      if (this.#flushing === null) this.#startSoon();
    }
    const group = this.#gathering;
    group.callers++;
    if (this.#flushing === null && this.#isHalf(group)) this.#start();
    return group.done.promise;
  }

  async close(): Promise<void> {
    try {
      await this.commit();
    } finally {
      if (!this.#closed) {
        this.#closed = true;
        await this.#options.store.close();
      }
    }
  }

  #bodyOf({ type, data, facts = {} }: RecordInput): ChainBody {
    const { chainId, configDigest, nowMs } = this.#options;
    const { seq, hash: prev } = this.#head;
    if (seq === -1 && (!FIRST_TYPES.has(type) || data["config"] !== configDigest)) {
      throw new TypeError("The first record begins a chain and names the config's digest");
    }
    const ts = Math.trunc(nowMs());
    return { v: RECORD_VERSION, chain: chainId, seq: seq + 1, prev, ts, type, data, facts };
  }

  #reserve(bytes: number): void {
    if (bytes > RECORD_BYTES_MAX) {
      throw this.#unwritable(`a record of ${bytes} bytes is over ${RECORD_BYTES_MAX}`);
    }
    if (this.#pending.length + this.#inFlightBytes + bytes > PENDING_BYTES_MAX) {
      throw this.#unwritable(`over ${PENDING_BYTES_MAX} bytes wait for the disk`);
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw this.#unwritable("the chain is closed");
  }

  /**
   * Where callers share groups, a turn of the event loop first, so that those whom the last sync woke are in the
   * next one. A caller who is alone does not wait for others.
   */
  #startSoon(): void {
    const start = (): void => this.#start();
    if (this.#population > 1) setImmediate(start);
    else queueMicrotask(start);
  }

  /** Half of all callers: the disk works for one half while the other half computes. */
  #isHalf({ callers }: Group): boolean {
    return this.#population > 1 && callers * 2 >= this.#population;
  }

  #start(): void {
    const group = this.#gathering;
    if (group === null || this.#flushing !== null) return;
    this.#gathering = null;
    this.#flushing = group;
    this.#flush().then(
      () => {
        this.#startNext(group);
        group.done.resolve();
      },
      (failure: unknown) => {
        group.done.reject(failure);
        this.#gathering?.done.reject(failure);
        this.#gathering = null;
      },
    );
  }

  #startNext({ callers }: Group): void {
    const next = this.#gathering;
    const seen = callers + (next?.callers ?? 0);
    // Who computes for long is not forgotten at once.
    this.#population = Math.max(seen, Math.floor(this.#population * 0.9));
    this.#flushing = null;
    if (next === null) return;
    if (this.#isHalf(next)) this.#start();
    else this.#startSoon();
  }

  async #flush(): Promise<void> {
    const { store, before } = this.#options;
    const bytes = this.#pending.take();
    this.#inFlightBytes = bytes.length;
    try {
      if (before !== undefined) await before();
      await store.write(bytes);
      await store.sync();
      this.#inFlightBytes = 0;
      this.#pending.giveBack(bytes);
    } catch (cause) {
      this.#failure = this.#unwritable(
        cause instanceof Error ? cause.message : String(cause),
        cause,
      );
      this.#pending.clear();
      throw this.#failure;
    }
  }

  #unwritable(why: string, cause?: unknown): CcosError {
    return new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot record in chain ${this.#options.chainId}`,
      why,
      fix: "Free space or fix permissions, then run again",
      cause,
    });
  }
}
