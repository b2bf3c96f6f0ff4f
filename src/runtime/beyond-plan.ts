/**
 * Holds each call to what its plan was judged to ask for: the target, not only the capability.
 *
 * The evaluator is not believed. A plan that writes one file under `^{:effects …}`, or names it as a literal, was admitted for
 * that file, and the gate lets no other through, whatever the config grants besides. What a plan computes at run time
 * is bounded by the policy alone, as it was at admission. Pure.
 *
 * @module
 */
import type { Capability } from "../capability/index.ts";
import type { ResourceRequest, Verdict } from "../policy/index.ts";
import { containsRow, type EffectRow, explainGap } from "../rtfs/index.ts";
import { effectsOn, POLICY_MATCHERS } from "./effect-contracts.ts";

/**
 * A denial when none of the plan's calls that this can be can ask for the resource; else null.
 *
 * @param rows what each of those calls can do at most.
 */
export function beyondPlan(
  rows: readonly EffectRow[],
  step: string | null,
  { capability, resource }: { readonly capability: Capability; readonly resource: ResourceRequest },
): Verdict | null {
  const wanted = effectsOn(capability, resource);
  if (wanted === null) return denial(step, "has no such call");
  let why = "has no such call";
  // One call must cover it all: the host of one and the method of another are no call of the plan.
  for (const row of rows) {
    const gap = containsRow(row, wanted, POLICY_MATCHERS);
    if (gap === null) return null;
    why = `was admitted for less: ${explainGap(gap)}`;
  }
  return denial(step, why);
}

function denial(step: string | null, why: string): Verdict {
  return {
    kind: "deny",
    rule: step === null ? "plan" : `plan.steps[${JSON.stringify(step)}]`,
    code: "EFFECT_DENIED",
    reason: `${step === null ? "the plan outside any step" : `step ${JSON.stringify(step)}`} ${why}`,
    fix: "Write the target in the plan, or compute it there, so that it is judged before the run",
  };
}
