/**
 * The chain of a deployment: one from its creation on, over all its supervisors.
 *
 * A supervisor goes on behind the last record, after it verified them all; the signed head stands while nobody writes.
 * A supervisor that was killed leaves the chain without a head, and perhaps a cut last line, which is moved aside.
 *
 * Read in this order: DeploymentChain, openDeploymentChain, unclosedConsole.
 *
 * @module
 */
import { join } from "node:path";
import {
  appendingStore,
  type ChainWriter,
  digestOf,
  fileStore,
  hostLog,
  loadOrCreateHostKey,
  openChain,
  readRecords,
  type RecordType,
  repairTornTail,
  sealChain,
} from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import { fileIdentity, removeFile } from "../host/index.ts";
import { deploymentDirectory, verifyLogged, verifyRun, type World } from "../runtime/index.ts";
import type { DeploymentPaths } from "./store.ts";

export interface DeploymentChain {
  /** Durable when it resolves: whatever the record says may be done now. */
  record(type: RecordType, data: JsonObject, facts?: JsonObject): Promise<void>;
  /** Sign the head; nothing is recorded any more. */
  seal(): Promise<void>;
}

/** @throws {CcosError} `CHAIN_INTEGRITY` when the records there are not what was written; `CHAIN_UNWRITABLE`. */
export async function openDeploymentChain(
  world: World,
  paths: DeploymentPaths,
): Promise<DeploymentChain> {
  const { id } = deploymentDirectory(world.stateDir, paths.name);
  const key = await loadOrCreateHostKey(join(world.stateDir, "keys"));
  const after = await lastRecord(world, paths);
  const configDigest = digestOf({ deployment: paths.name });
  const store = after === null ? await fileStore(paths.chain) : await appendingStore(paths.chain);
  await removeFile(paths.head);
  const begun = after !== null && after.seq >= 0;
  const chain = openChain({
    store,
    chainId: id,
    configDigest,
    nowMs: world.nowMs,
    ...(begun ? { after } : {}),
  });
  const record = recorder(chain);
  if (!begun) await record("DeploymentCreated", { config: configDigest, deployment: paths.name });
  return {
    record,
    seal: async () => {
      await chain.close();
      const log = hostLog(world.stateDir);
      const { chain: path, head: headPath } = paths;
      await sealChain({ chain: id, path, headPath, last: chain.head, key, log });
    },
  };
}

function recorder(chain: ChainWriter): DeploymentChain["record"] {
  return async (type, data, facts = {}) => {
    chain.append({ type, data, facts });
    await chain.commit();
  };
}

/** Null: there is no chain yet. `seq` -1: there is one without a record. */
async function lastRecord(
  world: World,
  paths: DeploymentPaths,
): Promise<{ readonly seq: number; readonly hash: string } | null> {
  if (fileIdentity(paths.chain) === null) return null;
  await repairTornTail(paths.chain);
  const directory = deploymentDirectory(world.stateDir, paths.name);
  const verified = await verifyRun(world, directory);
  if (verified.kind === "broken") {
    throw tampered(paths, `record ${verified.seq}: ${verified.reason}, ${verified.detail}`);
  }
  const logged = await verifyLogged(world, directory, verified);
  // A supervisor that was killed before its first record leaves a whole chain without its head.
  if (logged.kind === "broken" && logged.reason !== "stripped") {
    throw tampered(paths, `${logged.reason}, ${logged.detail}`);
  }
  return { seq: verified.records - 1, hash: verified.head };
}

function tampered({ name }: DeploymentPaths, why: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot go on with the chain of "${name}"`,
    why,
    fix: "Keep the directory as it is and treat the deployment as tampered with",
  });
}

/** Consoles that were opened and never closed: whoever had them open was killed. */
export async function unclosedConsoles(paths: DeploymentPaths): Promise<readonly string[]> {
  const open = new Set<string>();
  if (fileIdentity(paths.chain) === null) return [];
  for await (const { body } of readRecords(paths.chain)) {
    const id = body.data["console"];
    if (typeof id !== "string") continue;
    if (body.type === "ConsoleOpened") open.add(id);
    if (body.type === "ConsoleClosed") open.delete(id);
  }
  return [...open];
}
