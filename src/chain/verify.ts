/**
 * Verification: every record in its place, every hash fitting, the end where the signed head says.
 *
 * Read in this order: Verification, verifyChain, ChainWalk.accept; what kind of edit a break was is
 * told in diagnosis.ts, long files are read by several threads in verify-file.ts. One pass, one line
 * in memory. Without a head a cut tail cannot be seen: such a chain is valid but not `sealed`. Whoever
 * can write the chain and holds the host's key can forge both.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { type Broken, Diagnosis } from "./diagnosis.ts";
import { isSignedBy, type SignedHead } from "./head.ts";
import { keyIdOf } from "./host-key.ts";
import { type Line, LineChecker, LineReader, type Link } from "./lines.ts";
import { addLeaf, addSubtree, type Range, rootOf } from "./merkle.ts";
import { genesisOf, RECORD_BYTES_MAX } from "./record.ts";
import type { Stretch } from "./stretch.ts";

export type Verification =
  | {
      readonly kind: "valid";
      readonly sealed: true;
      readonly records: number;
      readonly head: string;
      readonly keyId: string;
    }
  /**
   * No signed head: the records verify, that they are all cannot be proven. `head` is empty for
   * none.
   */
  | {
      readonly kind: "valid";
      readonly sealed: false;
      readonly records: number;
      readonly head: string;
    }
  | Broken;

export interface VerifyOptions {
  /** Null or absent: the run was never sealed. */
  readonly head?: SignedHead | null;
  /** The host's key. With a head and without a key the signature counts as broken. */
  readonly publicKey?: KeyObject | null;
  /** The run's id, when it is known from elsewhere; else the head or the first record tells it. */
  readonly chainId?: string;
}

/**
 * @param source - The chain's bytes, cut anywhere. A chunk may be reused once the next is asked
 * for.
 */
export async function verifyChain(
  source: AsyncIterable<Uint8Array>,
  options: VerifyOptions = {},
): Promise<Verification> {
  return (await scanChain(source, options)).verification;
}

export interface Scan {
  readonly verification: Verification;
  /** Bytes after the last newline, when the whole source was read. */
  readonly tail: Uint8Array;
  readonly bytes: number;
}

/** {@link verifyChain}, and what stands after the last whole line. */
export async function scanChain(
  source: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
): Promise<Scan> {
  const unfit = checkHead(options);
  if (unfit !== null) return { verification: unfit, tail: new Uint8Array(), bytes: 0 };
  const walk = new ChainWalk(options);
  const reader = new LineReader();
  const checker = new LineChecker();
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    for (const line of reader.push(asBuffer(chunk))) {
      const broken = line === null ? walk.overlong() : walk.accept(checker.check(line));
      if (broken !== null) return { verification: broken, tail: new Uint8Array(), bytes };
    }
  }
  const tail = reader.tail();
  return { verification: walk.end(tail.length), tail, bytes };
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk)
    ? chunk
    : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** What is wrong with the head itself; null when it can be gone by. */
export function checkHead({
  head = null,
  publicKey = null,
  chainId,
}: VerifyOptions): Broken | null {
  if (head === null) return null;
  const place = { kind: "broken", seq: 0, line: 0 } as const;
  if (publicKey === null) {
    return {
      ...place,
      reason: "signature",
      detail: "there is no public key to check the head with",
    };
  }
  if (!isSignedBy(head, publicKey)) {
    const detail = `the head's signature does not verify with key ${keyIdOf(publicKey)}`;
    return { ...place, reason: "signature", detail };
  }
  if (chainId === undefined || chainId === head.chain) return null;
  return { ...place, reason: "chain-id", detail: `the head is that of ${head.chain}` };
}

/** Hashes kept to tell a repeated record from a foreign one; older repeats are called inserted. */
const REMEMBERED_HASHES = 1024;

/** Takes a chain's lines in order and holds each to what came before. */
export class ChainWalk {
  readonly #head: SignedHead | null;
  readonly #recent: string[] = [];
  #chain: string | null;
  /** The `seq` and `prev` that the next record must have. */
  #seq = 0;
  #prev = "";
  #line = 0;
  #diagnosis: Diagnosis | null = null;
  /** The records' tree; null: nobody says what its root is, or asks. */
  readonly #tree: Range | null;

  constructor({ head = null, chainId }: VerifyOptions, withTree = true) {
    this.#head = head;
    this.#tree = withTree && head?.root !== undefined ? [] : null;
    this.#chain = chainId ?? head?.chain ?? null;
  }

