/**
 * Holds a guest to its admitted plan: in which step it is, what can come next, and what a call can be.
 *
 * The guest only claims. A claim that the plan does not have, or not here, ends the run: a step before its turn or once
 * more than the plan can reach it, a call that no path makes at this place, a value before the plan can have one.
 * Each branch, and each part of a step, has only the calls that lie ahead of it.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import { type EffectRow, type FlowEvent, PlanCursor } from "../rtfs/index.ts";
import type { Admission, AllowedCall } from "./admission.ts";

export interface StepTracker {
  /** The innermost open step; null outside any. */
  current(): string | null;
  move(event: "enter" | "leave" | "fail", name: string): Result<null, string>;
  /** What the calls of the plan that this can be, here, can do at most; the plan has gone on behind them. */
  call(capabilityId: string): Result<readonly EffectRow[], string>;
  /** Whether the plan can have its value here. */
  end(): Result<null, string>;
}

/** Steps nest at most this deep; a plan's own nesting is far below. */
const STEP_DEPTH_MAX = 256;
/** Most step claims of one run: each is a record, and a broken guest could claim for ever. */
const STEP_MOVES_MAX = 100_000;

export function trackSteps(admission: Admission): StepTracker {
  return new Tracker(admission);
}

class Tracker implements StepTracker {
  readonly #admission: Admission;
  readonly #cursor: PlanCursor;
  readonly #ids: ReadonlyMap<number, ReadonlySet<string>>;
  readonly #open: string[] = [];
  #moves = 0;

  constructor(admission: Admission) {
    this.#admission = admission;
    this.#ids = idsOf(admission);
    const isCallOf = (site: number, id: string): boolean => this.#ids.get(site)?.has(id) ?? false;
    this.#cursor = new PlanCursor(admission.flow, isCallOf);
  }

  current(): string | null {
    return this.#open.at(-1) ?? null;
  }

  move(event: "enter" | "leave" | "fail", name: string): Result<null, string> {
    if (++this.#moves > STEP_MOVES_MAX)
      return err(`more than ${STEP_MOVES_MAX} steps were claimed`);
    if (!this.#admission.callable.has(name)) return err(`the plan has no step "${name}"`);
    if (event === "enter") {
      if (this.#open.length >= STEP_DEPTH_MAX)
        return err(`steps nest deeper than ${STEP_DEPTH_MAX}`);
    } else if (this.current() !== name) return err(`step "${name}" is not the open step`);
    if (!this.#cursor.step(event, name))
      return err(this.#strayed(`step "${name}" ${VERBS[event]}`));
    if (event === "enter") this.#open.push(name);
    else this.#open.pop();
    return ok(null);
  }

  call(capabilityId: string): Result<readonly EffectRow[], string> {
    const step = this.current();
    const calls = this.#admission.callable.get(step)?.get(capabilityId);
    if (calls === undefined)
      return err(`the plan has no call of "${capabilityId}" ${whereIs(step)}`);
    const sites = this.#cursor.call(capabilityId);
    if (sites.length === 0) return err(this.#strayed(`a call of "${capabilityId}"`));
    return ok(calls.filter(({ site }) => sites.includes(site)).map(({ row }) => row));
  }

  end(): Result<null, string> {
    const open = this.current();
    if (open !== null) return err(`the plan ended inside step "${open}"`);
    return this.#cursor.canEnd ? ok(null) : err(this.#strayed("the end"));
  }

  #strayed(what: string): string {
    if (this.#cursor.isSpent) return "the order of the plan's steps is too wide to follow";
    const events = this.#cursor.expected();
    const next = events.map((event) => this.#shown(event)).join(" or ");
    return `${what} is not the plan's next: ${next === "" ? "nothing can follow" : `that is ${next}`}`;
  }

  #shown(event: FlowEvent): string {
    if (event.kind !== "call") return `the ${NOUNS[event.kind]} of step "${event.step}"`;
    const ids = [...(this.#ids.get(event.site) ?? [])];
    return ids.length === 1 ? `a call of "${ids[0]}"` : "a call";
  }
}

const VERBS = { enter: "beginning", leave: "ending", fail: "failing" } as const;
const NOUNS = { enter: "beginning", leave: "end", fail: "failure" } as const;

function whereIs(step: string | null): string {
  return step === null ? "outside any step" : `in step "${step}"`;
}

/** The ids that each call of the plan can have. */
function idsOf({ callable }: Admission): ReadonlyMap<number, ReadonlySet<string>> {
  const ids = new Map<number, Set<string>>();
  const note = (id: string, { site }: AllowedCall): void => {
    const known = ids.get(site);
    if (known === undefined) ids.set(site, new Set([id]));
    else known.add(id);
  };
  for (const calls of callable.values())
    for (const [id, sites] of calls) for (const each of sites) note(id, each);
  return ids;
}
