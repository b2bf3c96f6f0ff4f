/**
 * What the host log says about one chain: whether its head was logged, and whether the log itself still is what was
 * signed.
 *
 * Read in this order: LogVerdict, auditLog, judge. Every leaf is hashed again and the root is held against the log's own
 * checkpoint and against one that was kept elsewhere (pinned): whoever owns the host can write a new log with its key, but not
 * one that goes on from a checkpoint that he no longer has. The stored tree is not used here.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { CcosError } from "../foundation/errors.ts";
import { fileIdentity, readChunks } from "../host/index.ts";
import { headText, isSignedBy, parseHead, type SignedHead } from "./head.ts";
import { type HostLog, readCheckpoint } from "./host-log.ts";
import { LineReader } from "./lines.ts";
import { addLeaf, leafHash, type Range, rootOf, type TreeHead } from "./merkle.ts";
import type { Checkpoint } from "./note.ts";

export interface LoggedHead {
  readonly index: number;
  readonly head: SignedHead;
}

/** What a log and a chain say of each other. */
export type LogVerdict =
  | {
      readonly kind: "logged";
      readonly index: number;
      /** Heads in the log. */
      readonly size: number;
      /** Whether a checkpoint from elsewhere was held against the log. */
      readonly pinned: boolean;
    }
  /** Nothing is known and nothing was to be: an unsealed chain, or one that was sealed before there was a log. */
  | { readonly kind: "unlogged"; readonly size: number }
  | LogBroken;

export interface LogBroken {
  readonly kind: "broken";
  readonly reason: /** The log's own signature or a head's in it. */
    | "log-signature"
    /** A leaf of the log was changed, dropped or added. */
    | "log-changed"
    /** The log has fewer heads than a checkpoint says. */
    | "log-rollback"
    /** The log has another history than the pinned checkpoint. */
    | "log-fork"
    /** The chain is shorter than the log says. */
    | "truncated"
    /** The log knows a later head of this chain, or the chain's head is missing in it. */
    | "rollback"
    /** The log has a head for records that are not this chain's. */
    | "fork"
    /** The chain's head was taken away. */
    | "stripped";
  readonly detail: string;
}

export interface AuditOptions {
  readonly log: HostLog;
  readonly publicKey: KeyObject | null;
  /** The chain's id. */
  readonly chain: string;
  /** A checkpoint that was kept elsewhere; its signature has been checked. */
  readonly pinned?: Checkpoint | null;
}

/** The heads that the log has of one chain, oldest first. */
export interface LogAudit {
  readonly size: number;
  readonly heads: readonly LoggedHead[];
  readonly pinned: boolean;
}

/** Times that the log is read again because somebody wrote it meanwhile. */
const ATTEMPTS_MAX = 8;

/** Read the whole log. Time is linear in it, memory flat. @throws {CcosError} `INPUT_UNREADABLE`. */
export async function auditLog(options: AuditOptions): Promise<LogAudit | LogBroken> {
  for (let attempt = 1; ; attempt++) {
    const before = fileIdentity(options.log.checkpoint);
    const audit = await auditOnce(options);
    const wasStill = fileIdentity(options.log.checkpoint) === before;
    if (!("kind" in audit) || wasStill || attempt === ATTEMPTS_MAX) return audit;
  }
}

async function auditOnce(options: AuditOptions): Promise<LogAudit | LogBroken> {
  const { log, publicKey, pinned = null } = options;
  const absent = fileIdentity(log.heads) === null && fileIdentity(log.checkpoint) === null;
  if (absent && pinned !== null) {
    return broken("log-rollback", `the checkpoint counts ${pinned.size} heads, here is no log`);
  }
  if (absent || publicKey === null) return { size: 0, heads: [], pinned: false };
  let own: Checkpoint | null;
  try {
    own = await readCheckpoint(log, publicKey);
  } catch (cause) {
    if (cause instanceof CcosError && cause.code === "CHAIN_SIGNATURE") {
      return broken("log-signature", `the log's checkpoint: ${cause.message}`);
    }
    throw cause;
  }
  return await new LogWalk(options, publicKey, own).walk();
}

class LogWalk {
  readonly #options: AuditOptions;
  readonly #publicKey: KeyObject;
  readonly #own: Checkpoint | null;
  readonly #needle: Buffer;
  readonly #range: Range = [];
  readonly #heads: LoggedHead[] = [];
  #size = 0;

  constructor(options: AuditOptions, publicKey: KeyObject, own: Checkpoint | null) {
    this.#options = options;
    this.#publicKey = publicKey;
    this.#own = own;
    this.#needle = Buffer.from(`"chain":"${options.chain}"`);
  }

