import { setTimeout as delay } from "node:timers/promises";

/**
 * Wait `durationMs` milliseconds (0 to 2^31-1).
 *
 * @throws The signal's reason when it is aborted before the time is over.
 */
export async function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    await delay(durationMs, undefined, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  }
}
