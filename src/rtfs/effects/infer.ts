/**
 * The effects of every step and of the plan, from contracts, before anything runs.
 *
 * Read in this order: EffectContracts, inferEffects, Judge. The outline says which calls a step
 * can make; a contract says what a call can do, narrowed by the arguments that are known. A computed
 * id can be any capability, so it needs an annotation that bounds ids and effects. What
 * was inferred must be within every annotation around it: one that says less is refused, never
 * believed.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { EffectBound } from "../analysis/bounds.ts";
import type { CallSite, KnownArguments, PlanOutline } from "../analysis/outline.ts";
import { asGrant } from "./declare.ts";
import { containsRow, type EffectMatchers, type EffectRow, explainGap, unionRows } from "./row.ts";

/** What a call with these arguments can do. Null: nobody knows this capability. */
export type EffectContracts = (
  capability: string,
  known: KnownArguments,
) => { readonly effects: EffectRow } | null;

/** One call of one step, with what it can do. */
export interface InferredCall extends KnownArguments {
  /** As the plan or its annotation writes it. */
  readonly capability: string;
  readonly step: string | null;
  readonly span: SourceSpan;
  /** As in {@link CallSite}. */
  readonly site: number;
  readonly effects: EffectRow;
  /** Whether the id stands in the call; else an annotation lists it. */
  readonly isLiteral: boolean;
}

export type EffectRefusalCode =
  | "CAPABILITY_ID_COMPUTED"
  | "UNKNOWN_CAPABILITY"
  | "EFFECT_UNDERDECLARED";

export interface EffectRefusal {
  readonly code: EffectRefusalCode;
  readonly step: string | null;
  /** Null: computed. */
  readonly capability: string | null;
  readonly span: SourceSpan;
  readonly reason: string;
  readonly fix: string;
}

export interface StepEffects {
  /** Null: the code outside any step. */
  readonly step: string | null;
  readonly parent: string | null;
  /** Of its own calls, without those of the steps inside it. */
  readonly effects: EffectRow;
  readonly calls: readonly InferredCall[];
}

export interface PlanEffects {
  /** First the code outside any step, then the steps in source order. */
  readonly steps: readonly StepEffects[];
  readonly effects: EffectRow;
  readonly refusals: readonly EffectRefusal[];
}

export function inferEffects(
  outline: PlanOutline,
  contracts: EffectContracts,
  matchers: EffectMatchers,
): PlanEffects {
  const judge = new Judge(contracts, matchers);
  const scopes = [{ name: null, parent: null, calls: outline.topCalls }, ...outline.steps];
  const steps = scopes.map(({ name, parent, calls: sites }): StepEffects => {
    const calls = sites.flatMap((site) => judge.site(site));
    const effects = unionRows(
      calls.map((call) => call.effects),
      matchers,
    );
    return { step: name, parent, effects, calls };
  });
  const effects = unionRows(
    steps.map((each) => each.effects),
    matchers,
  );
  return { steps, effects, refusals: judge.refusals };
}

class Judge {
  readonly refusals: EffectRefusal[] = [];
  readonly #contracts: EffectContracts;
  readonly #matchers: EffectMatchers;
  readonly #bounds = new Map<EffectBound, EffectRow | null>();

  constructor(contracts: EffectContracts, matchers: EffectMatchers) {
    this.#contracts = contracts;
    this.#matchers = matchers;
  }

  site(site: CallSite): readonly InferredCall[] {
    if (site.capability !== null) return this.#call(site, site.capability);
    const ids = listedIds(site.bounds);
    const isBounded = ids !== null && site.bounds.some(({ effects }) => effects !== null);
    if (isBounded) return ids.flatMap((id) => this.#call(site, id));
    const reason =
      "the capability id is computed at run time, so its effects cannot be known before it runs";
    const fix =
      "Write the id as a literal, or bound it: ^{:capabilities [:id …] :effects […]} on its step";
    this.refusals.push({ ...at(site), code: "CAPABILITY_ID_COMPUTED", reason, fix });
    return [];
  }

  #call(site: CallSite, capability: string): readonly InferredCall[] {
    const contract = this.#contracts(capability, site);
    if (contract === null) {
      const reason = `no capability is called "${capability.slice(0, 256)}"`;
      const fix = "Use an id that `ccos plan` lists";
      this.refusals.push({ ...at(site), capability, code: "UNKNOWN_CAPABILITY", reason, fix });
      return [];
    }
    const isLiteral = site.capability !== null;
    if (isLiteral) this.#checkListed(site, capability);
    const { effects } = contract;
    const { args, named } = site;
    for (const bound of site.bounds) this.#checkWithin(site, { bound, capability, effects });
    return [{ ...at(site), site: site.site, capability, args, named, effects, isLiteral }];
  }

  #checkListed(site: CallSite, capability: string): void {
    const without = site.bounds.find(
      ({ capabilities: ids }) => ids !== null && !ids.includes(capability),
    );
    if (without === undefined) return;
    const { line } = without.span;
    const reason = `the annotation on line ${line} does not list the capability ${capability}`;
    const fix = "Add it to :capabilities, or remove the call";
    this.refusals.push({ ...at(site), capability, code: "EFFECT_UNDERDECLARED", reason, fix });
  }

  #checkWithin(site: CallSite, { bound, capability, effects }: Bounded): void {
    const declared = this.#declared(bound);
    const gap = declared === null ? null : containsRow(declared, effects, this.#matchers);
    if (gap === null) return;
    const reason = `the annotation on line ${bound.span.line} says less than ${capability} can do: ${explainGap(gap)}`;
    const fix = "Widen :effects to what the call can do, or write its target as a literal";
    this.refusals.push({ ...at(site), capability, code: "EFFECT_UNDERDECLARED", reason, fix });
  }

  #declared(bound: EffectBound): EffectRow | null {
    const known = this.#bounds.get(bound);
    if (known !== undefined) return known;
    const row = bound.effects === null ? null : asGrant(bound.effects, this.#matchers);
    this.#bounds.set(bound, row);
    return row;
  }
}

interface Bounded {
  readonly bound: EffectBound;
  readonly capability: string;
  readonly effects: EffectRow;
}

function at({
  step,
  span,
  capability,
}: CallSite): Pick<EffectRefusal, "step" | "span" | "capability"> {
  return { step, span, capability };
}

/** The ids that every annotation around a call allows; null: none lists any. */
function listedIds(bounds: readonly EffectBound[]): readonly string[] | null {
  const lists = bounds.flatMap(({ capabilities }) => (capabilities === null ? [] : [capabilities]));
  const [first, ...others] = lists;
  if (first === undefined) return null;
  return [...new Set(first)].filter((id) => others.every((list) => list.includes(id)));
}
