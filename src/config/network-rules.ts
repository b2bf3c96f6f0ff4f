/**
 * Rules of what may leave: domains, egress rules, TLS, and the http capability's share of them.
 *
 * The grammar of hosts and paths is policy's own, so a config that passes here holds no pattern that a
 * decision would read differently.
 *
 * @module
 */
import {
  isAddressLiteral,
  parseHostPattern,
  parsePathPattern,
  parseRuleHost,
} from "../policy/index.ts";
import { quoted } from "./display.ts";
import { coversEntry, egressEntries } from "./egress-entry.ts";
import type { RuleContext } from "./rule-context.ts";
import { checkTls } from "./tls-rules.ts";
import type { EgressRuleConfig } from "./types.ts";

const EGRESS = "network.egress";
const METHOD = /^[A-Z]{1,16}$/;
/** CONNECT is the tunnel (`:tunnel true`); TRACE sends the request's headers back. */
const METHODS_REFUSED: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);

export function checkNetwork(context: RuleContext): void {
  const { egress } = context.config.network;
  checkVia(context);
  for (const [index, text] of egress.allowDomains.entries()) {
    checkDomain(context, `${EGRESS}.allow-domains[${index}]`, text);
  }
  for (const [index, text] of context.config.capabilities.http.egress.allowDomains.entries()) {
    checkDomain(context, `capabilities.http.egress.allow-domains[${index}]`, text);
  }
  for (const [index, rule] of egress.rules.entries()) {
    checkRule(context, `${EGRESS}.rules[${index}]`, rule);
  }
  checkTls(context);
  checkHttpSubset(context);
  checkReach(context);
}

/** A network card without the proxy is the microVM rules' to report, once. */
function checkVia({ config, complain }: RuleContext): void {
  const { enabled, egress } = config.network;
  if (egress.via !== "direct") return;
  const nic = config.microvm?.devices.nic.enabled ?? false;
  if (nic && enabled) return;
  if (!enabled && config.microvm === null) return;
  const message = "egress is :direct, and no wall lets a program out around the proxy";
  complain("DIRECT_EGRESS_FORBIDDEN", `${EGRESS}.via`, message);
}

function checkDomain({ complain }: RuleContext, path: string, text: string): void {
  const pattern = parseHostPattern(text);
  if (!pattern.ok) complain("INVALID_DOMAIN_PATTERN", path, `${quoted(text)}: ${pattern.error}`);
}

function checkRule(context: RuleContext, path: string, rule: EgressRuleConfig): void {
  const { complain, production } = context;
  const refuse = (key: string, message: string) =>
    complain("INVALID_EGRESS_RULE", `${path}.${key}`, message);
  const host = parseRuleHost(rule.host, rule.addresses);
  if (!host.ok) refuse("host", `${quoted(rule.host)}: ${host.error}`);
  else if (host.value.port !== null && rule.ports.length > 0) {
    refuse("ports", "the rule names ports both in :host and in :ports");
  }
  if (rule.ask && (rule.tunnel || rule.inspect))
    refuse("ask", "nobody is asked about what passes the proxy; not with :tunnel or :inspect");
  if (rule.schemes.length === 0) refuse("schemes", "an empty list of schemes grants nothing");
  if (rule.methods.length === 0 && !rule.tunnel) {
    refuse("methods", "an empty list of methods grants nothing");
  }
  for (const [index, method] of rule.methods.entries()) {
    if (METHOD.test(method) && !METHODS_REFUSED.has(method)) continue;
    refuse(`methods[${index}]`, `${quoted(method)} is not a method that a rule can grant`);
  }
  for (const [index, pattern] of rule.paths.entries()) {
    const parsed = parsePathPattern(pattern);
    if (!parsed.ok) refuse(`paths[${index}]`, parsed.error);
  }
  if (rule.jsonRpc !== null) {
    if (rule.jsonRpc.methods.length === 0)
      refuse("json-rpc.methods", "an empty list grants nothing");
    if (rule.tunnel || rule.websocket) {
      refuse("json-rpc", "bodies are not read inside a tunnel or a websocket");
    }
  }
  if (rule.tunnel && rule.inspect) {
    refuse("inspect", "a tunnel cannot pass unread and be opened; write two rules");
  }
  if (rule.tunnel && rule.paths.length > 0) {
    refuse("tunnel", "paths cannot be enforced inside a tunnel; write two rules");
  }
  for (const [index, range] of rule.addresses.entries()) {
    if (!isRange(range)) refuse(`addresses[${index}]`, `${quoted(range)} is not a CIDR`);
  }
  if (production && rule.addresses.length > 0) {
    const message = "production lets no name resolve to a private or loopback address";
    complain("ADDRESSES_IN_PRODUCTION", `${path}.addresses`, message);
  }
}

function isRange(text: string): boolean {
  const [literal = "", bits, more] = text.split("/");
  if (more !== undefined || bits === undefined || !isAddressLiteral(literal)) return false;
  return /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (literal.includes(":") ? 128 : 32);
}

function checkHttpSubset({ config, complain }: RuleContext): void {
  const { http } = config.capabilities;
  if (!config.network.enabled || !http.enabled) return;
  const granted = egressEntries(config);
  for (const [index, text] of http.egress.allowDomains.entries()) {
    const pattern = parseHostPattern(text);
    if (!pattern.ok || granted.some((entry) => coversEntry(entry, pattern.value))) continue;
    const message = `${quoted(text)} is not allowed by :network :egress`;
    complain("HTTP_EGRESS_NOT_SUBSET", `capabilities.http.egress.allow-domains[${index}]`, message);
  }
}

/** A config that asks for a network and gets none deserves a word; it is safe, so it is no error. */
function checkReach(context: RuleContext): void {
  const { config, complain } = context;
  const { enabled, egress } = config.network;
  const nic = config.microvm?.devices.nic.enabled ?? false;
  if (nic) return;
  const code = "EGRESS_GRANTS_NOTHING";
  if (!enabled) {
    if (!config.capabilities.http.enabled) return;
    complain(code, "network.enabled", "the http capability is on, but the network is off");
  } else if (egress.via === "none") {
    complain(code, `${EGRESS}.via`, "the network is on, but egress is :none");
  } else if (egress.allowDomains.length === 0 && egress.rules.length === 0) {
    complain(
      code,
      `${EGRESS}.allow-domains`,
      "the network is on, but no domain and no rule is listed",
    );
  }
}
