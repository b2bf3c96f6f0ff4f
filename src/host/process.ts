/**
 * Starting and ending processes: argument vectors only, exactly the environment and descriptors named.
 *
 * Read in this order: SpawnRequest, spawnProcess, leakedDescriptors. Nothing of ours is inherited: what
 * libuv left open without close-on-exec is /dev/null in the child, and named to it, so that a wall can
 * close it. No shell, no search path, no detaching.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { constants as osConstants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { CcosError } from "../foundation/errors.ts";

/** `pipe`: a stream of ours. `null`: /dev/null. `closed`: not there. A number: a descriptor of ours. */
export type Descriptor = "pipe" | "null" | "closed" | number;

/** Words, or words for a child whose `surplus` descriptors are /dev/null instead of leaks of ours. */
export type Argv = readonly string[] | ((surplus: readonly number[]) => readonly string[]);

export interface SpawnRequest {
  /** argv[0] is an absolute path. */
  readonly argv: Argv;
  /** All of it; nothing is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** With a user, supplementary groups are dropped. Both or neither. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** By number; the first three must be there. Not closed here: see closeDescriptors. */
  readonly descriptors: readonly Descriptor[];
}

export type ProcessEnd =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "signaled"; readonly signal: NodeJS.Signals };

export interface SpawnedProcess {
  readonly pid: number;
  /** Null where the descriptor is not a pipe. */
  readonly readable: (descriptor: number) => Readable | null;
  readonly writable: (descriptor: number) => Writable | null;
  readonly duplex: (descriptor: number) => Duplex | null;
  /** The process was reaped. Its pipes may still hold data. */
  readonly exited: Promise<ProcessEnd>;
  /** Its pipes are at their end too. */
  readonly closed: Promise<void>;
  /** Nothing happens when it was reaped already. */
  kill(signal: NodeJS.Signals): void;
}

let nullDescriptor: number | null = null;

/** @throws {CcosError} `PROVIDER_CRASHED` when the kernel does not start it; nothing ran. */
export async function spawnProcess(request: SpawnRequest): Promise<SpawnedProcess> {
  nullDescriptor ??= openSync("/dev/null", "r+");
  const { descriptors } = request;
  const surplus = leakedDescriptors().filter(
    (each) => (descriptors[each] ?? "closed") === "closed",
  );
  const { argv } = request;
  const [file, ...rest] = typeof argv === "function" ? argv(surplus) : argv;
  if (file === undefined || !file.startsWith("/")) throw new TypeError("argv[0] is not absolute");
  const child = spawn(file, rest, {
    env: { ...request.env },
    stdio: stdioOf(descriptors, surplus, nullDescriptor),
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...request.user,
  });
  if (child.pid === undefined) throw await startFailure(child, file);
  return followed(child, child.pid);
}

type Stdio = "pipe" | "ignore" | number;

function stdioOf(
  wanted: readonly Descriptor[],
  surplus: readonly number[],
  nowhere: number,
): Stdio[] {
  const stdio: Stdio[] = wanted.map((each) => {
    if (each === "null") return nowhere;
    return each === "closed" ? "ignore" : each;
  });
  for (const each of surplus) {
    while (stdio.length < each) stdio.push("ignore");
    stdio[each] = nowhere;
  }
  return stdio;
}

function startFailure(child: ChildProcess, file: string): Promise<CcosError> {
  return new Promise((resolve) => {
    child.once("error", (cause) => {
      resolve(
        new CcosError("PROVIDER_CRASHED", {
          what: `Cannot start "${file}"`,
          why: cause.message,
          fix: "Run `ccos doctor`",
          cause,
        }),
      );
    });
  });
}

function followed(child: ChildProcess, pid: number): SpawnedProcess {
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once("exit", (status, signal) => {
      if (signal === null) resolve({ kind: "exited", status: status ?? 0 });
      else resolve({ kind: "signaled", signal });
    });
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.on("error", () => undefined);
  // A process that ended leaves its pipes broken; its end says so, not an exception of ours.
  for (const each of child.stdio) each?.on("error", () => undefined);
  const stream = (descriptor: number): Duplex | null =>
    (child.stdio[descriptor] as Duplex | null | undefined) ?? null;
  return {
    pid,
    readable: stream,
    writable: stream,
    duplex: stream,
    exited,
    closed,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/**
 * Our own descriptors above 2 that a child would inherit: libuv sets close-on-exec only on its own.
 *
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` without /proc: then nobody can say what leaks.
 */
export function leakedDescriptors(): readonly number[] {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch (cause) {
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: "Cannot list open descriptors",
      why: "/proc is not mounted",
      fix: "Mount /proc",
      cause,
    });
  }
  return names.map(Number).filter((each) => each > 2 && isInherited(each));
}

const CLOSE_ON_EXEC = 0o2000000;

function isInherited(descriptor: number): boolean {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
    const flags = /^flags:\s+([0-7]+)$/m.exec(text)?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch (error) {
    // The directory's own descriptor is closed again by now.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

const O_TMPFILE = 0o20200000;

/**
 * A file without a name that holds `content`, open for reading from its start. Close it after the spawn.
 *
 * In memory where /dev/shm exists, so that content handed to a wall does not touch a disk.
 *
 * @param mode - For a child of another user that opens it again through its own `/proc/self/fd`.
 */
export function anonymousFile(content: Uint8Array, mode = 0o600): number {
  const writer = openNameless();
  try {
    for (let at = 0; at < content.length; ) at += writeSync(writer, content, at);
    fchmodSync(writer, mode);
    // A second opening: its own offset, and no right to write.
    return openSync(`/proc/self/fd/${writer}`, "r");
  } finally {
    closeSync(writer);
  }
}

function openNameless(): number {
  for (const directory of ["/dev/shm", tmpdir()]) {
    try {
      return openSync(directory, constants.O_RDWR | constants.O_EXCL | O_TMPFILE, 0o600);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (
        code === undefined ||
        !["EOPNOTSUPP", "EISDIR", "ENOENT", "EACCES", "EROFS"].includes(code)
      )
        throw error;
    }
  }
  const path = join(tmpdir(), `ccos-${randomBytes(16).toString("hex")}`);
  const opened = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return opened;
}

export function closeDescriptors(descriptors: readonly number[]): void {
  for (const each of descriptors) closeSync(each);
}

/** SIGKILL to a process that is not our child. @returns False when there is none. */
export function killPid(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Where system programs are, in the order of trust: never a directory of the user's. */
export const SYSTEM_DIRECTORIES: readonly string[] = [
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
];

/** @returns The first regular executable file of that name, or null. */
export function findExecutable(name: string, directories: readonly string[]): string | null {
  if (name.includes("/") || name.includes("\0")) return null;
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      if (!statSync(path).isFile()) continue;
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}

/** Real uid of this process. */
export function currentUser(): { readonly uid: number; readonly gid: number } {
  return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
}

const SIGNAL_NAMES: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(osConstants.signals)
    // Aliases (SIGIOT, SIGPOLL) come later than the names that signal(7) lists first.
    .filter(([name]) => name !== "SIGIOT" && name !== "SIGPOLL" && name !== "SIGUNUSED")
    .map(([name, value]) => [value, name as NodeJS.Signals]),
);

/** @returns Null for a number that is no signal of this system (real-time signals included). */
export function signalName(number: number): NodeJS.Signals | null {
  return SIGNAL_NAMES.get(number) ?? null;
}
