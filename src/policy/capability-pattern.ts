/**
 * Capability ids and the patterns that grant them.
 *
 * An id is lower-case ASCII segments joined by dots. A pattern is an id, `prefix.*` for one or more
 * further segments, or `*`. There is no other wildcard and no matching by text prefix:
 * `ccos.io.*` does not cover `ccos.iox`.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { quote } from "./display.ts";

const SEGMENT = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const ID = new RegExp(`^${SEGMENT}(?:\\.${SEGMENT})*$`);
const NUMBER = "(?:0|[1-9]\\d{0,8})";
const SEMVER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-[0-9a-z-]+(?:\\.[0-9a-z-]+)*)?(?:\\+[0-9a-z.-]+)?$`,
);
const VENDOR_VERSION = new RegExp(`^v(${NUMBER}(?:\\.${NUMBER}){0,2})(?:\\.(.+))?$`);
const ID_LENGTH_MAX = 256;

export interface CapabilityName {
  readonly id: string;
  /** As written, without `v` or `@`. Null: none was given. */
  readonly version: string | null;
}

export interface CapabilityPattern {
  readonly kind: "exact" | "prefix" | "any";
  /** The id, or the prefix without `.*`; empty for `*`. */
  readonly id: string;
}

/** Ids that were found canonical, so that the few of a run are matched once each. */
const canonical = new Set<string>();
const CANONICAL_KEPT_MAX = 1024;

/** Whether the text is a canonical id: the only form that may reach a decision. */
export function isCanonicalCapability(text: string): boolean {
  if (canonical.has(text)) return true;
  if (text.length > ID_LENGTH_MAX || !ID.test(text)) return false;
  if (canonical.size >= CANONICAL_KEPT_MAX) canonical.clear();
  canonical.add(text);
  return true;
}

/**
 * The canonical id and version of a capability as a program spells it.
 *
 * `ccos.echo`, `:ccos.echo` and `ccos.echo@1.0.0` (full semantic version); vendor spelling
 * `:com.x:v2.1.0` is id `com.x`, version `2.1.0`, and `:com.acme.database:v1.query` is id
 * `com.acme.database.query`, version `1`. Upper case is refused with the lower-case form.
 */
export function canonicalCapability(text: string): Result<CapabilityName, string> {
  if (text.length > ID_LENGTH_MAX) return err("a capability id has at most 256 characters");
  const bare = text.startsWith(":") ? text.slice(1) : text;
  if (/[A-Z]/.test(bare)) return err(`capability ids are lower case: ${quote(bare.toLowerCase())}`);
  const at = bare.indexOf("@");
  if (at !== -1) return named(bare.slice(0, at), bare.slice(at + 1), text);
  const colon = bare.indexOf(":");
  if (colon === -1) return named(bare, null, text);
  const id = bare.slice(0, colon);
  const suffix = bare.slice(colon + 1);
  if (SEMVER.test(suffix.slice(1)) && suffix.startsWith("v"))
    return named(id, suffix.slice(1), text);
  const vendor = VENDOR_VERSION.exec(suffix);
  if (vendor === null) return err(`${quote(suffix)} is not a version such as v2.1.0`);
  const full = vendor[2] === undefined ? id : `${id}.${vendor[2]}`;
  return isCanonicalCapability(full)
    ? ok({ id: full, version: vendor[1] ?? null })
    : err(notAnId(text));
}

/** Read a pattern. Whether `*` is legal depends on the level, so the caller asks for `kind`. */
export function parseCapabilityPattern(text: string): Result<CapabilityPattern, string> {
  if (text === "*") return ok({ kind: "any", id: "" });
  const prefix = text.endsWith(".*");
  const id = prefix ? text.slice(0, -2) : text;
  if (id.includes("*")) return err("* may only stand alone or as the last segment: prefix.*");
  if (/[A-Z]/.test(id)) return err(`capability ids are lower case: ${quote(text.toLowerCase())}`);
  if (!isCanonicalCapability(id)) return err(notAnId(text));
  return ok({ kind: prefix ? "prefix" : "exact", id });
}

/** Whether a pattern covers a canonical id. A malformed pattern or id: no. */
export function matchCapability(pattern: string, capability: string): boolean {
  // The cheap comparison first: most rules of a policy are about another capability.
  if (pattern === "*") return isCanonicalCapability(capability);
  if (!pattern.endsWith(".*")) return pattern === capability && isCanonicalCapability(capability);
  if (!capability.startsWith(pattern.slice(0, -1))) return false;
  return isCanonicalCapability(pattern.slice(0, -2)) && isCanonicalCapability(capability);
}

function named(id: string, version: string | null, text: string): Result<CapabilityName, string> {
  if (!isCanonicalCapability(id)) return err(notAnId(text));
  if (version !== null && !SEMVER.test(version)) {
    return err(`${quote(version)} is not a semantic version such as 2.1.0`);
  }
  return ok({ id, version });
}

function notAnId(text: string): string {
  return `${quote(text)} is not a capability id: segments of a-z, 0-9 and - joined by dots`;
}
