/**
 * The host log: one Merkle tree per state directory, its leaves the signed heads of runs and deployments in the order
 * they were sealed, its root signed as a checkpoint after each.
 *
 * Read in this order: HostLog, logHead, catchUp. Three files: `heads.jsonl` (the leaves, a head's text a
 * line), `tree.bin` (stored-tree.ts) and `checkpoint` (note.ts). They are written in this order, each durable before the next,
 * by one process at a time. So a crash leaves at most a cut last line, which was never acknowledged and is cut off,
 * one line that the tree does not have, or a tree one leaf ahead of its checkpoint; the next append completes them. Anything
 * else was not done by a crash and is refused: the log is not "repaired" into another history.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import {
  ensurePrivateDir,
  errnoOf,
  type LogFile,
  lockDirectory,
  type NameLease,
  openLogFile,
  readBounded,
  sleep,
  syncDirectory,
  writeAtomic,
} from "../host/index.ts";
import { headText, isSignedBy, parseHead, type SignedHead } from "./head.ts";
import { type HostKey, keyIdOf } from "./host-key.ts";
import { leafHash } from "./merkle.ts";
import { type Checkpoint, NOTE_LENGTH_MAX, openCheckpoint, signCheckpoint } from "./note.ts";
import { StoredTree } from "./stored-tree.ts";

/** Files of a host log's directory. */
export interface HostLog {
  readonly directory: string;
  readonly heads: string;
  readonly tree: string;
  readonly checkpoint: string;
  /** What was put elsewhere, and what could not be. */
  readonly anchors: string;
}

export function hostLog(stateDir: string): HostLog {
  const directory = join(stateDir, "log");
  return {
    directory,
    heads: join(directory, "heads.jsonl"),
    tree: join(directory, "tree.bin"),
    checkpoint: join(directory, "checkpoint"),
    anchors: join(directory, "anchors.jsonl"),
  };
}

/** The log's name: in its checkpoints, and of the key that signs them. */
export function originOf(publicKey: KeyObject): string {
  return `ccos.local/host/${keyIdOf(publicKey)}`;
}

/** A line is a head of at most 128 characters of id and fixed fields. */
const LINE_BYTES_MAX = 1024;
/** Two lines and a cut one. */
const TAIL_BYTES: number = 3 * (LINE_BYTES_MAX + 1);
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 2;

