/**
 * What a wall's first process tells on a pipe of its own: the host pid of process 1, later how it ended.
 *
 * The pipe is closed for the program, so that nothing inside can tell it anything.
 *
 * @module
 */
import type { SpawnedProcess } from "../host/index.ts";

export interface StatusPipe {
  /** The pid was told, or the pipe ended. */
  readonly known: Promise<void>;
  follow(process: SpawnedProcess): void;
  /** Null: not told. */
  readonly pid: () => number | null;
  /** Null: the wall never got as far as a program. */
  readonly ended: () => number | null;
}

const BYTES_MAX = 4_096;

/** @param patterns - Each with the number as its first group. */
export function statusPipe(
  descriptor: number,
  patterns: { readonly pid: RegExp; readonly ended: RegExp },
): StatusPipe {
  let told = "";
  let tell: () => void = () => undefined;
  const known = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const number = (pattern: RegExp): number | null => {
    const digits = pattern.exec(told)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const pid = (): number | null => number(patterns.pid);
  return {
    known,
    follow: (process) => {
      const pipe = process.readable(descriptor);
      pipe?.on("error", () => undefined);
      pipe?.on("close", () => tell());
      pipe?.on("data", (chunk: Buffer) => {
        if (told.length < BYTES_MAX) told += chunk.toString("latin1");
        if (pid() !== null) tell();
      });
    },
    pid,
    ended: () => number(patterns.ended),
  };
}
