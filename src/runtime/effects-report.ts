/**
 * The effects of an RTFS file by itself, without a config: what `ccos rtfs effects` shows.
 *
 * @module
 */
import { builtinProviders, createRegistry } from "../capability/index.ts";
import type { Result } from "../foundation/result.ts";
import type { JsonObject } from "../foundation/json.ts";
import { ok } from "../foundation/result.ts";
import {
  type CompileOptions,
  type Diagnostic,
  type EffectRefusal,
  inferEffects,
  outlinePlan,
  type PlanEffects,
  readForms,
  rowToJson,
} from "../rtfs/index.ts";
import { contractsOf, POLICY_MATCHERS } from "./effect-contracts.ts";

/** Infer the effects of a source text, with what it imports, against the built-in capabilities. */
export function effectsOfSource(
  source: string,
  file: string,
  options: Pick<CompileOptions, "resolver"> = {},
): Result<PlanEffects, readonly Diagnostic[]> {
  const forms = readForms(source, { file });
  if (!forms.ok) return forms;
  const outline = outlinePlan(forms.value, options);
  if (!outline.ok) return outline;
  const contracts = contractsOf(createRegistry(builtinProviders()));
  return ok(inferEffects(outline.value, contracts, POLICY_MATCHERS));
}

/**
 * `{effects, steps: [{step, parent, effects, calls: [{capability, effects, line, column}]}],
 * refusals}`; `step` null is the code outside any step.
 */
export function effectsJson({ steps, effects, refusals }: PlanEffects): JsonObject {
  return {
    effects: rowToJson(effects),
    steps: steps.map((each) => ({
      step: each.step,
      parent: each.parent,
      effects: rowToJson(each.effects),
      calls: each.calls.map(({ capability, effects: row, isLiteral, span }) => ({
        capability,
        computed: !isLiteral,
        effects: rowToJson(row),
        line: span.line,
        column: span.column,
      })),
    })),
    refusals: refusals.map(refusalJson),
  };
}

function refusalJson({ code, step, capability, reason, fix, span }: EffectRefusal): JsonObject {
  return { code, step, capability, reason, fix, line: span.line, column: span.column };
}
