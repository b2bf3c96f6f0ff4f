/**
 * What may leave, as hosts and ports: the meeting ground of `allow-domains`, `rules` and the http
 * capability's own list.
 *
 * @module
 */
import { matchHost, parseHostPattern, parseRuleHost } from "../policy/index.ts";
import type { AgentConfig, EgressRuleConfig } from "./types.ts";

/** A host pattern with the ports it stands for. */
export interface EgressEntry {
  readonly host: string;
  readonly ports: readonly number[];
}

/** A host pattern of the http capability. A null port restricts no port. */
export interface HttpEntry {
  readonly host: string;
  readonly port: number | null;
}

const HTTPS_PORT = 443;
const HTTP_PORT = 80;

/** An entry of `allow-domains`: its own port, or 443. Null: it cannot be read. */
export function domainEntry(text: string): EgressEntry | null {
  const parsed = parseHostPattern(text);
  if (!parsed.ok) return null;
  return { host: parsed.value.host, ports: [parsed.value.port ?? HTTPS_PORT] };
}

/** A rule: the port in `:host`, else `:ports`, else the standard port of each scheme. */
export function ruleEntry(rule: EgressRuleConfig): EgressEntry | null {
  const parsed = parseRuleHost(rule.host, rule.addresses);
  if (!parsed.ok) return null;
  const { host, port } = parsed.value;
  if (port !== null) return { host, ports: [port] };
  if (rule.ports.length > 0) return { host, ports: rule.ports };
  return { host, ports: rule.schemes.map((each) => (each === "https" ? HTTPS_PORT : HTTP_PORT)) };
}

/** Every readable entry of the network block. */
export function egressEntries(config: AgentConfig): readonly EgressEntry[] {
  const { allowDomains, rules } = config.network.egress;
  return [...allowDomains.map(domainEntry), ...rules.map(ruleEntry)].filter(
    (each) => each !== null,
  );
}

/** Whether all that `wanted` names is inside `entry`. */
export function coversEntry(entry: EgressEntry, wanted: HttpEntry): boolean {
  if (!coversHost(entry.host, wanted.host)) return false;
  return wanted.port === null || entry.ports.includes(wanted.port);
}

/** The part of `entry` that `wanted` also names, or null. */
export function meetEntry(entry: EgressEntry, wanted: HttpEntry): EgressEntry | null {
  const ports = entry.ports.filter((port) => wanted.port === null || wanted.port === port);
  if (ports.length === 0) return null;
  if (coversHost(entry.host, wanted.host)) return { host: wanted.host, ports };
  return coversHost(wanted.host, entry.host) ? { host: entry.host, ports } : null;
}

/** Whether every host of pattern `inner` is one of pattern `outer`. */
function coversHost(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  if (!inner.startsWith("*.")) return matchHost(outer, inner);
  return outer.startsWith("*.") && matchHost(outer, inner.slice(2));
}
