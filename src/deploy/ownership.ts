/**
 * One at a time: who supervises or changes a deployment has its directory, and says who it is.
 *
 * The lease is the kernel's and ends with its holder, however that ends. `supervisor.json` names the holder, for people
 * and for processes that the lease does not reach (another network namespace on the same disk).
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject } from "../foundation/json.ts";
import {
  isGone,
  lockDirectory,
  processFacts,
  readOwned,
  removeFile,
  writeAtomic,
} from "../host/index.ts";
import type { DeploymentPaths } from "./store.ts";

export interface Ownership {
  /** What stood in `supervisor.json`: whoever wrote it did not end by itself. Null: nobody. */
  readonly killed: Holder | null;
  release(): Promise<void>;
}

export interface Holder {
  readonly pid: number;
  /** Since the boot, in the kernel's ticks: tells a process from a later one of the same number. */
  readonly startTicks: number;
}

const HOLDER_BYTES_MAX = 1024;

/** @throws {CcosError} `DEPLOYMENT_LOCKED`. */
export async function takeOwnership(paths: DeploymentPaths): Promise<Ownership> {
  const lease = await lockDirectory(paths.root);
  const before = await readHolder(paths);
  const lives = before !== null && !isGone(before.pid, before.startTicks);
  if (lease === null || (lives && before.pid !== process.pid)) {
    lease?.release();
    throw new CcosError("DEPLOYMENT_LOCKED", {
      what: `Cannot take charge of "${paths.name}"`,
      why: before === null ? "another process works in it" : `process ${before.pid} supervises it`,
      fix: `Ask it: \`ccos status ${paths.name}\`, \`ccos stop ${paths.name}\``,
    });
  }
  const startTicks = processFacts(process.pid)?.startTicks ?? 0;
  const own: Holder = { pid: process.pid, startTicks };
  await writeAtomic(paths.supervisor, Buffer.from(`${JSON.stringify(own)}\n`), 0o600);
  return {
    killed: before,
    release: async () => {
      await removeFile(paths.supervisor);
      lease.release();
    },
  };
}

async function readHolder({ supervisor }: DeploymentPaths): Promise<Holder | null> {
  const bytes = await readOwned(supervisor, HOLDER_BYTES_MAX);
  if (!bytes.ok) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes.value));
    if (!isJsonObject(value)) return null;
    const { pid, startTicks } = value;
    return typeof pid === "number" && typeof startTicks === "number" ? { pid, startTicks } : null;
  } catch {
    return null;
  }
}
