/**
 * What is at a path of this host, and who may reach it: the questions a wall asks before it shows a path.
 *
 * The answers hold at the moment of asking. A wall therefore shows only what its own user may reach
 * anyway: a path that changes under us gains nothing.
 *
 * @module
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";

export type Place =
  | { readonly kind: "file"; readonly executable: boolean }
  | { readonly kind: "directory" }
  | { readonly kind: "socket" }
  | { readonly kind: "symlink"; readonly to: string }
  | { readonly kind: "absent" }
  | { readonly kind: "other" };

/** The last component is not followed. Unreadable counts as absent. */
export function placeAt(path: string): Place {
  try {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return { kind: "symlink", to: readlinkSync(path) };
    if (found.isDirectory()) return { kind: "directory" };
    if (found.isSocket()) return { kind: "socket" };
    if (found.isFile()) return { kind: "file", executable: (found.mode & 0o111) !== 0 };
    return { kind: "other" };
  } catch {
    return { kind: "absent" };
  }
}

/** Every symbolic link followed. Null: absent or unreachable. */
export function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** The first bytes of a regular file; empty when it cannot be read. */
export function headOf(path: string, bytesMax: number): Uint8Array {
  let opened: number;
  try {
    if (!statSync(path).isFile()) return new Uint8Array();
    opened = openSync(path, "r");
  } catch {
    return new Uint8Array();
  }
  try {
    const head = Buffer.alloc(bytesMax);
    return head.subarray(0, readSync(opened, head, 0, bytesMax, 0));
  } finally {
    closeSync(opened);
  }
}

/** The group that a path belongs to. Null: absent or unreachable. */
export function groupOf(path: string): number | null {
  try {
    return statSync(path).gid;
  } catch {
    return null;
  }
}

/**
 * The first of the path and its parents that a stranger may not enter or read; null when all are open.
 *
 * @param path - Without symbolic links.
 */
export function closedToOthers(path: string): string | null {
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at;
    if (at === "/") break;
  }
  const found = statSync(path);
  const needed = found.isDirectory() ? 0o005 : 0o004;
  return (found.mode & needed) === needed ? null : path;
}

/**
 * Let one group connect to a socket of ours, and pass through the directory of ours that holds it.
 *
 * @returns The first parent above that still bars the way; null when the way is open.
 */
export function openSocketTo(path: string, gid: number): string | null {
  const directory = dirname(path);
  for (const [each, bits] of [
    [directory, 0o010],
    [path, 0o060],
  ] as const) {
    const { mode } = statSync(each);
    if (each === directory && (mode & 0o001) !== 0) continue;
    chownSync(each, statSync(each).uid, gid);
    chmodSync(each, (mode & 0o7777) | bits);
  }
  for (let at = dirname(directory); at !== "/"; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at;
  }
  return null;
}

/**
 * Let whoever reaches a socket of ours connect to it, where its directory keeps everybody else away.
 *
 * @returns False when the directory is open to others: nothing is changed.
 */
export function openGuardedSocket(path: string): boolean {
  if ((statSync(dirname(path)).mode & 0o001) !== 0) return false;
  chmodSync(path, (statSync(path).mode & 0o7777) | 0o066);
  return true;
}
