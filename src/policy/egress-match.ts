/**
 * Egress rules against a network request: which one grants it, and why the nearest one does not.
 *
 * Read in this order: failingPart (one rule, one request), selectEgressRule, denyEgress. A rule
 * grants only when host, scheme, port, method and path all match; rules never add up.
 *
 * @module
 */
import { isAddressLiteral, rangesName } from "./address.ts";
import { quote, withoutQuery } from "./display.ts";
import { egressFix } from "./fix.ts";
import { grantOf } from "./grant.ts";
import { isCanonicalHost, matchHost } from "./host.ts";
import { isDoubtfulPath, matchPaths } from "./path-pattern.ts";
import type { EgressRule, ResourceRequest, Verdict } from "./types.ts";

export type NetworkRequest = Extract<ResourceRequest, { kind: "http" | "connect" }>;

/** The first part of a rule that the request fails, in the order they are compared. */
type Part = "host" | "addresses" | "scheme" | "port" | "tunnel" | "tunnel-path" | "method" | "path";

/** How far a rule got before it failed: the higher, the nearer to granting. */
const PROGRESS: Readonly<Record<Part, number>> = {
  host: 0,
  addresses: 1,
  scheme: 2,
  port: 3,
  tunnel: 4,
  "tunnel-path": 4,
  method: 5,
  path: 6,
};

/** Shown lists are cut here: a reason is one line. */
const SHOWN_ITEMS_MAX = 8;

function failingPart(rule: EgressRule, request: NetworkRequest): Part | null {
  const { host } = request.kind === "http" ? request.target : request;
  return matchHost(rule.host, host) ? failingAtHost(rule, request) : "host";
}

/** Whether a rule that names the request's host grants the request. */
export function grantsRequest(rule: EgressRule, request: NetworkRequest): boolean {
  return failingAtHost(rule, request) === null;
}

function failingAtHost(rule: EgressRule, request: NetworkRequest): Part | null {
  const { host, port } = request.kind === "http" ? request.target : request;
  if (isAddressLiteral(host) && !rangesName(rule.addresses, host)) return "addresses";
  if (request.kind === "http" && !rule.schemes.includes(request.target.scheme)) return "scheme";
  if (!rule.ports.includes(port)) return "port";
  if (request.kind === "connect") {
    if (!rule.tunnel) return "tunnel";
    return rule.paths.length > 0 ? "tunnel-path" : null;
  }
  if (!rule.methods.includes(request.method)) return "method";
  return matchPaths(rule.paths, request.target.path) ? null : "path";
}

/**
 * The rule that grants a network request, or null.
 *
 * Of several: the one with the most specific host, then with a path rule, then the first listed.
 */
export function selectEgressRule(
  rules: readonly EgressRule[],
  request: NetworkRequest,
): EgressRule | null {
  let best: EgressRule | null = null;
  for (const rule of rules) {
    if (failingPart(rule, request) !== null) continue;
    if (best === null || isMoreSpecific(rule, best)) best = rule;
  }
  return best;
}

export function isMoreSpecific(rule: EgressRule, other: EgressRule): boolean {
  return specificity(rule) > specificity(other);
}

/** Exact hosts before wildcards, long wildcards before short ones, path rules before none. */
function specificity(rule: EgressRule): number {
  const host = rule.host.startsWith("*.") ? rule.host.length : 1000;
  return host * 2 + (rule.paths.length > 0 ? 1 : 0);
}

/** Whether the rule has tunnels to this host opened, whatever another lets pass. */
export function opensTunnel(rule: EgressRule, host: string, port: number): boolean {
  return rule.inspect === true && speaksOfTls(rule, host, port);
}

/** Whether the rule speaks of requests that would come inside a tunnel to this host. */
export function speaksOfTls(rule: EgressRule, host: string, port: number): boolean {
  const { methods, schemes, ports } = rule;
  const speaks = methods.length > 0 && schemes.includes("https") && ports.includes(port);
  return speaks && matchHost(rule.host, host);
}

/** Decide a network request against the egress rules alone. */
export function decideEgress(rules: readonly EgressRule[], request: NetworkRequest): Verdict {
  const { host } = request.kind === "http" ? request.target : request;
  const path = request.kind === "http" ? request.target.path : "/";
  if (!isCanonicalHost(host) || !path.startsWith("/")) {
    const reason = `target ${quote(host)} is not in canonical form`;
    return deny(reason, "Parse the target before it is decided on");
  }
  const granted = selectEgressRule(rules, request);
  if (granted !== null) return grantOf(granted, `before it reaches ${quote(host)}`);
  return deny(nearestReason(rules, request, host), egressFix(request));
}

function deny(reason: string, fix: string): Verdict {
  return { kind: "deny", rule: null, code: "EGRESS_DENIED", reason, fix };
}

function nearestReason(
  rules: readonly EgressRule[],
  request: NetworkRequest,
  host: string,
): string {
  let nearest: { rule: EgressRule; part: Part } | null = null;
  for (const rule of rules) {
    const part = failingPart(rule, request);
    if (part === null || part === "host") continue;
    if (nearest === null || PROGRESS[part] > PROGRESS[nearest.part]) nearest = { rule, part };
  }
  if (nearest === null) return `no egress rule names host ${quote(host)}`;
  return `${nearest.rule.rule} names this host, but ${partReason(nearest.rule, request, nearest.part)}`;
}

function partReason(rule: EgressRule, request: NetworkRequest, part: Part): string {
  switch (part) {
    case "host":
      return "not this host";
    case "addresses":
      return "none of its :addresses names this IP literal";
    case "scheme":
      return `its schemes are ${list(rule.schemes)}`;
    case "port":
      return `its ports are ${list(rule.ports)}`;
    case "tunnel":
      return "it allows no tunnel: methods and paths cannot be enforced inside a tunnel";
    case "tunnel-path":
      return "it has :paths: methods and paths cannot be enforced inside a tunnel";
    case "method":
      return `its methods are ${list(rule.methods)}`;
    case "path":
      return pathReason(rule, request);
  }
}

function pathReason(rule: EgressRule, request: NetworkRequest): string {
  const path = request.kind === "http" ? withoutQuery(request.target.path) : "/";
  return isDoubtfulPath(path)
    ? `path ${quote(path)} holds encoded dots or slashes, which no path rule admits`
    : `its paths are ${list(rule.paths)}`;
}

function list(items: readonly (string | number)[]): string {
  if (items.length === 0) return "none";
  const shown = items.slice(0, SHOWN_ITEMS_MAX).map(String).join(", ");
  return items.length > SHOWN_ITEMS_MAX ? `${shown}, …` : shown;
}
