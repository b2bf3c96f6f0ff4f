/** Blocking reads and writes on descriptors that may be non-blocking: a guest waits for its host. */
import { readSync, writeSync } from "node:fs";

/** @returns Bytes read, at least one; 0 at the end. */
export function readSome(fd: number, bytes: Uint8Array, at: number, length: number): number {
  return retry(() => readSync(fd, bytes, at, length, null));
}

export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += retry(() => writeSync(fd, bytes, at));
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Do nothing for so long, milliseconds. */
export function rest(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

/** Do it until the descriptor is ready; waits grow from 20 µs to 2 ms. */
function retry(operation: () => number): number {
  for (let waitMs = 0.02; ; waitMs = Math.min(waitMs * 2, 2)) {
    try {
      return operation();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== "EAGAIN" && code !== "EINTR") throw error;
      rest(waitMs);
    }
  }
}
