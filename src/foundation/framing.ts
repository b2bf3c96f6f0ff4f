/**
 * Length-prefixed frames: 4 bytes big-endian length, then UTF-8 JSON.
 *
 * Pure, incremental, bounded: a frame over the limit is refused from its header, before its body is
 * buffered. Used on both sides of the wall.
 *
 * @module
 */
import type { JsonValue } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

/** Largest frame body in bytes, 16 MiB: a 10 MiB response with its JSON escapes. */
export const FRAME_BYTES_MAX: number = 16 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws {RangeError} when the message is over {@link FRAME_BYTES_MAX}. */
export function encodeFrame(message: object): Uint8Array {
  const body = encoder.encode(JSON.stringify(message));
  if (body.length > FRAME_BYTES_MAX)
    throw new RangeError(`Frame of ${body.length} bytes is over the limit`);
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

/** Body length of the frame whose header starts at `bytes[0]`, or the refusal. */
export function frameLength(bytes: Uint8Array): Result<number, string> {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  return length > FRAME_BYTES_MAX
    ? err(`a frame of ${length} bytes is over ${FRAME_BYTES_MAX}`)
    : ok(length);
}

/** Body bytes to JSON; invalid UTF-8 and invalid JSON are refusals. */
export function decodeBody(body: Uint8Array): Result<JsonValue, string> {
  try {
    return ok(JSON.parse(decoder.decode(body)) as JsonValue);
  } catch {
    return err("a frame body is not UTF-8 JSON");
  }
}

/** So many chunks become one: each costs hundreds of bytes, and whoever sends chooses how small it is. */
const LOOSE_CHUNKS_MAX = 1024;

/** Collects chunks and gives whole frames in order. After a refusal it stays refused. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  /** Chunks that came since some were joined. */
  #loose = 0;
  #buffered = 0;
  #refused: string | null = null;

  /** @returns the frames that `chunk` completed, or the first refusal. */
  push(chunk: Uint8Array): Result<readonly JsonValue[], string> {
    if (this.#refused !== null) return err(this.#refused);
    this.#chunks.push(chunk);
    if (++this.#loose === LOOSE_CHUNKS_MAX) this.#joinLoose();
    this.#buffered += chunk.length;
    const frames: JsonValue[] = [];
    while (this.#buffered >= 4) {
      const length = frameLength(this.#peekHeader());
      if (!length.ok) return this.#refuse(length.error);
      if (this.#buffered < 4 + length.value) break;
      const frame = decodeBody(this.#take(4 + length.value).subarray(4));
      if (!frame.ok) return this.#refuse(frame.error);
      frames.push(frame.value);
    }
    return ok(frames);
  }

  /** No part of a frame waits for its rest. */
  get isEmpty(): boolean {
    return this.#buffered === 0;
  }

  #refuse(reason: string): Result<never, string> {
    this.#refused = reason;
    this.#chunks = [];
    return err(reason);
  }

  #peekHeader(): Uint8Array {
    if ((this.#chunks[0]?.length ?? 0) < 4) this.#chunks = [joined(this.#chunks)];
    return this.#chunks[0]!;
  }

  #take(length: number): Uint8Array {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : joined(this.#chunks);
    const rest = all.subarray(length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#buffered -= length;
    return all.subarray(0, length);
  }

  #joinLoose(): void {
    this.#loose = 0;
    this.#chunks.push(joined(this.#chunks.splice(-LOOSE_CHUNKS_MAX)));
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
