/**
 * Whether bytes look encrypted: as good as random, and not text.
 *
 * @module
 */
import type { Meter } from "./meter.ts";

/** Bytes of one window; fewer cannot be judged. */
export const WINDOW_BYTES = 1024;
/** A window of random bytes has 7.81 ± 0.03 bits per byte; text in any script has below 6.8. */
const RANDOM_BITS = 7.5;
/** Units of a window that are looked at first: text has few that are not ASCII, or the same few. */
const SAMPLE_STEP = 32;

const counts = new Uint16Array(256);

/** Whether some window of the text is as good as random. */
export function hasRandomWindow(bytes: Uint8Array, meter: Meter): boolean {
  for (let from = 0; from + WINDOW_BYTES <= bytes.length; from += WINDOW_BYTES) {
    meter.add(WINDOW_BYTES / SAMPLE_STEP);
    if (isBinary(bytes, from) && bitsPerByte(bytes, from, meter) >= RANDOM_BITS) return true;
  }
  return false;
}

function isBinary(bytes: Uint8Array, from: number): boolean {
  let high = 0;
  for (let at = from; at < from + WINDOW_BYTES; at += SAMPLE_STEP) high += bytes[at]! >> 7;
  return high >= 5;
}

function bitsPerByte(bytes: Uint8Array, from: number, meter: Meter): number {
  meter.add(WINDOW_BYTES);
  counts.fill(0);
  for (let at = from; at < from + WINDOW_BYTES; at += 1) {
    const unit = bytes[at]!;
    counts[unit] = counts[unit]! + 1;
  }
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / WINDOW_BYTES) * Math.log2(count / WINDOW_BYTES);
  }
  return bits;
}
