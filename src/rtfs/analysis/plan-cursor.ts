/**
 * Follows what a plan says along the paths of its flow (plan-flow.ts), without believing it.
 *
 * The points at which the evaluation can be are a set; what is said next narrows it. Sets and the ways between them are
 * kept, so that a loop costs its first turn. Work is bounded: a plan whose flow is too wide to follow is stopped.
 *
 * @module
 */
import type { FlowEvent, PlanFlow } from "./plan-flow.ts";

/** Whether a call of a capability can be this call of the plan. */
export type IsCallOf = (site: number, capability: string) => boolean;

/** Points looked at for one plan: about a second. */
const WORK_MAX = 50_000_000;
/** Sets kept; the rest are made again. */
const STATES_MAX = 10_000;
/** How many of the ways on an answer names. */
const NAMED_MAX = 4;

/** Where the evaluation can be: the events it can say next, by their points. */
interface State {
  readonly events: readonly number[];
  readonly canEnd: boolean;
  readonly moves: Map<string, Move>;
}

interface Move {
  readonly state: State;
  /** The plan's calls that it can have been; empty for steps. */
  readonly sites: readonly number[];
}

export class PlanCursor {
  readonly #flow: PlanFlow;
  readonly #isCallOf: IsCallOf;
  readonly #workMax: number;
  readonly #states = new Map<string, State>();
  #work = 0;
  #state: State;

  /** @param workMax points looked at before the flow counts as too wide to follow. */
  constructor(flow: PlanFlow, isCallOf: IsCallOf, workMax: number = WORK_MAX) {
    this.#workMax = workMax;
    this.#flow = flow;
    this.#isCallOf = isCallOf;
    this.#state = this.#stateOf([flow.start]);
  }

  /** Whether the plan can say this here; nothing has moved when it cannot. */
  step(event: "enter" | "leave" | "fail", name: string): boolean {
    return this.#move(`${event} ${name}`, (said) => said.kind === event && said.step === name);
  }

  /** The calls of the plan that this can be, here. Empty: none, and nothing has moved. */
  call(capability: string): readonly number[] {
    const isIt = (said: FlowEvent): boolean =>
      said.kind === "call" && this.#isCallOf(said.site, capability);
    const label = `call ${capability}`;
    return this.#move(label, isIt) ? this.#last : [];
  }

  /** Whether the plan can have its value here. */
  get canEnd(): boolean {
    return this.#state.canEnd && !this.isSpent;
  }

  /** The plan's flow is too wide to follow; nothing more is possible. */
  get isSpent(): boolean {
    return this.#work > this.#workMax;
  }

  /** What the plan can say here, a few of it. */
  expected(): readonly FlowEvent[] {
    return this.#state.events.slice(0, NAMED_MAX).map((point) => this.#eventAt(point));
  }

  #last: readonly number[] = [];

  #move(label: string, isIt: (said: FlowEvent) => boolean): boolean {
    const known = this.#state.moves.get(label);
    const move = known ?? this.#moved(isIt);
    if (move === null || this.isSpent) return false;
    if (known === undefined) this.#state.moves.set(label, move);
    this.#state = move.state;
    this.#last = move.sites;
    return true;
  }

  #moved(isIt: (said: FlowEvent) => boolean): Move | null {
    const { events } = this.#state;
    this.#work += events.length;
    const said = events.filter((point) => isIt(this.#eventAt(point)));
    if (said.length === 0) return null;
    const sites = new Set<number>();
    for (const point of said) {
      const event = this.#eventAt(point);
      if (event.kind === "call") sites.add(event.site);
    }
    const after = said.flatMap((point) => this.#flow.points[point]!.to);
    return { state: this.#stateOf(after), sites: [...sites] };
  }

  #eventAt(point: number): FlowEvent {
    const { event } = this.#flow.points[point]!;
    if (event === null) throw new TypeError("Only events are kept");
    return event;
  }

  #stateOf(points: readonly number[]): State {
    const { events, canEnd } = this.#reach(points);
    const key = `${canEnd ? "." : ""}${events.join(",")}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= STATES_MAX) {
      for (const state of this.#states.values()) state.moves.clear();
      this.#states.clear();
    }
    const state = { events, canEnd, moves: new Map<string, Move>() };
    this.#states.set(key, state);
    return state;
  }

  /** The events that can come next, in the order of their points. */
  #reach(from: readonly number[]): Pick<State, "events" | "canEnd"> {
    const { points, end } = this.#flow;
    const seen = new Set(from);
    const events: number[] = [];
    for (const at of seen) {
      if (++this.#work > this.#workMax) return { events: [], canEnd: false };
      const { to, event } = points[at]!;
      if (event === null) for (const next of to) seen.add(next);
      else events.push(at);
    }
    return { events: events.sort((left, right) => left - right), canEnd: seen.has(end) };
  }
}
