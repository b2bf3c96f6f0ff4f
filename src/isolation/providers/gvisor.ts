/**
 * A wall with a kernel of its own: gVisor answers the program's system calls, the host's kernel sees none.
 *
 * Read in this order: createGvisor, planOf, launchPlan; then gvisor/bundle.ts and gvisor/platform.ts.
 * runsc never runs as the host's root: it takes a user of its own and makes itself small in a user
 * namespace (rootless), so that whoever breaks out of gVisor is a stranger with no right. Every wall
 * has its own bundle and its own state directory; nothing is shared between two, and what a killed supervisor
 * left is swept with its directory.
 *
 * This runsc hands on descriptors 0, 1 and 2 only. Each is a socket pair, so that both directions of it
 * carry something: with a control channel, 0 is the channel, and input comes in on the way back of 2. A shell
 * inside puts them where every program expects them.
 *
 * @module
 */
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import {
  currentUser,
  findExecutable,
  headOf,
  leaseUser,
  openGuardedSocket,
  placeAt,
  privateDirectory,
  type ProcessEnd,
  processesWith,
  signalName,
  SYSTEM_DIRECTORIES,
} from "../../host/index.ts";
import { bundleOf, stateFolder } from "../gvisor/bundle.ts";
import { choosePlatform, type Platform, PLATFORMS } from "../gvisor/platform.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import { raiseOnce, versionOf } from "../probing.ts";
import { guestFiles, hasChannel, programArgv } from "../program.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";
import { type Layout, layWall } from "../staging.ts";

const NAME = "gvisor/runsc";
const STRENGTH = 60;
const MIB = 1024 * 1024;
const START_FD = 4;
/** The sentry, the gofer and runsc, bytes. */
const OWN_BYTES = 40 * MIB;
/** One platform's trial, milliseconds: a tenth of a second is usual, a platform that hangs never ends. */
const TRIAL_MS = 4_000;
const LOG_BYTES_MAX = 64 * 1024;
const HINT =
  "Install gVisor: `apt install runsc` (Debian) or https://gvisor.dev/docs/user_guide/install; it needs a kernel that lets users make namespaces (`sysctl user.max_user_namespaces`)";

interface Tools {
  readonly runsc: string;
  readonly unshare: string;
  readonly setpriv: string;
  readonly shell: string;
}

export function createGvisor(nodePath: string): IsolationProvider {
  let platform: Platform | null = null;
  const raising = (tools: Tools, on: Platform) => (spec: SandboxSpec) =>
    openWall(spec, { tools, nodePath, platform: on });
  const choose = (tools: Tools) =>
    choosePlatform(async (on) => await tried(() => raiseOnce(raising(tools, on), TRIAL_MS)));
  const probe = async (): Promise<Probe> => {
    const tools = findTools();
    if (tools === null) return { kind: "missing", what: missingTools(), hint: HINT };
    const chosen = await choose(tools);
    if (chosen.kind === "none") return { kind: "missing", what: chosen.why, hint: HINT };
    platform = chosen.platform;
    const argv = [tools.runsc, "--version"];
    const version = await versionOf({ argv, pattern: /^runsc version (\S+)/ });
    return { kind: "ready", version: `${version} ${platform}` };
  };
  const open = async (spec: SandboxSpec): Promise<Session> => {
    checkLimits(spec.limits);
    const tools = findTools();
    if (tools === null) throw unavailable(missingTools());
    if (platform === null) {
      const chosen = await choose(tools);
      if (chosen.kind === "none") throw unavailable(chosen.why);
      platform = chosen.platform;
    }
    return await raising(tools, platform)(spec);
  };
  return {
    name: NAME,
    strength: STRENGTH,
    runs: new Set(["rtfs", "external", "script"] as const),
    sockets: true,
    probe,
    recall: (version) => {
      platform ??= PLATFORMS.find((each) => version.endsWith(` ${each}`)) ?? null;
    },
    open,
  };
}

const toolPath = (name: string): string | null => findExecutable(name, SYSTEM_DIRECTORIES);

function findTools(): Tools | null {
  const [runsc, unshare] = [toolPath("runsc"), toolPath("unshare")];
  const [setpriv, shell] = [toolPath("setpriv"), toolPath("sh")];
  if (runsc === null || unshare === null || setpriv === null || shell === null) return null;
  return { runsc, unshare, setpriv, shell };
}

function missingTools(): readonly string[] {
  return ["runsc", "unshare", "setpriv", "sh"].filter((name) => toolPath(name) === null);
}

