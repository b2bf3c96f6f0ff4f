/**
 * What a child may do: never more than its parent grants, never more than it asked for.
 *
 * `decide(meet(p, c), r)` allows only what both allow. Grants are intersected pair by pair, denies
 * are united, the stricter level and DLP win. Where two rules overlap, byte limits, private
 * addresses, pins and demands on what is sent are those of every rule that could have decided, so a
 * child cannot gain by splitting a rule. What one side opens to read it passes in no tunnel. Rule ids
 * of a pair are joined with ` & `.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { parseRange, rangeContains } from "./address.ts";
import { matchCapability } from "./capability-pattern.ts";
import { selectFileRule } from "./file-match.ts";
import { matchHost } from "./host.ts";
import { matchPath } from "./path-pattern.ts";
import { coversRpcMethod } from "./rpc-method.ts";
import type {
  CapabilityRule,
  EgressRule,
  FileRule,
  JsonRpcRule,
  Policy,
  SecretBinding,
} from "./types.ts";

/** Pairs of rules are compared with each other, so a list may not be longer than this. */
const RULES_MAX = 256;

const LEVELS = ["pure", "controlled", "full"] as const;
const DLP_LEVELS = ["lenient", "moderate", "strict"] as const;

/**
 * Intersect two policies.
 *
 * @throws {CcosError} `CONFIG_INVALID` when a list of rules holds more than 256.
 */
export function meetPolicies(parent: Policy, child: Policy): Policy {
  checkSizes(parent);
  checkSizes(child);
  const names = new Set(parent.environment.map((entry) => entry.name));
  return {
    level: LEVELS[Math.min(LEVELS.indexOf(parent.level), LEVELS.indexOf(child.level))] ?? "pure",
    allow: meetCapabilities(parent, child),
    deny: [...parent.deny, ...child.deny],
    ...meetAsks(parent, child),
    egress: meetEgress(parent.egress, child.egress),
    files: meetFiles(parent.files, child.files),
    environment: child.environment.filter((entry) => names.has(entry.name)),
    secrets: meetSecrets(parent.secrets, child.secrets),
    dlp: meetDlp(parent, child),
    ...meetFlow(parent, child),
    ...meetBounds(parent, child),
  };
}

function checkSizes(policy: Policy): void {
  const lists = [policy.allow, policy.deny, policy.egress, policy.files, policy.secrets];
  if (lists.every((list) => list.length <= RULES_MAX)) return;
  throw new CcosError("CONFIG_INVALID", {
    what: "Cannot derive a policy for a child",
    why: `a list of rules holds more than ${RULES_MAX} entries`,
    fix: "Replace single grants by one pattern",
  });
}

function joined(parent: string, child: string): string {
  return parent === child ? parent : `${parent} & ${child}`;
}

function meetCapabilities(parent: Policy, child: Policy): readonly CapabilityRule[] {
  return pairs(usable(parent), usable(child), (one, other) => {
    const pattern = narrower(one.pattern, other.pattern, coversCapability);
    return pattern === null ? null : { rule: joined(one.rule, other.rule), pattern };
  });
}

/** Below level full a `*` grants nothing, so it must not widen a meet. */
function usable(policy: Policy): readonly CapabilityRule[] {
  return policy.level === "full" ? policy.allow : policy.allow.filter((r) => r.pattern !== "*");
}

function coversCapability(outer: string, inner: string): boolean {
  if (outer === inner || outer === "*") return true;
  if (inner === "*") return false;
  if (!inner.endsWith(".*")) return matchCapability(outer, inner);
  return outer.endsWith(".*") && matchCapability(outer, inner.slice(0, -2));
}

function coversHost(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  if (!inner.startsWith("*.")) return matchHost(outer, inner);
  return outer.startsWith("*.") && matchHost(outer, inner.slice(2));
}

function coversPattern(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  if (!inner.endsWith("/*")) return matchPath(outer, inner);
  return outer.endsWith("/*") && inner.startsWith(outer.slice(0, -1));
}

