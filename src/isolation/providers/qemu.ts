/**
 * A real machine around the program: QEMU's `microvm` with a kernel of its own, a root that nobody can write, and
 * no network card.
 *
 * Read in this order: createQemu, planOf, launchPlan. The image is measured through the descriptors that
 * QEMU gets; QEMU itself is in a jail (vm/jail-script.ts). What the program may use is held twice: by the guest's
 * kernel, and from outside by the same watch that every wall has.
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
  SYSTEM_DIRECTORIES,
  timeStampKhz,
  type UserLease,
} from "../../host/index.ts";
import { closeImage, measureImage, type MeasuredImage, readLock } from "../image/measured-image.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxLimits,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";
import { encodeRecords, type GuestRecord } from "../vm/guest-records.ts";
import { tellGuest } from "../vm/guest-words.ts";
import { guestReport } from "../vm/guest-report.ts";
import { JAIL_FD, JAIL_FILES_FD, JAIL_SCRIPT, PORT_FD } from "../vm/jail-script.ts";
import { type QemuMachine, qemuArguments } from "../vm/qemu-line.ts";

const NAME = "microvm/qemu";
const STRENGTH = 80;
const QEMU = "qemu-system-x86_64";
const MIB = 1024 * 1024;
/** The guest's kernel, its first root and the files it is told, beside what the program may use. */
const KERNEL_MIB = 160;
/** QEMU itself, with the code it translates. */
const MONITOR_BYTES = 256 * MIB;
const RISE_MS_MAX = 60_000;
const WORDS_LENGTH_MAX = 300;
const NOTHING = new Uint8Array(0);
const HINT = "Run `apt install qemu-system-x86 squashfs-tools`, then `ccos image build`";

export interface QemuOptions {
  /** Directory of an image that `ccos image build` made. */
  readonly imageDir: string;
}

export function createQemu({ imageDir }: QemuOptions): IsolationProvider {
  return {
    name: NAME,
    strength: STRENGTH,
    runs: new Set(["rtfs", "external"] as const),
    sockets: false,
    probe: () => probe(imageDir),
    open: (spec) => openQemu(spec, imageDir),
  };
}

interface Tools {
  readonly qemu: string;
  readonly perl: string;
}

function findTools(): Tools | readonly string[] {
  const qemu = findExecutable(QEMU, SYSTEM_DIRECTORIES);
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (qemu !== null && perl !== null) return { qemu, perl };
  return [...(qemu === null ? [QEMU] : []), ...(perl === null ? ["perl (perl-base)"] : [])];
}

/** Looks only: a machine that is raised takes longer than a probe may. */
async function probe(imageDir: string): Promise<Probe> {
  const tools = findTools();
  if (process.arch !== "x64") return missing([`an x64 host, not ${process.arch}`]);
  if (!("qemu" in tools)) return missing(tools);
  if (timeStampKhz() === null) return missing(["an even time stamp counter of a known rate"]);
  try {
    const { digests, versions } = await readLock(imageDir);
    return {
      kind: "ready",
      version: `tcg kernel ${versions.kernel} root ${digests.root.slice(7, 19)}`,
    };
  } catch (cause) {
    if (cause instanceof CcosError) return missing([cause.why]);
    throw cause;
  }
}

function missing(what: readonly string[]): Probe {
  return { kind: "missing", what, hint: HINT };
}

function openQemu(spec: SandboxSpec, imageDir: string): Promise<Session> {
  checkLimits(spec.limits);
  const tools = findTools();
  if (!("qemu" in tools)) throw refused("it is opened", `${tools.join(", ")} is not installed`);
  if (spec.sockets) throw refused("sockets are granted", "it has no way out for them");
  if (spec.binds.length > 0) throw refused("host paths are shown", "it shows none");
  return Promise.resolve(
    openSession(spec.limits, (program) => planOf(program, spec, { ...tools, imageDir })),
  );
}

