/**
 * The wall of choice: bubblewrap with every namespace, a filter on system calls, and no privilege.
 *
 * Read in this order: createBubblewrap, planOf, wallOptions. bubblewrap never runs as the host's root: a
 * user of its own is taken first, so that what is 0 or 1000 inside is a stranger outside. Its options come
 * over a pipe and its own environment is empty, because the program can read both of process 1. A cut
 * pipe leaves either no file system or every namespace: options that unshare come first.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import {
  anonymousFile,
  closeDescriptors,
  currentUser,
  findExecutable,
  leaseUser,
  type ProcessEnd,
  signalName,
  SYSTEM_DIRECTORIES,
  type UserLease,
} from "../../host/index.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits, limitedArgv } from "../limits.ts";
import { probeBy } from "../probing.ts";
import { guestFiles, hasChannel, programArgv } from "../program.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";
import { hostSeccompArch, seccompFilter } from "../seccomp.ts";
import { statusPipe } from "../status-pipe.ts";
import { type Layout, layWall, scratchBytes, UID_INSIDE } from "../staging.ts";

const NAME = "process/bubblewrap";
const STRENGTH = 40;
const ARGS_FD = 4;
const STATUS_FD = 5;
const SECCOMP_FD = 6;
const FILES_FD = 7;
/** bubblewrap's process 1 inside the wall. */
const OWN_PROCESSES = 1;
const HINT =
  "Install bubblewrap 0.8 or newer: `apt install bubblewrap` or `dnf install bubblewrap`";

interface Tools {
  readonly bwrap: string;
  readonly prlimit: string;
}

export function createBubblewrap(nodePath: string): IsolationProvider {
  const open = async (spec: SandboxSpec): Promise<Session> => {
    checkLimits(spec.limits);
    const tools = findTools();
    if (tools === null) {
      throw new CcosError("ISOLATION_UNAVAILABLE", {
        what: `Cannot open ${NAME}`,
        why: "bwrap or prlimit is not installed",
        fix: HINT,
      });
    }
    return openSession(spec.limits, (program) => planOf(program, spec, { tools, nodePath }));
  };
  return {
    name: NAME,
    strength: STRENGTH,
    runs: new Set(["rtfs", "external", "script"] as const),
    sockets: true,
    probe: () => probe(open),
    open,
  };
}

function findTools(): Tools | null {
  const bwrap = findExecutable("bwrap", SYSTEM_DIRECTORIES);
  const prlimit = findExecutable("prlimit", ["/usr/bin", "/bin"]);
  return bwrap === null || prlimit === null ? null : { bwrap, prlimit };
}

async function probe(open: IsolationProvider["open"]): Promise<Probe> {
  const tools = findTools();
  if (tools === null) {
    const what = [
      ...(findExecutable("bwrap", SYSTEM_DIRECTORIES) === null ? ["bwrap"] : []),
      ...(findExecutable("prlimit", ["/usr/bin", "/bin"]) === null ? ["prlimit (util-linux)"] : []),
    ];
    return { kind: "missing", what, hint: HINT };
  }
  return await probeBy(open, {
    argv: [tools.bwrap, "--version"],
    pattern: /^bubblewrap (\S+)/,
    hint: HINT,
  });
}

interface Raising {
  readonly tools: Tools;
  readonly nodePath: string;
}

async function planOf(
  program: SandboxProgram,
  spec: SandboxSpec,
  { tools, nodePath }: Raising,
): Promise<LaunchPlan> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  try {
    const user = lease === null ? undefined : { uid: lease.uid, gid: lease.uid };
    const files = [...spec.files, ...guestFiles(program)];
    const layout = await layWall({ ...spec, files }, nodePath, user);
    const command = [
      ...limitedArgv({ prlimit: tools.prlimit, limits: spec.limits, ownProcesses: OWN_PROCESSES }),
      ...programArgv(program, layout, spec.limits),
    ];
    return launchPlan({ tools, command, layout, spec, channel: hasChannel(program), user, lease });
  } catch (error) {
    lease?.release();
    throw error;
  }
}

