/**
 * Writing files of our own: chains, keys, heads, inputs.
 *
 * Read in this order: AppendFile, writeAtomic and createExclusive, ensurePrivateDir, cutTail. No path
 * that a program named comes here (file-access.ts has those). Nothing that is written follows a
 * symlink; what is created is private from its first byte and durable when the call returns.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { errnoOf, readExactly, reasonOf } from "./file-reading.ts";

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

/**
 * Like {@link openExclusive}, and each write is durable when it resolves (`O_DSYNC`: the kernel
 * does the work of fdatasync inside the write). One trip to the disk instead of two, for whoever syncs
 * after every write; `sync` has nothing left to do.
 */
export async function openDurable(path: string, mode: number): Promise<AppendFile> {
  const file = await open(path, CREATE_FLAGS | constants.O_APPEND | constants.O_DSYNC, mode);
  return {
    write: async (bytes) => (await file.write(bytes, 0, bytes.length)).bytesWritten,
    sync: () => Promise.resolve(),
    close: () => file.close(),
  };
}

/** As {@link openDurable}, of a regular file that is there. */
export async function openForAppending(path: string): Promise<AppendFile> {
  const { O_WRONLY, O_APPEND, O_DSYNC, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_APPEND | O_DSYNC | O_NOFOLLOW);
  return {
    write: async (bytes) => (await file.write(bytes, 0, bytes.length)).bytesWritten,
    sync: () => Promise.resolve(),
    close: () => file.close(),
  };
}

const CREATE_FLAGS =
  constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;
/** Make names created, renamed or removed in `path` durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Replace `path` as a whole: a reader sees the old content or the new one, also after a crash. A
 * symlink at `path` is replaced, not followed.
 */
export async function writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await throughTemporary(path, bytes, mode, (temporary) => rename(temporary, path));
}

/**
 * Replace the content of a file that is there: as a whole, where its links lead, with its mode.
 *
 * @throws {CcosError} `IO_ERROR`.
 */
export async function replaceContent(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const target = await realpath(path);
    const mode = (await lstat(target)).mode & 0o777;
    await writeAtomic(target, bytes, mode);
    // The mask of this process may have taken rights away.
    await chmod(target, mode);
  } catch (cause) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot write "${path}"`,
      why: reasonOf(cause),
      cause,
    });
  }
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
 * Make sure `path` is a directory of ours that nobody else can write. Created with mode 0700; a directory that is
 * there already keeps its mode, and is refused when its group or others may write it. Parents must exist.
 *
 * @throws {CcosError} `IO_ERROR` when it is a symlink, not a directory, somebody else's, or open to others' writes.
 */
export async function ensurePrivateDir(path: string): Promise<void> {
  const what = `Cannot use directory "${path}"`;
  try {
    await mkdir(path, { mode: 0o700 });
    await syncDirectory(dirname(path));
    return;
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") {
      throw new CcosError("IO_ERROR", { what, why: reasonOf(cause), cause });
    }
  }
  const facts = await lstat(path);
  const fix = "Name another directory in CCOS_HOME";
  if (!facts.isDirectory() || facts.uid !== process.geteuid?.()) {
    const why = "it is not a directory that belongs to this user";
    throw new CcosError("IO_ERROR", { what, why, fix });
  }
  if ((facts.mode & 0o022) !== 0) {
    throw new CcosError("IO_ERROR", { what, why: "others may write in it", fix });
  }
}

/**
 * Make the directories above `path`, 0700, as the XDG specification asks for its base directories. Those that are
 * there are left alone.
 *
 * @throws {CcosError} `IO_ERROR`.
 */
export async function ensureParents(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    const what = `Cannot make the directories above "${path}"`;
    const fix = "Name another directory in CCOS_HOME";
    throw new CcosError("IO_ERROR", { what, why: reasonOf(cause), fix, cause });
  }
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

/** Shorten a regular file of ours, durably: what follows its first `bytes` bytes is dropped. */
export async function truncateTo(path: string, bytes: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
