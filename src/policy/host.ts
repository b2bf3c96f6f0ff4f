/**
 * Host names: one canonical form, and the patterns that grant them.
 *
 * Read in this order: canonicalHost (WHATWG's host parser, then what DNS can carry), matchHost
 * (label by label), parseHostPattern (what a config may write). The canonical value is the one
 * that is checked, recorded and dialled; a text that needs guessing is refused, not repaired.
 *
 * @module
 */
import { getPublicSuffix } from "tldts-icann";
import { err, ok, type Result } from "../foundation/result.ts";
import { addressBytes, isAddressLiteral, rangesName } from "./address.ts";
import { quote } from "./display.ts";

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const NAME_LENGTH_MAX = 253;
const TEXT_LENGTH_MAX = 1024;
const IPV4_NUMBER_ENDING = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** Whitespace, control and format characters, lone surrogates, backslash: never part of a target. */
export const FORBIDDEN_CHARACTERS: RegExp = /[\p{Cc}\p{Cf}\p{Cs}\p{White_Space}\\]/u;

export interface HostPattern {
  /** The pattern as matchHost takes it: an exact host, or `*.` and a host. No port. */
  readonly host: string;
  /** 1..65535. Null: the pattern names no port. */
  readonly port: number | null;
  readonly wildcard: boolean;
}

/** Whether `host` is what canonicalHost answers for it: the only form that may reach a decision. */
export function isCanonicalHost(host: string): boolean {
  if (host.length > NAME_LENGTH_MAX) return false;
  if (NAME.test(host)) return isAddressLiteral(host) || !IPV4_NUMBER_ENDING.test(host);
  return isAddressLiteral(host);
}

/**
 * The canonical form of a host as it stands in a URL's authority (IPv6 in brackets).
 *
 * Lower-case ASCII, IDN as punycode, one trailing dot dropped, IPv4 in any notation as four decimal
 * numbers, IPv6 compressed and without brackets. Idempotent (IPv6: with its brackets put back).
 *
 * @returns The reason when there is no such host: characters no host has, empty or over-long labels.
 */
export function canonicalHost(text: string): Result<string, string> {
  if (text.length > TEXT_LENGTH_MAX) return err("host is over 1024 characters");
  if (FORBIDDEN_CHARACTERS.test(text)) {
    return err("host holds whitespace, a control character or a backslash");
  }
  if (/[%@/?#]/.test(text)) return err(`host ${quote(text)} holds one of % @ / ? #`);
  const parsed = URL.parse(`http://${text}/`);
  if (parsed === null || parsed.hostname === "") return err(`${quote(text)} is not a host`);
  // A second parse result component means the text held more than a host.
  if (parsed.port !== "" || /:\d*$/.test(text.replace(/^\[[^\]]*\]/, ""))) {
    return err(`${quote(text)} holds a port where only a host may stand`);
  }
  const bare = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
  const host = bare.endsWith(".") ? bare.slice(0, -1) : bare;
  return isCanonicalHost(host) ? ok(host) : err(`${quote(text)} is not a name that DNS can carry`);
}

/**
 * Whether a canonical host is covered by a pattern, label by label.
 *
 * `*.example.com` covers one or more labels before `example.com`, never `example.com` itself and
 * never an IP literal. An exact pattern covers only itself, not its sub-domains. A malformed
 * pattern or host covers nothing.
 */
export function matchHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === host && isCanonicalHost(host);
  // A canonical base never ends in a number, so no IP literal is below it.
  if (!host.endsWith(pattern.slice(1))) return false;
  return isCanonicalHost(pattern.slice(2)) && isCanonicalHost(host);
}

/**
 * Read an entry of an allow-list: `api.example.com`, `*.example.com`, each with optional `:port`.
 *
 * Refused with a suggestion where there is one: upper case, schemes, paths, IP literals, bare `*`,
 * wildcards as wide as a public suffix (`*.com`, `*.co.uk`), empty labels, a trailing dot,
 * characters outside ASCII. Single-label names such as `localhost` are legal exact hosts.
 */
