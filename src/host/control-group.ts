/**
 * A control group around one process tree: memory bounded by the kernel, processor time counted.
 *
 * Read in this order: ControlGroup, createControlGroup, findHierarchies. Version 1 (own memory hierarchy)
 * and version 2 are both taken as found; nothing of the host's layout is changed beyond directories of
 * our own. Refuses nothing: where the host gives no writable hierarchy there is no group, and the caller
 * must bound memory in another way.
 *
 * @module
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface GroupUsage {
  /** Times the kernel killed a process of the group for memory. */
  readonly outOfMemoryKills: number;
  readonly memoryBytesPeak: number;
  /** Null where the kernel does not count it for this group. */
  readonly cpuMs: number | null;
}

export interface ControlGroup {
  /** Move a process in; its later children are born there. */
  join(pid: number): Promise<void>;
  usage(): GroupUsage;
  /** Living members. */
  pids(): readonly number[];
  /** SIGKILL to every member. */
  kill(): void;
  /** @returns False while members are left. */
  remove(): boolean;
}

interface Hierarchies {
  /** Directory in which a group with a memory limit can be made. */
  readonly memory: string;
  readonly memoryVersion: 1 | 2;
  /** Version 2 beside a version 1 memory hierarchy: counts processor time. Null: none, or the same. */
  readonly unified: string | null;
}

let known: Hierarchies | null | undefined;
let counter = 0;

/** @returns Null when this process may not make groups (not root, read-only, not delegated). */
export function createControlGroup(memoryBytesMax: number): ControlGroup | null {
  if (known === undefined) known = findHierarchies();
  if (known === null) return null;
  const name = `ccos-${process.pid}-${++counter}`;
  const memory = join(known.memory, name);
  const unified = known.unified === null ? null : join(known.unified, name);
  try {
    mkdirSync(memory);
    limitMemory(memory, known.memoryVersion, memoryBytesMax);
    if (unified !== null) mkdirSync(unified);
  } catch (error) {
    removeIfEmpty(memory);
    if (isRefusal(error)) return null;
    throw error;
  }
  return groupAt(memory, known.memoryVersion, unified);
}

function limitMemory(directory: string, version: 1 | 2, bytes: number): void {
  if (version === 1) {
    writeFileSync(join(directory, "memory.limit_in_bytes"), String(bytes));
    return;
  }
  writeFileSync(join(directory, "memory.max"), String(bytes));
  writeIfPresent(join(directory, "memory.swap.max"), "0");
  writeIfPresent(join(directory, "memory.oom.group"), "1");
}

function groupAt(memory: string, version: 1 | 2, unified: string | null): ControlGroup {
  const directories = unified === null ? [memory] : [memory, unified];
  const second = version === 2 ? memory : unified;
  const pids = (): readonly number[] =>
    readOr(join(memory, "cgroup.procs"), "").split("\n").filter((line) => line !== "").map(Number);
  return {
    join: async (pid) => {
      await Promise.all(directories.map((each) => writeFile(join(each, "cgroup.procs"), String(pid))));
    },
    usage: () => ({
      outOfMemoryKills: version === 1
        ? field(join(memory, "memory.oom_control"), /^oom_kill (\d+)$/m)
        : field(join(memory, "memory.events"), /^oom_kill (\d+)$/m),
      memoryBytesPeak: field(
        join(memory, version === 1 ? "memory.max_usage_in_bytes" : "memory.peak"),
        /^(\d+)$/m,
      ),
      cpuMs: second === null ? null : Math.floor(field(join(second, "cpu.stat"), /^usage_usec (\d+)$/m) / 1_000),
    }),
    pids,
    kill: () => {
      if (second !== null) writeIfPresent(join(second, "cgroup.kill"), "1");
    },
    remove: () => directories.map((each) => removeIfEmpty(each)).every((removed) => removed),
  };
}

function findHierarchies(): Hierarchies | null {
  if (process.getuid?.() !== 0) return null;
  const mounts = readOr("/proc/self/mountinfo", "");
  const own = readOr("/proc/self/cgroup", "");
  const memoryMount = mountPoint(mounts, /^cgroup \S+ \S*\bmemory\b/);
  const unifiedMount = mountPoint(mounts, /^cgroup2 /);
  const unifiedOwn = /^0::(\/.*)$/m.exec(own)?.[1];
  if (memoryMount !== null) {
    const memoryOwn = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(own)?.[1];
    if (memoryOwn === undefined) return null;
    const unified = unifiedMount === null || unifiedOwn === undefined ? null : join(unifiedMount, unifiedOwn);
    return { memory: join(memoryMount, memoryOwn), memoryVersion: 1, unified };
  }
  if (unifiedMount === null || unifiedOwn === undefined) return null;
  // A group with members cannot hand out controllers; a sibling of our own group gets our parent's.
  const parent = join(unifiedMount, unifiedOwn, unifiedOwn === "/" ? "." : "..");
  const handedOut = readOr(join(parent, "cgroup.subtree_control"), "").split(/\s+/);
  return handedOut.includes("memory") ? { memory: parent, memoryVersion: 2, unified: null } : null;
}

/** @param type - Matches what follows the separator: type, source, super options. */
function mountPoint(mountinfo: string, type: RegExp): string | null {
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left !== undefined && right !== undefined && type.test(right)) return left.split(" ")[4] ?? null;
  }
  return null;
}

function field(path: string, pattern: RegExp): number {
  return Number(pattern.exec(readOr(path, ""))?.[1] ?? "0");
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return otherwise;
  }
}

function writeIfPresent(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "r+" });
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

function removeIfEmpty(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function isRefusal(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && ["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY", "ENODEV", "EOPNOTSUPP"].includes(code);
}
