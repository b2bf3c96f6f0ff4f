/**
 * One task in a thread of its own: asked once, answered once.
 *
 * Read in this order: startThread, answerTask. What crosses is copied, but for shared memory.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { parentPort, Worker, workerData } from "node:worker_threads";

export interface Thread {
  /** Rejects when the program fails or ends without an answer. */
  readonly answer: Promise<unknown>;
  /** End it, whatever it does. */
  stop(): Promise<void>;
}

/** Threads that can work at the same time, this one included. */
export function threadsAtOnce(): number {
  return availableParallelism();
}

/** @param program - Path of a program that calls {@link answerTask}. */
export function startThread(program: string, task: unknown): Thread {
  const worker = new Worker(program, { workerData: task });
  const answer = Promise.withResolvers<unknown>();
  worker.once("message", answer.resolve);
  worker.once("error", answer.reject);
  worker.once("exit", () => answer.reject(new Error(`${program} ended without an answer`)));
  // Who stops the thread may not want its answer any more.
  answer.promise.catch(() => undefined);
  return { answer: answer.promise, stop: async () => void (await worker.terminate()) };
}

/** In a thread's program: do what it was started for. */
export async function answerTask(work: (task: unknown) => Promise<unknown>): Promise<void> {
  parentPort?.postMessage(await work(workerData));
}