  async walk(): Promise<LogAudit | LogBroken> {
    const { log, pinned = null } = this.#options;
    const reader = new LineReader();
    for await (const chunk of readChunks(log.heads)) {
      const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (const line of reader.push(buffer)) {
        const wrong =
          line === null ? broken("log-changed", "a line is too long") : this.#take(line);
        if (wrong !== null) return wrong;
      }
    }
    // A line without an end was never acknowledged.
    return (
      this.#short(this.#own, "the log's own checkpoint", "log-changed") ??
      this.#short(pinned, "the given checkpoint", "log-rollback") ??
      this.#unsigned() ?? {
        size: this.#own?.size ?? 0,
        heads: this.#heads,
        pinned: pinned !== null,
      }
    );
  }

  #take(line: Buffer): LogBroken | null {
    addLeaf(this.#range, this.#size, leafHash(line));
    this.#size++;
    return (
      this.#unequal(this.#options.pinned ?? null, "the given checkpoint", "log-fork") ??
      this.#unequal(this.#own, "the log's own checkpoint", "log-changed") ??
      (this.#isSigned() && line.includes(this.#needle) ? this.#takeHead(line) : null)
    );
  }

  #takeHead(line: Buffer): LogBroken | null {
    const index = this.#size - 1;
    const head = isUtf8(line) ? parseHead(line.toString("utf8")) : null;
    if (head === null || !head.ok || !line.equals(Buffer.from(headText(head.value)))) {
      return broken("log-changed", `head ${index} of the log is malformed`);
    }
    if (head.value.chain !== this.#options.chain) return null;
    if (!isSignedBy(head.value, this.#publicKey)) {
      return broken("log-signature", `the signature of head ${index} of the log does not verify`);
    }
    this.#heads.push({ index, head: head.value });
    return null;
  }

  #unequal(
    checkpoint: TreeHead | null,
    name: string,
    reason: LogBroken["reason"],
  ): LogBroken | null {
    if (checkpoint?.size !== this.#size || rootOf(this.#range) === checkpoint.root) return null;
    return broken(reason, `the first ${this.#size} heads of the log are not those of ${name}`);
  }

  #short(checkpoint: TreeHead | null, name: string, reason: LogBroken["reason"]): LogBroken | null {
    if (checkpoint === null || checkpoint.size <= this.#size) return null;
    return broken(reason, `${name} counts ${checkpoint.size} heads, here are ${this.#size}`);
  }

  /** Whether a checkpoint has the last leaf. One that none has says nothing. */
  #isSigned(): boolean {
    return this.#size <= (this.#own?.size ?? 0);
  }

  /** A crash leaves one head without a checkpoint, not more. */
  #unsigned(): LogBroken | null {
    const signed = this.#own?.size ?? 0;
    if (this.#size - signed <= 1) return null;
    return broken("log-changed", `the log's checkpoint counts ${signed} of ${this.#size} heads`);
  }
}

/** A chain as it was found, verified in itself. */
export interface FoundChain {
  readonly head: SignedHead | null;
  readonly records: number;
  /** Hash of record `seq`, which is there. */
  readonly hashAt: (seq: number) => Promise<string>;
}

/** Hold a chain against what the log has of it. */
export async function judgeLogged(
  audit: LogAudit | LogBroken,
  { head, records, hashAt }: FoundChain,
): Promise<LogVerdict> {
  if ("kind" in audit) return audit;
  const { size, heads, pinned } = audit;
  for (const { index, head: logged } of heads) {
    const told = `head ${index} of the host log counts ${logged.records} records`;
    if (logged.records > records) {
      const isOlder = head !== null && head.records === records;
      return broken(isOlder ? "rollback" : "truncated", `${told}, here are ${records}`);
    }
    if (logged.records < records && !mayGoOn(logged.chain)) {
      return broken("fork", `${told} and ends the run, here are ${records}`);
    }
    if ((await hashAt(logged.records - 1)) !== logged.head) {
      return broken("fork", `${told} of another history`);
    }
  }
  const last = heads.at(-1);
  if (head === null) {
    if (last === undefined) return { kind: "unlogged", size };
    if (last.head.records < records && mayGoOn(last.head.chain)) return { kind: "unlogged", size };
    return broken("stripped", `the chain has no head, but the host log has it as ${last.index}`);
  }
  const own = heads.findLast((each) => headText(each.head) === headText(head));
  if (own !== undefined) return { kind: "logged", index: own.index, size, pinned };
  if (head.v === 1) return { kind: "unlogged", size };
  return broken("rollback", `the host log of ${size} heads does not have this chain's`);
}

/** A deployment's chain is gone on with under its next supervisor; a run's ends with its head. */
function mayGoOn(chain: string): boolean {
  return !chain.startsWith("run-");
}

function broken(reason: LogBroken["reason"], detail: string): LogBroken {
  return { kind: "broken", reason, detail };
}
