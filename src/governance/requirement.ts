/**
 * How many must agree, and to what: the policies of a config, against calls. Pure.
 *
 * A policy without selectors is about every call; one with selectors about what has one of its effects or matches one
 * of its patterns. Where several hold, the most approvals are asked.
 *
 * @module
 */
import type { AgentConfig } from "../config/index.ts";
import { matchCapability } from "../policy/index.ts";

type Policies = AgentConfig["governance"]["policies"];
type GovernancePolicy = Policies extends ReadonlyMap<string, infer P> ? P : never;

/** What a policy is matched against. */
export interface GovernedCall {
  readonly capability: string;
  /** Kinds of effects of its contract. */
  readonly effects: readonly string[];
}

export interface Requirement {
  /** 0: nobody is asked. */
  readonly approvals: number;
  /** Config paths of the policies that ask for so many. */
  readonly rules: readonly string[];
}

export function isGoverned(policy: GovernancePolicy, call: GovernedCall): boolean {
  const { effects, capabilities } = policy;
  if (effects.length === 0 && capabilities.length === 0) return true;
  return (
    effects.some((kind) => call.effects.includes(kind)) ||
    capabilities.some((pattern) => matchCapability(pattern, call.capability))
  );
}

/** Before a run: what the policies with `:approve :plan` ask of a plan with these calls. */
export function planRequirement(policies: Policies, calls: readonly GovernedCall[]): Requirement {
  return most(policies, (policy) => {
    const isOfAll = policy.effects.length === 0 && policy.capabilities.length === 0;
    return policy.approve === "plan" && (isOfAll || calls.some((call) => isGoverned(policy, call)));
  });
}

/** Before a call: what the policies with `:approve :call` ask, and a rule that asks itself. */
export function callRequirement(
  policies: Policies,
  call: GovernedCall,
  { asked }: { readonly asked: boolean },
): Requirement {
  const own = most(policies, (policy) => policy.approve === "call" && isGoverned(policy, call));
  return asked && own.approvals === 0 ? { approvals: 1, rules: [] } : own;
}

function most(policies: Policies, holds: (policy: GovernancePolicy) => boolean): Requirement {
  const held = [...policies].filter(([, policy]) => holds(policy));
  const approvals = Math.max(0, ...held.map(([, policy]) => policy.requiresApprovals));
  const rules = held
    .filter(([, policy]) => approvals > 0 && policy.requiresApprovals === approvals)
    .map(([name]) => `governance.policies.${name}`);
  return { approvals, rules };
}
