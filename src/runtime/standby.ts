/**
 * A plan's guest that waits behind a wall before anybody has a plan for it: on its own, or several in a pool.
 *
 * Read in this order: Standby, launchStandby, createGuestPools. A waiting guest has no program, no message of a run
 * and no record; its clock begins anew when it is taken, and it belongs to one run. In a pool it has also run
 * an exercise of its own (guest/exercise.ts), so that the engine is compiled when the task comes.
 *
 * @module
 */
import { canonicalJson } from "../foundation/canonical-json.ts";
import { CcosError } from "../foundation/errors.ts";
import { encodeFrame, FrameReader } from "../foundation/framing.ts";
import { type HostMessage, parseGuestMessage } from "../foundation/protocol.ts";
import {
  createProviders,
  type IsolationProvider,
  type SandboxLimits,
  type Waiting,
  WarmPool,
  type WarmPoolCounts,
} from "../isolation/index.ts";
import { closeLaunched, type Launched, launchPlan, loadGuest } from "./guest-launch.ts";
import type { GuestChannel } from "./guest-link.ts";
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
): Standby {
  const abort = new AbortController();
  const launched = loadGuest(world).then((guest) => launchPlan(limits, wall, guest, abort.signal));
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
  const standby = launchStandby(world, wall, limits);
  const stop = (): void => void standby.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const { execution } = await standby.launched;
    await exercised(execution.channel);
    const settled = (): void => undefined;
    return { ...standby, ended: execution.ending.then(settled, settled) };
  } catch (cause) {
    await standby.close();
    throw cause;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Have the guest run its exercise. The channel is as it was afterwards: nothing unread, nothing listening. */
function exercised(channel: GuestChannel | null): Promise<void> {
  if (channel === null) return Promise.reject(failed("it has no channel"));
  const { readable, writable } = channel;
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    const settle = (why: string | null): void => {
      clearTimeout(clock);
      readable.pause();
      readable.off("data", take);
      for (const event of ENDS) readable.off(event, ended);
      if (why === null) resolve();
      else reject(failed(why));
    };
    const ended = (): void => settle("it ended");
    const clock = setTimeout(() => settle(`it took over ${EXERCISE_MS_MAX} ms`), EXERCISE_MS_MAX);
    const take = (chunk: Uint8Array): void => {
      const frames = reader.push(chunk);
      if (!frames.ok) return settle(frames.error);
      const [frame, ...more] = frames.value;
      if (frame === undefined) return;
      const message = parseGuestMessage(frame);
      const isWarm = message.ok && message.value.type === "event" && message.value.name === "warm";
      settle(isWarm && more.length === 0 && reader.isEmpty ? null : "it did not say `warm`");
    };
    readable.on("data", take);
    for (const event of ENDS) readable.once(event, ended);
    if (readable.closed || readable.readableEnded) return ended();
    writable.write(encodeFrame({ type: "warm" } satisfies HostMessage));
  });
}

const ENDS = ["end", "close", "error"] as const;

function failed(why: string): CcosError {
  return new CcosError("PROVIDER_CRASHED", {
    what: "Cannot keep a guest waiting",
    why,
    fix: "Run `ccos doctor`",
  });
}
