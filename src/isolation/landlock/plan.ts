/**
 * One program behind Landlock, as a launch plan: what it may read, what the script is told, when it is gone.
 *
 * Read in this order: prepareLandlock, planOf, records. There is no mount namespace, so files that a
 * spec puts below /ccos and /work lie in a private directory; words of the command that name one of them
 * exactly are rewritten to where it lies. The script is told everything over a pipe: nothing of a
 * program shows in a command line of ours.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import {
  currentUser,
  findExecutable,
  leaseUser,
  privateDirectory,
  type ProcessEnd,
  placeAt,
  type SpawnedProcess,
  SYSTEM_DIRECTORIES,
  type UserLease,
} from "../../host/index.ts";
import type { LaunchPlan } from "../launch.ts";
import { kernelLimits } from "../limits.ts";
import { guestArgv, guestFiles, hasChannel, placedGuest, programArgv } from "../program.ts";
import type { SandboxFile, SandboxLimits, SandboxProgram, SandboxSpec } from "../provider.ts";
import { hostSeccompArch, seccompFilter } from "../seccomp.ts";
import { type Layout, layWall, NODE_INSIDE } from "../staging.ts";
import { LANDLOCK_SCRIPT } from "./script.ts";

const GONE_MS_MAX = 10_000;
const ETC_FILES = ["passwd", "group", "nsswitch.conf", "hosts", "localtime", "ssl/openssl.cnf"];
const REASON_CHARS_MAX = 400;

interface Inside {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly environment: ReadonlyMap<string, string>;
  /** `kind=path` records of what may be read. */
  readonly rules: readonly string[];
  readonly channel: boolean;
}

/** A wall around true(1), for the probe: no file, no Node. */
export async function tinyLandlock(perl: string, limits: SandboxLimits): Promise<LaunchPlan> {
  const rules = [
    ...systemRules([]),
    ...["/usr", "/bin", "/lib", "/lib64"].map((path) => `dir=${path}`),
  ];
  const inside = {
    argv: ["/usr/bin/true"],
    cwd: "/",
    environment: new Map(),
    rules,
    channel: false,
  };
  return planOf(perl, inside, limits, await lease());
}

/** @throws {CcosError} `ISOLATION_UNAVAILABLE`, `INPUT_NOT_FOUND` before anything runs. */
export async function prepareLandlock(
  program: SandboxProgram,
  spec: SandboxSpec,
  nodePath: string,
): Promise<LaunchPlan> {
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (perl === null) throw unavailable("perl is not installed");
  const user = await lease();
  try {
    const files = [...spec.files, ...guestFiles(program)];
    const layout = await layWall({ ...spec, files }, nodePath, userOf(user));
    const directory = await privateDirectory(
      { files: files.map(relative), folders: ["work", "ccos"] },
      user?.uid,
    );
    try {
      const inside = insideOf(program, layout, {
        files,
        limits: spec.limits,
        root: directory.path,
      });
      const plan = planOf(perl, inside, spec.limits, user);
      const release = async (): Promise<void> => {
        try {
          await plan.release();
        } finally {
          directory.remove();
        }
      };
      return { ...plan, release };
    } catch (cause) {
      directory.remove();
      throw cause;
    }
  } catch (cause) {
    user?.release();
    throw cause;
  }
}

function unavailable(why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: "Cannot raise process/landlock",
    why,
    fix: "Run `ccos doctor`",
  });
}

/** A user of the wall's own when we are root; else ours, which Landlock keeps from our processes. */
async function lease(): Promise<UserLease | null> {
  return currentUser().uid === 0 ? await leaseUser() : null;
}

function userOf(
  user: UserLease | null,
): { readonly uid: number; readonly gid: number } | undefined {
  return user === null ? undefined : { uid: user.uid, gid: user.uid };
}

function relative(file: SandboxFile): SandboxFile {
  return { ...file, path: file.path.replace(/^\/+/, "") };
}

interface Placed {
  readonly files: readonly SandboxFile[];
  readonly limits: SandboxLimits;
  /** The private directory that stands for `/`. */
  readonly root: string;
}

