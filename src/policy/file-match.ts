/**
 * File rules against a path: the deepest rule that covers it decides, by segment.
 *
 * So a read-only rule below a writable one narrows it, and the order of rules has no effect. Links
 * are not seen here; the host resolves them when it opens, and asks nothing of this file again.
 *
 * @module
 */
import { quote } from "./display.ts";
import { fileFix } from "./fix.ts";
import { grantOf } from "./grant.ts";
import type { FileRule, ResourceRequest, Verdict } from "./types.ts";

type FileRequest = Extract<ResourceRequest, { kind: "file" }>;

const PATH_LENGTH_MAX = 4096;

/** Absolute, no empty, `.` or `..` segment, no trailing slash (but `/`), no NUL, at most 4096 units. */
export function isNormalizedPath(path: string): boolean {
  if (path === "/") return true;
  if (path.length > PATH_LENGTH_MAX || !path.startsWith("/") || path.includes("\0")) return false;
  const segments = path.slice(1).split("/");
  return segments.every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** Whether a rule covers the path: itself or anything below it. A malformed rule covers nothing. */
export function coversPath(rulePath: string, path: string): boolean {
  if (!isNormalizedPath(rulePath)) return false;
  if (rulePath === "/" || rulePath === path) return true;
  return path.startsWith(`${rulePath}/`);
}

/** The deepest rule that covers the path, or null. Two of one path: the read-only one. */
export function selectFileRule(rules: readonly FileRule[], path: string): FileRule | null {
  let best: FileRule | null = null;
  for (const rule of rules) {
    if (!coversPath(rule.path, path)) continue;
    const deeper = best === null || rule.path.length > best.path.length;
    const stricter = rule.path === best?.path && best.mode === "rw" && rule.mode === "ro";
    if (deeper || stricter) best = rule;
  }
  return best;
}

/** Decide a file request against the file rules alone. */
export function decideFile(rules: readonly FileRule[], request: FileRequest): Verdict {
  const { path, operation } = request;
  if (!isNormalizedPath(path)) {
    const reason = `path ${quote(path)} is not absolute and normalised`;
    return { kind: "deny", rule: null, code: "FILE_DENIED", reason, fix: "Write the path out" };
  }
  const rule = selectFileRule(rules, path);
  const fix = fileFix(path, operation !== "read");
  if (rule === null) {
    const reason = `no file rule covers ${quote(path)}`;
    return { kind: "deny", rule: null, code: "FILE_DENIED", reason, fix };
  }
  if (operation === "read" || rule.mode === "rw") {
    return grantOf(rule, `before a ${operation} of ${quote(path)}`);
  }
  const reason = `${rule.rule} grants ${quote(rule.path)} read-only, and this is a ${operation}`;
  return { kind: "deny", rule: rule.rule, code: "FILE_DENIED", reason, fix };
}