function refused(when: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot use ${NAME} where ${when}`,
    why,
    fix: HINT,
  });
}

interface Ground extends Tools {
  readonly imageDir: string;
}

async function planOf(
  program: SandboxProgram,
  spec: SandboxSpec,
  ground: Ground,
): Promise<LaunchPlan> {
  const image = await measureImage(ground.imageDir);
  let lease: UserLease | null = null;
  try {
    const records = tellGuest(program, spec, image.lock);
    lease = currentUser().uid === 0 ? await leaseUser() : null;
    return launchPlan({
      ground,
      image,
      records,
      limits: spec.limits,
      lease,
      channel: hasChannel(program),
    });
  } catch (error) {
    closeImage(image);
    lease?.release();
    throw error;
  }
}

function hasChannel(program: SandboxProgram): boolean {
  return program.kind === "rtfs" || program.channel;
}

interface Planned {
  readonly ground: Ground;
  readonly image: MeasuredImage;
  readonly records: readonly GuestRecord[];
  readonly limits: SandboxLimits;
  readonly lease: UserLease | null;
  readonly channel: boolean;
}

function launchPlan({ ground, image, records, limits, lease, channel }: Planned): LaunchPlan {
  const { kernel, initrd, root } = image.parts;
  // QEMU opens these two by name, as its own user: copies of what was measured, in memory.
  const copies = [kernel, initrd].map((part) => anonymousFile(part.content ?? NOTHING, 0o444));
  const report = guestReport();
  const memoryMib = Math.ceil(limits.memoryBytes / MIB) + KERNEL_MIB;
  const machine: QemuMachine = {
    accelerator: { kind: "tcg", tscKhz: timeStampKhz() ?? 0 },
    memoryMib,
    kernelFd: JAIL_FILES_FD,
    initrdFd: JAIL_FILES_FD + 1,
    driveFds: [JAIL_FILES_FD + 2],
    ports: new Map([
      ["ccos.init", JAIL_FD.init],
      ["ccos.in", PORT_FD.in],
      ["ccos.out", PORT_FD.out],
      ["ccos.err", PORT_FD.error],
      ...(channel ? [["ccos.channel", JAIL_FD.channel] as const] : []),
    ]),
    consoleFd: JAIL_FD.console,
  };
  const user = lease === null ? undefined : { uid: lease.uid, gid: lease.uid };
  const { uid, gid } = user ?? currentUser();
  const words = ["-e", JAIL_SCRIPT, "--", String(process.pid), String(uid), String(gid)];
  const tail = [ground.qemu, ...qemuArguments(machine)];
  let said = "";
  return {
    argv: (surplus) => [ground.perl, ...words, monitorLimits(), surplus.join(",") || "-", ...tail],
    env: {},
    cwd: "/",
    user,
    channel,
    descriptors: ["pipe", "pipe", "pipe", "pipe", ...copies, root.descriptor],
    start: (started) => {
      report.follow(started);
      for (const descriptor of [JAIL_FD.words, JAIL_FD.console, JAIL_FD.go])
        started.readable(descriptor)?.on("error", () => undefined);
      for (const descriptor of [JAIL_FD.words, JAIL_FD.console]) {
        started.readable(descriptor)?.on("data", (chunk: Buffer) => {
          said = `${said}${chunk.toString("latin1")}`.slice(-WORDS_LENGTH_MAX);
        });
      }
      started.writable(JAIL_FD.init)?.write(encodeRecords(records));
      started.writable(JAIL_FD.go)?.end("g");
    },
    init: null,
    endingOf: (end) => {
      if (end.kind === "signaled") return end;
      return end.status === 0 ? report.ended() : null;
    },
    machine: {
      up: report.up,
      riseMsMax: RISE_MS_MAX,
      memoryBytesOwn: memoryMib * MIB - limits.memoryBytes + MONITOR_BYTES,
      outOfMemory: report.outOfMemory,
      endInput: report.endInput,
      complaint: () => report.complaint() || said.replaceAll(/[^\x20-\x7e]+/g, " ").trim(),
    },
    release: () => {
      closeImage(image);
      closeDescriptors(copies);
      lease?.release();
      return Promise.resolve();
    },
  };
}

/** By the kernel's numbers: files and cores of nothing, few descriptors. */
const RLIMIT = { fileBytes: 1, core: 4, descriptors: 7 } as const;
const MONITOR_DESCRIPTORS_MAX = 128;

function monitorLimits(): string {
  const { fileBytes, core, descriptors } = RLIMIT;
  return `${fileBytes}:0,${core}:0,${descriptors}:${MONITOR_DESCRIPTORS_MAX}`;
}
