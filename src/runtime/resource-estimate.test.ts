/** The estimate against all paths of small graphs, and of plans as they are written. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { outlinePlan, type PlanFlow, readForms } from "../rtfs/index.ts";
import { estimateResources } from "./resource-estimate.ts";

function callsOf(source: string): number | null {
  const forms = readForms(source, { file: "plan.rtfs" });
  if (!forms.ok) throw new Error("the plan cannot be read");
  const outline = outlinePlan(forms.value);
  if (!outline.ok) throw new Error("the plan cannot be judged");
  return estimateResources(outline.value.flow, () => ({ costMicroUsd: 0, tokens: 0 })).calls;
}

describe("estimateResources of a plan", () => {
  const CALL = "(call :ccos.echo 1)";
  test.each<[string, number | null]>([
    ["1", 0],
    [`${CALL} ${CALL}`, 2],
    [`(if true (do ${CALL} ${CALL}) ${CALL})`, 2],
    [`(step "a" ${CALL}) (step "b" (if nil 1 ${CALL}))`, 2],
    [`(defn f [] ${CALL}) (f) (f)`, 2],
    [`(loop [n 0] (if (< n 3) (do ${CALL} (recur (+ n 1))) n))`, null],
    [`(dotimes [i 3] ${CALL})`, null],
    ["(loop [n 0] (if (< n 3) (recur (+ n 1)) n))", 0],
    [`(map (fn [x] ${CALL}) [1 2 3])`, null],
    [`(try ${CALL} (catch :any e ${CALL}))`, 2],
  ])("%s can make %j calls", (source, calls) => {
    expect(callsOf(source)).toBe(calls);
  });
});

/** Every path from the start; null: one can come around to a point that weighs. */
function heaviest(
  flow: PlanFlow,
  weights: readonly number[],
  at: number,
  path: readonly number[],
): number | null {
  const seen = path.indexOf(at);
  if (seen >= 0)
    return path.slice(seen).some((point) => weightAt(flow, weights, point) > 0) ? null : 0;
  let most = 0;
  for (const next of flow.points[at]?.to ?? []) {
    const below = heaviest(flow, weights, next, [...path, at]);
    if (below === null) return null;
    most = Math.max(most, below);
  }
  return most + weightAt(flow, weights, at);
}

function weightAt({ points }: PlanFlow, weights: readonly number[], at: number): number {
  const event = points[at]?.event;
  return event?.kind === "call" ? (weights[event.site] ?? 0) : 0;
}

test("estimateResources is no less than any path needs, and null where one has no end", () => {
  const size = 7;
  const point = fc.record({
    to: fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }),
    isCall: fc.boolean(),
  });
  const points = fc.array(point, { minLength: size, maxLength: size });
  const weights = fc.array(fc.nat(5), { minLength: size, maxLength: size });
  fc.assert(
    fc.property(points, weights, (drawn, weightOf) => {
      const flow: PlanFlow = {
        points: drawn.map(({ to, isCall }, site) => ({
          to,
          event: isCall ? { kind: "call", site } : null,
        })),
        start: 0,
        end: size - 1,
      };
      const found = estimateResources(flow, (site) => ({
        tokens: weightOf[site] ?? 0,
        costMicroUsd: 0,
      }));
      const expected = heaviest(flow, weightOf, 0, []);
      if (expected === null) expect(found.tokens).toBeNull();
      else if (found.tokens !== null) expect(found.tokens).toBeGreaterThanOrEqual(expected);
    }),
    { numRuns: 2000 },
  );
});
