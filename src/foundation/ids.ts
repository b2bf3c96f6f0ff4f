/**
 * Run ids: `run-` and a ULID (48 bits of milliseconds, 80 random bits, Crockford base 32).
 * Sortable by start time, safe as a file name. Pure: clock and randomness are arguments.
 *
 * @module
 */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** @param random - At least 16 bytes. */
export function newRunId(nowMs: number, random: Uint8Array): string {
  let time = "";
  for (let rest = nowMs, digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32)) {
    time = ALPHABET[rest % 32]! + time;
  }
  let tail = "";
  for (let digit = 0; digit < 16; digit++) tail += ALPHABET[random[digit]! % 32]!;
  return `run-${time}${tail}`;
}

/** Whether `text` has the form of a run id; everything else must never become a path. */
export function isRunId(text: string): boolean {
  return /^run-[0-9A-HJKMNP-TV-Z]{26}$/.test(text);
}
