/**
 * Holds a guest to its admitted plan: which step it is in, and what that step may call.
 *
 * The guest only claims; a claim that the plan does not have ends the run.
 *
 * @module
 */
import { err, ok, type Result } from "../foundation/result.ts";
import type { Admission } from "./admission.ts";

export interface StepTracker {
  /** The innermost open step; null outside any. */
  current(): string | null;
  move(event: "enter" | "leave" | "fail", name: string): Result<null, string>;
  /** Whether the plan has this call, of this canonical id, in the current step. */
  permits(capabilityId: string): Result<null, string>;
}

/** Steps nest at most this deep; a plan's own nesting is far below. */
const STEP_DEPTH_MAX = 256;
/** Most step claims of one run: each is a record, and a broken guest could claim for ever. */
const STEP_MOVES_MAX = 100_000;

export function trackSteps(admission: Admission): StepTracker {
  const open: string[] = [];
  let moves = 0;
  const current = (): string | null => open.at(-1) ?? null;
  return {
    current,
    move(event, name) {
      if (++moves > STEP_MOVES_MAX) return err(`more than ${STEP_MOVES_MAX} steps were claimed`);
      if (!admission.callable.has(name)) return err(`the plan has no step "${name}"`);
      if (event === "enter") {
        if (open.length >= STEP_DEPTH_MAX) return err(`steps nest deeper than ${STEP_DEPTH_MAX}`);
        open.push(name);
        return ok(null);
      }
      if (open.at(-1) !== name) return err(`step "${name}" is not the open step`);
      open.pop();
      return ok(null);
    },
    permits(capabilityId) {
      const step = current();
      if (admission.callable.get(step)?.has(capabilityId)) return ok(null);
      const where = step === null ? "outside any step" : `in step "${step}"`;
      return err(`the plan has no call of "${capabilityId}" ${where}`);
    },
  };
}
