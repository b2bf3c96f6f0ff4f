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
  createProviders,
  type IsolationProvider,
  type SandboxFile,
  type SandboxLimits,
  type SandboxSpec,
  type Session,
  selectProvider,
} from "../isolation/index.ts";
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
/** Stack of the guest's JavaScript thread: 5 000 and more non-tail calls (docs/GUARANTEES.md). */
const STACK_KIB = 3_900;

export function providersOf(world: World): readonly IsolationProvider[] {
  const { nodePath, stateDir, onlyWalls } = world;
  return createProviders({
    nodePath,
    stateDir,
    ...(onlyWalls === undefined ? {} : { only: onlyWalls }),
  });
}

/** Pick the strongest wall that runs this program and is not below the config's minimum. */
export async function chooseWall(
  world: World,
  config: AgentConfig,
  kind: "rtfs" | "external",
): Promise<IsolationProvider> {
  return await selectProvider(providersOf(world), {
    kind,
    mode: config.orchestrator.isolation.mode,
    sockets: kind === "external" && wantsEffects(config),
  });
}

/** A program whose config grants effects needs the capability socket; one without may run in a wall that has none. */
function wantsEffects(config: AgentConfig): boolean {
  return config.network.enabled || config.capabilities.fs.enabled || config.secrets.size > 0;
}

export async function loadGuest(
  world: World,
): Promise<{ guest: SandboxFile; guestDigest: string; stackKiB: number }> {
  const content = await guestFile(world, "rtfs-guest.cjs");
  return {
    guest: { path: "/ccos/rtfs-guest.cjs", content, executable: false },
    guestDigest: `sha256:${createHash("sha256").update(content).digest("hex")}`,
    stackKiB: STACK_KIB,
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

/** A session for a plan: no files, no binds, no sockets, an empty environment. */
export async function planSession(
  world: World,
  prepared: PreparedRun,
  wall?: IsolationProvider,
): Promise<Session> {
  const provider = wall ?? (await chooseWall(world, prepared.config, "rtfs"));
  const spec: SandboxSpec = {
    limits: sandboxLimits(prepared.config),
    files: [],
    binds: [],
    environment: {},
    sockets: false,
  };
  return await provider.open(spec);
}

/** The wall a run of this plan would take, for `ccos plan`. */
export async function selectionOf(
  world: World,
  prepared: PreparedRun,
): Promise<{ readonly name: string; readonly strength: number }> {
  const { name, strength } = await chooseWall(
    world,
    prepared.config,
    prepared.inputs.command === null ? "rtfs" : "external",
  );
  return { name, strength };
}
