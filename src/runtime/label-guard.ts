/**
 * The guard of labels: what the run has received, and whether a call may still be made.
 *
 * Labels are those of the whole run: the host does not see how a guest's evaluator moves values, so
 * it takes every value to be everything that was ever given (src/policy/labels.ts). They are added
 * before the answer is handed over, so no call can carry what was not counted yet. Nothing here comes
 * from the outside but what outcomes say, so a replay comes to the same answers.
 *
 * @module
 */
import type { ChainWriter } from "../chain/index.ts";
import type { JsonValue } from "../foundation/json.ts";
import {
  decideFlow,
  DECLASSIFY,
  type FlowPolicy,
  parseTarget,
  receivedLabels,
} from "../policy/index.ts";
import { Keyword, keyword, MapValue, type Value, Vector } from "../rtfs/index.ts";
import type { AdmittedCall, Executed, GateGuard } from "./gate-guard.ts";
import { denialOf } from "./gate-refusals.ts";

/** Effects that stay in the run: its clock and its chance. */
const INNER_EFFECTS: ReadonlySet<string> = new Set(["clock", "random"]);

/** A guard for one run. It records each label once, as `LabelsReceived`. */
export function createLabelGuard(flow: FlowPolicy, chain: Pick<ChainWriter, "append">): GateGuard {
  const labels = new Set<string>();
  return {
    admit({ request, capability }) {
      const isEffect = capability.manifest.effects.some((effect) => !INNER_EFFECTS.has(effect));
      const denied = decideFlow(flow, request, labels, isEffect);
      return denied === null ? null : denialOf(denied, {});
    },
    settle(call, outcome) {
      if (call.request.capability === DECLASSIFY && outcome.ok) {
        const removed = namedLabels(call.args).filter((label) => labels.delete(label));
        chain.append({ type: "LabelsDeclassified", data: { call: call.number, labels: removed } });
        return;
      }
      const gained = receivedLabels(flow, receivedOf(call, outcome)).filter(
        (label) => !labels.has(label),
      );
      if (gained.length === 0) return;
      for (const label of gained) labels.add(label);
      chain.append({ type: "LabelsReceived", data: { call: call.number, labels: [...gained] } });
    },
  };
}

/** A failed call has told something too: an error's text, or that there is nothing. */
function receivedOf(
  { request }: AdmittedCall,
  { facts }: Executed,
): Parameters<typeof receivedLabels>[1] {
  const { hops, untrusted } = facts;
  return {
    request,
    hosts: Array.isArray(hops) ? hops.flatMap(hostOf) : [],
    isInjection: Array.isArray(untrusted) && untrusted.length > 0,
  };
}

function hostOf(hop: JsonValue): readonly string[] {
  const url = typeof hop === "object" && hop !== null && "url" in hop ? hop["url"] : null;
  const target = typeof url === "string" ? parseTarget(url) : null;
  return target?.ok === true ? [target.value.host] : [];
}

/** The contract says a vector of strings and keywords, as the first argument or by its name. */
function namedLabels([first]: readonly Value[]): readonly string[] {
  const labels = first instanceof MapValue ? first.get(keyword("labels")) : first;
  if (!(labels instanceof Vector)) return [];
  return [...labels].flatMap((label) => {
    if (label instanceof Keyword) return [label.name];
    return typeof label === "string" ? [label] : [];
  });
}
