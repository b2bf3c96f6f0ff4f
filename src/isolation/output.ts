/**
 * What a program writes, counted and cut at one limit over both of its streams.
 *
 * Backpressure holds while the program lives; once it is dead the little that its pipes still hold is
 * taken whatever the reader does, so that its ending never waits for a reader.
 *
 * @module
 */
import { PassThrough, type Readable } from "node:stream";

export interface CappedOutput {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** More than the limit came; what is over was dropped. */
  isOver(): boolean;
  /** The first words on stderr, one line, at most 300 characters. */
  complaint(): string;
  /** Take the rest; resolves when both pipes are at their end, after a second at the latest. */
  finish(): Promise<void>;
}

const COMPLAINT_BYTES_MAX = 1_024;
const FINISH_MS_MAX = 1_000;

/** @param onOver - Called once, when the limit is crossed. */
export function capOutput(
  stdout: Readable | null,
  stderr: Readable | null,
  bytesMax: number,
  onOver: () => void,
): CappedOutput {
  const count = { bytes: 0, over: false };
  const words: Buffer[] = [];
  const keep = (room: number): number => {
    const taken = Math.min(room, bytesMax - count.bytes);
    count.bytes += taken;
    if (taken < room && !count.over) {
      count.over = true;
      onOver();
    }
    return taken;
  };
  const out = pump(stdout, keep, () => undefined);
  const error = pump(stderr, keep, (chunk) => {
    if (words.length < COMPLAINT_BYTES_MAX) words.push(chunk.subarray(0, COMPLAINT_BYTES_MAX));
  });
  return {
    stdout: out.stream,
    stderr: error.stream,
    isOver: () => count.over,
    complaint: () => oneLine(Buffer.concat(words)),
    finish: async () => {
      await Promise.all([out.finish(), error.finish()]);
    },
  };
}

interface Pump {
  readonly stream: PassThrough;
  finish(): Promise<void>;
}

function pump(
  source: Readable | null,
  keep: (bytes: number) => number,
  saw: (chunk: Buffer) => void,
): Pump {
  const stream = new PassThrough();
  if (source === null) {
    stream.end();
    return { stream, finish: () => Promise.resolve() };
  }
  let dead = false;
  const over = new Promise<void>((resolve) => {
    source.once("close", () => {
      stream.end();
      resolve();
    });
  });
  source.on("data", (chunk: Buffer) => {
    const taken = keep(chunk.length);
    if (taken === 0 || stream.destroyed) return;
    saw(chunk);
    if (!stream.write(chunk.subarray(0, taken)) && !dead) source.pause();
  });
  stream.on("drain", () => source.resume());
  stream.on("close", () => source.resume());
  source.on("error", () => source.destroy());
  return {
    stream,
    finish: async () => {
      dead = true;
      source.resume();
      const timer = setTimeout(() => source.destroy(), FINISH_MS_MAX);
      await over;
      clearTimeout(timer);
    },
  };
}

function oneLine(bytes: Buffer): string {
  const text = bytes
    .toString("utf8")
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim();
  return text.slice(0, 300);
}
