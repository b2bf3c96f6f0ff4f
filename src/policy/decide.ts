/**
 * The one decision function: may this capability touch this resource?
 *
 * Gate, proxy, `plan`, `why` and replay all call `decide`, so their answers cannot differ. The
 * order is: explicit deny, level, grant of the capability, grant of the resource, the operator's bounds, who must be asked.
 * Deny wins, the order of rules changes only which rule is named, and whatever does not match is denied.
 * `decide.test.ts` holds it equal to a reference model on random pairs.
 *
 * @module
 */
import {
  isCanonicalCapability,
  matchCapability,
  parseCapabilityPattern,
} from "./capability-pattern.ts";
import { beyondBounds } from "./bounds.ts";
import { quote } from "./display.ts";
import { decideEgress } from "./egress-match.ts";
import { decideFile } from "./file-match.ts";
import { capabilityFix, environmentFix } from "./fix.ts";
import { DECLASSIFY } from "./labels.ts";
import type { AccessRequest, CapabilityRule, Policy, ResourceRequest, Verdict } from "./types.ts";

/**
 * Decide one request. Pure and total: hostile text in the request is denied, never thrown on.
 *
 * @returns `allow` with the rule of the resource where the request has one, else the rule of the
 * capability; `deny` with the rule that forbids, or null when only the default does.
 */
export function decide(policy: Policy, request: AccessRequest): Verdict {
  const granted = decideGrant(policy, request);
  if (granted.kind !== "allow" || policy.ask === undefined) return granted;
  const asking = mostSpecific(policy.ask, (rule) => forbids(rule.pattern, request.capability));
  if (asking === null) return granted;
  const question = `${asking.rule} asks before ${quote(request.capability)}`;
  return { kind: "ask", rule: granted.rule, question };
}

/** What the rules grant, before the capability itself is asked about. */
function decideGrant(policy: Policy, request: AccessRequest): Verdict {
  const capability = decideCapability(policy, request.capability);
  if (capability.kind !== "allow" || request.resource === null) return capability;
  const resource = decideResource(policy, request.resource);
  if (resource.kind === "deny" || policy.bounds === undefined) return resource;
  return beyondBounds(policy.bounds, request.capability, request.resource) ?? resource;
}

function decideCapability(policy: Policy, capability: string): Verdict {
  if (!isCanonicalCapability(capability)) {
    return denyCapability(null, `${quote(capability)} is not a canonical capability id`, {
      fix: "Resolve the id before it is decided on",
    });
  }
  const denied = mostSpecific(policy.deny, (rule) => forbids(rule.pattern, capability));
  if (denied !== null) {
    return denyCapability(denied.rule, `${denied.rule} denies ${quote(denied.pattern)}`, {
      fix: `Remove or narrow ${denied.rule}`,
    });
  }
  if (policy.level === "pure") {
    return denyCapability(null, "a program at level pure may call nothing", {
      fix: "Run it at level controlled with this capability granted",
    });
  }
  const granted = mostSpecific(policy.allow, (rule) => grants(policy, rule.pattern, capability));
  if (granted !== null)
    return ASKING.get(capability)?.(granted.rule) ?? { kind: "allow", rule: granted.rule };
  return denyCapability(null, `no rule grants ${quote(capability)}`, {
    fix: capabilityFix(capability),
  });
}

/** Calls that a rule alone never settles: a person is asked each time. */
const ASKING: ReadonlyMap<string, (rule: string) => Verdict> = new Map([
  [
    DECLASSIFY,
    (rule) => ({
      kind: "ask",
      rule,
      question: "May this run send what it has received as if it had not?",
    }),
  ],
]);

function decideResource(policy: Policy, resource: ResourceRequest): Verdict {
  switch (resource.kind) {
    case "http":
    case "connect":
      return decideEgress(policy.egress, resource);
    case "file":
      return decideFile(policy.files, resource);
    case "environment":
      return decideEnvironment(policy, resource.name);
  }
}

function decideEnvironment(policy: Policy, name: string): Verdict {
  const declared = policy.environment.find((entry) => entry.name === name);
  if (declared !== undefined) return { kind: "allow", rule: declared.rule };
  const reason = `the config does not declare ${quote(name)}`;
  return {
    kind: "deny",
    rule: null,
    code: "ENVIRONMENT_DENIED",
    reason,
    fix: environmentFix(name),
  };
}

/** A deny rule that cannot be read denies everything: it must have meant something. */
function forbids(pattern: string, capability: string): boolean {
  return matchCapability(pattern, capability) || !parseCapabilityPattern(pattern).ok;
}

function grants(policy: Policy, pattern: string, capability: string): boolean {
  return (pattern !== "*" || policy.level === "full") && matchCapability(pattern, capability);
}

/** Exact before prefix, long prefix before short, `*` last; of equals, the first listed. */
function mostSpecific(
  rules: readonly CapabilityRule[],
  matches: (rule: CapabilityRule) => boolean,
): CapabilityRule | null {
  let best: CapabilityRule | null = null;
  for (const rule of rules) {
    if (!matches(rule)) continue;
    if (best === null || specificity(rule.pattern) > specificity(best.pattern)) best = rule;
  }
  return best;
}

function specificity(pattern: string): number {
  return pattern.endsWith("*") ? pattern.length : Number.MAX_SAFE_INTEGER;
}

function denyCapability(
  rule: string | null,
  reason: string,
  parts: { readonly fix: string },
): Verdict {
  return { kind: "deny", rule, code: "CAPABILITY_DENIED", reason, fix: parts.fix };
}
