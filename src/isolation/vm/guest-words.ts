/**
 * The inside of a microVM for one program: what process 1 is told, from the spec and the image.
 *
 * The same places and limits as behind the other walls (staging.ts), held by the guest's own kernel: a control group,
 * limits of each process, the filter on system calls, a disk in memory of exactly the size that is allowed.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { NODE_IN_IMAGE } from "../image/collect.ts";
import type { ImageLock } from "../image/lock.ts";
import { kernelLimits } from "../limits.ts";
import { commandOf, guestArgv, guestFiles, hasChannel } from "../program.ts";
import type {
  SandboxBind,
  SandboxFile,
  SandboxLimits,
  SandboxProgram,
  SandboxSpec,
} from "../provider.ts";
import { seccompFilter } from "../seccomp.ts";
import {
  checkTargets,
  environmentOf,
  NODE_INSIDE,
  SEARCH_PATH,
  scratchBytes,
  UID_INSIDE,
} from "../staging.ts";
import type { GuestRecord } from "./guest-records.ts";
import { STORE_PLACE } from "./store-drive.ts";

const ENTROPY_BYTES = 64;
const PAGE_BYTES = 4_096;
/** The drive behind the root's. */
const STORE_DEVICE = "/dev/vdb";

/** @throws {CcosError} `INPUT_NOT_FOUND` when the command is not in the image, `ISOLATION_UNAVAILABLE` as staging. */
export function tellGuest(
  program: SandboxProgram,
  spec: SandboxSpec,
  image: ImageLock,
): readonly GuestRecord[] {
  const files = [...spec.files, ...guestFiles(program)];
  checkTargets({ files, binds: spec.binds });
  const environment = environmentOf(spec.environment);
  const argv = argvOf(program, { image, files, limits: spec.limits, environment });
  const filter = seccompFilter({ arch: "x64", sockets: spec.sockets ? "unix+inet" : "none" });
  return [
    { kind: "entropy", bytes: randomBytes(ENTROPY_BYTES) },
    { kind: "time", ms: Date.now() },
    ...places(spec, files),
    ...held(spec.limits),
    ...[...environment].map(([name, value]): GuestRecord => ({ kind: "variable", name, value })),
    ...argv.map((word): GuestRecord => ({ kind: "argument", word })),
    { kind: "filter", bytes: filter },
    ...(hasChannel(program) ? [{ kind: "channel" } as const] : []),
    { kind: "go" },
  ];
}

function places(
  { limits, binds }: SandboxSpec,
  files: readonly SandboxFile[],
): readonly GuestRecord[] {
  const scratch = `size=${scratchBytes(limits.diskBytes)},mode=1777`;
  const store = files.reduce((total, file) => total + file.content.length + PAGE_BYTES, PAGE_BYTES);
  const owner = `uid=${UID_INSIDE},gid=${UID_INSIDE}`;
  return [
    { kind: "tmpfs", path: "/ccos", options: `size=${store},mode=0755` },
    { kind: "tmpfs", path: "/tmp", options: scratch },
    { kind: "tmpfs", path: "/dev/shm", options: scratch },
    { kind: "tmpfs", path: "/work", options: `size=${limits.diskBytes},mode=0700,${owner}` },
    { kind: "link", path: NODE_INSIDE, to: NODE_IN_IMAGE },
    ...(binds.some((bind) => bind.kind === "directory")
      ? [{ kind: "drive", device: STORE_DEVICE, path: STORE_PLACE } as const]
      : []),
    ...files.map((file): GuestRecord => ({ kind: "file", file })),
    ...doorsOf(binds).map(({ target }): GuestRecord => ({ kind: "door", path: target })),
    { kind: "read-only", path: "/ccos" },
    { kind: "read-only", path: "/dev" },
  ];
}

/** The sockets of a spec, in the order in which the guest numbers its doors. */
export function doorsOf(binds: readonly SandboxBind[]): readonly SandboxBind[] {
  return binds.filter((bind) => bind.kind === "socket");
}

/** By the kernel's numbers. */
const RLIMIT = { cpu: 0, fileBytes: 1, data: 2, stack: 3, core: 4, descriptors: 7 } as const;

function held(limits: SandboxLimits): readonly GuestRecord[] {
  const { cpuSeconds, dataBytes, fileBytes, stackBytes, descriptorsMax } = kernelLimits(limits);
  const limit = (resource: number, soft: number, hard = soft): GuestRecord => ({
    kind: "limit",
    resource,
    soft,
    hard,
  });
  return [
    limit(RLIMIT.cpu, cpuSeconds, cpuSeconds + 1),
    limit(RLIMIT.fileBytes, fileBytes),
    limit(RLIMIT.data, dataBytes),
    limit(RLIMIT.stack, stackBytes),
    limit(RLIMIT.core, 0),
    limit(RLIMIT.descriptors, descriptorsMax),
    { kind: "group", name: "memory.max", value: String(limits.memoryBytes) },
    { kind: "group", name: "pids.max", value: String(limits.pidsMax) },
  ];
}

interface Inside {
  readonly image: ImageLock;
  readonly files: readonly SandboxFile[];
  readonly limits: SandboxLimits;
  readonly environment: ReadonlyMap<string, string>;
}

function argvOf(program: SandboxProgram, inside: Inside): readonly string[] {
  if (program.kind === "rtfs") return guestArgv(program, NODE_IN_IMAGE, inside.limits);
  const argv = commandOf(program);
  const [command = "", ...rest] = argv;
  if (argv.some((word) => word.includes("\0")))
    throw notFound(command, "a word of the command holds a NUL byte");
  return [commandIn(command, inside), ...rest];
}

function commandIn(command: string, { image, files, environment }: Inside): string {
  if (command === "") throw notFound(command, "it is empty");
  const programs = new Set([
    ...image.programs,
    ...files.filter((file) => file.executable).map((file) => file.path),
    NODE_INSIDE,
  ]);
  const search = (environment.get("PATH") ?? SEARCH_PATH).split(":");
  const candidates = command.includes("/")
    ? [posix.resolve("/work", command)]
    : search.map((directory) => posix.join("/", directory, command));
  // The image is merged: /bin is /usr/bin there.
  const found = candidates.find((path) => programs.has(path) || programs.has(`/usr${path}`));
  if (found !== undefined) return found;
  throw notFound(command, `the image has no such program (${candidates.join(", ")})`);
}

function notFound(command: string, why: string): CcosError {
  return new CcosError("INPUT_NOT_FOUND", {
    what: `Cannot run "${command}"`,
    why,
    fix: "Build an image with it: `ccos image build --add PATH`",
  });
}