function unavailable(why: readonly string[]): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot open ${NAME}`,
    why: why.join("; "),
    fix: HINT,
  });
}

/** A trial that cannot even begin is an answer too. */
async function tried(trial: () => Promise<string | null>): Promise<string | null> {
  try {
    return await trial();
  } catch (cause) {
    if (cause instanceof CcosError) return cause.why;
    throw cause;
  }
}

interface Raising {
  readonly tools: Tools;
  readonly nodePath: string;
  readonly platform: Platform;
}

function openWall(spec: SandboxSpec, raising: Raising): Promise<Session> {
  checkLimits(spec.limits);
  return Promise.resolve(openSession(spec.limits, (program) => planOf(program, spec, raising)));
}

async function planOf(
  program: SandboxProgram,
  spec: SandboxSpec,
  { tools, nodePath, platform }: Raising,
): Promise<LaunchPlan> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  try {
    const user = lease === null ? undefined : { uid: lease.uid, gid: lease.uid };
    const files = [...spec.files, ...guestFiles(program)];
    const layout = await layWall({ ...spec, files }, nodePath, user);
    openSockets(spec, layout);
    const channel = hasChannel(program);
    const own = programArgv(program, layout, spec.limits);
    const command = channel ? ["/bin/sh", "-c", PLACE_CHANNEL, "sh", ...own] : own;
    const bundle = await privateDirectory(bundleOf({ command, layout, spec }), user?.uid);
    // The user last: who is given it next must not find the directory.
    const release = async (): Promise<void> => {
      try {
        bundle.remove();
      } finally {
        lease?.release();
      }
    };
    return launchPlan({ tools, platform, bundle: bundle.path, spec, channel, user, release });
  } catch (error) {
    lease?.release();
    throw error;
  }
}

/** Inside: the channel came as 0, input comes in on the way back of 2. */
const PLACE_CHANNEL = 'exec 3<&0 0<&2; exec "$@"';

/** gVisor asks for the permission of the program's own user, who is nobody's group outside. */
function openSockets(spec: SandboxSpec, layout: Layout): void {
  const sockets = spec.binds.filter((bind) => bind.kind === "socket").map(({ target }) => target);
  for (const { source, target } of layout.binds) {
    if (!sockets.includes(target) || openGuardedSocket(source)) continue;
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: `Cannot show "${source}" inside`,
      why: "its directory is open to other users, who could connect to it too",
      fix: "Put the socket into a directory of its own with mode 0700",
    });
  }
}

interface Planned {
  readonly tools: Tools;
  readonly platform: Platform;
  readonly bundle: string;
  readonly spec: SandboxSpec;
  readonly channel: boolean;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly release: () => Promise<void>;
}

/**
 * Outside, before runsc: bound to our life, and not before it is in its control group. `setpriv` armed the
 * signal of our death; were we dead before that, our place is taken by another parent.
 */
const LAUNCH = 'test "$PPID" = "$1" && read -r go <&4 && shift && exec 4<&- && exec "$@"';
const LAUNCH_CHANNEL = `exec 0<&3 3<&-; ${LAUNCH}`;

function launchPlan(planned: Planned): LaunchPlan {
  const { tools, bundle, spec, channel, user, release } = planned;
  const state = join(bundle, stateFolder(spec));
  const log = join(state, "log");
  const script = channel ? LAUNCH_CHANNEL : LAUNCH;
  return {
    argv: [
      // A network of its own too: the abstract socket that runsc is controlled by obeys every user who reaches it.
      [tools.unshare, "--user", "--map-root-user", "--net", "--"],
      [tools.setpriv, "--pdeathsig", "KILL", "--", tools.shell, "-c", script, "sh"],
      [String(process.pid), tools.runsc, ...runscFlags(planned, state, log)],
      ["run", "--bundle", bundle, "wall"],
    ].flat(),
    env: {},
    cwd: "/",
    user,
    channel,
    ...(channel ? { stdin: 2 } : {}),
    descriptors: ["pipe"],
    ownBytes: OWN_BYTES,
    memoryFile: "runsc-memory",
    start: (process) => process.writable(START_FD)?.end("go\n"),
    init: null,
    left: () => processesWith(state),
    endingOf: (end) => (stood(log) ? unfolded(end) : null),
    release,
  };
}

function runscFlags({ platform, spec }: Planned, state: string, log: string): readonly string[] {
  const shows = (kind: SandboxSpec["binds"][number]["kind"]): boolean =>
    spec.binds.some((bind) => bind.kind === kind);
  return [
    `--root=${state}`,
    `--log=${log}`,
    "--log-format=json",
    `--platform=${platform}`,
    "--rootless",
    "--ignore-cgroups",
    "--network=none",
    "--oci-seccomp",
    // Nobody changes the host's programs under a run, and looking each time costs a tenth of a start.
    ...(shows("directory") ? [] : ["--file-access-mounts=exclusive"]),
    ...(shows("socket") ? ["--host-uds=open"] : []),
  ];
}

/** runsc opens its log before anything else, and says there when the program never began; the program cannot. */
function stood(log: string): boolean {
  if (placeAt(log).kind !== "file") return false;
  const said = new TextDecoder("latin1").decode(headOf(log, LOG_BYTES_MAX));
  return !said.includes('"msg":"running container: ');
}

/** runsc folds a signal into 128 + n, as shells do: a program that exits so is taken at its word. */
function unfolded(end: ProcessEnd): ProcessEnd {
  if (end.kind === "signaled" || end.status <= 128) return end;
  const signal = signalName(end.status - 128);
  return signal === null ? end : { kind: "signaled", signal };
}