/** The one of two patterns that the other covers, or null when they are disjoint. */
function narrower(
  one: string,
  other: string,
  covers: (outer: string, inner: string) => boolean,
): string | null {
  if (covers(one, other)) return other;
  return covers(other, one) ? one : null;
}

function pairs<T>(
  parent: readonly T[],
  child: readonly T[],
  meet: (one: T, other: T) => T | null,
): readonly T[] {
  return parent.flatMap((one) =>
    child.flatMap((other) => {
      const met = meet(one, other);
      return met === null ? [] : [met];
    }),
  );
}

function common<T>(one: readonly T[], other: readonly T[]): readonly T[] {
  return one.filter((item) => other.includes(item));
}

/** Null: disjoint. An empty list is every path, so it cannot stand for "none". */
function meetPaths(one: readonly string[], other: readonly string[]): readonly string[] | null {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const met = pairs(one, other, (a, b) => narrower(a, b, coversPattern));
  return met.length === 0 ? null : [...new Set(met)];
}

function meetEgress(
  parent: readonly EgressRule[],
  child: readonly EgressRule[],
): readonly EgressRule[] {
  const regions = pairs(parent, child, meetRule);
  return regions.flatMap((region) => {
    const clamped = clamp(clamp(region, parent), child);
    if (!clamped.tunnel || !isOpenedBy(clamped, [...parent, ...child])) return [clamped];
    const isEmpty = clamped.schemes.length === 0 || clamped.methods.length === 0;
    return isEmpty ? [] : [{ ...clamped, tunnel: false }];
  });
}

/** Whether a tunnel of this region could be to a host whose tunnels some rule has opened. */
function isOpenedBy(region: EgressRule, rules: readonly EgressRule[]): boolean {
  return rules.some(
    (rule) =>
      rule.inspect === true &&
      narrower(region.host, rule.host, coversHost) !== null &&
      common(region.ports, rule.ports).length > 0,
  );
}

function meetRule(one: EgressRule, other: EgressRule): EgressRule | null {
  const host = narrower(one.host, other.host, coversHost);
  const paths = meetPaths(one.paths, other.paths);
  const schemes = common(one.schemes, other.schemes);
  const ports = common(one.ports, other.ports);
  const methods = common(one.methods, other.methods);
  const tunnel = one.tunnel && other.tunnel;
  if (host === null || paths === null || ports.length === 0) return null;
  if (!tunnel && (schemes.length === 0 || methods.length === 0)) return null;
  return {
    rule: joined(one.rule, other.rule),
    host,
    schemes,
    ports,
    methods,
    paths,
    tunnel,
    ...meetLimits(one, other),
  };
}

type Limits = Omit<
  EgressRule,
  "rule" | "host" | "schemes" | "ports" | "methods" | "paths" | "tunnel"
>;

/** What holds once either of two rules could have decided. */
function meetLimits(one: EgressRule, other: EgressRule): Limits {
  const jsonRpc = meetJsonRpc(one.jsonRpc, other.jsonRpc);
  const pins = one.pins && other.pins ? common(one.pins, other.pins) : (one.pins ?? other.pins);
  return {
    addresses: meetRanges(one.addresses, other.addresses),
    ...(one.inspect === true && other.inspect === true ? { inspect: true } : {}),
    ...(one.websocket === true && other.websocket === true ? { websocket: true } : {}),
    ...(jsonRpc === undefined ? {} : { jsonRpc }),
    ...(pins === undefined ? {} : { pins }),
    requestBytesMax: Math.min(one.requestBytesMax, other.requestBytesMax),
    responseBytesMax: Math.min(one.responseBytesMax, other.responseBytesMax),
    ...askOf(one, other),
  };
}

