/**
 * The directory of one virtual machine: its images, its sockets, nothing else; and the sweep of those whose maker died.
 *
 * Read in this order: MachineDirectory, machineDirectory, stage. Made by us and entered by nobody else; handed to the
 * monitor's own user once everything of ours is in it. An image is linked where only root could change it, else copied, and its
 * digest is taken from what then lies there.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import {
  chmod,
  chown,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  rmdir,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { codeOf } from "./network.ts";
import { processFacts } from "./process-tree.ts";

export interface MachineDirectory {
  /** Absolute; what the monitor sees. */
  readonly path: string;
  /**
   * Put an image into it, readable for everybody who may enter.
   *
   * @param to - A plain name.
   * @returns `sha256:…` of what lies there now.
   */
  stage(from: string, to: string): Promise<string>;
  /** An empty file that `uid` may write. */
  blank(name: string, uid: number): Promise<void>;
  /** From now on the directory is this user's, and still ours if we are root. */
  handOver(uid: number, gid: number): Promise<void>;
  /** Idempotent. */
  remove(): Promise<void>;
}

/** Beside the directory: who made it. */
const OWNER_FILE = "owner";

/**
 * `<base>/<instance>/root`, 0700.
 *
 * @param base - Made when it is absent; must be ours, and writable for nobody else.
 * @throws {CcosError} `IO_ERROR` when that is not so, or the directory exists.
 */
export async function machineDirectory(base: string, instance: string): Promise<MachineDirectory> {
  const above = join(base, instance);
  const path = join(above, "root");
  try {
    await mkdir(base, { recursive: true, mode: 0o755 });
    const found = await lstat(base);
    const ours = found.isDirectory() && found.uid === process.geteuid?.();
    if (!ours || (found.mode & 0o022) !== 0) throw new Error("it is not this user's alone");
    await sweep(base);
    await mkdir(above, { mode: 0o711 });
    const startTicks = processFacts(process.pid)?.startTicks ?? 0;
    await writeFile(join(above, OWNER_FILE), `${process.pid} ${startTicks}`, { mode: 0o600 });
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot make a machine's directory below "${base}"`,
      why: codeOf(cause),
      cause,
    });
  }
  return {
    path,
    stage: (from, to) => stage(from, join(path, to)),
    blank: async (name, uid) => {
      await writeFile(join(path, name), "", { flag: "wx", mode: 0o600 });
      if (process.geteuid?.() === 0) await chown(join(path, name), uid, uid);
    },
    handOver: (uid, gid) => chown(path, uid, gid),
    remove: () => rm(above, { recursive: true, force: true }),
  };
}

async function stage(from: string, to: string): Promise<string> {
  try {
    if (!(await linked(from, to))) {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(to, 0o444);
    }
    return await digestOf(to);
  } catch (cause) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot put the image "${from}" into a machine's directory`,
      why: codeOf(cause),
      cause,
    });
  }
}

/** A second name is enough for a file that is root's and that nobody may write. */
async function linked(from: string, to: string): Promise<boolean> {
  const found = await lstat(from);
  if (!found.isFile() || found.uid !== 0 || (found.mode & 0o777) !== 0o444) return false;
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (["EXDEV", "EPERM", "EMLINK"].includes(codeOf(cause))) return false;
    throw cause;
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return `sha256:${hash.digest("hex")}`;
}

/** Remove what makers that are dead left behind. */
async function sweep(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    if (!/^[0-9a-f]{32}$/.test(name)) continue;
    const text = await readFile(join(base, name, OWNER_FILE), "latin1").catch(() => "");
    const [, pid, startTicks] = /^(\d{1,10}) (\d{1,20})$/.exec(text) ?? [];
    if (pid === undefined || processFacts(Number(pid))?.startTicks === Number(startTicks)) continue;
    await removeMachineGroups(name);
    await rm(join(base, name), { recursive: true, force: true });
  }
}

/** Control groups that the jailer made for a machine and leaves; empty, once its processes are gone. */
export async function removeMachineGroups(instance: string): Promise<void> {
  const controllers = ["", "memory", "cpu", "cpu,cpuacct", "pids"];
  for (const controller of controllers)
    await rmdir(join("/sys/fs/cgroup", controller, "firecracker", instance)).catch(() => undefined);
}
