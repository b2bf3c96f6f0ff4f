/**
 * A plan's guest that waits behind a wall before anybody has a plan for it: on its own, or several in a pool.
 *
 * Read in this order: Standby, launchStandby, createGuestPools. A waiting guest was greeted, with a session key of its
 * own; it has no program and no record; its clock begins anew when it is taken, and it belongs to one run. In a pool it
 * has also run an exercise of its own (guest/exercise.ts), so that the engine is compiled when the task comes.
 *
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { CcosError } from "../foundation/errors.ts";
import {
  createProviders,
  type IsolationProvider,
  type SandboxLimits,
  type Waiting,
  WarmPool,
  type WarmPoolCounts,
} from "../isolation/index.ts";
import {
  closeLaunched,
  type Launched,
  type LaunchOptions,
  launchPlan,
  loadGuest,
} from "./guest-launch.ts";
import type { World } from "./world.ts";

/** A guest on its way, or waiting. */
export interface Standby {
  /** Its process runs, or rejects with why not. */
  readonly launched: Promise<Launched>;
  /** The guest, theirs from now on; a signal that fires later ends it. Null: it has ended, or never stood. Once. */
  take(signal: AbortSignal): Promise<Launched | null>;
  /** Nothing of it is left when this resolves. */
  close(): Promise<void>;
}

/** Start a guest that waits. */
export function launchStandby(
  world: World,
  wall: IsolationProvider,
  limits: SandboxLimits,
  options: Omit<LaunchOptions, "signal"> = {},
): Standby {
  const abort = new AbortController();
  const launched = loadGuest(world).then((guest) =>
    launchPlan(limits, wall, guest, { ...options, signal: abort.signal }),
  );
  launched.catch(() => undefined);
  return {
    launched,
    take: async (signal) => {
      signal.addEventListener("abort", () => abort.abort(signal.reason), { once: true });
      if (signal.aborted) abort.abort(signal.reason);
      const guest = await launched.catch(() => null);
      if (guest?.execution.restartClock() === true) return guest;
      // A wall that did not stand, or no longer, is raised again by whoever asked, and says then what is wrong.
      await guest?.session.close();
      return null;
    },
    close: () => closeLaunched(launched),
  };
}

/** Where a run may find a guest that waits for exactly its wall and limits. */
export interface WaitingGuests {
  /** Null: there is none. */
  take(wall: string, limits: SandboxLimits, signal: AbortSignal): Promise<Launched | null>;
}

/** Pools by wall and limits: the first run of its kind starts cold, the next ones find a guest waiting. */
export interface GuestPools extends WaitingGuests {
  /** Of all pools, oldest first. */
  readonly counts: readonly WarmPoolCounts[];
  /** End those that wait. */
  close(): Promise<void>;
}

export interface GuestPoolOptions {
  /** How many wait in each pool. */
  readonly size: number;
  /** How many of a pool are started at once. Default 1: a start keeps a processor busy. */
  readonly raisingMax?: number;
}

/** More kinds of runs than this, and the pool that was used longest ago is closed. */
const POOLS_MAX = 4;
const EXERCISE_MS_MAX = 30_000;
/** A guest's clock runs while it waits; it leaves well before. */
const IDLE_SHARE = 0.8;
const IDLE_MS_MAX = 10 * 60 * 1_000;

/** Guests for plans, exercised and waiting; each for one run. */
export function createGuestPools(world: World, options: GuestPoolOptions): GuestPools {
  /** The one used last is last. */
  const pools = new Map<string, WarmPool<WaitingGuest>>();
  const closing = new Set<Promise<void>>();
  const poolFor = (name: string, limits: SandboxLimits): WarmPool<WaitingGuest> | null => {
    const key = canonicalJson({ name, limits: { ...limits } });
    const known = pools.get(key);
    pools.delete(key);
    const pool = known ?? openPool(world, name, limits, options);
    if (pool === null) return null;
    pools.set(key, pool);
    const [oldest] = pools;
    if (pools.size > POOLS_MAX && oldest !== undefined) {
      pools.delete(oldest[0]);
      closing.add(oldest[1].close());
    }
    return pool;
  };
  return {
    get counts() {
      return [...pools.values()].map((pool) => pool.counts);
    },
    take: async (name, limits, signal) =>
      (await poolFor(name, limits)?.take()?.take(signal)) ?? null,
    close: async () => {
      await Promise.all([...closing, ...[...pools.values()].map((pool) => pool.close())]);
    },
  };
}

type WaitingGuest = Standby & Waiting;

function openPool(
  world: World,
  name: string,
  limits: SandboxLimits,
  { size, raisingMax = 1 }: GuestPoolOptions,
): WarmPool<WaitingGuest> | null {
  const [wall] = createProviders({ ...world, only: [name] });
  if (wall === undefined) return null;
  const idleMsMax = Math.max(1, Math.min(IDLE_MS_MAX, Math.floor(limits.wallMs * IDLE_SHARE)));
  const raise = (signal: AbortSignal): Promise<WaitingGuest> =>
    raiseGuest(world, wall, limits, signal);
  return new WarmPool({ size, raisingMax, idleMsMax, raise });
}

async function raiseGuest(
  world: World,
  wall: IsolationProvider,
  limits: SandboxLimits,
  signal: AbortSignal,
): Promise<WaitingGuest> {
  const standby = launchStandby(world, wall, limits, { exercises: true });
  const stop = (): void => void standby.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const launched = await standby.launched;
    await greeted(launched);
    const settled = (): void => undefined;
    return { ...standby, ended: launched.execution.ending.then(settled, settled) };
  } catch (cause) {
    await standby.close();
    throw cause;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The guest has run its exercise and shaken hands, within {@link EXERCISE_MS_MAX}. */
async function greeted({ link }: Launched): Promise<void> {
  const clock = new AbortController();
  const late = pause(EXERCISE_MS_MAX, "late" as const, { signal: clock.signal, ref: false });
  late.catch(() => undefined);
  const answer = await Promise.race([link.ready, late]);
  clock.abort();
  if (answer === "ready") return;
  if (answer === "late") throw failed(`it took over ${EXERCISE_MS_MAX} ms`);
  throw failed(answer.kind === "violation" ? answer.reason : "it ended");
}

function failed(why: string): CcosError {
  return new CcosError("PROVIDER_CRASHED", {
    what: "Cannot keep a guest waiting",
    why,
    fix: "Run `ccos doctor`",
  });
}
