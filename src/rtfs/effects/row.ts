/**
 * Effect rows: what code may do, as a lattice.
 *
 * Read in this order: EffectRow, unionRows (what either may do: inference), meetRows (what both
 * allow: narrowing), containsRow (whether one is within the other, and if not, what exceeds it). A
 * row holds a value for every parameter: what "not said" means depends on who says it and is settled
 * in declare.ts. Sets are kept reduced and sorted, so equal rows are equal data.
 *
 * @module
 */
import { EFFECT_KINDS, type EffectKind, parametersOf, type ParameterSpec } from "./vocabulary.ts";

/** Items of a set, a limit, or a flag. `"any"`: every item, or no limit. */
export type ParameterValue = "any" | readonly string[] | number | boolean;

/** Every parameter of one kind, by name. */
export type EffectParameters = ReadonlyMap<string, ParameterValue>;

/** Effects by kind, in the order of the vocabulary. Empty: pure. */
export type EffectRow = ReadonlyMap<EffectKind, EffectParameters>;

export const PURE: EffectRow = new Map();

/** Whether the first pattern covers the second; both as they stand in a row. */
export type Covers = (outer: string, inner: string) => boolean;

/** How names of hosts and ranges of addresses cover each other: a matter of policy. */
export interface EffectMatchers {
  readonly domain: Covers;
  readonly range: Covers;
}

const exact: Covers = (outer, inner) => outer === inner;

/** By segment: `/a` covers `/a` and `/a/b`, not `/ab`. */
const path: Covers = (outer, inner) =>
  outer === inner || outer === "/" || inner.startsWith(`${outer}/`);

function coversOf({ covering }: ParameterSpec, matchers: EffectMatchers): Covers {
  switch (covering) {
    case "exact":
      return exact;
    case "path":
      return path;
    case "domain":
      return (outer, inner) => outer === inner || matchers.domain(outer, inner);
    case "range":
      return (outer, inner) => outer === inner || matchers.range(outer, inner);
  }
}

/** Sorted, each once, and none that another one covers. Only a wildcard covers other domains. */
function reduced(
  items: readonly string[],
  spec: ParameterSpec,
  matchers: EffectMatchers,
): readonly string[] {
  const once = [...new Set(items)].sort();
  if (spec.covering === "exact") return once;
  if (spec.covering === "path") return withoutInner(once);
  const outer = spec.covering === "range" ? once : once.filter((item) => item.includes("*"));
  const covers = coversOf(spec, matchers);
  return once.filter((item) => !outer.some((other) => other !== item && covers(other, item)));
}

/** Paths that no other one covers: each is looked for among those above it. */
function withoutInner(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  return paths.filter((item) => {
    if (item !== "/" && all.has("/")) return false;
    for (let end = item.lastIndexOf("/"); end > 0; end = item.lastIndexOf("/", end - 1)) {
      if (all.has(item.slice(0, end))) return false;
    }
    return true;
  });
}

/** The value that allows everything. */
export function greatest(spec: ParameterSpec): ParameterValue {
  return spec.shape === "set" || spec.shape === "limit" ? "any" : spec.shape === "authority";
}

/** The value that allows nothing. */
export function least(spec: ParameterSpec): ParameterValue {
  if (spec.shape === "set") return [];
  return spec.shape === "limit" ? 0 : spec.shape === "obligation";
}

function isLeast(value: ParameterValue): boolean {
  return value === 0 || (Array.isArray(value) && value.length === 0);
}

/** The required parameter that leaves a kind nothing to do; null when there is none. */
function emptyParameter(kind: EffectKind, parameters: EffectParameters): string | null {
  const empty = parametersOf(kind).find(
    ({ name, isRequired }) => isRequired && isLeast(parameters.get(name)!),
  );
  return empty?.name ?? null;
}

/** A kind that was left out because nothing remained of a parameter. */
export interface DroppedEffect {
  readonly kind: EffectKind;
  /** Null: the other side does not have the kind at all. */
  readonly parameter: string | null;
}

/**
 * Build a row from values for every parameter.
 *
 * @param dropped - Receives the kinds that can do nothing and are therefore not in the row.
 */
export function makeRow(
  entries: Iterable<readonly [EffectKind, EffectParameters]>,
  matchers: EffectMatchers,
  dropped: DroppedEffect[] = [],
): EffectRow {
  const given = new Map(entries);
  const row = new Map<EffectKind, EffectParameters>();
  for (const kind of EFFECT_KINDS) {
    const values = given.get(kind);
    if (values === undefined) continue;
    const parameters = new Map<string, ParameterValue>();
    for (const spec of parametersOf(kind)) {
      const value = values.get(spec.name) ?? least(spec);
      const isItems = typeof value === "object";
      parameters.set(spec.name, isItems ? reduced(value, spec, matchers) : value);
    }
    const parameter = emptyParameter(kind, parameters);
    if (parameter === null) row.set(kind, parameters);
    else dropped.push({ kind, parameter });
  }
  return row;
}

type Combine = (spec: ParameterSpec, one: ParameterValue, other: ParameterValue) => ParameterValue;

function combined(
  kind: EffectKind,
  [one, other]: readonly [EffectParameters, EffectParameters],
  combine: Combine,
): EffectParameters {
  return new Map(
    parametersOf(kind).map((spec) => [
      spec.name,
      combine(spec, one.get(spec.name)!, other.get(spec.name)!),
    ]),
  );
}

