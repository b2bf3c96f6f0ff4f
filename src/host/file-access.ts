/**
 * Files below granted roots, for paths that a program named.
 *
 * Read in this order: createFileAccess, locate, enter. A path is split at its deepest root; the parent
 * directory is opened, and the kernel is asked (/proc/self/fd) where that descriptor really is: anything
 * but the literal path below the root's real path means a symlink, and is refused, because rules are
 * decided on the literal path. The last component is only touched through that descriptor and never
 * followed, so a directory swapped meanwhile changes nothing. Regular files only. Messages show the
 * program's path, never the host's.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { errnoOf } from "./file-reading.ts";

/** As PortAnswer of src/capability/types.ts, which is above this folder. */
export type FileAnswer<T> =
  | { readonly ok: true; readonly value: T; readonly facts: JsonObject }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: JsonObject;
    };

export interface FileAccess {
  /** Operations begun. */
  readonly begun: number;
  /** Whether a regular file is there. */
  exists(path: string): Promise<FileAnswer<boolean>>;
  read(path: string, bytesMax: number): Promise<FileAnswer<Uint8Array>>;
  /** Replaces or creates the file atomically and durably. Its directory must exist. */
  write(path: string, content: Uint8Array): Promise<FileAnswer<null>>;
  /** Creates the file when it is absent. Durable. */
  append(path: string, content: Uint8Array): Promise<FileAnswer<null>>;
  /** False: there was none. */
  delete(path: string): Promise<FileAnswer<boolean>>;
}

export interface FileAccessOptions {
  /** Path as programs name it, to the host's directory or file. The deepest root that covers a path serves it. */
  readonly roots: ReadonlyMap<string, string>;
  /** Largest file that writing may make, bytes. Default 64 MiB. */
  readonly fileBytesMax?: number;
  /** Bytes that all writes together may bring. Default 256 MiB. */
  readonly writtenBytesMax?: number;
}

const MIB = 1024 * 1024;
const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** Never follow, never wait for a FIFO's other end, never become a terminal's owner. */
const CAREFUL = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
const NEW_FILE_MODE = 0o644;

export function createFileAccess(options: FileAccessOptions): FileAccess {
  const { roots } = options;
  const fileBytesMax = options.fileBytesMax ?? 64 * MIB;
  const quota = { left: options.writtenBytesMax ?? 256 * MIB };
  let begun = 0;
  const begin = <T>(path: string, deed: Deed<T>): Promise<FileAnswer<T>> => {
    begun++;
    return within(roots, path, deed);
  };
  const writing = (path: string, content: Uint8Array, write: InPlace<null>) => {
    if (content.length > fileBytesMax) return refused("write", path, `over ${fileBytesMax} bytes`);
    if (content.length > quota.left)
      return refused("write", path, "the run's write quota is used up");
    quota.left -= content.length;
    return begin(path, { verb: "write", act: write });
  };
  return {
    get begun() {
      return begun;
    },
    exists: (path) => begin(path, { verb: "look for", act: existsAt, absent: false }),
    read: (path, bytesMax) =>
      begin(path, { verb: "read", act: (place) => readAt(place, bytesMax) }),
    write: (path, content) => writing(path, content, (place) => replaceAt(place, content)),
    append: (path, content) =>
      writing(path, content, (place) => appendAt(place, content, fileBytesMax)),
    delete: (path) => begin(path, { verb: "delete", act: deleteAt, absent: false }),
  };
}

/** A verified open directory and the last component of the path. */
interface Place {
  readonly directory: FileHandle;
  /** The component through the descriptor: no other directory can take its place. */
  readonly entry: string;
  readonly through: (name: string) => string;
}

/** A refusal is text for people; a system error is thrown. */
type InPlace<T> = (place: Place) => Promise<Result<{ value: T; facts: JsonObject }, string>>;

interface Deed<T> {
  readonly verb: string;
  readonly act: InPlace<T>;
  /** The answer where the file or a directory above it does not exist. Absent: that is an error. */
  readonly absent?: T;
}

async function within<T>(
  roots: ReadonlyMap<string, string>,
  path: string,
  deed: Deed<T>,
): Promise<FileAnswer<T>> {
  const located = locate(roots, path);
  if (located === null) {
    const message = `no granted root covers ${JSON.stringify(path)}`;
    return { ok: false, code: "FILE_DENIED", message, facts: {} };
  }
  try {
    const entered = await enter(located);
    if (!entered.ok) return await refused(deed.verb, path, entered.error);
    try {
      const done = await deed.act(entered.value);
      return done.ok ? { ok: true, ...done.value } : await refused(deed.verb, path, done.error);
    } finally {
      await entered.value.directory.close();
    }
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "") throw cause;
    if (code === "ENOENT" && deed.absent !== undefined) {
      return { ok: true, value: deed.absent, facts: {} };
    }
    return await refused(deed.verb, path, REASONS.get(code) ?? code);
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file or directory"],
  ["ENOTDIR", "a part of the path is not a directory"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "it is a symbolic link"],
  ["EACCES", "the host does not permit it"],
  ["EPERM", "the host does not permit it"],
  ["ENAMETOOLONG", "a name is over 255 bytes"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file would be over the host's size limit"],
  ["EROFS", "the file system is read-only"],
]);

