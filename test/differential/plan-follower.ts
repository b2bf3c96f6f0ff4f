/** A host that holds what a plan says against the plan's flow. */
import {
  type Host,
  outlinePlan,
  type CompileOptions,
  PlanCursor,
  type PlanOutline,
  readForms,
} from "../../src/rtfs/index.ts";

/** Null: the plan is not one that can be judged. */
export function outlineOf(source: string, compile: CompileOptions = {}): PlanOutline | null {
  const forms = readForms(source, { file: "program" });
  const outline = forms.ok ? outlinePlan(forms.value, compile) : forms;
  return outline.ok ? outline.value : null;
}

export function cursorOf({ topCalls, steps, flow }: PlanOutline): PlanCursor {
  const ids = new Map<number, string | null>();
  for (const call of [...topCalls, ...steps.flatMap(({ calls }) => calls)])
    ids.set(call.site, call.capability);
  return new PlanCursor(flow, (site, id) => {
    const known = ids.get(site);
    return known === null || known === id;
  });
}

export interface Follower {
  readonly host: Host;
  readonly events: readonly string[];
  /** The first thing said that the flow does not have; null when there is none. `isOver`: the plan has its value. */
  refused(isOver: boolean): string | null;
}

export function followed(outline: PlanOutline, inner: Host): Follower {
  const cursor = cursorOf(outline);
  const events: string[] = [];
  let refused: string | null = null;
  const say = (text: string, isPossible: boolean): void => {
    events.push(text);
    if (!isPossible) refused ??= text;
  };
  return {
    events,
    host: {
      call(id, args, metadata) {
        say(`call ${id}`, cursor.call(id).length > 0);
        return inner.call(id, args, metadata);
      },
      step(event, name) {
        say(`${event} ${name}`, cursor.step(event, name));
        inner.step(event, name);
      },
      context: (key) => inner.context?.(key),
      contextSet: (key, value) => inner.contextSet?.(key, value),
    },
    refused: (isOver) => refused ?? (isOver && !cursor.canEnd ? "the end" : null),
  };
}