function insideOf(program: SandboxProgram, layout: Layout, placed: Placed): Inside {
  const { root, files, limits } = placed;
  const node = layout.shown.find((each) => each.target === NODE_INSIDE)?.source ?? NODE_INSIDE;
  const place = (word: string): string =>
    files.some((file) => file.path === word) ? `${root}${word}` : word;
  const argv =
    program.kind === "rtfs"
      ? guestArgv(placedGuest(program, place), node, limits)
      : programArgv(program, layout, limits).map((word) =>
          word === NODE_INSIDE ? node : place(word),
        );
  const shown = layout.shown
    .filter((each) => each.target !== NODE_INSIDE)
    .map((each) => each.source);
  return {
    argv,
    cwd: `${root}/work`,
    environment: new Map([
      ...layout.environment,
      ["HOME", `${root}/work`],
      ["TMPDIR", `${root}/work`],
    ]),
    rules: [...systemRules(shown), `dir=${root}`, `exec=${node}`],
    channel: hasChannel(program),
  };
}

function systemRules(shown: readonly string[]): readonly string[] {
  const below = shown.map((path) =>
    placeAt(path).kind === "directory" ? `dir=${path}` : `file=${path}`,
  );
  const etc = [...ETC_FILES, "ld.so.cache"].map((name) => `file=/etc/${name}`);
  const devices = ["file=/dev/zero", "file=/dev/urandom", "file=/dev/random", "device=/dev/null"];
  return [...below, ...etc, ...devices];
}

/** Descriptor 4 tells the script what to do; the end of 5 says that nothing of the wall is left. */
function planOf(
  perl: string,
  inside: Inside,
  limits: SandboxLimits,
  user: UserLease | null,
): LaunchPlan {
  const told = records(inside, limits, user !== null);
  let failure = "";
  let gone: Promise<void> = Promise.resolve();
  const start = (process: SpawnedProcess): void => {
    const answers = process.readable(5);
    gone = new Promise((resolve) => answers?.once("close", resolve));
    answers?.on("error", () => answers.destroy());
    answers?.on("data", (chunk: Buffer) => {
      failure = `${failure}${chunk.toString("latin1")}`.slice(0, REASON_CHARS_MAX);
    });
    const order = process.writable(4);
    order?.on("error", () => order.destroy());
    order?.end(told.map((record) => `${record}\0`).join(""));
  };
  return {
    argv: (surplus) => [perl, "-e", LANDLOCK_SCRIPT, "--", ...surplus.map(String)],
    env: {},
    user: userOf(user),
    channel: inside.channel,
    descriptors: ["pipe", "pipe"],
    start,
    init: null,
    endingOf: (end: ProcessEnd) => (failure === "" ? end : null),
    release: async () => {
      const isGone = await within(gone, GONE_MS_MAX);
      user?.release();
      if (!isGone) throw survivors();
    },
  };
}

async function within(gone: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const isGone = await Promise.race([gone.then(() => true), late]);
  clearTimeout(timer);
  return isGone;
}

function survivors(): CcosError {
  return new CcosError("PROVIDER_CRASHED", {
    what: "Cannot close the wall",
    why: `processes are left ${GONE_MS_MAX} ms after they were killed`,
    fix: "Look for processes in uninterruptible sleep",
  });
}

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` for an architecture without a filter. */
function records(inside: Inside, limits: SandboxLimits, isAlone: boolean): readonly string[] {
  const arch = hostSeccompArch();
  const filter = Buffer.from(seccompFilter({ arch, sockets: "none" })).toString("hex");
  const { cpuSeconds, dataBytes, fileBytes, stackBytes, descriptorsMax } = kernelLimits(limits);
  // RLIMIT_CPU, FSIZE, DATA, STACK, CORE, NOFILE: the same numbers on both architectures.
  const kernel = [
    `limit=0:${cpuSeconds}:${cpuSeconds + 1}`,
    ...[
      [1, fileBytes],
      [2, dataBytes],
      [3, stackBytes],
      [4, 0],
      [7, descriptorsMax],
    ].map(([resource, value]) => `limit=${resource}:${value}:${value}`),
  ];
  return [
    `arch=${arch}`,
    `filter=${filter}`,
    `parent=${process.pid}`,
    `cwd=${inside.cwd}`,
    `tasks=${limits.pidsMax}`,
    `shared=${isAlone ? 0 : 1}`,
    ...kernel,
    ...inside.rules,
    ...[...inside.environment].map(([name, value]) => `env=${name}=${value}`),
    ...inside.argv.map((word) => `arg=${word}`),
  ];
}