function meetJsonRpc(
  one: JsonRpcRule | undefined,
  other: JsonRpcRule | undefined,
): JsonRpcRule | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const methods = pairs(one.methods, other.methods, (a, b) => narrower(a, b, coversRpcMethod));
  const tools = one.tools && other.tools ? common(one.tools, other.tools) : null;
  return { methods: [...new Set(methods)], tools: tools ?? one.tools ?? other.tools };
}

/** One who asks is enough. */
function askOf(...rules: readonly Pick<FileRule, "ask">[]): Pick<FileRule, "ask"> {
  return rules.some(({ ask }) => ask === true) ? { ask: true } : {};
}

/** Hold a region to the limits of every rule that overlaps it: any of them may decide there. */
function clamp(region: EgressRule, rules: readonly EgressRule[]): EgressRule {
  let clamped = region;
  for (const rule of rules) {
    if (meetRule(region, rule) === null) continue;
    const { inspect: _inspect, websocket: _websocket, ...kept } = clamped;
    clamped = { ...kept, ...meetLimits(clamped, rule) };
  }
  return clamped;
}

function meetRanges(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set(pairs(one, other, (a, b) => narrower(a, b, coversRange)))];
}

function coversRange(outer: string, inner: string): boolean {
  const outerRange = parseRange(outer);
  const innerRange = parseRange(inner);
  return outerRange !== null && innerRange !== null && rangeContains(outerRange, innerRange);
}

/** Every path that either side names, with the weaker of the modes both give it. */
function meetFiles(parent: readonly FileRule[], child: readonly FileRule[]): readonly FileRule[] {
  const paths = new Set([...parent, ...child].map((rule) => rule.path));
  return [...paths].flatMap((path) => {
    const one = selectFileRule(parent, path);
    const other = selectFileRule(child, path);
    if (one === null || other === null) return [];
    const mode = one.mode === "rw" && other.mode === "rw" ? "rw" : "ro";
    return [{ rule: joined(one.rule, other.rule), path, mode, ...askOf(one, other) }];
  });
}

function meetSecrets(
  parent: readonly SecretBinding[],
  child: readonly SecretBinding[],
): readonly SecretBinding[] {
  return pairs(parent, child, (one, other) => {
    const origins = common(one.origins, other.origins);
    const headers = common(one.headers, other.headers);
    const paths = meetPaths(one.paths, other.paths);
    if (one.name !== other.name || paths === null) return null;
    if (origins.length === 0 || headers.length === 0) return null;
    return { rule: joined(one.rule, other.rule), name: one.name, origins, paths, headers };
  });
}

function meetAsks(parent: Policy, child: Policy): Pick<Policy, "ask"> {
  const ask = [...(parent.ask ?? []), ...(child.ask ?? [])];
  return ask.length === 0 ? {} : { ask };
}

function meetBounds(parent: Policy, child: Policy): Pick<Policy, "bounds"> {
  const bounds = [...(parent.bounds ?? []), ...(child.bounds ?? [])];
  return bounds.length === 0 ? {} : { bounds };
}

function meetFlow(parent: Policy, child: Policy): Pick<Policy, "flow"> {
  const flow = [...(parent.flow ?? []), ...(child.flow ?? [])];
  return flow.length === 0 ? {} : { flow };
}

function meetDlp(parent: Policy, child: Policy): Policy["dlp"] {
  const active = [parent.dlp, child.dlp].filter((dlp) => dlp.enabled);
  const rank = Math.max(0, ...active.map((dlp) => DLP_LEVELS.indexOf(dlp.level)));
  const both = [parent.dlp, child.dlp];
  const level = { enabled: active.length > 0, level: DLP_LEVELS[rank] ?? "strict" };
  if (both.every((dlp) => Object.keys(dlp).length === 2)) return level;
  return {
    ...level,
    rules: both.flatMap(({ rules = [] }) => rules),
    canaries: both.flatMap(({ canaries = [] }) => canaries),
    dictionaries: both.flatMap(({ dictionaries = [] }) => dictionaries),
    meet: both,
  };
}