export function parseHostPattern(text: string): Result<HostPattern, string> {
  const split = splitPort(text);
  if (!split.ok) return split;
  const { name, port } = split.value;
  const wildcard = name.startsWith("*.");
  const base = wildcard ? name.slice(2) : name;
  const canonical = canonicalPatternHost(base, wildcard);
  if (!canonical.ok) return canonical;
  if (isAddressLiteral(canonical.value)) {
    return err(`${quote(name)} is an IP literal; write an egress rule with :addresses instead`);
  }
  if (wildcard && spansPublicSuffix(base)) {
    return err(`wildcard ${quote(name)} spans a whole public suffix; name the registered domain`);
  }
  return ok({ host: name, port, wildcard });
}

/**
 * Read the `:host` of an egress rule: everything parseHostPattern takes, and IP literals that one
 * of the rule's `:addresses` (CIDRs) names. Literals must be canonical; IPv6 needs no brackets
 * unless a port follows.
 */
export function parseRuleHost(
  text: string,
  addresses: readonly string[],
): Result<HostPattern, string> {
  const bare = addressBytes(text) === null ? null : text;
  const bracketed = /^\[([0-9a-f:]{2,39})\](?::|$)/.exec(text)?.[1] ?? null;
  const dotted = /^([0-9.]{7,15}):\d{1,5}$/.exec(text)?.[1] ?? null;
  const literal = bare ?? bracketed ?? dotted;
  if (literal === null || addressBytes(literal) === null) return parseHostPattern(text);
  const canonical = canonicalHost(literal.includes(":") ? `[${literal}]` : literal);
  if (!canonical.ok) return canonical;
  if (canonical.value !== literal) return err(`write the address as ${canonical.value}`);
  const port = bare === null ? splitPort(text) : ok({ name: text, port: null });
  if (!port.ok) return port;
  if (!rangesName(addresses, literal)) {
    return err(
      `the rule's :addresses must name ${literal}, for example "${literal}/${widthOf(literal)}"`,
    );
  }
  return ok({ host: literal, port: port.value.port, wildcard: false });
}

/** The prefix length that names one address only: 32 or 128. */
export function widthOf(literal: string): number {
  return literal.includes(":") ? 128 : 32;
}

function canonicalPatternHost(base: string, wildcard: boolean): Result<string, string> {
  const prefix = wildcard ? "*." : "";
  if (base === "" || base === "*") return err("a pattern needs a name; a bare * is not one");
  if (base.includes("*")) return err("* may only stand as the whole first label: *.example.com");
  if (/:\/\//.test(base)) return err("write the host only, without a scheme");
  if (base.includes("/")) return err("write the host only, without a path");
  if (base.endsWith(".")) return err(`drop the trailing dot: ${quote(prefix + base.slice(0, -1))}`);
  if (base.startsWith(".") || base.includes("..")) return err("the name has an empty label");
  const canonical = canonicalHost(base);
  if (!canonical.ok) return canonical;
  if (canonical.value === base || isAddressLiteral(canonical.value)) return canonical;
  return err(`write it in its canonical form: ${quote(prefix + canonical.value)}`);
}

function splitPort(text: string): Result<{ name: string; port: number | null }, string> {
  if (text.length > TEXT_LENGTH_MAX) return err("the pattern is over 1024 characters");
  if (text.includes("://")) return err("write the host only, without a scheme");
  const colon = text.lastIndexOf(":");
  if (colon === -1 || text.endsWith("]")) return ok({ name: text, port: null });
  const port = parsePort(text.slice(colon + 1));
  return port === null
    ? err(`${quote(text.slice(colon + 1))} is not a port from 1 to 65535`)
    : ok({ name: text.slice(0, colon), port });
}

/** A decimal port without leading zeros, 1..65535, or null. */
export function parsePort(text: string): number | null {
  if (!/^[1-9]\d{0,4}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

/** Whether `*.base` would cover names of more than one registrant (ICANN section of the list). */
function spansPublicSuffix(base: string): boolean {
  const options = { extractHostname: false, validateHostname: false };
  // Rules such as `*.ck` show only below the base, so ask for a name under it.
  const suffix = getPublicSuffix(`probe.${base}`, options);
  return suffix === null || suffix.length >= base.length;
}
