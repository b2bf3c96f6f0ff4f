/**
 * The last wall: our own Node under its permission model, for RTFS guests only.
 *
 * Read in this order: createNodePermission, prepare; program.ts has the flags. No kernel wall but limits, an own user when
 * we are root, and a parent-death signal. It stops a guest that runs JavaScript of its own, not one that
 * breaks V8. What the permission model leaves open is closed by switches that take the feature away:
 * SQLite opens files below it, V8 writes traces where its flags say. Signals to processes of the same
 * user are not held (docs/GUARANTEES.md). External programs are refused.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import {
  currentUser,
  findExecutable,
  leaseUser,
  privateDirectory,
  SYSTEM_DIRECTORIES,
  type UserLease,
} from "../../host/index.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits, limitedArgv } from "../limits.ts";
import { guestArgv, guestFiles, placedGuest } from "../program.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxLimits,
  SandboxProgram,
  SandboxSpec,
} from "../provider.ts";
import { layWall, NODE_INSIDE } from "../staging.ts";

/** Below the wasm walls, which hold what this one does and give the program no Node to break (docs/adr/0014). */
const STRENGTH = 5;
const NODE_MAJOR_MIN = 26;
const PROCESS_COUNT = "--nproc=";

/** @param nodePath - The Node that runs guests: 26 or later. */
export function createNodePermission(nodePath: string): IsolationProvider {
  return {
    name: "process/node-permission",
    strength: STRENGTH,
    runs: new Set(["rtfs"] as const),
    sockets: false,
    probe: () => Promise.resolve(probe()),
    open: (spec) => {
      try {
        checkSpec(spec);
      } catch (cause) {
        return Promise.reject(cause as Error);
      }
      return Promise.resolve(
        openSession(spec.limits, (program) => prepare(program, spec, nodePath)),
      );
    },
  };
}

/** Nothing is started: what it needs is our own Node and two programs of util-linux. */
function probe(): Probe {
  const what = ["prlimit", "setpriv"].filter(
    (name) => findExecutable(name, SYSTEM_DIRECTORIES) === null,
  );
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR_MIN) what.push(`Node ${NODE_MAJOR_MIN}`);
  if (what.length > 0)
    return { kind: "missing", what, hint: "Install util-linux, and run Node 26 or later" };
  return { kind: "ready", version: `Node ${process.versions.node}` };
}

function checkSpec(spec: SandboxSpec): void {
  checkLimits(spec.limits);
  if (spec.sockets || spec.binds.length > 0 || spec.files.length > 0) {
    throw refused("sockets, binds and files of its own");
  }
}

function refused(what: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot give a program ${what} behind process/node-permission`,
    why: "it has no kernel wall around it; only RTFS guests run here",
    fix: "Install bubblewrap, or allow user namespaces",
  });
}

async function prepare(
  program: SandboxProgram,
  spec: SandboxSpec,
  nodePath: string,
): Promise<LaunchPlan> {
  if (program.kind !== "rtfs") throw refused("of any kind a place");
  const user = currentUser().uid === 0 ? await leaseUser() : null;
  try {
    return await planOf(program, spec, { nodePath, user });
  } catch (cause) {
    user?.release();
    throw cause;
  }
}

interface Ground {
  readonly nodePath: string;
  readonly user: UserLease | null;
}

async function planOf(
  program: Extract<SandboxProgram, { kind: "rtfs" }>,
  spec: SandboxSpec,
  { nodePath, user }: Ground,
): Promise<LaunchPlan> {
  const owner = user === null ? undefined : { uid: user.uid, gid: user.uid };
  const files = guestFiles(program);
  const layout = await layWall({ ...spec, files }, nodePath, owner);
  const node = layout.shown.find((each) => each.target === NODE_INSIDE)?.source ?? nodePath;
  const relative = files.map((each) => ({ ...each, path: each.path.replace(/^\/+/, "") }));
  const directory = await privateDirectory({ files: relative }, user?.uid);
  const placed = placedGuest(program, (path) => `${directory.path}${path}`);
  const [file = node, ...rest] = guestArgv(placed, node, spec.limits);
  return {
    argv: [...limiter(spec.limits, user !== null), file, ...rest],
    env: {},
    cwd: directory.path,
    user: owner,
    channel: true,
    descriptors: [],
    start: null,
    init: null,
    endingOf: (end) => end,
    release: async () => {
      user?.release();
      directory.remove();
    },
  };
}

/**
 * setpriv ties the guest's life to ours, prlimit bounds it. Where the user is not the guest's own the
 * count of processes would be everybody's: the permission model alone refuses children there.
 */
function limiter(limits: SandboxLimits, isAlone: boolean): readonly string[] {
  const setpriv = findExecutable("setpriv", SYSTEM_DIRECTORIES);
  const prlimit = findExecutable("prlimit", SYSTEM_DIRECTORIES);
  if (setpriv === null || prlimit === null) throw refused("limits, without util-linux,");
  const limited = limitedArgv({ prlimit, limits, ownProcesses: 0 });
  return [
    setpriv,
    "--pdeathsig=KILL",
    "--no-new-privs",
    ...limited.filter((word) => isAlone || !word.startsWith(PROCESS_COUNT)),
  ];
}