interface Planned {
  readonly tools: Tools;
  readonly command: readonly string[];
  readonly layout: Layout;
  readonly spec: SandboxSpec;
  readonly channel: boolean;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly lease: UserLease | null;
}

function launchPlan({ tools, command, layout, spec, channel, user, lease }: Planned): LaunchPlan {
  const filter = seccompFilter({
    arch: hostSeccompArch(),
    sockets: spec.sockets ? "unix+inet" : "none",
  });
  const contents = [filter, ...layout.files.map((file) => file.content)];
  const opened = contents.map((content) => anonymousFile(content));
  const status = statusPipe(STATUS_FD, {
    pid: /"child-pid": ?(\d+)/,
    ended: /"exit-code": ?(\d+)/,
  });
  return {
    argv: (surplus) => [
      tools.bwrap,
      // Read to their end and closed; where a descriptor of ours would have leaked, /dev/null is empty.
      ...[ARGS_FD, ...surplus].flatMap((descriptor) => ["--args", String(descriptor)]),
      "--",
      ...command,
    ],
    env: {},
    cwd: "/",
    user,
    channel,
    descriptors: ["pipe", "pipe", ...opened],
    start: (process) => {
      status.follow(process);
      const options = wallOptions(layout, spec);
      process.writable(ARGS_FD)?.end(`${options.join("\0")}\0`);
    },
    init: { known: status.known, pid: status.pid },
    endingOf: (end) => {
      if (end.kind === "signaled") return end;
      const code = status.ended();
      return code === null ? null : unfolded(code);
    },
    release: () => {
      closeDescriptors(opened);
      lease?.release();
      return Promise.resolve();
    },
  };
}

/** In the order in which bubblewrap obeys them; options that unshare and filter first. */
function wallOptions(layout: Layout, spec: SandboxSpec): readonly string[] {
  const scratch = String(scratchBytes(spec.limits.diskBytes));
  const uid = String(UID_INSIDE);
  return [
    ["user", "pid", "net", "ipc", "uts", "cgroup"].map((name) => `--unshare-${name}`),
    ["--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ["--uid", uid, "--gid", uid, "--hostname", "wall"],
    ["--seccomp", String(SECCOMP_FD), "--json-status-fd", String(STATUS_FD)],
    layout.shown.slice(0, -1).flatMap(({ source, target }) => ["--ro-bind", source, target]),
    layout.links.flatMap(({ path, to }) => ["--symlink", to, path]),
    ["--proc", "/proc", ...layout.masked.flatMap((path) => ["--ro-bind", "/dev/null", path])],
    ["--remount-ro", "/proc", "--dev", "/dev", "--size", scratch, "--perms", "1777"],
    ["--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--size", scratch, "--perms", "1777"],
    ["--tmpfs", "/tmp", "--size", String(spec.limits.diskBytes), "--perms", "0700"],
    ["--tmpfs", "/work", "--dir", "/ccos", "--dir", "/run"],
    layout.shown.slice(-1).flatMap(({ source, target }) => ["--ro-bind", source, target]),
    layout.files.flatMap(({ path, executable }, index) => {
      const mode = executable ? "0555" : "0444";
      return ["--perms", mode, "--ro-bind-data", String(FILES_FD + index), path];
    }),
    layout.binds.flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ["--remount-ro", "/", "--chdir", "/work"],
    [...layout.environment].flatMap(([name, value]) => ["--setenv", name, value]),
  ].flat();
}

/** bubblewrap folds a signal into 128 + n, as shells do: a program that exits so is taken at its word. */
function unfolded(status: number): ProcessEnd {
  const signal = status > 128 ? signalName(status - 128) : null;
  return signal === null ? { kind: "exited", status } : { kind: "signaled", signal };
}