function refused(verb: string, path: string, why: string): Promise<FileAnswer<never>> {
  const message = `cannot ${verb} ${JSON.stringify(path)}: ${why}`;
  return Promise.resolve({ ok: false, code: "IO_ERROR", message, facts: {} });
}

interface Located {
  /** Host path of the root; for a path that is the root itself, of the root's parent. */
  readonly root: string;
  readonly below: readonly string[];
  readonly name: string;
}

/** Null: no root covers the path, or the path is not in normal form. */
function locate(roots: ReadonlyMap<string, string>, path: string): Located | null {
  const segments = path.split("/").slice(1);
  const normal = path.startsWith("/") && !path.includes("\0") && path.isWellFormed();
  if (!normal || segments.some((each) => each === "" || each === "." || each === "..")) return null;
  for (let depth = segments.length; depth >= 0; depth--) {
    const root = roots.get(`/${segments.slice(0, depth).join("/")}`);
    if (root === undefined) continue;
    const below = segments.slice(depth);
    const name = below.pop();
    if (name !== undefined) return { root, below, name };
    return { root: dirname(root), below: [], name: basename(root) };
  }
  return null;
}

/** Open the parent directory and make sure that it is where the path says. */
async function enter({ root, below, name }: Located): Promise<Result<Place, string>> {
  const real = await realpath(root);
  const expected = [real === "/" ? "" : real, ...below].join("/") || "/";
  const directory = await open(expected, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
  const through = (entry: string): string => `/proc/self/fd/${directory.fd}/${entry}`;
  try {
    const actual = await readlink(`/proc/self/fd/${directory.fd}`);
    if (actual === expected) return ok({ directory, entry: through(name), through });
  } catch (cause) {
    await directory.close();
    throw cause;
  }
  await directory.close();
  return err("the path goes through a symbolic link");
}

const LINK = "it is a symbolic link";
const NOT_REGULAR = "it is not a regular file";

function irregular(status: Stats): string | null {
  if (status.isSymbolicLink()) return LINK;
  return status.isFile() ? null : NOT_REGULAR;
}

/** Another name of the same file may lie outside every root. */
function unwritable(status: Stats): string | null {
  return irregular(status) ?? (status.nlink > 1 ? "it has more than one hard link" : null);
}

async function existsAt({ entry }: Place): Promise<Result<{ value: boolean; facts: {} }, string>> {
  return ok({ value: (await lstat(entry)).isFile(), facts: {} });
}

async function readAt(
  { entry }: Place,
  bytesMax: number,
): Promise<Result<{ value: Uint8Array; facts: JsonObject }, string>> {
  // Looked at before opening: opening a device can have effects of its own.
  const before = irregular(await lstat(entry));
  if (before !== null) return err(before);
  const file = await open(entry, O_RDONLY | CAREFUL);
  try {
    const status = await file.stat();
    if (!status.isFile()) return err(NOT_REGULAR);
    if (status.size > bytesMax) return err(`it is over ${bytesMax} bytes`);
    const buffer = Buffer.alloc(Math.min(status.size, bytesMax) + 1);
    const length = await fill(file, buffer);
    if (length > status.size) return err("it grew while it was read");
    return ok({ value: buffer.subarray(0, length), facts: { bytes: length } });
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, buffer: Uint8Array): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

async function replaceAt(
  place: Place,
  content: Uint8Array,
): Promise<Result<{ value: null; facts: JsonObject }, string>> {
  const known = await lstatOrNull(place.entry);
  const reason = known === null ? null : unwritable(known);
  if (reason !== null) return err(reason);
  const temporary = place.through(`.ccos-${randomBytes(12).toString("hex")}.tmp`);
  const mode = known === null ? NEW_FILE_MODE : known.mode & 0o777;
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | CAREFUL, mode);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, place.entry);
  } catch (cause) {
    await unlink(temporary).catch(ignoreAbsent);
    throw cause;
  }
  await place.directory.sync();
  return ok({ value: null, facts: { bytes: content.length } });
}

function ignoreAbsent(cause: unknown): void {
  if (errnoOf(cause) !== "ENOENT") throw cause;
}

async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (cause) {
    ignoreAbsent(cause);
    return null;
  }
}

async function appendAt(
  place: Place,
  content: Uint8Array,
  fileBytesMax: number,
): Promise<Result<{ value: null; facts: JsonObject }, string>> {
  const known = await lstatOrNull(place.entry);
  const reason = known === null ? null : unwritable(known);
  if (reason !== null) return err(reason);
  const creating = known === null ? O_CREAT | O_EXCL : 0;
  const flags = O_WRONLY | O_APPEND | creating | CAREFUL;
  const file = await open(place.entry, flags, NEW_FILE_MODE);
  try {
    const status = await file.stat();
    const changed = unwritable(status);
    if (changed !== null) return err(changed);
    if (status.size + content.length > fileBytesMax)
      return err(`it would be over ${fileBytesMax} bytes`);
    await file.appendFile(content);
    await file.datasync();
  } finally {
    await file.close();
  }
  if (known === null) await place.directory.sync();
  return ok({ value: null, facts: { bytes: content.length } });
}

async function deleteAt({
  directory,
  entry,
}: Place): Promise<Result<{ value: boolean; facts: {} }, string>> {
  const reason = irregular(await lstat(entry));
  if (reason !== null) return err(reason);
  await unlink(entry);
  await directory.sync();
  return ok({ value: true, facts: {} });
}
