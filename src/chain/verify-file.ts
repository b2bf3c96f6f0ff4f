/**
 * Verification of a chain in a file: long ones in several threads.
 *
 * Read in this order: verifyInThreads, walkStretches, checkInThreads. Threads can only say that a stretch of the file is
 * sound in itself. Sound stretches are walked in order, with the very rules of one thread; as soon as anything
 * does not fit, the file is read again from its begin by {@link verifyChain}, which says what it is. Memory is that
 * of a thread and a buffer for each of them, however long the file.
 *
 * @module
 */
import {
  openRandom,
  siblingProgram,
  startThread,
  type Thread,
  threadsAtOnce,
} from "../host/index.ts";
import { type Checked, checkStretches, type StretchPlan } from "./stretch.ts";
import { chainBytes, isDatabase } from "./source.ts";
import {
  ChainWalk,
  checkHead,
  type Verification,
  verifyChain,
  type VerifyOptions,
} from "./verify.ts";

export interface FileVerifyOptions extends VerifyOptions {
  /**
   * `links`: that every byte is the one that was linked, up to the head; forms, fields and the root are not looked at again.
   * What does not fit is looked at in full all the same, and so is a short chain.
   */
  readonly only?: "links";
  /** Bytes that a thread takes at a time. */
  readonly stretchBytes?: number;
  /** Threads at most, this one included; 1 starts none. */
  readonly threadsMax?: number;
}

const STRETCH_BYTES = 8 * 1024 * 1024;
/** More have not been measured. */
const THREADS_MAX = 4;
/** Below as many stretches a thread costs more than it gives. */
const STRETCHES_MIN = 4;

/** @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`. */
export async function verifyChainFile(
  path: string,
  options: FileVerifyOptions = {},
): Promise<Verification> {
  const shared = await verifyInThreads(path, options);
  return shared ?? (await verifyChain(chainBytes(path), options));
}

/** @returns Null when the file is short, or when one thread has to say what is wrong with it. */
export async function verifyInThreads(
  path: string,
  options: FileVerifyOptions,
): Promise<Verification | null> {
  if (isDatabase(path)) return null;
  const { stretchBytes = STRETCH_BYTES, threadsMax = THREADS_MAX } = options;
  const stretches = Math.ceil((await sizeOfFile(path)) / stretchBytes);
  const threads = Math.min(threadsMax, threadsAtOnce(), stretches);
  const program = siblingProgram("verify-worker", import.meta.url);
  const isWorthIt = stretches >= STRETCHES_MIN && threads > 1;
  if (!isWorthIt || program === null || checkHead(options) !== null) return null;
  const next = new Int32Array(new SharedArrayBuffer(4));
  const linksOnly = options.only === "links";
  const withTree = options.head?.root !== undefined && !linksOnly;
  const plan: StretchPlan = { path, stretchBytes, stretches, withTree, linksOnly, next };
  const checked = await checkInThreads(plan, program, threads - 1);
  return checked === null ? null : walkStretches(checked, plan, options);
}

async function sizeOfFile(path: string): Promise<number> {
  const file = await openRandom(path);
  await file.close();
  return file.size;
}

/** Null when a stretch is missing, not sound or not in its place. */
function walkStretches(
  checked: Checked,
  { stretches, withTree }: StretchPlan,
  options: VerifyOptions,
): Verification | null {
  if (checked.length !== stretches) return null;
  const walk = new ChainWalk(options, withTree);
  for (const [, stretch] of checked.toSorted(([left], [right]) => left - right)) {
    if (stretch === "unsound" || (stretch !== "empty" && !walk.leap(stretch))) return null;
  }
  return walk.end(0);
}

/** Null when a thread failed: its stretches are nobody's then. */
async function checkInThreads(
  plan: StretchPlan,
  program: string,
  helpers: number,
): Promise<Checked | null> {
  const threads: Thread[] = [];
  try {
    for (let count = 0; count < helpers; count++) threads.push(startThread(program, plan));
    const own = await checkStretches(plan);
    const others = await Promise.all(threads.map(({ answer }) => answer as Promise<Checked>));
    return [...own, ...others.flat()];
  } catch {
    return null;
  } finally {
    await Promise.all(threads.map((thread) => thread.stop()));
  }
}
