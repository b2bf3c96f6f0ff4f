/**
 * The same wall without bubblewrap: every namespace, its own root, the same filter, by perl alone.
 *
 * Read with unshare-script.ts. Nothing is installed for it on Debian or Ubuntu. It needs a kernel of 5.12
 * (mount_setattr) that lets this user make namespaces, and refuses otherwise; it is never a lesser wall
 * that looks like this one.
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
  SYSTEM_DIRECTORIES,
  signalName,
  type UserLease,
} from "../../host/index.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits, kernelLimits } from "../limits.ts";
import { probeBy } from "../probing.ts";
import { guestFiles, hasChannel, programArgv } from "../program.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxLimits,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";
import { hostSeccompArch, seccompFilter } from "../seccomp.ts";
import { statusPipe } from "../status-pipe.ts";
import { type Layout, layWall, scratchBytes, UID_INSIDE } from "../staging.ts";
import { UNSHARE_SCRIPT } from "./unshare-script.ts";

const NAME = "process/unshare";
const STRENGTH = 30;
const DESCRIPTION_FD = 4;
const STATUS_FD = 5;
/** The script's outer process and process 1: both are in the wall's user namespace. */
const OWN_PROCESSES = 2;
const STORE_BYTES_SPARE = 4 * 1024 * 1024;
const HINT =
  "Install perl-base, and let users make namespaces (`sysctl user.max_user_namespaces`; on Ubuntu 24.04 also `kernel.apparmor_restrict_unprivileged_userns=0`)";

export function createUnshare(nodePath: string): IsolationProvider {
  const open = (spec: SandboxSpec): Promise<Session> => openUnshare(spec, nodePath);
  return {
    name: NAME,
    strength: STRENGTH,
    runs: new Set(["rtfs", "external", "script"] as const),
    sockets: true,
    probe: () => probe(open),
    open,
  };
}

async function openUnshare(spec: SandboxSpec, nodePath: string): Promise<Session> {
  checkLimits(spec.limits);
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (perl === null) {
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: `Cannot open ${NAME}`,
      why: "perl is not installed",
      fix: HINT,
    });
  }
  return openSession(spec.limits, (program) => planOf(program, spec, { perl, nodePath }));
}

async function probe(open: IsolationProvider["open"]): Promise<Probe> {
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (perl === null) return { kind: "missing", what: ["perl (perl-base)"], hint: HINT };
  return await probeBy(open, { argv: [perl, "-e", "print $^V"], pattern: /^v(\S+)/, hint: HINT });
}

interface Raising {
  readonly perl: string;
  readonly nodePath: string;
}

async function planOf(
  program: SandboxProgram,
  spec: SandboxSpec,
  { perl, nodePath }: Raising,
): Promise<LaunchPlan> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  try {
    const user = lease === null ? undefined : { uid: lease.uid, gid: lease.uid };
    const files = [...spec.files, ...guestFiles(program)];
    const layout = await layWall({ ...spec, files }, nodePath, user);
    const command = programArgv(program, layout, spec.limits);
    const channel = hasChannel(program);
    return launchPlan({ perl, command, layout, spec, channel, user, lease });
  } catch (error) {
    lease?.release();
    throw error;
  }
}

interface Planned {
  readonly perl: string;
  readonly command: readonly string[];
  readonly layout: Layout;
  readonly spec: SandboxSpec;
  readonly channel: boolean;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly lease: UserLease | null;
}

function launchPlan({ perl, command, layout, spec, channel, user, lease }: Planned): LaunchPlan {
  const arch = hostSeccompArch();
  const filter = seccompFilter({ arch, sockets: spec.sockets ? "unix+inet" : "none" });
  const contents = [filter, ...layout.files.map((file) => file.content)];
  const opened = contents.map((content) => anonymousFile(content));
  const status = statusPipe(STATUS_FD, { pid: /^pid (\d+)$/m, ended: /^end (\d+)$/m });
  const mode = channel ? "channel" : "none";
  return {
    argv: [perl, "-e", UNSHARE_SCRIPT, "--", arch, mode],
    env: {},
    cwd: "/",
    user,
    channel,
    descriptors: ["pipe", "pipe", ...opened],
    start: (started) => {
      status.follow(started);
      const records = description(command, layout, spec);
      started.writable(DESCRIPTION_FD)?.end(encodeRecords(records));
    },
    init: { known: status.known, pid: status.pid },
    endingOf: (end) => {
      if (end.kind === "signaled") return end;
      const told = status.ended();
      return told === null ? null : decoded(told);
    },
    release: () => {
      closeDescriptors(opened);
      lease?.release();
      return Promise.resolve();
    },
  };
}

type DescriptionRecord = readonly [name: string, ...fields: string[]];

function description(
  command: readonly string[],
  layout: Layout,
  spec: SandboxSpec,
): readonly DescriptionRecord[] {
  const { limits } = spec;
  const storeBytes = layout.files.reduce(
    (total, file) => total + file.content.length + 4_096,
    STORE_BYTES_SPARE,
  );
  return [
    ["parent", String(process.pid)],
    ["uid", String(UID_INSIDE)],
    ["store", String(storeBytes)],
    ["scratch", String(scratchBytes(limits.diskBytes))],
    ["disk", String(limits.diskBytes)],
    ...limitRecords(limits),
    ...layout.links.map(({ path, to }): DescriptionRecord => ["link", path, to]),
    ...layout.shown.map(({ source, target }): DescriptionRecord => ["show", source, target]),
    ...layout.masked.map((path): DescriptionRecord => ["mask", path]),
    ...layout.files.map(
      ({ path, executable }): DescriptionRecord => ["file", path, executable ? "0555" : "0444"],
    ),
    ...layout.binds.map(({ source, target }): DescriptionRecord => ["bind", source, target]),
    ...[...layout.environment].map(([name, value]): DescriptionRecord => ["env", name, value]),
    ["argv", ...command],
    ["end"],
  ];
}

/** By the kernel's numbers, which x64 and arm64 share. */
const RLIMIT = {
  cpu: 0,
  fileBytes: 1,
  data: 2,
  stack: 3,
  core: 4,
  processes: 6,
  descriptors: 7,
} as const;

function limitRecords(limits: SandboxLimits): readonly DescriptionRecord[] {
  const { cpuSeconds, dataBytes, fileBytes, stackBytes, descriptorsMax } = kernelLimits(limits);
  const both = (resource: number, value: number): DescriptionRecord => [
    "limit",
    String(resource),
    String(value),
    String(value),
  ];
  return [
    ["limit", String(RLIMIT.cpu), String(cpuSeconds), String(cpuSeconds + 1)],
    both(RLIMIT.fileBytes, fileBytes),
    both(RLIMIT.data, dataBytes),
    both(RLIMIT.stack, stackBytes),
    both(RLIMIT.core, 0),
    both(RLIMIT.processes, limits.pidsMax + OWN_PROCESSES),
    both(RLIMIT.descriptors, descriptorsMax),
  ];
}

function encodeRecords(records: readonly DescriptionRecord[]): string {
  return records
    .map(([name, ...fields]) =>
      [name, fields.length, ...fields].map((word) => `${word}\0`).join(""),
    )
    .join("");
}

/** As wait(2) packs it: the signal in the low seven bits, the exit status above eight. */
function decoded(status: number): ProcessEnd {
  const signal = signalName(status & 0x7f);
  return signal === null ? { kind: "exited", status: status >> 8 } : { kind: "signaled", signal };
}
