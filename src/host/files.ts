/**
 * The few things the rest of the system does with files of its own: chains, keys, heads, inputs.
 *
 * Read in this order: AppendFile, readBounded and readOwned, readChunks, writeAtomic and
 * createExclusive, cutTail. No path that a program named comes here (file-access.ts has those).
 * Nothing that is written follows a symlink; what is created is private from its first byte and
 * durable when the call returns.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { err, ok, type Result } from "../foundation/result.ts";

/** A file that only grows. Calls must not overlap. */
export interface AppendFile {
  /** @returns bytes written, which may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>;
  /** fdatasync: content and length are durable. After an error nothing is known about any byte. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Create `path` for appending. Whatever stands there already, a symlink too, is an `EEXIST`.
 * Its entry in the directory is not durable before {@link syncDirectory}.
 */
export async function openExclusive(path: string, mode: number): Promise<AppendFile> {
  const file = await open(path, CREATE_FLAGS | constants.O_APPEND, mode);
  return {
    write: async (bytes) => (await file.write(bytes, 0, bytes.length)).bytesWritten,
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}

const CREATE_FLAGS =
  constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;
/** NONBLOCK: opening a FIFO must not wait for a writer before it can be refused. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
const OWNED_FLAGS = READ_FLAGS | constants.O_NOFOLLOW;

/** Make names created, renamed or removed in `path` durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** `unreadable`: not a regular file, or the system refused. */
export type ReadRefusal = "absent" | "too-large" | "unreadable";

/** Read a whole regular file of at most `bytesMax` bytes. Symlinks are followed. */
export async function readBounded(
  path: string,
  bytesMax: number,
): Promise<Result<Uint8Array, ReadRefusal>> {
  return await readWhole(path, READ_FLAGS, (file) => readUpTo(file, bytesMax));
}

/**
 * Like {@link readBounded} for what only we may have written: no symlink, ours, no right for anyone
 * else. `exposed` says that it is not so.
 */
export async function readOwned(
  path: string,
  bytesMax: number,
): Promise<Result<Uint8Array, ReadRefusal | "exposed">> {
  return await readWhole<ReadRefusal | "exposed">(path, OWNED_FLAGS, async (file) => {
    const { uid, mode } = await file.stat();
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return err("exposed");
    return await readUpTo(file, bytesMax);
  });
}

async function readWhole<E>(
  path: string,
  flags: number,
  read: (file: FileHandle) => Promise<Result<Uint8Array, E>>,
): Promise<Result<Uint8Array, E | ReadRefusal>> {
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (cause) {
    return err(errnoOf(cause) === "ENOENT" ? "absent" : "unreadable");
  }
  try {
    return (await file.stat()).isFile() ? await read(file) : err("unreadable");
  } catch {
    return err("unreadable");
  } finally {
    await file.close();
  }
}

/** One byte more than allowed is asked for, so that a file that grows meanwhile is seen too. */
async function readUpTo(
  file: FileHandle,
  bytesMax: number,
): Promise<Result<Uint8Array, ReadRefusal>> {
  const { size } = await file.stat();
  if (size > bytesMax) return err("too-large");
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) return ok(buffer.subarray(0, length));
    length += bytesRead;
    if (length > size) return err(length > bytesMax ? "too-large" : "unreadable");
  }
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * The content of a regular file, in order, in chunks of at most 1 MiB. A chunk's bytes are only
 * valid until the next one is asked for: the buffer is used again, so memory stays flat.
 *
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openForReading(path);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = 0; ; ) {
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

async function readExactly(
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

/**
 * Replace `path` as a whole: a reader sees the old content or the new one, also after a crash. A
 * symlink at `path` is replaced, not followed.
 */
export async function writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await throughTemporary(path, bytes, mode, (temporary) => rename(temporary, path));
}

/**
 * Create `path` with this content, whole or not at all.
 *
 * @returns False when something stands there already; it is not touched.
 */
export async function createExclusive(
  path: string,
  bytes: Uint8Array,
  mode: number,
): Promise<boolean> {
  try {
    await throughTemporary(path, bytes, mode, async (temporary) => {
      await link(temporary, path);
      await unlink(temporary);
    });
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw cause;
  }
}

async function throughTemporary(
  path: string,
  bytes: Uint8Array,
  mode: number,
  publish: (temporary: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(path);
  const name = `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`;
  const temporary = join(directory, name);
  const file = await open(temporary, CREATE_FLAGS, mode);
  try {
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish(temporary);
  } catch (cause) {
    await removeIfPresent(temporary);
    throw cause;
  }
  await syncDirectory(directory);
}

/** Remove a file durably. @returns False when there was none. */
export async function removeFile(path: string): Promise<boolean> {
  const removed = await removeIfPresent(path);
  if (removed) await syncDirectory(dirname(path));
  return removed;
}

async function removeIfPresent(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return false;
    throw cause;
  }
}

/**
 * Make sure `path` is a directory of ours that nobody else can enter (0700); parents must exist.
 *
 * @throws {CcosError} `IO_ERROR` when it is a symlink, not a directory, or somebody else's.
 */
export async function ensurePrivateDir(path: string): Promise<void> {
  const what = `Cannot use directory "${path}"`;
  try {
    await mkdir(path, { mode: 0o700 });
    await syncDirectory(dirname(path));
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") {
      throw new CcosError("IO_ERROR", { what, why: reasonOf(cause), cause });
    }
  }
  const facts = await lstat(path);
  if (!facts.isDirectory() || facts.uid !== process.geteuid?.()) {
    throw new CcosError("IO_ERROR", {
      what,
      why: "it is not a directory that belongs to this user",
      fix: "Name another directory in CCOS_HOME",
    });
  }
  if ((facts.mode & 0o077) !== 0) await chmod(path, 0o700);
}

/** Names in a directory, unsorted. An absent directory has none. */
export async function listDirectory(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw new CcosError("IO_ERROR", {
      what: `Cannot list "${path}"`,
      why: reasonOf(cause),
      cause,
    });
  }
}

/**
 * Shorten a file that is `from + tail.length` bytes long and ends with `tail`. Else: `false`,
 * untouched.
 */
export async function cutTail(path: string, from: number, tail: Uint8Array): Promise<boolean> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.size !== from + tail.length) return false;
    const found = await readExactly(file, from, tail.length);
    if (found === null || !found.equals(tail)) return false;
    await file.truncate(from);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}

/** The system's code of an error, `ENOSPC`; empty when it has none. */
export function errnoOf(cause: unknown): string {
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "";
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
