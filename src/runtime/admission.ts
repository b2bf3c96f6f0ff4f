/**
 * Admission: what a plan can ask for, judged before anything runs.
 *
 * The effects of every call are inferred from its contract (rtfs/effects); then each call goes
 * through the same `decide` as the gate. A literal target is decided in full; a target known only at
 * run time is decided for its capability and left to the gate. What the inference refuses (a computed
 * id that no annotation bounds, an annotation that says too little) is refused here. Pure.
 *
 * @module
 */
import type { CapabilityRegistry } from "../capability/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import { canonicalCapability, decide, type Policy, type Verdict } from "../policy/index.ts";
import {
  type EffectRefusal,
  type EffectRow,
  inferEffects,
  type InferredCall,
  type PlanFlow,
  type PlanOutline,
} from "../rtfs/index.ts";
import { contractsOf, knownResource, POLICY_MATCHERS } from "./effect-contracts.ts";
import { describeResource } from "./resource-text.ts";

/** One call site, judged. */
export interface SiteJudgement {
  readonly step: string | null;
  readonly capability: string | null;
  /** Kinds of effects of its contract. */
  readonly effects: readonly string[];
  /** Redacted text of a literal target; null when it is known only at run time. */
  readonly target: string | null;
  readonly verdict: Verdict;
  readonly span: SourceSpan;
}

/** A call of the plan, by its number, and what it can do at most. */
export interface AllowedCall {
  readonly site: number;
  readonly row: EffectRow;
}

/** By step (`null`: the code outside any) and canonical id: the calls of the plan. */
export type Callable = ReadonlyMap<string | null, ReadonlyMap<string, readonly AllowedCall[]>>;

export interface Admission {
  readonly admitted: boolean;
  readonly sites: readonly SiteJudgement[];
  /** Canonical ids each step may call, and what such calls can do at most; `null` is the code outside any step. */
  readonly callable: Callable;
  /** In which order steps and calls can come. */
  readonly flow: PlanFlow;
  readonly steps: readonly { readonly name: string; readonly parent: string | null }[];
  /** What each step can do, first the code outside any; a step's own calls. */
  readonly effects: readonly { readonly step: string | null; readonly row: EffectRow }[];
  /** What the plan can do. */
  readonly planEffects: EffectRow;
}

export function admitPlan(
  outline: PlanOutline,
  policy: Policy,
  registry: CapabilityRegistry,
): Admission {
  const plan = inferEffects(outline, contractsOf(registry), POLICY_MATCHERS);
  const callable = new Map<string | null, ReadonlyMap<string, readonly AllowedCall[]>>();
  const sites: SiteJudgement[] = [];
  const refusals = Map.groupBy(plan.refusals, ({ step }) => step);
  for (const { step, calls } of plan.steps) {
    const judged = calls.map((call) => judge(call, policy, registry));
    const refused = (refusals.get(step) ?? []).map(refusedSite);
    sites.push(...judged, ...refused);
    callable.set(step, callsById(calls, judged));
  }
  return {
    admitted: sites.every((site) => site.verdict.kind !== "deny"),
    sites,
    callable,
    flow: outline.flow,
    steps: outline.steps.map(({ name, parent }) => ({ name, parent })),
    effects: plan.steps.map(({ step, effects }) => ({ step, row: effects })),
    planEffects: plan.effects,
  };
}

/** The calls of each capability; `judged` are the same calls. */
function callsById(
  calls: readonly InferredCall[],
  judged: readonly SiteJudgement[],
): ReadonlyMap<string, readonly AllowedCall[]> {
  const known = new Map<string, AllowedCall[]>();
  for (const [index, { site, effects: row }] of calls.entries()) {
    const id = judged[index]?.capability ?? "";
    const same = known.get(id);
    if (same === undefined) known.set(id, [{ site, row }]);
    else same.push({ site, row });
  }
  return known;
}

function judge(call: InferredCall, policy: Policy, registry: CapabilityRegistry): SiteJudgement {
  const id = canonicalCapability(call.capability);
  const capability = id.ok ? registry.find(id.value.id) : undefined;
  if (capability === undefined) {
    throw new TypeError(`"${call.capability}" has effects but no capability`);
  }
  const resource = knownResource(capability, call);
  return {
    step: call.step,
    capability: capability.manifest.id,
    effects: capability.manifest.effects,
    target: resource === null ? null : describeResource(resource),
    verdict: decide(policy, { capability: capability.manifest.id, resource }),
    span: call.span,
  };
}

function refusedSite({ code, step, capability, span, ...why }: EffectRefusal): SiteJudgement {
  const id = capability === null ? null : canonicalCapability(capability);
  const reason = id?.ok === false && code === "UNKNOWN_CAPABILITY" ? id.error : why.reason;
  return {
    step,
    capability,
    effects: [],
    target: null,
    verdict: refusal(code, reason, why.fix),
    span,
  };
}

function refusal(code: ErrorCode, reason: string, fix: string): Verdict {
  return { kind: "deny", rule: null, code, reason, fix };
}
