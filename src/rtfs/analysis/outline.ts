/**
 * What a plan can ask of the host, step by step, before it runs.
 *
 * Read in this order: outlineProgram, Walker.visit, Walker.call. The walk is over the nodes that
 * will run, so shadowed names and redefinitions mean here what they mean there. A call inside a
 * function is attributed to every step that can reach the function (reach.ts).
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { Keyword, type Value } from "../values/value.ts";
import type { Analysed } from "./analyser.ts";
import { Constants } from "./constant.ts";
import { partsOf } from "./node-parts.ts";
import type { CodeNode, Node } from "./node.ts";
import { type Place, Reach, type StepContext } from "./reach.ts";

/** One call, as one step can make it. */
export interface CallSite {
  /** Without a keyword's colon. Null: computed at run time. */
  readonly capability: string | null;
  /** Undefined where an argument is not known before the run. */
  readonly args: readonly (Value | undefined)[];
  /** Null: outside any step. */
  readonly step: string | null;
  readonly span: SourceSpan;
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
}

const STEPS_MAX = 1000;
const SITES_MAX = 100_000;

type HostCall = Extract<Node, { op: "host-call" }>;
type StepNode = Extract<Node, { op: "step" }>;

/** @param calledArguments - Argument places that a builtin calls and never keeps. */
export function outlineProgram(
  { nodes }: Analysed,
  calledArguments: ReadonlyMap<string, readonly number[]>,
): Result<PlanOutline, readonly Diagnostic[]> {
  const walker = new Walker(calledArguments);
  for (const node of nodes) walker.visit(node, { code: null, step: null }, false);
  const { steps, calls, reach } = walker;
  if (steps.length > STEPS_MAX) {
    const message = `A plan has at most ${STEPS_MAX} steps`;
    return err([diagnostic(steps[STEPS_MAX]!.node.span, message)]);
  }
  reach.settle([null, ...steps.map(({ node }) => node.name)]);
  return attribute(steps, calls, reach);
}

interface Placed<N> {
  readonly node: N;
  readonly place: Place;
}

function attribute(
  steps: readonly Placed<StepNode>[],
  calls: readonly Placed<HostCall>[],
  reach: Reach,
): Result<PlanOutline, readonly Diagnostic[]> {
  const constants = new Constants();
  const sites = new Map<StepContext, CallSite[]>([[null, []]]);
  for (const { node } of steps) sites.set(node.name, []);
  let count = 0;
  for (const { node, place } of calls) {
    const site = siteOf(node, constants);
    for (const step of reach.contextsOf(place)) {
      sites.get(step)!.push({ ...site, step });
      if (++count > SITES_MAX) {
        const message = `The plan's calls stand in more than ${SITES_MAX} places`;
        return err([diagnostic(node.span, message, { hint: "Pass fewer functions as values" })]);
      }
    }
  }
  return ok({
    steps: steps.map(({ node, place }) => ({
      name: node.name,
      span: node.span,
      parent: onlyStep(reach.contextsOf(place)),
      calls: sites.get(node.name)!,
    })),
    topCalls: sites.get(null)!,
  });
}

function onlyStep(contexts: readonly StepContext[]): string | null {
  return contexts.length === 1 ? contexts[0]! : null;
}

function siteOf(node: HostCall, constants: Constants): Omit<CallSite, "step"> {
  const [id, ...args] = node.args.map((arg) => constants.of(arg));
  const name = id instanceof Keyword ? id.name : id;
  return { capability: typeof name === "string" ? name : null, args, span: node.span };
}

class Walker {
  readonly steps: Placed<StepNode>[] = [];
  readonly calls: Placed<HostCall>[] = [];
  readonly reach: Reach = new Reach();
  readonly #walked = new Set<CodeNode>();
  readonly #calledArguments: ReadonlyMap<string, readonly number[]>;

  constructor(calledArguments: ReadonlyMap<string, readonly number[]>) {
    this.#calledArguments = calledArguments;
  }

  /** @param isValue - The node's value is used: a function there may be called by anything. */
  visit(node: Node, place: Place, isValue: boolean): void {
    if (node.op === "fn" || node.op === "local" || node.op === "global") {
      if (isValue) for (const code of functionsOf(node)) this.reach.escapes(code);
      if (node.op === "fn") this.#body(node.code);
    } else if (node.op === "set" || node.op === "define") {
      this.visit(node.value, place, isValue || !isFunction(node.value));
    } else if (node.op === "call") this.#call(node, place);
    else if (node.op === "step") this.#step(node, place, isValue);
    else {
      if (node.op === "host-call") this.calls.push({ node, place });
      for (const part of partsOf(node)) {
        this.visit(part.node, place, part.isResult ? isValue : part.isValue);
      }
    }
  }

  #step(node: StepNode, place: Place, isValue: boolean): void {
    this.steps.push({ node, place });
    if (node.params !== null) this.visit(node.params, place, true);
    this.visit(node.body, { ...place, step: node.name }, isValue);
  }

  #body(code: CodeNode): void {
    if (this.#walked.has(code)) return;
    this.#walked.add(code);
    const place: Place = { code, step: null };
    for (const node of code.prologue) this.visit(node, place, true);
    this.visit(code.body, place, true);
  }

  #call({ callee, args }: Extract<Node, { op: "call" }>, place: Place): void {
    this.#use(callee, place);
    const called = callee.op === "builtin" ? (this.#calledArguments.get(callee.name) ?? []) : [];
    for (const [index, arg] of args.entries()) {
      if (called.includes(index)) this.#use(arg, place);
      else this.visit(arg, place, true);
    }
  }

  /** A node that is called here and not kept. */
  #use(node: Node, place: Place): void {
    const targets = functionsOf(node);
    for (const code of targets) this.reach.calls(place, code);
    this.visit(node, place, targets.length === 0);
  }
}

/** The functions a node can stand for, when that is certain; empty otherwise. */
function functionsOf(node: Node): readonly CodeNode[] {
  if (node.op === "fn") return [node.code];
  if (node.op === "set") return isFunction(node.value) ? functionsOf(node.value) : [];
  if (node.op === "local") {
    const { value } = node.binding;
    return value !== null && isFunction(value) ? functionsOf(value) : [];
  }
  if (node.op !== "global") return [];
  const { values, isExternal } = node.cell;
  return !isExternal && values.every(isFunction) ? values.flatMap(functionsOf) : [];
}

/** A function written here, perhaps with a name of its own. */
function isFunction(node: Node): boolean {
  return node.op === "fn" || (node.op === "set" && node.value.op === "fn");
}
