/** What a supervisor can be doing, and what may follow what. */

export const SUPERVISOR_STATES = [
  "starting",
  "idle",
  "serving",
  "backing-off",
  "crash-looped",
  "draining",
  "stopped",
] as const;
/** `idle`: nothing serves. `backing-off`: the next job waits. `crash-looped`: jobs are refused until something else is deployed. */
export type SupervisorState = (typeof SUPERVISOR_STATES)[number];

const FOLLOWERS: Readonly<Record<SupervisorState, readonly SupervisorState[]>> = {
  starting: ["serving", "idle", "draining"],
  idle: ["serving", "draining"],
  serving: ["backing-off", "crash-looped", "draining"],
  "backing-off": ["serving", "crash-looped", "draining"],
  "crash-looped": ["serving", "draining"],
  draining: ["stopped"],
  stopped: [],
};

export function mayFollow(from: SupervisorState, to: SupervisorState): boolean {
  return FOLLOWERS[from].includes(to);
}
