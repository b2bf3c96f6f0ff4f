/**
 * The world a run is given: state directory, executables, clock, randomness, walls. Everything that is not
 * pure enters here, so a test or an embedding application can hand in its own.
 *
 * @module
 */
import { join } from "node:path";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { readBounded } from "../host/index.ts";
import type { SandboxBind, SandboxLimits } from "../isolation/index.ts";

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
  /** Image of the machines where a config names none; absent: `image` in the state directory. */
  readonly imageDir?: string;
  /** Restrict the walls to these provider names; absent: every provider of this host. */
  readonly onlyWalls?: readonly string[];
}

/** Largest bundled guest, bytes. */
const GUEST_BYTES_MAX = 4 * 1024 * 1024;

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

/** The directories of this host that a config shows a program, read-only. */
export function mountsOf(config: AgentConfig): readonly SandboxBind[] {
  const binds: SandboxBind[] = [];
  for (const [name, mount] of config.orchestrator.isolation.fs.mounts) {
    if (mount.source === null) continue;
    if (mount.mode === "rw") throw writableMount(name);
    binds.push({ source: mount.source, target: `/mnt/${name}`, kind: "directory" });
  }
  return binds;
}

function writableMount(name: string): CcosError {
  return new CcosError("UNENFORCEABLE", {
    what: `Cannot mount "${name}"`,
    why: "a directory of this host that a program may write can be turned against the host; this version has no copy-out",
    fix: "Use :mode :ro and write through the capability socket",
  });
}
