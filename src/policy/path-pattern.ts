/**
 * URL path patterns: an exact path, or everything below a prefix that ends in `/*`.
 *
 * A path in a request is compared without its query and byte for byte. Encoded dots, slashes,
 * backslashes and NULs (at any number of `%25` layers) and `..;` segments match no pattern at all,
 * because the server behind may read them as other paths than we do.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { quote, withoutQuery } from "./display.ts";

const PATTERN_LENGTH_MAX = 1024;
const DOUBTFUL = /%(?:25)*(?:2e|2f|5c|00)|\/\.{1,2};/i;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;
const CANONICAL_PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;

export interface PathPattern {
  /** The exact path, or the prefix up to and with its last slash. */
  readonly path: string;
  readonly prefix: boolean;
}

/**
 * Read `/v1/users` (exact) or `/v1/*` (all below `/v1/`, not `/v1` itself); `/*` is every path.
 *
 * @returns The reason when it has a query, a `*` elsewhere, dot segments, encoded dots or slashes,
 * or is not in the form that URL parsing gives (the reason then holds that form).
 */
export function parsePathPattern(text: string): Result<PathPattern, string> {
  if (text.length > PATTERN_LENGTH_MAX) return err("the path pattern is over 1024 characters");
  if (!text.startsWith("/")) return err(`path pattern ${quote(text)} does not start with /`);
  if (/[?#]/.test(text)) return err("a path pattern has no query and no fragment");
  const prefix = text.endsWith("/*");
  const path = prefix ? text.slice(0, -1) : text;
  if (path.includes("*")) return err("* may only stand alone at the end: /prefix/*");
  if (isDoubtfulPath(path)) return err("a path pattern holds no encoded dots or slashes");
  const canonical = URL.parse(`http://host${path}`)?.pathname;
  if (canonical !== path) {
    return err(
      `write it in its canonical form: ${quote((canonical ?? "/") + (prefix ? "*" : ""))}`,
    );
  }
  return ok({ path, prefix });
}

/** Whether a canonical path holds what a server might decode into another path. */
export function isDoubtfulPath(path: string): boolean {
  return DOUBTFUL.test(withoutQuery(path));
}

/** Whether the pattern covers the path of a request (a query is ignored). Malformed: covers none. */
export function matchPath(pattern: string, path: string): boolean {
  const bare = withoutQuery(path);
  if (!CANONICAL_PATH.test(bare) || DOT_SEGMENT.test(bare) || isDoubtfulPath(bare)) return false;
  const prefix = pattern.endsWith("/*");
  const text = prefix ? pattern.slice(0, -1) : pattern;
  if (!text.startsWith("/") || text.includes("*")) return false;
  return prefix ? bare.startsWith(text) : bare === text;
}

/** Whether a list of patterns covers the path. An empty list is no path rule: it covers every path. */
export function matchPaths(patterns: readonly string[], path: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matchPath(pattern, path));
}
