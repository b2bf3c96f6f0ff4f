/**
 * Where a run lives: `<CCOS_HOME>/runs/<run id>/` with `chain.jsonl`, `head.json`, `payloads.bin`,
 * `payload.key`, `inputs/` and `workspace/`. Private to the user (0700).
 *
 * A run id is checked before it becomes a path; `last` is the newest run by id. `deployment-NAME` is the chain of a
 * deployment, in `<CCOS_HOME>/deployments/NAME/`.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { isRunId } from "../foundation/ids.ts";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { envelopeOf, policyFileOf } from "../governance/index.ts";
import {
  ensurePrivateDir,
  fileIdentity,
  listDirectory,
  lockDirectory,
  type NameLease,
  readBounded,
  writeAtomic,
} from "../host/index.ts";
import type { RunInputs } from "./prepare.ts";

/** Config, plan and modules, 1 MiB each, in which JSON escapes each character. */
const INPUT_BYTES_MAX = 24 * 1024 * 1024;

export interface RunDirectory {
  readonly id: string;
  readonly path: string;
  readonly chain: string;
  readonly head: string;
  readonly payloads: string;
  readonly payloadKey: string;
  readonly workspace: string;
}

export function runDirectory(stateDir: string, id: string): RunDirectory {
  return directoryAt(join(stateDir, "runs", id), id);
}

function directoryAt(path: string, id: string): RunDirectory {
  return {
    id,
    path,
    chain: chainOf(path),
    head: join(path, "head.json"),
    payloads: join(path, "payloads.bin"),
    payloadKey: join(path, "payload.key"),
    workspace: join(path, "workspace"),
  };
}

/** The config's storage decides when a run begins; after that, what is there. */
function chainOf(path: string): string {
  const database = join(path, "chain.db");
  return fileIdentity(database) === null ? join(path, "chain.jsonl") : database;
}

const DEPLOYMENT_PREFIX = "deployment-";

/** What a deployment can be called: part of a path and of a chain's id. */
export function isDeploymentName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}

/** A deployment's directory has a chain and a head as a run's has. Its id is `deployment-NAME`. */
export function deploymentDirectory(stateDir: string, name: string): RunDirectory {
  return directoryAt(join(stateDir, "deployments", name), `${DEPLOYMENT_PREFIX}${name}`);
}

/**
 * Create the directories and keep the inputs; the chain itself is opened by the caller.
 *
 * @param storage - `database`: the chain will be one.
 */
export async function createRunDirectory(
  stateDir: string,
  id: string,
  inputs: RunInputs,
  storage: "file" | "database" = "file",
): Promise<RunDirectory> {
  const run = runDirectory(stateDir, id);
  for (const path of [stateDir, join(stateDir, "runs"), run.path, run.workspace])
    await ensurePrivateDir(path);
  await writeAtomic(
    join(run.path, "inputs.json"),
    new TextEncoder().encode(JSON.stringify(inputs)),
    0o600,
  );
  return storage === "file" ? run : { ...run, chain: join(run.path, "chain.db") };
}

/**
 * The right to write a run's records, from its begin to its end or its resumption. The kernel gives it back when its
 * holder dies, however that dies.
 *
 * @throws {CcosError} `RUN_LOCKED`.
 */
export async function claimRun(run: RunDirectory): Promise<NameLease> {
  const lease = await lockDirectory(run.path);
  if (lease !== null) return lease;
  throw new CcosError("RUN_LOCKED", {
    what: `Cannot write ${run.id}`,
    why: "another process runs or resumes it",
  });
}

/** @throws {CcosError} `RUN_NOT_FOUND`; `REPLAY_UNAVAILABLE` when the kept inputs are gone or malformed. */
export async function readRunInputs(run: RunDirectory): Promise<RunInputs> {
  const bytes = await readBounded(join(run.path, "inputs.json"), INPUT_BYTES_MAX);
  const parsed = bytes.ok ? parseInputs(new TextDecoder().decode(bytes.value)) : null;
  if (parsed === null) {
    throw new CcosError("REPLAY_UNAVAILABLE", {
      what: `Cannot replay ${run.id}`,
      why: bytes.ok ? "inputs.json is malformed" : `inputs.json: ${bytes.error}`,
      fix: "Verify without --replay",
    });
  }
  return parsed;
}

function parseInputs(text: string): RunInputs | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return null;
    // Runs of versions whose plans had no modules kept none.
    const { modules = [], ...kept } = value;
    const { configFile, configSource, planFile, planSource, command, staged, ...others } = kept;
    const { production, program, args, bounds, envelope, policyFile, ...rest } = others;
    const sound =
      isTexts([configFile, configSource]) &&
      isTexts(command === null ? [planFile, planSource] : command) &&
      (program === undefined || isJsonObject(program)) &&
      Array.isArray(staged) &&
      Array.isArray(modules) &&
      modules.every(isModule) &&
      typeof production === "boolean" &&
      (args === undefined || Array.isArray(args)) &&
      (bounds === undefined || isBounds(bounds)) &&
      (envelope === undefined || envelopeOf(envelope) !== null) &&
      (policyFile === undefined || policyFileOf(policyFile) !== null) &&
      Object.keys(rest).length === 0;
    return sound ? ({ ...kept, modules } as unknown as RunInputs) : null;
  } catch {
    return null;
  }
}

/** What a run was bound by is in its first record too: a changed text diverges, a broken one is told here. */
function isBounds(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const { environment, settings, wall, provider, processors, limits, calls, reach } = value;
  return (
    [environment, settings].every((each) => each === null || typeof each === "string") &&
    [wall, provider, processors].every((each) => each === null || isJsonObject(each)) &&
    [limits, calls, reach].every((each) => Array.isArray(each) && each.every(isJsonObject))
  );
}

function isModule(value: JsonValue): boolean {
  return isJsonObject(value) && isTexts([value["name"], value["file"], value["source"]]);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** All runs, oldest first. An absent state directory has none. */
export async function listRuns(stateDir: string): Promise<readonly string[]> {
  const names = await listDirectory(join(stateDir, "runs"));
  return names.filter(isRunId).sort();
}

/**
 * `last`, a run id, or an unambiguous beginning of one; `deployment-NAME` for the chain of a deployment.
 *
 * @throws {CcosError} `RUN_NOT_FOUND`.
 */
export async function findRun(stateDir: string, text: string): Promise<RunDirectory> {
  if (text.startsWith(DEPLOYMENT_PREFIX)) {
    const name = text.slice(DEPLOYMENT_PREFIX.length);
    const isThere = (await listDirectory(join(stateDir, "deployments"))).includes(name);
    if (isDeploymentName(name) && isThere) return deploymentDirectory(stateDir, name);
  }
  const runs = await listRuns(stateDir);
  const matches =
    text === "last" ? runs.slice(-1) : runs.filter((id) => id === text || id.startsWith(text));
  if (matches.length === 1) return runDirectory(stateDir, matches[0]!);
  throw new CcosError("RUN_NOT_FOUND", {
    what: `Cannot find run "${text.slice(0, 80)}"`,
    why:
      matches.length === 0
        ? `there are ${runs.length} runs and none is it`
        : `${matches.length} runs begin so`,
    fix: "Run `ccos chain list`",
  });
}
