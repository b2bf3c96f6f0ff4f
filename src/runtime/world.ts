/**
 * The world a run is given: state directory, executables, clock, randomness, walls. Everything that is not
 * pure enters here, so a test or an embedding application can hand in its own.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { readBounded } from "../host/index.ts";
import {
  EVALUATOR_STACK_KIB,
  type IsolationProvider,
  type SandboxFile,
  type SandboxLimits,
  type SandboxProgram,
} from "../isolation/index.ts";
import type { Launched } from "./conduct.ts";
import type { PreparedRun } from "./prepare.ts";

export interface World {
  /** `CCOS_HOME`: all state lives below it. */
  readonly stateDir: string;
  /** The Node that runs us; bound into the walls. */
  readonly nodePath: string;
  /** Where the bundled guests are. */
  readonly guestDir: string;
  readonly version: string;
  /** Where `env:NAME` secrets are looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Restrict the walls to these provider names; absent: every provider of this host. */
  readonly onlyWalls?: readonly string[];
}

/** Largest bundled guest, bytes. */
const GUEST_BYTES_MAX = 4 * 1024 * 1024;

export interface LoadedGuest {
  readonly program: Extract<SandboxProgram, { kind: "rtfs" }>;
  /** `sha256:` over start.cjs and then rtfs-guest.cjs: what runs. Not over V8's cache, which differs from build to build. */
  readonly guestDigest: string;
}

const loaded = new WeakMap<World, Promise<LoadedGuest>>();

/** The bundled evaluator; read once for each world. */
export function loadGuest(world: World): Promise<LoadedGuest> {
  const known = loaded.get(world);
  if (known !== undefined) return known;
  const loading = readGuest(world);
  loaded.set(world, loading);
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
  const hash = createHash("sha256").update(start.content).update(evaluator.content);
  return {
    program: {
      kind: "rtfs",
      guest: start,
      beside: [evaluator, cache],
      stackKiB: EVALUATOR_STACK_KIB,
    },
    guestDigest: `sha256:${hash.digest("hex")}`,
  };
}

export async function guestFile(world: World, name: string): Promise<Uint8Array> {
  const content = await readBounded(join(world.guestDir, name), GUEST_BYTES_MAX);
  if (content.ok) return content.value;
  throw new CcosError("INTERNAL", {
    what: `Cannot load guest "${name}"`,
    why: content.error,
    fix: "Run `npm run build`",
  });
}

export function sandboxLimits(config: AgentConfig): SandboxLimits {
  const { wallMs, cpuMs, memoryMb, pids, outputBytes, diskMb } = config.limits;
  return {
    wallMs,
    cpuMs,
    memoryBytes: memoryMb * 1024 * 1024,
    pidsMax: pids,
    outputBytes,
    diskBytes: diskMb * 1024 * 1024,
  };
}

/** The wall for a plan, with the guest waiting in it: no files, binds or sockets, an empty environment. */
export async function launchPlan(
  prepared: PreparedRun,
  wall: IsolationProvider,
  guest: LoadedGuest,
  signal: AbortSignal,
): Promise<Launched> {
  const limits = sandboxLimits(prepared.config);
  const session = await wall.open({
    limits,
    files: [],
    binds: [],
    environment: {},
    sockets: false,
  });
  try {
    return { session, execution: await session.execute(guest.program, signal) };
  } catch (cause) {
    await session.close();
    throw cause;
  }
}
