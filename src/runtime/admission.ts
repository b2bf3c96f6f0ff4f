/**
 * Admission: what a plan can ask for, judged before anything runs.
 *
 * Every call site of the outline goes through the same `decide` as the gate. A literal target is decided in
 * full; a target known only at run time is decided for its capability and left to the gate. A computed
 * capability id is refused: its effects cannot be known. Pure.
 *
 * @module
 */
import type { Capability, CapabilityRegistry } from "../capability/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import {
  canonicalCapability,
  decide,
  type Policy,
  type ResourceRequest,
  type Verdict,
} from "../policy/index.ts";
import type { CallSite, PlanOutline, Value } from "../rtfs/index.ts";
import { describeResource } from "./resource-text.ts";

/** One call site, judged. */
export interface SiteJudgement {
  readonly step: string | null;
  readonly capability: string | null;
  readonly effects: readonly string[];
  /** Redacted text of a literal target; null when it is known only at run time. */
  readonly target: string | null;
  readonly verdict: Verdict;
  readonly span: SourceSpan;
}

export interface Admission {
  readonly admitted: boolean;
  readonly sites: readonly SiteJudgement[];
  /** Canonical ids each step may call; `null` is the code outside any step. */
  readonly callable: ReadonlyMap<string | null, ReadonlySet<string>>;
  readonly steps: readonly { readonly name: string; readonly parent: string | null }[];
}

export function admitPlan(
  outline: PlanOutline,
  policy: Policy,
  registry: CapabilityRegistry,
): Admission {
  const calls = [...outline.topCalls, ...outline.steps.flatMap((step) => step.calls)];
  const sites = calls.map((site) => judge(site, policy, registry));
  const callable = new Map<string | null, Set<string>>([[null, new Set()]]);
  for (const step of outline.steps) callable.set(step.name, new Set());
  for (const site of sites) {
    if (site.capability !== null) callable.get(site.step)?.add(site.capability);
  }
  return {
    admitted: sites.every((site) => site.verdict.kind === "allow"),
    sites,
    callable,
    steps: outline.steps.map(({ name, parent }) => ({ name, parent })),
  };
}

function judge(site: CallSite, policy: Policy, registry: CapabilityRegistry): SiteJudgement {
  const at = { step: site.step, span: site.span };
  if (site.capability === null) {
    const reason =
      "the capability id is computed at run time, so its effects cannot be known before it runs";
    return {
      ...at,
      capability: null,
      effects: [],
      target: null,
      verdict: refusal(
        "CAPABILITY_ID_COMPUTED",
        reason,
        "Write the capability id as a literal keyword or string",
      ),
    };
  }
  const id = canonicalCapability(site.capability);
  const capability = id.ok ? registry.find(id.value.id) : undefined;
  if (!id.ok || capability === undefined) {
    const reason = id.ok ? `no capability is called "${id.value.id}"` : id.error;
    return {
      ...at,
      capability: site.capability,
      effects: [],
      target: null,
      verdict: refusal("UNKNOWN_CAPABILITY", reason, "Use an id that `ccos plan` lists"),
    };
  }
  const resource = literalResource(capability, site.args);
  const request = { capability: capability.manifest.id, resource };
  return {
    ...at,
    capability: capability.manifest.id,
    effects: capability.manifest.effects,
    target: resource === null ? null : describeResource(resource),
    verdict: decide(policy, request),
  };
}

/** The resource when every argument is a literal that the capability accepts; else null. */
function literalResource(
  capability: Capability,
  args: readonly (Value | undefined)[],
): ResourceRequest | null {
  if (args.some((arg) => arg === undefined)) return null;
  const asked = capability.access(args as readonly Value[]);
  return asked.ok ? asked.value : null;
}

function refusal(code: ErrorCode, reason: string, fix: string): Verdict {
  return { kind: "deny", rule: null, code, reason, fix };
}