function joinValues(spec: ParameterSpec, one: ParameterValue, other: ParameterValue) {
  if (spec.shape === "authority") return one === true || other === true;
  if (spec.shape === "obligation") return one === true && other === true;
  if (one === "any" || other === "any") return "any";
  if (spec.shape === "limit") return Math.max(one as number, other as number);
  return [...(one as readonly string[]), ...(other as readonly string[])];
}

/** What any of the rows may do. */
export function unionRows(rows: Iterable<EffectRow>, matchers: EffectMatchers): EffectRow {
  const united = new Map<EffectKind, EffectParameters>();
  for (const row of new Set(rows)) {
    for (const [kind, parameters] of row) {
      const known = united.get(kind);
      const both =
        known === undefined ? parameters : combined(kind, [known, parameters], joinValues);
      united.set(kind, both);
    }
  }
  return makeRow(united, matchers);
}

function meetValues(matchers: EffectMatchers): Combine {
  return (spec, one, other) => {
    if (spec.shape === "authority") return one === true && other === true;
    if (spec.shape === "obligation") return one === true || other === true;
    if (one === "any") return other;
    if (other === "any") return one;
    if (spec.shape === "limit") return Math.min(one as number, other as number);
    const covers = coversOf(spec, matchers);
    const items = one as readonly string[];
    const others = other as readonly string[];
    return [
      ...items.filter((item) => others.some((outer) => covers(outer, item))),
      ...others.filter((item) => items.some((outer) => covers(outer, item))),
    ];
  };
}

/**
 * What both allow.
 *
 * @param dropped - Receives every kind of either side that is not in the result, and why.
 */
export function meetRows(
  one: EffectRow,
  other: EffectRow,
  matchers: EffectMatchers,
  dropped: DroppedEffect[] = [],
): EffectRow {
  const met: (readonly [EffectKind, EffectParameters])[] = [];
  for (const kind of EFFECT_KINDS) {
    const left = one.get(kind);
    const right = other.get(kind);
    if (left !== undefined && right !== undefined) {
      met.push([kind, combined(kind, [left, right], meetValues(matchers))]);
    } else if (left !== right) dropped.push({ kind, parameter: null });
  }
  return makeRow(met, matchers, dropped);
}

/** Where a row goes beyond another. */
export interface EffectGap {
  readonly kind: EffectKind;
  /** Null: the kind itself is not allowed. */
  readonly parameter: string | null;
  /** What is wanted: an item, an amount, `any`. */
  readonly wanted: string;
  /** What is allowed there. */
  readonly allowed: string;
}

/** Whether everything `inner` may do is within `outer`: null, or the first thing that is not. */
export function containsRow(
  outer: EffectRow,
  inner: EffectRow,
  matchers: EffectMatchers,
): EffectGap | null {
  for (const [kind, wanted] of inner) {
    const allowed = outer.get(kind);
    if (allowed === undefined)
      return { kind, parameter: null, wanted: kind, allowed: kindsOf(outer) };
    for (const spec of parametersOf(kind)) {
      const bound = allowed.get(spec.name)!;
      const excess = excessOf(spec, wanted.get(spec.name)!, bound, matchers);
      if (excess === null) continue;
      return { kind, parameter: spec.name, wanted: excess, allowed: showValue(bound) };
    }
  }
  return null;
}

/** What of `wanted` is not within `allowed`, as text; null when all is. */
function excessOf(
  spec: ParameterSpec,
  wanted: ParameterValue,
  allowed: ParameterValue,
  matchers: EffectMatchers,
): string | null {
  if (spec.shape === "authority") return wanted === true && allowed !== true ? "true" : null;
  if (spec.shape === "obligation") return wanted !== true && allowed === true ? "false" : null;
  if (allowed === "any") return null;
  if (wanted === "any") return "any";
  if (spec.shape === "limit") {
    return (wanted as number) > (allowed as number) ? String(wanted) : null;
  }
  const covers = coversOf(spec, matchers);
  const outer = allowed as readonly string[];
  const free = (wanted as readonly string[]).find(
    (item) => !outer.some((each) => covers(each, item)),
  );
  return free ?? null;
}

function kindsOf(row: EffectRow): string {
  return row.size === 0 ? "nothing" : [...row.keys()].join(", ");
}

/** Items of a set that a sentence shows. */
const ITEMS_SHOWN_MAX = 8;

function showValue(value: ParameterValue): string {
  if (typeof value !== "object") return String(value);
  if (value.length === 0) return "nothing";
  const more = value.length > ITEMS_SHOWN_MAX ? `, … (${value.length - ITEMS_SHOWN_MAX} more)` : "";
  return value.slice(0, ITEMS_SHOWN_MAX).join(", ") + more;
}

/** One sentence for a gap: kind, parameter, what is wanted, what is allowed. */
export function explainGap({ kind, parameter, wanted, allowed }: EffectGap): string {
  if (parameter === null) return `the effect ${kind} is not among ${allowed}`;
  return `${kind} ${parameter}: ${wanted === "any" ? "anything" : wanted} is not within ${allowed}`;
}

/** Where a row allows anything at all: `network domains`. Refused in a production grant. */
export function openParameters(row: EffectRow): readonly string[] {
  return [...row].flatMap(([kind, parameters]) =>
    [...parameters].flatMap(([name, value]) => (value === "any" ? [`${kind} ${name}`] : [])),
  );
}
