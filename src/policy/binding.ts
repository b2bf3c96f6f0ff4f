import { matchPaths } from "./path-pattern.ts";
import { formatHost } from "./target.ts";
import type { HttpTarget, SecretBinding } from "./types.ts";

/**
 * Whether a secret may be substituted into this header of a request to this target.
 *
 * All three must match: the origin (scheme, host and port, exactly), the path (as in an egress
 * rule; none listed is every path) and the header (names compare without case). An empty list of
 * origins or headers is no place at all.
 */
export function bindingAllows(
  binding: SecretBinding,
  target: HttpTarget,
  headerName: string,
): boolean {
  const origin = `${target.scheme}://${formatHost(target.host)}:${target.port}`;
  return (
    binding.origins.includes(origin) &&
    matchPaths(binding.paths, target.path) &&
    binding.headers.includes(headerName.toLowerCase())
  );
}
