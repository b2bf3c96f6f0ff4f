/**
 * `decide` for one policy that is asked often: what depends on the policy and the host alone is found once.
 *
 * Of a capability its verdict is kept; of a host the rules that name it. Only a plain allow is answered here: every
 * other answer, with its reason and fix, is `decide`'s own, which stays the definition. Kept answers are bounded;
 * at the bound they are found anew.
 *
 * @module
 */
import { decide } from "./decide.ts";
import { grantsRequest, isMoreSpecific } from "./egress-match.ts";
import { isCanonicalHost, matchHost } from "./host.ts";
import type { AccessRequest, EgressRule, Policy, Verdict } from "./types.ts";

const KEPT_MAX = 1024;

/** @returns A function that gives exactly `decide(policy, request)`. */
export function compileDecide(policy: Policy): (request: AccessRequest) => Verdict {
  if (policy.bounds !== undefined) return (request) => decide(policy, request);
  const capabilities = new Map<string, boolean>();
  const hosts = new Map<string, readonly EgressRule[]>();
  const allows = (capability: string): boolean =>
    kept(capabilities, capability, () => {
      return decide(policy, { capability, resource: null }).kind === "allow";
    });
  const naming = (host: string): readonly EgressRule[] =>
    kept(hosts, host, () => {
      if (!isCanonicalHost(host)) return [];
      return policy.egress.filter((rule) => matchHost(rule.host, host));
    });
  return (request) => {
    const { capability, resource } = request;
    if (resource?.kind !== "http" && resource?.kind !== "connect") return decide(policy, request);
    const host = resource.kind === "http" ? resource.target.host : resource.host;
    let best: EgressRule | null = null;
    if (allows(capability) && (resource.kind === "connect" || resource.target.path[0] === "/")) {
      for (const rule of naming(host)) {
        if (grantsRequest(rule, resource) && (best === null || isMoreSpecific(rule, best)))
          best = rule;
      }
    }
    return best === null ? decide(policy, request) : { kind: "allow", rule: best.rule };
  };
}

function kept<T>(map: Map<string, T>, key: string, find: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size >= KEPT_MAX) map.clear();
  const found = find();
  map.set(key, found);
  return found;
}
