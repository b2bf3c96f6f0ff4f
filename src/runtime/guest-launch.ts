/**
 * The guest of a plan: its files, its digest, and the wall that rises with it inside.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import {
  EVALUATOR_STACK_KIB,
  type Execution,
  type IsolationProvider,
  type SandboxFile,
  type SandboxLimits,
  type SandboxProgram,
  type Session,
} from "../isolation/index.ts";
import { GuestLink } from "./guest-link.ts";
import { guestFile, type World } from "./world.ts";

/** A wall that stands, and the guest that waits in it: it was greeted, and has no program. */
export interface Launched {
  readonly session: Session;
  readonly execution: Execution;
  readonly link: GuestLink;
}

export interface LaunchOptions {
  /** Ends the guest, whoever has it. */
  readonly signal: AbortSignal;
  /** Have the guest run its own exercise before it is greeted. */
  readonly exercises?: boolean;
}

export interface LoadedGuest {
  readonly program: Extract<SandboxProgram, { kind: "rtfs" }>;
  /** `sha256:` over start.cjs and then rtfs-guest.cjs: what runs. Not over V8's cache, which differs from build to build. */
  readonly digest: () => string;
}

const loaded = new Map<string, Promise<LoadedGuest>>();

/** The bundled evaluator; read once for each directory. */
export function loadGuest(world: World): Promise<LoadedGuest> {
  const known = loaded.get(world.guestDir);
  if (known !== undefined) return known;
  const loading = readGuest(world);
  loaded.set(world.guestDir, loading);
  return loading;
}

async function readGuest(world: World): Promise<LoadedGuest> {
  const file = async (name: string): Promise<SandboxFile> => ({
    path: `/ccos/${name}`,
    content: await guestFile(world, name),
    executable: false,
  });
  const [start, evaluator, cache] = await Promise.all([
    file("start.cjs"),
    file("rtfs-guest.cjs"),
    file("rtfs-guest.cache"),
  ]);
  const digest = (): string => {
    const hash = createHash("sha256").update(start.content).update(evaluator.content);
    return `sha256:${hash.digest("hex")}`;
  };
  let known: string | null = null;
  return {
    program: {
      kind: "rtfs",
      guest: start,
      beside: [evaluator, cache],
      stackKiB: EVALUATOR_STACK_KIB,
    },
    digest: () => (known ??= digest()),
  };
}

/** The wall for a plan, with the guest waiting in it: no files, binds or sockets, an empty environment. */
export async function launchPlan(
  limits: SandboxLimits,
  wall: IsolationProvider,
  guest: LoadedGuest,
  { signal, exercises = false }: LaunchOptions,
): Promise<Launched> {
  const session = await wall.open({
    limits,
    files: [],
    binds: [],
    environment: {},
    sockets: false,
  });
  try {
    const execution = await session.execute(guest.program, signal);
    if (execution.channel === null) throw new TypeError("The RTFS guest has a control channel");
    const key = randomBytes(32).toString("hex");
    const identity = { session: key, tellsSession: true, image: guest.digest(), exercises };
    return { session, execution, link: new GuestLink(execution.channel, identity) };
  } catch (cause) {
    await session.close();
    throw cause;
  }
}

/** However a launch ended, nothing of it is left. */
export async function closeLaunched(launching: Promise<Launched>): Promise<void> {
  const launched = await launching.catch(() => null);
  await launched?.session.close();
}