export interface Logged {
  readonly index: number;
  /** The first that has the head. */
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

/**
 * Put a head into the log: leaf, tree and checkpoint are durable when this resolves.
 *
 * @throws {CcosError} `CHAIN_UNWRITABLE` when the disk fails or another process holds the log for 10 s;
 *   `CHAIN_INTEGRITY` when the log there is not what was written.
 */
export async function logHead(log: HostLog, head: SignedHead, key: HostKey): Promise<Logged> {
  try {
    await ensurePrivateDir(log.directory);
    const lease = await takeLog(log);
    try {
      return await append(log, head, key);
    } finally {
      lease.release();
    }
  } catch (cause) {
    if (cause instanceof CcosError) throw cause;
    throw new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot log the head of ${head.chain}`,
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Free space or fix permissions of CCOS_HOME, then run again",
      cause,
    });
  }
}

async function takeLog({ directory }: HostLog): Promise<NameLease> {
  const deadline = AbortSignal.timeout(LOCK_WAIT_MS);
  for (;;) {
    const lease = await lockDirectory(directory);
    if (lease !== null) return lease;
    if (deadline.aborted)
      throw new Error(`another process writes the log for over ${LOCK_WAIT_MS} ms`);
    // Who waits together should not ask together.
    await sleep(LOCK_POLL_MS * (1 + Math.random()), new AbortController().signal);
  }
}

async function append(log: HostLog, head: SignedHead, key: HostKey): Promise<Logged> {
  const last = await readCheckpoint(log, key.publicKey);
  const heads = openLogFile(log.heads, "append");
  const treeFile = openLogFile(log.tree, "append");
  try {
    if (last === null) await syncDirectory(log.directory);
    const tree = new StoredTree(treeFile);
    const size = catchUp(log, { heads, tree, last, publicKey: key.publicKey });
    const line = headText(head);
    heads.append(Buffer.from(`${line}\n`));
    tree.append(size, leafHash(Buffer.from(line)));
    const origin = originOf(key.publicKey);
    const checkpoint = { origin, size: size + 1, root: tree.rootAt(size + 1) };
    const note = signCheckpoint(checkpoint, key);
    await writeAtomic(log.checkpoint, Buffer.from(note), 0o600);
    return { index: size, checkpoint, note };
  } finally {
    heads.close();
    treeFile.close();
  }
}

/** The last checkpoint of a log, and the note it stands in. */
export interface LogCheckpoint extends Checkpoint {
  readonly note: string;
}

/**
 * The last checkpoint of a log; null when there is none.
 *
 * @throws {CcosError} `CHAIN_SIGNATURE` when it is malformed or not signed with this key.
 */
export async function readCheckpoint(
  log: HostLog,
  publicKey: KeyObject,
): Promise<LogCheckpoint | null> {
  const bytes = await readBounded(log.checkpoint, NOTE_LENGTH_MAX);
  if (!bytes.ok && bytes.error === "absent") return null;
  const note = bytes.ok ? new TextDecoder().decode(bytes.value) : "";
  const opened = bytes.ok ? openCheckpoint(note, { name: originOf(publicKey), publicKey }) : bytes;
  if (opened.ok) return { ...opened.value, note };
  throw new CcosError("CHAIN_SIGNATURE", {
    what: `Cannot believe the checkpoint of the host log in "${log.directory}"`,
    why: opened.error,
    fix: MOVE_ASIDE,
  });
}

const MOVE_ASIDE =
  "Keep the directory as evidence: move it aside, and the next run begins another log";

interface Opened {
  readonly heads: LogFile;
  readonly tree: StoredTree;
  readonly last: Checkpoint | null;
  readonly publicKey: KeyObject;
}

/** Complete what a crash left. @returns how many heads are logged. */
function catchUp(log: HostLog, { heads, tree, last, publicKey }: Opened): number {
  const end = heads.size;
  const tail = heads.read(Math.max(0, end - TAIL_BYTES), TAIL_BYTES);
  const torn = tail.length - (tail.lastIndexOf(10) + 1);
  if (torn > LINE_BYTES_MAX) throw changed(log, "its last line has no end");
  if (torn > 0) heads.cut(end - torn);
  const lines = tail
    .subarray(0, tail.length - torn)
    .toString("latin1")
    .split("\n")
    .slice(0, -1);
  const size = tree.size;
  const missing = missingLine(lines, size === 0 ? null : tree.leaf(size - 1));
  if (!missing.ok) throw changed(log, `its tree of ${size} leaves and its lines disagree`);
  const line = missing.value;
  if (line !== null && !isOurHead(line, publicKey)) {
    throw changed(log, "its last line is no head that this host signed");
  }
  if (line !== null) tree.append(size, leafHash(Buffer.from(line)));
  const logged = line === null ? size : size + 1;
  const signed = last?.size ?? 0;
  if (signed > logged)
    throw changed(log, `its checkpoint counts ${signed} heads, here are ${logged}`);
  if (logged - signed > 1) throw changed(log, `its checkpoint counts ${signed} of ${logged} heads`);
  if (last !== null && tree.rootAt(signed) !== last.root) {
    throw changed(log, "its tree is not the one that was signed");
  }
  return logged;
}

/** The line that the tree does not have yet, when the one before is the tree's last leaf; null: it has all. */
function missingLine(
  lines: readonly string[],
  lastLeaf: string | null,
): Result<string | null, "foreign"> {
  const [before, latest] = lines.slice(-2);
  const newest = latest ?? before ?? null;
  const [leafBefore, leaf] = [latest === undefined ? null : before, newest].map((line) =>
    line === null || line === undefined ? null : leafHash(Buffer.from(line, "latin1")),
  );
  if (leaf === lastLeaf) return ok(null);
  return newest !== null && leafBefore === lastLeaf ? ok(newest) : err("foreign");
}

/** What a crash left without a signature is only gone on with when it is what we would have signed. */
function isOurHead(line: string, publicKey: KeyObject): boolean {
  const head = parseHead(line);
  return head.ok && headText(head.value) === line && isSignedBy(head.value, publicKey);
}

function changed({ directory }: HostLog, why: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot go on with the host log in "${directory}"`,
    why,
    fix: MOVE_ASIDE,
  });
}

/**
 * The log's tree and its last checkpoint, to prove with. Null: nothing was ever logged.
 *
 * @throws {CcosError} `CHAIN_SIGNATURE`; `INPUT_UNREADABLE`.
 */
export async function readLog<T>(
  log: HostLog,
  publicKey: KeyObject,
  use: (tree: StoredTree, checkpoint: LogCheckpoint) => T,
): Promise<T | null> {
  const checkpoint = await readCheckpoint(log, publicKey);
  if (checkpoint === null) return null;
  let file: LogFile;
  try {
    file = openLogFile(log.tree, "read");
  } catch (cause) {
    throw new CcosError("INPUT_UNREADABLE", {
      what: `Cannot read "${log.tree}"`,
      why: errnoOf(cause) === "ENOENT" ? "there is no such file" : String(cause),
      fix: "Run `ccos chain verify RUN` for what happened to the log",
      cause,
    });
  }
  try {
    return use(new StoredTree(file), checkpoint);
  } finally {
    file.close();
  }
}
