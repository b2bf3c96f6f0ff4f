/**
 * What a plan can ask of the host, step by step, before it runs.
 *
 * Read in this order: outlineProgram, attribute, Bounds. The walk (call-graph.ts) is over the nodes
 * that will run, so shadowed names and redefinitions mean here what they mean there. A call inside a
 * function is attributed to every step that can reach the function (reach.ts).
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { Keyword, type Value } from "../values/value.ts";
import type { Analysed } from "./analyser.ts";
import { type AnnotationNode, type EffectBound, readBound } from "./bounds.ts";
import {
  type Annotations,
  CallGraph,
  type HostCallNode,
  type LibraryFacts,
  type Site,
  type StepNode,
} from "./call-graph.ts";
import { Constants } from "./constant.ts";
import type { Node } from "./node.ts";
import { flowOf, type PlanFlow } from "./plan-flow.ts";
import type { Reach, StepContext } from "./reach.ts";

/** Arguments of a call as far as they are known before the run; undefined: not known. */
export interface KnownArguments {
  readonly args: readonly (Value | undefined)[];
  /** The entries of a map that is the only argument, by name; null: it is not that. */
  readonly named: ReadonlyMap<string, Value | undefined> | null;
}

/** One call, as one step can make it. */
export interface CallSite extends KnownArguments {
  /** Without a keyword's colon. Null: computed at run time. */
  readonly capability: string | null;
  /** Null: outside any step. */
  readonly step: string | null;
  readonly span: SourceSpan;
  /** Which of the plan's calls it is, from 0; one that several steps can make has one number. */
  readonly site: number;
  /** What annotations around the call and around its steps say it does at most. */
  readonly bounds: readonly EffectBound[];
}

export interface StepOutline {
  readonly name: string;
  readonly span: SourceSpan;
  /** The step around it; null when there is none, or when several reach it. */
  readonly parent: string | null;
  readonly calls: readonly CallSite[];
}

export interface PlanOutline {
  /** In source order. */
  readonly steps: readonly StepOutline[];
  /** Calls that can happen outside any step. */
  readonly topCalls: readonly CallSite[];
  /** In which order its steps and calls can come. */
  readonly flow: PlanFlow;
}

const STEPS_MAX = 1000;
const SITES_MAX = 100_000;
/** Annotations that one call can stand under. */
const BOUNDS_MAX = 64;

export function outlineProgram(
  { nodes, scope }: Analysed,
  facts: LibraryFacts,
): Result<PlanOutline, readonly Diagnostic[]> {
  const graph = new CallGraph(facts);
  graph.program(nodes, scope);
  const { steps, reach } = graph;
  if (steps.length > STEPS_MAX) {
    const message = `A plan has at most ${STEPS_MAX} steps`;
    return err([diagnostic(steps[STEPS_MAX]!.node.span, message)]);
  }
  reach.settle();
  try {
    return ok({ ...attribute(graph, new Bounds(steps, reach)), flow: flowOf(nodes, graph) });
  } catch (refused) {
    if (refused instanceof Refused) return err([refused.diagnostic]);
    throw refused;
  }
}

class Refused extends Error {
  readonly diagnostic: Diagnostic;

  constructor(refusal: Diagnostic) {
    super(refusal.message);
    this.diagnostic = refusal;
  }
}

function attribute({ steps, calls, reach }: CallGraph, bounds: Bounds): Omit<PlanOutline, "flow"> {
  const constants = new Constants();
  const sites = new Map<StepContext, CallSite[]>([[null, []]]);
  for (const { node } of steps) sites.set(node.name, []);
  let count = 0;
  for (const [number, { node, place, annotations }] of calls.entries()) {
    const site = siteOf(node, constants);
    for (const step of reach.contextsOf(place)) {
      if (++count > SITES_MAX) {
        const message = `The plan's calls stand in more than ${SITES_MAX} places`;
        const hint = "Pass fewer functions as values";
        throw new Refused(diagnostic(node.span, message, { hint }));
      }
      sites
        .get(step)!
        .push({ ...site, site: number, step, bounds: bounds.of(annotations, step, node.span) });
    }
  }
  return {
    steps: steps.map(({ node, place }) => ({
      name: node.name,
      span: node.span,
      parent: onlyStep(reach.contextsOf(place)),
      calls: sites.get(node.name)!,
    })),
    topCalls: sites.get(null)!,
  };
}

function onlyStep(contexts: readonly StepContext[]): string | null {
  return contexts.length === 1 ? contexts[0]! : null;
}

function siteOf(
  node: HostCallNode,
  constants: Constants,
): Omit<CallSite, "step" | "bounds" | "site"> {
  const [id, ...args] = node.args.map((arg) => constants.of(arg));
  const name = id instanceof Keyword ? id.name : id;
  const named = namedArguments(node.args, constants);
  return { capability: typeof name === "string" ? name : null, args, named, span: node.span };
}

/** A name that is a keyword and a string at once says nothing. */
function namedArguments(
  [, only, ...more]: readonly Node[],
  constants: Constants,
): KnownArguments["named"] {
  if (only?.op !== "map" || more.length > 0) return null;
  const named = new Map<string, Value | undefined>();
  for (const [key, node] of only.entries) {
    const name = key instanceof Keyword ? key.name : key;
    if (typeof name !== "string" || named.has(name)) return null;
    named.set(name, constants.of(node));
  }
  return named;
}

/** The annotations a call stands under: those written around it, and those around its steps. */
class Bounds {
  readonly #read = new Map<AnnotationNode, EffectBound | null>();
  readonly #steps = new Map<string, ReadonlySet<EffectBound>>();
  readonly #sites: ReadonlyMap<string, Site<StepNode>>;
  readonly #reach: Reach;

  constructor(steps: readonly Site<StepNode>[], reach: Reach) {
    this.#sites = new Map(steps.map((site) => [site.node.name, site]));
    this.#reach = reach;
  }

  of(annotations: Annotations, step: StepContext, span: SourceSpan): readonly EffectBound[] {
    const around = step === null ? new Set<EffectBound>() : this.#ofStep(step);
    const all = [...new Set([...this.#written(annotations), ...around])];
    if (all.length <= BOUNDS_MAX) return all;
    throw new Refused(diagnostic(span, `More than ${BOUNDS_MAX} annotations bound this call`));
  }

  #written(annotations: Annotations): EffectBound[] {
    const bounds: EffectBound[] = [];
    for (let at = annotations; at !== null; at = at.outer) {
      const bound = this.#bound(at.node);
      if (bound !== null) bounds.push(bound);
    }
    return bounds;
  }

  #bound(node: AnnotationNode): EffectBound | null {
    const known = this.#read.get(node);
    if (known !== undefined) return known;
    const read = readBound(node);
    if (!read.ok) throw new Refused(read.error);
    this.#read.set(node, read.value);
    return read.value;
  }

  /** Also of every step that can be around it. */
  #ofStep(name: string): ReadonlySet<EffectBound> {
    const known = this.#steps.get(name);
    if (known !== undefined) return known;
    const bounds = new Set<EffectBound>();
    this.#steps.set(name, bounds);
    const seen = new Set<StepContext>([name]);
    for (const each of seen) {
      const site = each === null ? undefined : this.#sites.get(each);
      if (site === undefined) continue;
      for (const bound of this.#written(site.annotations)) bounds.add(bound);
      for (const outer of this.#reach.contextsOf(site.place)) seen.add(outer);
    }
    return bounds;
  }
}
