/**
 * The most that a plan can need, from the graph of what it can say: sums along a path, the largest of its branches.
 *
 * What can come any number of times has no bound: null, and the limits of the run hold it. Pure.
 *
 * @module
 */
import type { JsonObject } from "../foundation/json.ts";
import type { PlanFlow } from "../rtfs/index.ts";

/** Null: no bound is known. */
export interface ResourceEstimate {
  readonly calls: number | null;
  readonly costMicroUsd: number | null;
  readonly tokens: number | null;
}

/** What one call takes at most. */
export interface SiteCost {
  readonly costMicroUsd: number;
  readonly tokens: number;
}

/** @param costOf - Of a call by its number in the plan. */
export function estimateResources(
  flow: PlanFlow,
  costOf: (site: number) => SiteCost,
): ResourceEstimate {
  const groups = groupsOf(flow);
  return {
    calls: heaviest(flow, groups, () => 1),
    costMicroUsd: heaviest(flow, groups, (site) => costOf(site).costMicroUsd),
    tokens: heaviest(flow, groups, (site) => costOf(site).tokens),
  };
}

export function estimateJson({ calls, costMicroUsd, tokens }: ResourceEstimate): JsonObject {
  return { calls, costMicroUsd, tokens };
}

/** Points that reach each other, each group once, those that others lead to first. */
type Groups = readonly (readonly number[])[];

/** The weight of the heaviest path from the start. */
function heaviest(
  { points, start }: PlanFlow,
  groups: Groups,
  weightOf: (site: number) => number,
): number | null {
  const weight = (point: number): number => {
    const event = points[point]?.event;
    return event?.kind === "call" ? weightOf(event.site) : 0;
  };
  const below = new Float64Array(points.length);
  for (const group of groups) {
    const own = group.reduce((sum, point) => sum + weight(point), 0);
    const isLoop = group.length > 1 || (points[group[0]!]?.to.includes(group[0]!) ?? false);
    const inside = new Set(group);
    let most = 0;
    for (const point of group) {
      for (const next of points[point]?.to ?? [])
        if (!inside.has(next)) most = Math.max(most, below[next] ?? 0);
    }
    const total = most + (isLoop && own > 0 ? Number.POSITIVE_INFINITY : own);
    for (const point of group) below[point] = total;
  }
  const found = below[start] ?? 0;
  return Number.isSafeInteger(found) ? found : null;
}

/** Tarjan's algorithm, without recursion: a plan's graph is deep. */
function groupsOf({ points, start }: PlanFlow): Groups {
  const order = new Int32Array(points.length).fill(-1);
  const low = new Int32Array(points.length);
  const isOpen = new Uint8Array(points.length);
  const open: number[] = [];
  const groups: number[][] = [];
  const path: { readonly point: number; next: number }[] = [];
  let count = 0;
  const enter = (point: number): void => {
    order[point] = low[point] = count++;
    open.push(point);
    isOpen[point] = 1;
    path.push({ point, next: 0 });
  };
  const close = (root: number): void => {
    const group: number[] = [];
    for (let point = -1; point !== root; ) {
      point = open.pop()!;
      isOpen[point] = 0;
      group.push(point);
    }
    groups.push(group);
  };
  enter(start);
  for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
    const next = points[at.point]!.to[at.next++];
    if (next === undefined) {
      path.pop();
      if (low[at.point] === order[at.point]) close(at.point);
      const above = path.at(-1)?.point;
      if (above !== undefined) low[above] = Math.min(low[above]!, low[at.point]!);
    } else if (order[next] === -1) enter(next);
    else if (isOpen[next] === 1) low[at.point] = Math.min(low[at.point]!, order[next]!);
  }
  return groups;
}
