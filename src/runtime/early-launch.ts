/**
 * A guest that waits behind a wall before anybody has read the config, because its process takes longest to start.
 *
 * The wall and the limits are a guess: what the last run of this state directory had. The run takes the
 * guest only when its config asks for exactly these and the wall was measured as ever; else it is ended unused. It has
 * no program, no message and no record until then, and its clock begins anew, so that nothing depends on the guess but
 * time.
 *
 * Read in this order: EarlyLaunch, launchEarly, rememberLaunch.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { isJsonObject } from "../foundation/json.ts";
import { ensurePrivateDir, readOwned, writeAtomic } from "../host/index.ts";
import type { SandboxLimits } from "../isolation/index.ts";
import { wallNamed } from "./choose-wall.ts";
import { launchStandby, type Standby, type WaitingGuests } from "./standby.ts";
import type { World } from "./world.ts";

/** What a launch is made of; equal guesses give equal walls. */
interface Guess {
  readonly wall: string;
  readonly limits: SandboxLimits;
}

/** Its guest is taken when wall and limits are those of the guess, and closed when they are not. */
export interface EarlyLaunch extends WaitingGuests {
  /** The guest's process runs, or there will be none. Never rejects. */
  readonly started: Promise<void>;
  /** End a guest that nobody took. */
  close(): Promise<void>;
}

const GUESS_BYTES_MAX = 4_096;

/** Begin with the guess of the last run. @returns null without one. */
export async function launchEarly(world: World): Promise<EarlyLaunch | null> {
  const guess = await readGuess(world);
  if (guess === null) return null;
  if (world.onlyWalls?.includes(guess.wall) === false) return null;
  const provider = await wallNamed(world, guess.wall);
  if (provider === null) return null;
  let standby: Standby | null = launchStandby(world, provider, guess.limits);
  const started = standby.launched.then(
    () => undefined,
    () => undefined,
  );
  const close = async (): Promise<void> => {
    const left = standby;
    standby = null;
    await left?.close();
  };
  return {
    started,
    take: async (wall, limits, signal) => {
      if (standby === null || !isDeepStrictEqual(guess, { wall, limits })) {
        await close();
        return null;
      }
      const taken = standby;
      standby = null;
      return await taken.take(signal);
    },
    close,
  };
}

/** Keep what this run had for the next one. Only time depends on it: a disk that refuses costs nothing else. */
export async function rememberLaunch(
  world: World,
  wall: string,
  limits: SandboxLimits,
): Promise<void> {
  const guess: Guess = { wall, limits };
  if (isDeepStrictEqual(await readGuess(world), guess)) return;
  try {
    await ensurePrivateDir(join(world.stateDir, "walls"));
    const text = `${JSON.stringify(guess)}\n`;
    await writeAtomic(guessPath(world), new TextEncoder().encode(text), 0o600);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
  }
}

function guessPath(world: World): string {
  return join(world.stateDir, "walls", "last-launch.json");
}

/** Only from a file that is ours alone, and only with the limits of this version. */
async function readGuess(world: World): Promise<Guess | null> {
  const bytes = await readOwned(guessPath(world), GUESS_BYTES_MAX);
  if (!bytes.ok) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes.value));
    if (!isJsonObject(value)) return null;
    const { wall, limits } = value;
    if (typeof wall !== "string" || !isJsonObject(limits)) return null;
    const { wallMs, cpuMs, memoryBytes, pidsMax, outputBytes, diskBytes } = limits;
    const numbers = [wallMs, cpuMs, memoryBytes, pidsMax, outputBytes, diskBytes];
    if (!numbers.every((each) => typeof each === "number")) return null;
    return { wall, limits: limits as unknown as SandboxLimits };
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}
