/**
 * Where a deployment is kept: `<CCOS_HOME>/deployments/<name>/`, 0700.
 *
 * Read in this order: DeploymentPaths, DeploymentState, readState. `state.json` is replaced as a whole, so a crash leaves the
 * state before or after; what is half done is said in it by `candidate`. The chain is beside it (deployment-chain.ts).
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { ensurePrivateDir, readOwned, writeAtomic } from "../host/index.ts";
import { deploymentDirectory, isDeploymentName, type World } from "../runtime/index.ts";

export interface DeploymentPaths {
  readonly name: string;
  readonly root: string;
  /** One verified package for each generation, by its number. */
  readonly generations: string;
  readonly state: string;
  readonly chain: string;
  readonly head: string;
  readonly socket: string;
  /** Who supervises: pid and start time. */
  readonly supervisor: string;
  /** Transcripts of consoles. */
  readonly consoles: string;
}

export interface GenerationEntry {
  readonly generation: number;
  /** Of the package's lock: what it must be whenever it is used. */
  readonly digest: string;
  readonly agent: string;
  /** Arguments of a job that must end well before it serves; null: none is asked. */
  readonly health: readonly JsonValue[] | null;
}

/** A generation on its way. `staged`: it is here, nothing else is known. `switching`: it is healthy, and will serve. */
export interface Candidate {
  readonly generation: number;
  readonly phase: "staged" | "switching";
}

export interface DeploymentState {
  readonly version: 1;
  readonly active: number | null;
  readonly previous: number | null;
  readonly candidate: Candidate | null;
  /** Those whose files are kept, oldest first. */
  readonly generations: readonly GenerationEntry[];
  /** Number of the next generation; a number is never used again. */
  readonly next: number;
}

export const NEW_STATE: DeploymentState = {
  version: 1,
  active: null,
  previous: null,
  candidate: null,
  generations: [],
  next: 1,
};

const STATE_BYTES_MAX = 1024 * 1024;

/** @throws {CcosError} `USAGE` for what cannot be a name. */
export function deploymentPaths(stateDir: string, name: string): DeploymentPaths {
  if (!isDeploymentName(name)) {
    throw new CcosError("USAGE", {
      what: `Cannot call a deployment "${name.slice(0, 80)}"`,
      why: "a name is a lower-case letter, then up to 31 letters, digits and hyphens",
      fix: "Choose such a name",
    });
  }
  const { path: root, chain, head } = deploymentDirectory(stateDir, name);
  const below = (file: string): string => join(root, file);
  return {
    name,
    root,
    chain,
    head,
    generations: below("generations"),
    state: below("state.json"),
    socket: below("control.sock"),
    supervisor: below("supervisor.json"),
    consoles: below("consoles"),
  };
}

export function generationRoot(paths: DeploymentPaths, generation: number): string {
  return join(paths.generations, String(generation));
}

export function entryOf(state: DeploymentState, generation: number): GenerationEntry {
  const entry = state.generations.find((each) => each.generation === generation);
  if (entry === undefined) throw new TypeError(`Generation ${generation} is not kept`);
  return entry;
}

/** Make the directories of a deployment; those that are there stay. */
export async function createDeployment(world: World, paths: DeploymentPaths): Promise<void> {
  const all = join(world.stateDir, "deployments");
  for (const path of [world.stateDir, all, paths.root, paths.generations, paths.consoles])
    await ensurePrivateDir(path);
}

/** @throws {CcosError} `DEPLOYMENT_NOT_FOUND`; `IO_ERROR` for a state that nobody wrote. */
export async function readState(paths: DeploymentPaths): Promise<DeploymentState> {
  const bytes = await readOwned(paths.state, STATE_BYTES_MAX);
  if (!bytes.ok && bytes.error === "absent") {
    throw new CcosError("DEPLOYMENT_NOT_FOUND", {
      what: `Cannot find the deployment "${paths.name}"`,
      why: "nothing was deployed under this name",
      fix: `Make it: \`ccos deploy DIR --name ${paths.name}\``,
    });
  }
  const state = bytes.ok ? parseState(new TextDecoder().decode(bytes.value)) : null;
  if (state !== null) return state;
  throw new CcosError("IO_ERROR", {
    what: `Cannot read "${paths.state}"`,
    why: bytes.ok ? "it is malformed" : `it is ${bytes.error}`,
    fix: "Restore it from a copy; its chain says which generation served last",
  });
}

/** @throws {CcosError} `IO_ERROR`: the state before still stands. */
export async function writeState(paths: DeploymentPaths, state: DeploymentState): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(state)}\n`);
  if (bytes.length > STATE_BYTES_MAX) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot write "${paths.state}"`,
      why: `it would have ${bytes.length} bytes and is read up to ${STATE_BYTES_MAX}`,
      fix: "Give the health job smaller arguments",
    });
  }
  try {
    await writeAtomic(paths.state, bytes, 0o600);
  } catch (cause) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot write "${paths.state}"`,
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Make room on its disk; what it said before still holds",
      cause,
    });
  }
}

function parseState(text: string): DeploymentState | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && isState(value) ? (value as unknown as DeploymentState) : null;
  } catch {
    return null;
  }
}

function isState(value: Readonly<Record<string, JsonValue>>): boolean {
  const { version, active, previous, candidate, generations, next } = value;
  const kept = Array.isArray(generations) ? generations.filter(isJsonObject) : [];
  const numbers = new Set(kept.map(({ generation }) => generation));
  const isKept = (each: JsonValue | undefined): boolean =>
    each === null || (each !== undefined && numbers.has(each));
  return (
    version === 1 &&
    Array.isArray(generations) &&
    kept.length === generations.length &&
    kept.every(isEntry) &&
    isKept(active) &&
    isKept(previous) &&
    Number.isSafeInteger(next) &&
    (candidate === null ||
      (isJsonObject(candidate) &&
        isKept(candidate["generation"]) &&
        ["staged", "switching"].some((phase) => phase === candidate["phase"])))
  );
}

function isEntry(value: Readonly<Record<string, JsonValue>>): boolean {
  const { generation, digest, agent, health } = value;
  return (
    Number.isSafeInteger(generation) &&
    typeof digest === "string" &&
    typeof agent === "string" &&
    (health === null || Array.isArray(health))
  );
}
