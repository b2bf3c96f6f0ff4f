/**
 * Redirects: where a response points, and what the next request would be. Deciding is the caller's.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { type HttpTarget, parseTarget } from "../policy/index.ts";
import type { Fields } from "./request-headers.ts";

export interface Hop {
  readonly method: string;
  readonly target: HttpTarget;
  readonly fields: Fields;
  readonly body: Uint8Array | null;
}

const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What a URL parser would repair or two could read differently. */
const DOUBTFUL = /[\s\\\u0000-\u0020\u007f-\uffff]/u;

/** The Location of a redirect; null when the response is an answer. */
export function locationOf(status: number, headers: Fields): Result<string | null, string> {
  if (!STATUSES.has(status)) return ok(null);
  const locations = headers.filter(([name]) => name === "location").map(([, value]) => value);
  if (locations.length > 1) return err("it names several locations");
  return ok(locations[0] ?? null);
}

/** The request that the redirect asks for, as fetch has it. Credentials are still in it. */
export function nextHop(hop: Hop, status: number, location: string): Result<Hop, string> {
  if (DOUBTFUL.test(location)) return err("its location is not a plain URL");
  const resolved = URL.parse(location, hop.target.url);
  if (resolved === null) return err("its location is not a URL");
  const target = parseTarget(resolved.href);
  if (!target.ok) return err(target.error);
  if (hop.target.scheme === "https" && target.value.scheme === "http") {
    return err("it leads from https to http");
  }
  const toGet =
    (status === 303 && hop.method !== "HEAD") ||
    ((status === 301 || status === 302) && hop.method === "POST");
  if (!toGet) return ok({ ...hop, target: target.value });
  const fields = hop.fields.filter(([name]) => !name.startsWith("content-"));
  return ok({ method: "GET", target: target.value, fields, body: null });
}

export function sameOrigin(a: HttpTarget, b: HttpTarget): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port;
}

/** A target as records and messages show it: without the query. */
export function shownUrl(target: HttpTarget): string {
  const query = target.url.indexOf("?");
  return query === -1 ? target.url : `${target.url.slice(0, query)}?…`;
}
