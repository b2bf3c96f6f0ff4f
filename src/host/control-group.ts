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
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { killPid } from "./process.ts";

export interface GroupUsage {
  /** Times the kernel killed a process of the group for memory. */
  readonly outOfMemoryKills: number;
  readonly memoryBytesPeak: number;
  /** Null where the kernel does not count it for this group. */
  readonly cpuMs: number | null;
}

export interface ControlGroup {
  /**
   * Run `start` so that a process it spawns before it returns is born in the group. Where the kernel lets
   * no thread step into a group alone (version 2), join() must follow.
   */
  around<T>(start: () => T): T;
  /** Move a process in, before it has children. Nothing to do when it was born inside. */
  join(pid: number): Promise<void>;
  usage(): GroupUsage;
  /** Living members. */
  pids(): readonly number[];
  /** @returns False while members are left. */
  remove(): boolean;
}

/** A directory that groups can be made in. */
interface Hierarchy {
  readonly parent: string;
  /** The group that we are in. */
  readonly own: string;
}

type Hierarchies =
  | { readonly version: 1; readonly memory: Hierarchy; readonly cpu: Hierarchy | null }
  | { readonly version: 2; readonly memory: Hierarchy };

let known: Hierarchies | null | undefined;
let counter = 0;
/** A group was made in this process: what was measured of the walls counts on groups. */
let worked = false;
/** A group was refused in this process: a wall stands without one, and no other may be taken for it. */
let refused = false;

/**
 * Whether walls of this process get a memory group. Part of what a measurement is valid for: a wall that was
 * measured with groups must not be trusted without them.
 */
export function controlGroupsWork(): boolean {
  if (worked || refused) return worked;
  const group = createControlGroup(64 * 1024 * 1024);
  group?.remove();
  return group !== null;
}

/**
 * @returns Null when this process may not make groups (not root, read-only, not delegated).
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` when it could before: a wall does not weaken on the way.
 */
export function createControlGroup(memoryBytesMax: number): ControlGroup | null {
  if (known === undefined) {
    known = findHierarchies();
    if (known !== null) sweep(hierarchiesOf(known).map((each) => each.parent));
  }
  if (known === null || refused) return null;
  const hierarchies = hierarchiesOf(known);
  const name = freeName(hierarchies);
  const made: string[] = [];
  try {
    for (const { parent } of hierarchies) {
      mkdirSync(join(parent, name));
      made.push(join(parent, name));
    }
    limitMemory(join(known.memory.parent, name), known.version, memoryBytesMax);
  } catch (error) {
    for (const directory of made) removeIfEmpty(directory);
    if (!isRefusal(error)) throw error;
    if (!worked) {
      refused = true;
      return null;
    }
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: "Cannot make a memory group for the wall",
      why: "groups could be made before and are refused now; the wall was measured with them",
      fix: "Run `ccos doctor`, then start again",
      cause: error,
    });
  }
  worked = true;
  return known.version === 1 ? groupOfVersion1(known, name) : groupOfVersion2(known.memory, name);
}

/** Numbers of namespaces and processes come again: a group of that name may be one that a killed predecessor left. */
function freeName(hierarchies: readonly Hierarchy[]): string {
  for (;;) {
    const name = `ccos-${pidNamespace()}-${process.pid}-${++counter}`;
    if (!hierarchies.some(({ parent }) => existsSync(join(parent, name)))) return name;
  }
}

function hierarchiesOf(found: Hierarchies): readonly Hierarchy[] {
  return found.version === 1 && found.cpu !== null ? [found.memory, found.cpu] : [found.memory];
}

