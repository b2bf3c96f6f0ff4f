/**
 * Where one policy looks at content less than another: DLP and labels.
 *
 * Rules of DLP answer in their order, so they are compared as they stand: one that blocks may be put behind them, any
 * other change is told. Of labels, sources may be added; sinks are compared as they stand.
 *
 * @module
 */
import type { DlpPolicy, DlpRule, FlowPolicy, Policy } from "./types.ts";

const DLP_LEVELS = ["lenient", "moderate", "strict"];

/** Why `after` may let content through that `before` does not; null: it does not. */
export function widerContent(before: DlpPolicy, after: DlpPolicy): string | null {
  const rank = ({ enabled, level }: DlpPolicy): number =>
    enabled ? DLP_LEVELS.indexOf(level) + 1 : 0;
  if (rank(after) < rank(before)) return "content is inspected less";
  const canaries = new Set(after.canaries?.map(({ text }) => text));
  if (before.canaries?.some(({ text }) => !canaries.has(text)) === true)
    return "a canary is not looked for";
  if (!before.enabled) return null;
  if (before.injection === "withhold" && after.injection !== "withhold")
    return "replies that speak to a model are not withheld";
  const words = new Set(wordsOf(after));
  if (wordsOf(before).some((each) => !words.has(each)))
    return "a word of a dictionary is not looked for";
  const [was, is] = [before.rules ?? [], after.rules ?? []];
  const isSame = was.every((rule, at) => meaningOf(rule) === meaningOf(is[at]));
  const added = is.slice(was.length);
  if (isSame && added.every(({ action }) => action === "block")) return null;
  return "the rules of DLP decide otherwise";
}

function wordsOf({ dictionaries = [] }: DlpPolicy): readonly string[] {
  return dictionaries.flatMap(({ name, words }) =>
    words.map((word) => JSON.stringify([name, word])),
  );
}

function meaningOf(rule: DlpRule | undefined): string {
  return JSON.stringify([rule?.about, rule?.action, rule?.hosts]);
}

/** Why data may flow under `after` where it does not under `before`; null: it does not. */
export function widerFlows(before: Policy, after: Policy): string | null {
  for (const was of before.flow ?? []) {
    const isHeld = after.flow?.some((is) => holds(is, was)) ?? false;
    if (!isHeld) return "labels let data go elsewhere";
  }
  return null;
}

function holds(is: FlowPolicy, was: FlowPolicy): boolean {
  const known = new Set(is.sources.flatMap(labelledPlaces));
  const sinks = ({ sinks: all }: FlowPolicy): string =>
    JSON.stringify(all.map(({ place, accepts }) => JSON.stringify([place, accepts])).sort());
  return (
    was.sources.flatMap(labelledPlaces).every((each) => known.has(each)) && sinks(is) === sinks(was)
  );
}

function labelledPlaces({ place, labels }: FlowPolicy["sources"][number]): readonly string[] {
  return labels.map((label) => JSON.stringify([place, label]));
}
