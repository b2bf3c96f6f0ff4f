import { err, ok, type Result } from "../foundation/result.ts";

/** Longest path in UTF-8 bytes, as the kernel counts (PATH_MAX without its NUL). */
const PATH_BYTES_MAX = 4095;
const encoder = new TextEncoder();

/**
 * Check that a path is in the one form that rules are compared with: absolute, no `.` or `..`, no empty
 * segment, no trailing slash, no control character. Nothing is resolved or repaired here.
 */
export function normalPath(path: string): Result<string, string> {
  if (!path.startsWith("/")) return err("a path is absolute: it starts with /");
  if (!path.isWellFormed()) return err("the path holds a lone surrogate");
  if (/[\u0000-\u001f\u007f]/.test(path)) return err("the path holds a control character");
  if (encoder.encode(path).length > PATH_BYTES_MAX) {
    return err(`the path is over ${PATH_BYTES_MAX} bytes`);
  }
  const segments = path.slice(1).split("/");
  if (segments.includes("..")) return err("the path holds `..`; write where it leads");
  if (segments.includes(".")) return err("the path holds a `.` segment");
  if (segments.includes("")) return err("the path holds an empty segment or ends with /");
  return ok(path);
}
