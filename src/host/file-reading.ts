/**
 * Reading files of our own: whole and bounded, in chunks, or by offset. Regular files only.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { CcosError } from "../foundation/errors.ts";
import { err, ok, type Result } from "../foundation/result.ts";

/** NONBLOCK: opening a FIFO must not wait for a writer before it can be refused. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
const OWNED_FLAGS = READ_FLAGS | constants.O_NOFOLLOW;

/** `unreadable`: not a regular file, or the system refused. */
export type ReadRefusal = "absent" | "too-large" | "unreadable";

/**
 * Read a whole regular file of at most `bytesMax` bytes. Symlinks are followed.
 *
 * What is read whole is small: it is read at once, because four trips to other threads cost ten times as much.
 */
export function readBounded(
  path: string,
  bytesMax: number,
): Promise<Result<Uint8Array, ReadRefusal>> {
  return Promise.resolve(readBoundedNow(path, bytesMax));
}

/** As {@link readBounded}, for who cannot wait: between a decision and its effect. */
export function readBoundedNow(path: string, bytesMax: number): Result<Uint8Array, ReadRefusal> {
  return readWhole(path, READ_FLAGS, (file) => readUpTo(file, bytesMax));
}

/**
 * Like {@link readBounded} for what only we may have written: no symlink, ours, no right for anyone
 * else. `exposed` says that it is not so.
 */
export function readOwned(
  path: string,
  bytesMax: number,
): Promise<Result<Uint8Array, ReadRefusal | "exposed">> {
  const whole = readWhole<ReadRefusal | "exposed">(path, OWNED_FLAGS, (file) => {
    const { uid, mode } = fstatSync(file);
    return uid !== process.geteuid?.() || (mode & 0o077) !== 0
      ? err("exposed")
      : readUpTo(file, bytesMax);
  });
  return Promise.resolve(whole);
}

function readWhole<E>(
  path: string,
  flags: number,
  read: (file: number) => Result<Uint8Array, E>,
): Result<Uint8Array, E | ReadRefusal> {
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (cause) {
    return err(errnoOf(cause) === "ENOENT" ? "absent" : "unreadable");
  }
  try {
    return fstatSync(file).isFile() ? read(file) : err("unreadable");
  } catch {
    return err("unreadable");
  } finally {
    closeSync(file);
  }
}

/** All of an open file. One byte more than allowed is asked for, so that a file that grows meanwhile is seen too. */
export function readUpTo(file: number, bytesMax: number): Result<Uint8Array, ReadRefusal> {
  const { size } = fstatSync(file);
  if (size > bytesMax) return err("too-large");
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (;;) {
    const count = readSync(file, buffer, length, buffer.length - length, length);
    if (count === 0) return ok(buffer.subarray(0, length));
    length += count;
    if (length > size) return err(length > bytesMax ? "too-large" : "unreadable");
  }
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * The content of a regular file from byte `start` on, in order, in chunks of at most 1 MiB. A chunk's bytes are only
 * valid until the next one is asked for: the buffer is used again, so memory stays flat.
 *
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`.
 */
export async function* readChunks(
  path: string,
  start = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openForReading(path);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = start; ; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** A block of a file, to be read by offset. */
export interface RandomFile {
  readonly size: number;
  /** Exactly `length` bytes; null when the file ends before. */
  read(offset: number, length: number): Promise<Uint8Array | null>;
  close(): Promise<void>;
}

/** @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`. */
export async function openRandom(path: string): Promise<RandomFile> {
  const file = await openForReading(path);
  const { size } = await file.stat();
  return { size, read: (at, length) => readExactly(file, at, length), close: () => file.close() };
}

/** Bytes that one read of the disk brings when several small ones follow each other. */
const WINDOW_BYTES = 1024 * 1024;

/** As {@link openRandom}, for reads that go through the file from its begin to its end: one trip to the disk for many. */
export async function openInOrder(path: string): Promise<RandomFile> {
  const file = await openRandom(path);
  let window: Uint8Array = new Uint8Array();
  let start = 0;
  const read: RandomFile["read"] = async (offset, length) => {
    if (length > WINDOW_BYTES) return await file.read(offset, length);
    const isWithin = offset >= start && offset + length <= start + window.length;
    if (!isWithin) {
      const bytes = Math.max(length, Math.min(WINDOW_BYTES, file.size - offset));
      const next = await file.read(offset, bytes);
      if (next === null) return null;
      window = next;
      start = offset;
    }
    return window.slice(offset - start, offset - start + length);
  };
  return { ...file, read };
}

async function openForReading(path: string): Promise<FileHandle> {
  const what = `Cannot read "${path}"`;
  let file: FileHandle;
  try {
    file = await open(path, READ_FLAGS);
  } catch (cause) {
    const absent = errnoOf(cause) === "ENOENT";
    throw new CcosError(absent ? "INPUT_NOT_FOUND" : "INPUT_UNREADABLE", {
      what,
      why: absent ? "there is no such file" : reasonOf(cause),
      cause,
    });
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new CcosError("INPUT_UNREADABLE", { what, why: "it is not a regular file" });
}

/** Null when the file ends before. */
export async function readExactly(
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Buffer | null> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) return null;
    done += bytesRead;
  }
  return buffer;
}

/** The system's code of an error, `ENOSPC`; empty when it has none. */
export function errnoOf(cause: unknown): string {
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "";
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
