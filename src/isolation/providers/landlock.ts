/**
 * Walls for a host without user namespaces: Landlock, seccomp and no_new_privs, raised by perl.
 *
 * Read in this order: createLandlock, probe, checkSpec; then landlock/plan.ts and landlock/script.ts. The program sees the host's own /usr and a
 * private directory with its files, both read-only; there is no directory it may write, so that the disk
 * limit holds. It has no socket of any kind. What this wall cannot hold is refused: sockets (no network
 * namespace to keep them in) and binds (no mount namespace). File names and sizes outside stay visible
 * to stat(2); contents do not.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import { findExecutable, SYSTEM_DIRECTORIES, spawnProcess } from "../../host/index.ts";
import { openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import type { IsolationProvider, Probe, SandboxLimits, SandboxSpec } from "../provider.ts";
import { prepareLandlock, tinyLandlock } from "../landlock/plan.ts";
import { LANDLOCK_PROBE } from "../landlock/script.ts";

/** @param nodePath - The Node that runs guests. */
export function createLandlock(nodePath: string): IsolationProvider {
  let probed: Promise<Probe> | null = null;
  return {
    name: "process/landlock",
    strength: 20,
    runs: new Set(["rtfs", "external", "script"] as const),
    sockets: false,
    probe: () => (probed ??= probe()),
    open: (spec) => {
      try {
        checkSpec(spec);
      } catch (cause) {
        return Promise.reject(cause as Error);
      }
      return Promise.resolve(
        openSession(spec.limits, (program) => prepareLandlock(program, spec, nodePath)),
      );
    },
  };
}

const TINY: SandboxLimits = {
  wallMs: 400,
  cpuMs: 1_000,
  memoryBytes: 64 * 1024 * 1024,
  pidsMax: 4,
  outputBytes: 1_024,
  diskBytes: 1_024,
};

/** The ABI by asking the kernel, then a wall around true(1). */
async function probe(): Promise<Probe> {
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (perl === null) return missing("perl", "Install perl-base");
  const abi = await landlockAbi(perl);
  if (abi < 1)
    return missing("Landlock", "Boot a kernel from 5.13 on with landlock in its lsm= list");
  const session = openSession(TINY, () => tinyLandlock(perl, TINY));
  try {
    const execution = await session.execute(
      { kind: "external", argv: ["true"], channel: false },
      new AbortController().signal,
    );
    const ending = await execution.ending;
    if (ending.kind === "exited" && ending.status === 0)
      return { kind: "ready", version: `Landlock ABI ${abi}` };
    return missing(`a wall that stands (it ended: ${JSON.stringify(ending)})`, "Run `ccos doctor`");
  } catch (cause) {
    return missing(
      cause instanceof Error ? cause.message : "a wall that stands",
      "Run `ccos doctor`",
    );
  } finally {
    await session.close();
  }
}

function missing(what: string, hint: string): Probe {
  return { kind: "missing", what: [what], hint };
}

async function landlockAbi(perl: string): Promise<number> {
  const child = await spawnProcess({
    argv: [perl, "-e", LANDLOCK_PROBE],
    env: {},
    descriptors: ["null", "pipe", "null"],
  });
  let text = "";
  child.readable(1)?.on("data", (chunk: Buffer) => {
    text = `${text}${chunk.toString("latin1")}`.slice(0, 16);
  });
  await child.closed;
  const abi = Number(text);
  return Number.isSafeInteger(abi) ? abi : 0;
}

function checkSpec(spec: SandboxSpec): void {
  checkLimits(spec.limits);
  if (spec.sockets) {
    throw refused(
      "sockets",
      "without a network namespace a program that may make sockets reaches the host's network",
    );
  }
  if (spec.binds.length > 0) {
    throw refused(
      "host directories or sockets",
      "without a mount namespace they cannot be shown at another path",
    );
  }
}

function refused(what: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot give a program ${what} behind process/landlock`,
    why,
    fix: "Install bubblewrap, or allow user namespaces",
  });
}
