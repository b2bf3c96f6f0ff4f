import { RtfsError } from "./rtfs-error.ts";

/** Most items of a collection and characters of a string that one operation may make. */
export const SIZE_MAX = 10_000_000;

/** @throws {RtfsError} LimitExceeded. */
export function checkSize(size: number, operation: string): void {
  if (size <= SIZE_MAX) return;
  const message = `${operation}: ${size} items or characters are over ${SIZE_MAX}`;
  throw new RtfsError("LimitExceeded", message, { operation });
}
