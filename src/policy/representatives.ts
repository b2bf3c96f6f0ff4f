/**
 * Finitely many requests that stand for all: one for each way in which the rules of some policies can match.
 *
 * Patterns are exact names and prefixes, so what matches a name is itself and a chain of prefixes, the deepest of which
 * decides the others. Each exact name, and one fresh name directly below each prefix, is therefore every case. The
 * fresh name occurs in no rule. Read in this order: hostsOf, pathsOf, filesOf, capabilitiesOf, requestsOf.
 *
 * @module
 */
import { matchHost } from "./host.ts";
import { formatHost, parseTarget } from "./target.ts";
import type { EgressRule, Policy, ResourceRequest } from "./types.ts";

const unique = <T>(items: readonly T[]): readonly T[] => [...new Set(items)];

/** A name that no text of these policies holds. */
export function freshName(policies: readonly Policy[]): string {
  const texts = JSON.stringify(policies);
  for (let at = 0; ; at++) {
    const name = `other${at}`;
    if (!texts.includes(name)) return name;
  }
}

export function capabilitiesOf(policies: readonly Policy[], fresh: string): readonly string[] {
  const patterns = policies.flatMap(({ allow, deny, ask, bounds }) => [
    ...[...allow, ...deny, ...(ask ?? [])].map(({ pattern }) => pattern),
    ...(bounds ?? []).flatMap(({ capabilities, except }) => [...capabilities, ...except]),
  ]);
  return unique(
    patterns.map((pattern) => (pattern.endsWith("*") ? pattern.slice(0, -1) + fresh : pattern)),
  );
}

function hostsOf(policies: readonly Policy[], fresh: string): readonly string[] {
  const patterns = policies.flatMap(({ egress, bounds }) => [
    ...egress.map(({ host }) => host),
    ...(bounds ?? []).flatMap(({ hosts }) => hosts?.patterns ?? []),
  ]);
  return unique(
    patterns.map((pattern) => (pattern.startsWith("*.") ? fresh + pattern.slice(1) : pattern)),
  );
}

/** Also a path that no pattern can match, and one below the root that none names. */
function pathsOf(policies: readonly Policy[], fresh: string): readonly string[] {
  const patterns = policies.flatMap(({ egress }) => egress.flatMap(({ paths }) => paths));
  const named = patterns.map((pattern) =>
    pattern.endsWith("/*") ? pattern.slice(0, -1) + fresh : pattern,
  );
  return unique([...named, `/${fresh}`, `/${fresh}%2f`]);
}

/** A rule's own path is in every case like what is directly below it. */
function filesOf(policies: readonly Policy[]): readonly string[] {
  const paths = policies.flatMap(({ files, bounds }) => [
    ...files.map(({ path }) => path),
    ...(bounds ?? []).flatMap((bound) => (bound.files ?? []).map(({ path }) => path)),
  ]);
  return unique(paths);
}

/**
 * Every kind of request that `policy` could allow, told apart by the rules of both.
 *
 * @param others - Policies that it is compared with.
 */
export function* requestsOf(
  policy: Policy,
  others: readonly Policy[],
  fresh: string,
): Generator<ResourceRequest> {
  const all = [policy, ...others];
  const [hosts, paths] = [hostsOf(all, fresh), pathsOf(all, fresh)];
  for (const rule of policy.egress) {
    const own = hosts.filter((host) => matchHost(rule.host, host));
    for (const host of own) yield* requestsUnder(rule, host, paths);
  }
  for (const path of filesOf(all)) {
    for (const operation of ["read", "write", "delete"] as const)
      yield { kind: "file", operation, path };
  }
  for (const { name } of policy.environment) yield { kind: "environment", name };
}

function* requestsUnder(
  rule: EgressRule,
  host: string,
  paths: readonly string[],
): Generator<ResourceRequest> {
  for (const port of rule.ports) {
    if (rule.tunnel) yield { kind: "connect", host, port };
    for (const scheme of rule.schemes) {
      for (const path of paths) {
        const target = parseTarget(`${scheme}://${formatHost(host)}:${port}${path}`);
        if (!target.ok) continue;
        for (const method of rule.methods) yield { kind: "http", method, target: target.value };
      }
    }
  }
}