  /** @returns the break, once it is clear which; null to go on. */
  accept(line: Line): Broken | null {
    this.#line++;
    if (this.#diagnosis !== null) return this.#diagnosis.look(line, this.#line);
    if (this.#head !== null && this.#seq === this.#head.records) return this.#afterHead();
    const doubt = this.#doubtOf(line);
    if (doubt === null) return this.#take(line as Link);
    const { reason, detail } = doubt;
    const expected = { chain: this.#chain, seq: this.#seq, prev: this.#prev };
    this.#diagnosis = new Diagnosis({ expected, line, at: this.#line, reason, detail });
    return null;
  }

  /**
   * Take a sound stretch at once, as if each of its records had been accepted. Its hashes are not remembered: what
   * follows a leap may only leap or end.
   *
   * @returns False, and nothing is taken, when any of them would not have been.
   */
  leap({ first, records, last, tree }: Stretch): boolean {
    const reached = this.#seq + records;
    const head = this.#head;
    if (this.#diagnosis !== null || this.#doubtOf(first) !== null) return false;
    if (head !== null && reached > head.records) return false;
    if (head !== null && reached === head.records && last !== head.head) return false;
    this.#chain ??= first.chain;
    if (this.#tree !== null) for (const subtree of tree) addSubtree(this.#tree, subtree);
    this.#seq = reached;
    this.#prev = last;
    this.#line += records;
    return true;
  }

  overlong(): Broken {
    this.#line++;
    const detail = `the line is over ${RECORD_BYTES_MAX} bytes`;
    return this.#diagnosis?.end() ?? this.#broken("malformed", detail);
  }

  end(tailBytes: number): Verification {
    if (this.#diagnosis !== null) return this.#diagnosis.end();
    const records = this.#seq;
    const head = this.#head;
    if (head !== null && records < head.records) {
      const detail = `the signed head counts ${head.records} records, here are ${records}`;
      return this.#broken("truncated", detail);
    }
    if (tailBytes > 0) {
      this.#line++;
      if (head !== null) return this.#afterHead();
      return this.#broken("torn", `${tailBytes} bytes without a newline end the chain`);
    }
    if (this.#tree !== null && rootOf(this.#tree) !== head?.root) {
      return this.#broken("root", "the signed root is not that of these records");
    }
    const sum = { kind: "valid", records, head: records === 0 ? "" : this.#prev } as const;
    return head === null ? { ...sum, sealed: false } : { ...sum, sealed: true, keyId: head.keyId };
  }

  #doubtOf(line: Line): Pick<Broken, "reason" | "detail"> | null {
    if (line.kind === "fault") return line;
    const { chain, seq, prev } = line;
    if (this.#chain !== null && chain !== this.#chain) {
      return { reason: "chain-id", detail: `it belongs to ${chain}` };
    }
    if (seq > this.#seq) {
      return { reason: "dropped", detail: `record ${seq} follows record ${this.#seq - 1}` };
    }
    if (seq < this.#seq) return this.#repeated(line);
    if (prev === (seq === 0 ? genesisPrev(line) : this.#prev)) return null;
    const detail =
      seq === 0
        ? "the first record does not begin a chain of this id and config"
        : `record ${seq} was linked to another record ${seq - 1}`;
    return { reason: "changed", detail };
  }

  #repeated({ seq, hash }: Link): Pick<Broken, "reason" | "detail"> {
    if (this.#recent[seq % REMEMBERED_HASHES] === hash) {
      return { reason: "duplicated", detail: `record ${seq} stands here again` };
    }
    return { reason: "inserted", detail: `a second record ${seq} stands here` };
  }

  #take({ chain, seq, hash }: Link): Broken | null {
    this.#chain ??= chain;
    if (this.#head !== null && this.#head.records === seq + 1 && this.#head.head !== hash) {
      const detail = "the last hash is not the signed one; the chain was written anew up to here";
      return this.#broken("changed", detail);
    }
    this.#recent[seq % REMEMBERED_HASHES] = hash;
    if (this.#tree !== null) addLeaf(this.#tree, seq, hash);
    this.#seq = seq + 1;
    this.#prev = hash;
    return null;
  }

  #afterHead(): Broken {
    return this.#broken("after-head", `the signed head ends the chain at ${this.#seq} records`);
  }

  #broken(reason: Broken["reason"], detail: string): Broken {
    return { kind: "broken", seq: this.#seq, line: this.#line, reason, detail };
  }
}

/** What record 0 must name as `prev`; empty, which no `prev` is, when it names no config. */
function genesisPrev({ chain, config }: Link): string {
  return config === null ? "" : genesisOf(chain, config);
}
