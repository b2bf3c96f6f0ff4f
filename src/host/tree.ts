/**
 * Whole directories of our own files: what is in one, and moving files between them with their digests taken on the way.
 *
 * Nothing is followed: a symbolic link is an entry of kind `other`, and a path with one in it is refused where it is opened.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { err, ok, type Result } from "../foundation/result.ts";
import { errnoOf, reasonOf } from "./file-reading.ts";
import { syncDirectory } from "./files.ts";

export interface TreeEntry {
  /** Relative, `/` between components. */
  readonly path: string;
  /** `other`: a symbolic link, a socket, a device. */
  readonly kind: "file" | "directory" | "other";
}

/**
 * Everything below `root`, sorted by path, the root itself not.
 *
 * @returns What is wrong when it cannot be listed or holds more than `entriesMax` entries.
 */
export async function listTree(
  root: string,
  entriesMax: number,
): Promise<Result<readonly TreeEntry[], string>> {
  const found: TreeEntry[] = [];
  const waiting = [""];
  for (let below = waiting.pop(); below !== undefined; below = waiting.pop()) {
    let entries: Dirent[];
    try {
      entries = await readdir(join(root, below), { withFileTypes: true });
    } catch (cause) {
      return err(reasonOf(cause));
    }
    if (found.length + entries.length > entriesMax) return err(`it has over ${entriesMax} entries`);
    for (const entry of entries) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      const kind = entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other";
      found.push({ path, kind });
      if (kind === "directory") waiting.push(path);
    }
  }
  return ok(found.sort((left, right) => (left.path < right.path ? -1 : 1)));
}

export interface Measured {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly bytes: number;
}

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS =
  constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;
const CHUNK_BYTES = 1024 * 1024;

/**
 * The digest of a regular file, read in pieces; with `to`, what was measured is what stands there, durable and read-only.
 *
 * @param to - A new file; its directory exists.
 * @returns What is wrong when it is no regular file, larger than `bytesMax`, or cannot be read.
 */
export async function measureInPieces(
  path: string,
  bytesMax: number,
  to?: string,
): Promise<Result<Measured, string>> {
  const source = await open(path, READ_FLAGS).catch((cause: unknown) => errnoOf(cause));
  if (typeof source === "string")
    return err(source === "ENOENT" ? "it is absent" : `it cannot be opened (${source})`);
  const target = to === undefined ? null : await open(to, CREATE_FLAGS, 0o600);
  try {
    if (!(await source.stat()).isFile()) return err("it is not a regular file");
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES, bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      if (bytes > bytesMax) return err(`it is over ${bytesMax} bytes`);
      const piece = buffer.subarray(0, bytesRead);
      hash.update(piece);
      await target?.writeFile(piece);
    }
    await target?.chmod(READ_ONLY);
    await target?.sync();
    return ok({ digest: `sha256:${hash.digest("hex")}`, bytes });
  } finally {
    await source.close();
    await target?.close();
  }
}

const READ_ONLY = 0o444;

/** A new file below `root`, its directories made, durable and read-only. */
export async function writeBelow(root: string, path: string, content: Uint8Array): Promise<void> {
  await makeParents(root, path);
  const file = await open(join(root, path), CREATE_FLAGS, 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(READ_ONLY);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The directories of `path` below `root`. */
export async function makeParents(root: string, path: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o700 });
}

/** Give a finished directory its name; the name is durable when this resolves. */
export async function publishDirectory(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Take the right to write away from a directory and all below it. */
export async function sealTree(root: string): Promise<void> {
  const listed = await listTree(root, Number.MAX_SAFE_INTEGER);
  if (!listed.ok) return;
  for (const { path, kind } of listed.value)
    if (kind === "directory") await chmod(join(root, path), 0o500);
  await chmod(root, 0o500);
}

/** Remove a directory and all below it, sealed or not. An absent one is no error. */
export async function removeTree(root: string): Promise<void> {
  const listed = await listTree(root, Number.MAX_SAFE_INTEGER);
  if (listed.ok) {
    await chmod(root, 0o700);
    for (const { path, kind } of listed.value)
      if (kind === "directory") await chmod(join(root, path), 0o700);
  }
  await rm(root, { recursive: true, force: true });
}
