/**
 * One file below a directory, whole and bounded, for a name that a text chose.
 *
 * As in file-access.ts the kernel is asked where the opened directory really is, and the last
 * component is opened through that descriptor and never followed: no symlink leads elsewhere, whatever is
 * swapped meanwhile. Synchronous, because who asks (the linker of modules) cannot wait.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { err, type Result } from "../foundation/result.ts";
import { errnoOf, readUpTo } from "./file-reading.ts";

/** `linked`: a symbolic link stands on the way. `unreadable`: no regular file, or the system refused. */
export type ContainedRefusal = "absent" | "linked" | "too-large" | "unreadable";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
const CAREFUL = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/**
 * @param root - A directory; symlinks on the way to it are followed.
 * @param below - Relative path of plain components: neither empty, `.` nor `..`.
 */
export function readContained(
  root: string,
  below: string,
  bytesMax: number,
): Result<Uint8Array, ContainedRefusal> {
  const directories = below.split("/");
  const name = directories.pop() ?? "";
  if ([...directories, name].some((each) => each === "" || each === "." || each === "..")) {
    throw new TypeError(`${JSON.stringify(below)} is not a path of plain components`);
  }
  try {
    const real = realpathSync(root);
    const expected = [real === "/" ? "" : real, ...directories].join("/") || "/";
    return withOpen(expected, O_RDONLY | O_DIRECTORY | O_NONBLOCK, (directory) => {
      const at = `/proc/self/fd/${directory}`;
      return readlinkSync(at) === expected ? readEntry(`${at}/${name}`, bytesMax) : err("linked");
    });
  } catch (cause) {
    return err(refusalOf(errnoOf(cause), cause));
  }
}

function refusalOf(code: string, cause: unknown): ContainedRefusal {
  if (code === "") throw cause;
  // A part that is a file, not a directory: what is below it does not exist.
  if (code === "ENOENT" || code === "ENOTDIR") return "absent";
  return code === "ELOOP" ? "linked" : "unreadable";
}

function readEntry(entry: string, bytesMax: number): Result<Uint8Array, ContainedRefusal> {
  // Looked at before opening: opening a device can have effects of its own.
  const before = lstatSync(entry);
  if (before.isSymbolicLink()) return err("linked");
  if (!before.isFile()) return err("unreadable");
  return withOpen(entry, CAREFUL, (file) =>
    fstatSync(file).isFile() ? readUpTo(file, bytesMax) : err("unreadable"),
  );
}

function withOpen<T>(path: string, flags: number, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, flags);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