/** The spawning thread steps in and out: moving another process waits for every processor, this does not. */
function groupOfVersion1(found: Extract<Hierarchies, { version: 1 }>, name: string): ControlGroup {
  const memory = join(found.memory.parent, name);
  const cpu = found.cpu === null ? null : join(found.cpu.parent, name);
  const hierarchies = hierarchiesOf(found);
  return {
    around: (start) => {
      try {
        for (const { parent } of hierarchies) writeFileSync(join(parent, name, "tasks"), "0");
        return start();
      } finally {
        for (const { own } of hierarchies) writeFileSync(join(own, "tasks"), "0");
      }
    },
    join: () => Promise.resolve(),
    usage: () => ({
      outOfMemoryKills: field(join(memory, "memory.oom_control"), /^oom_kill (\d+)$/m),
      memoryBytesPeak: field(join(memory, "memory.max_usage_in_bytes"), /^(\d+)$/m),
      cpuMs:
        cpu === null ? null : Math.floor(field(join(cpu, "cpuacct.usage"), /^(\d+)$/m) / 1_000_000),
    }),
    pids: () => members(memory),
    remove: () =>
      [memory, ...(cpu === null ? [] : [cpu])].map(removeIfEmpty).every((removed) => removed),
  };
}

function groupOfVersion2(found: Hierarchy, name: string): ControlGroup {
  const directory = join(found.parent, name);
  return {
    around: (start) => start(),
    join: (pid) => writeFile(join(directory, "cgroup.procs"), String(pid)),
    usage: () => ({
      outOfMemoryKills: field(join(directory, "memory.events"), /^oom_kill (\d+)$/m),
      memoryBytesPeak: field(join(directory, "memory.peak"), /^(\d+)$/m),
      cpuMs: Math.floor(field(join(directory, "cpu.stat"), /^usage_usec (\d+)$/m) / 1_000),
    }),
    pids: () => members(directory),
    remove: () => removeIfEmpty(directory),
  };
}

function members(directory: string): readonly number[] {
  return (
    readOr(join(directory, "cgroup.procs"), "")
      .split("\n")
      .map(Number)
      // 0: nothing, or a process of another namespace, and to a signal our own group.
      .filter((pid) => pid > 0)
  );
}

/**
 * Groups of supervisors that were killed. Their members died with them, but for a wall that was just being raised: its first process had
 * not yet asked to. Pids mean something in one namespace only: groups of others stay.
 */
function sweep(directories: readonly string[]): void {
  const own = pidNamespace();
  for (const directory of directories) {
    for (const name of namesIn(directory)) {
      const [, namespace, pid] = /^ccos-(\d+)-(\d+)-\d+$/.exec(name) ?? [];
      if (namespace !== own || existsSync(`/proc/${pid}`)) continue;
      const group = join(directory, name);
      for (const member of members(group)) killPid(member);
      removeIfEmpty(group);
    }
  }
}

/** The number of the namespace that this process's pids are of. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
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

function findHierarchies(): Hierarchies | null {
  if (process.getuid?.() !== 0) return null;
  const mounts = readOr("/proc/self/mountinfo", "");
  const own = readOr("/proc/self/cgroup", "");
  const memory = version1(mounts, own, "memory");
  if (memory !== null) return { version: 1, memory, cpu: version1(mounts, own, "cpuacct") };
  const mount = mountPoint(mounts, /^cgroup2 /);
  const path = /^0::(\/.*)$/m.exec(own)?.[1];
  if (mount === null || path === undefined) return null;
  // A group with members cannot hand out controllers; a sibling of our own group gets our parent's.
  const parent = join(mount, path, path === "/" ? "." : "..");
  const handedOut = readOr(join(parent, "cgroup.subtree_control"), "").split(/\s+/);
  return handedOut.includes("memory")
    ? { version: 2, memory: { parent, own: join(mount, path) } }
    : null;
}

function version1(mounts: string, own: string, controller: "memory" | "cpuacct"): Hierarchy | null {
  const mount = mountPoint(mounts, new RegExp(`^cgroup \\S+ \\S*\\b${controller}\\b`));
  const path = new RegExp(`^\\d+:(?:[^:\\n]*,)?${controller}(?:,[^:\\n]*)?:(/.*)$`, "m").exec(
    own,
  )?.[1];
  if (mount === null || path === undefined) return null;
  const directory = join(mount, path);
  return { parent: directory, own: directory };
}

/** @param type - Matches what follows the separator: type, source, super options. */
function mountPoint(mountinfo: string, type: RegExp): string | null {
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left !== undefined && right !== undefined && type.test(right))
      return left.split(" ")[4] ?? null;
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
  return (
    code !== undefined &&
    ["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY", "ENODEV", "EOPNOTSUPP"].includes(code)
  );
}
