/**
 * Changing a deployment from outside: by asking its supervisor, or, where none runs, by staging what it will begin with.
 *
 * @module
 */
import type { JsonValue } from "../foundation/json.ts";
import { fileIdentity } from "../host/index.ts";
import type { World } from "../runtime/index.ts";
import { type AskOptions, askIfThere } from "./client.ts";
import type { Request } from "./control.ts";
import { openDeploymentChain } from "./deployment-chain.ts";
import { takeOwnership } from "./ownership.ts";
import { Rollout } from "./rollout.ts";
import {
  createDeployment,
  type DeploymentPaths,
  deploymentPaths,
  NEW_STATE,
  readState,
  writeState,
} from "./store.ts";
import { trustOf } from "./trust.ts";

type Change = Extract<Request, { verb: "deploy" | "rollback" }>;

/**
 * Deploy a package or roll back: at once where a supervisor runs, else as soon as one is started.
 *
 * @returns What `ccos status` says.
 * @throws {CcosError} why the new generation was rejected; what served before still serves. `DEPLOYMENT_NOT_FOUND`
 *   for a rollback of nothing, `DEPLOYMENT_LOCKED`.
 */
export async function changeDeployment(
  world: World,
  name: string,
  change: Change,
  options: AskOptions,
): Promise<JsonValue> {
  const paths = deploymentPaths(world.stateDir, name);
  if (change.verb === "rollback") await readState(paths);
  else await createDeployment(world, paths);
  const answer = await askIfThere(paths, change, options);
  if (answer !== null) return answer.value;
  await stageAlone(world, paths, change, options);
  return await deploymentStatus(world, name, options);
}

async function stageAlone(
  world: World,
  paths: DeploymentPaths,
  change: Change,
  { hear, signal }: AskOptions,
): Promise<void> {
  const ownership = await takeOwnership(paths);
  try {
    const chain = await openDeploymentChain(world, paths);
    try {
      if (fileIdentity(paths.state) === null) await writeState(paths, NEW_STATE);
      const tell = (text: string): void => hear({ kind: "progress", text });
      const rollout = new Rollout({ world, paths, chain, signal, tell }, await readState(paths));
      await rollout.sweep();
      if (change.verb === "rollback") await rollout.stagePrevious();
      else {
        const trust = await trustOf(world.stateDir, change.key);
        await rollout.stage(change.package, trust, change.health);
      }
    } finally {
      await chain.seal();
    }
  } finally {
    await ownership.release();
  }
}

/** What the supervisor says of itself, or what is kept where none runs. @throws {CcosError} `DEPLOYMENT_NOT_FOUND`. */
export async function deploymentStatus(
  world: World,
  name: string,
  options: AskOptions,
): Promise<JsonValue> {
  const paths = deploymentPaths(world.stateDir, name);
  const { active, previous, candidate } = await readState(paths);
  const answer = await askIfThere(paths, { verb: "status" }, options);
  if (answer !== null) return answer.value;
  const waiting = candidate === null ? null : { ...candidate };
  return { name, state: "stopped", pid: null, active, previous, candidate: waiting };
}
