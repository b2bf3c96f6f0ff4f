/**
 * What the kernel says about running processes: who descends from whom, memory and processor time.
 *
 * Every figure is read from /proc by the host, never told by a program. A process that vanishes while it
 * is read is left out; figures of a tree are therefore lower bounds at one moment.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

export interface TreeUsage {
  readonly processes: number;
  /** Anonymous and shared memory in use, bytes: a page that several share is counted once or more. */
  readonly memoryBytes: number;
  /** Of living processes and of the children they waited for, milliseconds. */
  readonly cpuMs: number;
}

/** USER_HZ: fixed at 100 in the kernel's interface to user space. */
const TICK_MS = 10;
const PROCESSES_MAX = 65_536;

interface ProcessFacts {
  readonly parent: number;
  readonly state: string;
  readonly startTicks: number;
  readonly cpuTicks: number;
}

/** @returns Null when there is no such process. */
export function processFacts(pid: number): ProcessFacts | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The name in parentheses may hold anything; fields count from its last parenthesis.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (index: number): number => Number(fields[index - 3] ?? "0");
  return {
    state: fields[0] ?? "?",
    parent: number(4),
    startTicks: number(22),
    cpuTicks: number(14) + number(15) + number(16) + number(17),
  };
}

/** The process and everything below it, itself first. Bounded. */
export function descendants(root: number): readonly number[] {
  const found = [root];
  for (let at = 0; at < found.length && found.length < PROCESSES_MAX; at++) {
    found.push(...childrenOf(found[at] ?? root));
  }
  return found;
}

function childrenOf(pid: number): readonly number[] {
  const children: number[] = [];
  for (const thread of listOrEmpty(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1");
      for (const word of text.split(" ")) if (word !== "") children.push(Number(word));
    } catch {
      continue;
    }
  }
  return children;
}

function listOrEmpty(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/**
 * @param memoryBytesMax - Above it the figure is made again with shared pages divided among their users,
 *   which is exact and slower: a program that forked is not charged twice.
 */
export function treeUsage(root: number, memoryBytesMax: number): TreeUsage {
  const pids = descendants(root);
  let [processes, cpuTicks] = [0, 0];
  for (const pid of pids) {
    const facts = processFacts(pid);
    if (facts === null) continue;
    processes++;
    cpuTicks += facts.cpuTicks;
  }
  let memoryBytes = sum(pids, residentBytes);
  if (memoryBytes > memoryBytesMax) memoryBytes = sum(pids, proportionalBytes);
  return { processes, memoryBytes, cpuMs: cpuTicks * TICK_MS };
}

/** One line of /proc/net/dev: name, received bytes and seven more counts, sent bytes. */
const DEVICE = /^\s*([^:\s]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm;

/**
 * Bytes that the network devices a process sees have moved, loopback left out.
 *
 * @returns Null when the process has our own network, is gone, or the kernel does not let us look.
 */
export function strayTrafficBytes(pid: number): number | null {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net")) return null;
    return deviceBytes(readFileSync(`/proc/${pid}/net/dev`, "latin1"));
  } catch {
    return null;
  }
}

/** Of a table as /proc/net/dev has it. */
export function deviceBytes(table: string): number {
  let bytes = 0;
  for (const [, name, received, sent] of table.matchAll(DEVICE))
    if (name !== "lo") bytes += Number(received) + Number(sent);
  return bytes;
}

function sum(pids: readonly number[], measure: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + measure(pid), 0);
}

function residentBytes(pid: number): number {
  return kibibytes(`/proc/${pid}/status`, /^(?:RssAnon|RssShmem):\s+(\d+) kB$/gm) ?? 0;
}

/** Where the kernel does not let us look (another user's process), the coarser figure stands. */
function proportionalBytes(pid: number): number {
  return (
    kibibytes(`/proc/${pid}/smaps_rollup`, /^(?:Pss_Anon|Pss_Shmem):\s+(\d+) kB$/gm) ??
    residentBytes(pid)
  );
}

function kibibytes(path: string, lines: RegExp): number | null {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch {
    return null;
  }
  let total = 0;
  for (const match of text.matchAll(lines)) total += Number(match[1] ?? "0");
  return total * 1_024;
}

/** Gone: never there, or dead and only waiting to be reaped. `startTicks` guards against a reused pid. */
export function isGone(pid: number, startTicks: number): boolean {
  const facts = processFacts(pid);
  return (
    facts === null || facts.startTicks !== startTicks || facts.state === "Z" || facts.state === "X"
  );
}

/** Living processes whose command line holds `word` as one of its words, or at the end of one after "=". */
export function processesWith(word: string): readonly number[] {
  return listOrEmpty("/proc")
    .map(Number)
    .filter((pid) => Number.isSafeInteger(pid) && hasWord(pid, word));
}

function hasWord(pid: number, word: string): boolean {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return false;
  }
  return line.split("\0").some((each) => each === word || each.endsWith(`=${word}`));
}

/**
 * What an anonymous file (memfd) of that name takes up, whoever has mapped which part of it: the largest that
 * one of the tree's processes holds open, bytes. 0: none does, or the kernel does not let us look.
 */
export function memoryFileBytes(root: number, name: string): number {
  const paths = descendants(root).flatMap((pid) =>
    listOrEmpty(`/proc/${pid}/fd`).map((descriptor) => `/proc/${pid}/fd/${descriptor}`),
  );
  return Math.max(0, ...paths.map((path) => (leadsTo(path, `/memfd:${name} `) ? sizeOf(path) : 0)));
}

function leadsTo(path: string, start: string): boolean {
  try {
    return readlinkSync(path).startsWith(start);
  } catch {
    return false;
  }
}

/** Bytes that are really there: a sparse file may call itself larger. */
function sizeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}
