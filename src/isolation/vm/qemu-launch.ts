/**
 * How one machine is raised: QEMU in its jail, with every file and port as a descriptor, and process 1 told what to
 * run. What launch.ts does for every wall it does for this one.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import {
  anonymousFile,
  closeDescriptors,
  connectUnix,
  type SpawnedProcess,
  type UserLease,
} from "../../host/index.ts";
import type { ImageLock } from "../image/lock.ts";
import { closeImage, type MeasuredImage } from "../image/measured-image.ts";
import type { LaunchPlan } from "../launch.ts";
import type { SandboxLimits } from "../provider.ts";
import { encodeRecords, type GuestRecord } from "./guest-records.ts";
import { guestReport } from "./guest-report.ts";
import { JAIL_FD, JAIL_FILES_FD, jailedArgv, jailUser, PORT_FD } from "./jail.ts";
import { type Accelerator, kernelCommandLine } from "./kernel-words.ts";
import { machineMib, type MachineWish } from "./machine-wish.ts";
import { qemuArguments, type QemuMachine, type QemuStream } from "./qemu-line.ts";
import { serveDoors } from "./stream-mux.ts";
import type { StoreDrive } from "./store-drive.ts";
import type { Template } from "./template.ts";

export interface MachineLaunch {
  readonly tools: { readonly qemu: string; readonly perl: string };
  /** Closed when the wall is. */
  readonly image: MeasuredImage;
  readonly records: readonly GuestRecord[];
  readonly limits: SandboxLimits;
  readonly lease: UserLease | null;
  readonly channel: boolean;
  /** Sockets of the host behind the guest's doors, in their order. */
  readonly doors: readonly string[];
  readonly accelerator: Accelerator;
  readonly machine: MachineWish;
  readonly label: string;
  /** Of the directories that the program is shown; closed when the wall is. Null: there are none. */
  readonly store: StoreDrive | null;
  /** What it begins from instead of booting; closed when the wall is. */
  readonly template: Template | null;
}

/** What of a launch decides how QEMU's line reads. */
export type MachineShape = Pick<
  MachineLaunch,
  "limits" | "channel" | "doors" | "accelerator" | "machine" | "label" | "store"
> & {
  /** The tree behind the root's data. */
  readonly verity: ImageLock["verity"];
};

const MIB = 1024 * 1024;
/** QEMU itself, with the code it translates. */
const MONITOR_BYTES = 256 * MIB;
export const RISE_MS_MAX = 60_000;
const WORDS_LENGTH_MAX = 300;
const PANIC = "Kernel panic";
const NOTHING = new Uint8Array(0);

/** QEMU opens kernel and initrd by name, as its own user: copies of what was measured, in memory. */
export function imageCopies({ parts }: MeasuredImage): readonly number[] {
  return [parts.kernel, parts.initrd].map(({ content }) =>
    anonymousFile(content ?? NOTHING, 0o444),
  );
}

export function planLaunch(launch: MachineLaunch): LaunchPlan {
  const { tools, image, records, limits, lease, channel, doors, store, template } = launch;
  const copies = imageCopies(image);
  const shape = { ...launch, verity: image.lock.verity };
  const machine = machineOf(shape, template === null ? "new" : "restored");
  const user = jailUser(lease, launch.accelerator.kind);
  const line = [tools.qemu, ...qemuArguments(machine)];
  const report = guestReport();
  let words = (): string => "";
  let broken = "";
  return {
    argv: jailedArgv({ perl: tools.perl, user, line }),
    env: {},
    cwd: "/",
    user,
    channel,
    descriptors: [
      ...(["pipe", "pipe", "pipe", "pipe"] as const),
      doors.length > 0 ? "pipe" : "closed",
      ...copies,
      image.parts.root.descriptor,
      store?.descriptor ?? "closed",
      ...(template === null ? [] : [template.descriptor]),
    ],
    start: (started) => {
      report.follow(started);
      words = lastWords(started);
      openDoors(started, doors, (why) => {
        broken = `the machine broke the rules of its doors: ${why}`;
        started.kill("SIGKILL");
      });
      started.writable(JAIL_FD.init)?.write(encodeRecords(records));
      started.writable(JAIL_FD.go)?.on("error", () => undefined);
      started.writable(JAIL_FD.go)?.end("g");
    },
    init: null,
    endingOf: (end) => {
      if (broken !== "") return null;
      if (end.kind === "signaled") return end;
      return end.status === 0 ? report.ended() : null;
    },
    ownBytes: Math.max(0, machine.memoryMib * MIB - limits.memoryBytes) + MONITOR_BYTES,
    machine: {
      up: report.up,
      riseMsMax: RISE_MS_MAX,
      outOfMemory: () => report.outOfMemory(),
      endInput: (started, bytes) => report.endInput(started, bytes),
      complaint: () => broken || report.complaint() || words(),
    },
    release: () => {
      closeImage(image);
      closeDescriptors(copies);
      closeDescriptors([store, template].flatMap((each) => each?.descriptor ?? []));
      lease?.release();
      return Promise.resolve();
    },
  };
}

/** @param started - Has the doors' port when there are any. @param doors - Sockets of the host. */
export function openDoors(
  started: SpawnedProcess,
  doors: readonly string[],
  broken: (why: string) => void,
): void {
  const port = started.duplex(JAIL_FD.doors);
  if (port === null || doors.length === 0) return;
  // An absent door cannot be dialled: the streams check the number first.
  const dial = (door: number): Duplex => connectUnix(doors[door] ?? "");
  serveDoors({ port, count: doors.length, dial, broken });
}

/** Behind the drives: what a machine is restored from, or the monitor of one whose state is taken. */
const STATE_FD = JAIL_FILES_FD + 4;
export const MONITOR_FD: number = STATE_FD;

/** What a template is bound to. */
export function lineOfShape(shape: MachineShape): readonly string[] {
  return qemuArguments(machineOf(shape, "new"));
}

/** Where the state of a machine comes from or goes to. */
export type MachineState = "new" | "saved" | "restored";

export function machineOf(shape: MachineShape, state: MachineState): QemuMachine {
  const { limits, channel, doors, accelerator, machine, label, verity, store } = shape;
  const isRun = state !== "saved";
  const open = (fd: number, isThere = true): QemuStream | null =>
    isThere ? { kind: "descriptor", fd } : null;
  const drives = [JAIL_FILES_FD + 2, ...(store === null ? [] : [JAIL_FILES_FD + 3])];
  return {
    acceleration: accelerator.kind,
    memoryMib: machineMib(limits, machine),
    vcpus: machine.vcpus,
    label,
    kernel: `/proc/self/fd/${JAIL_FILES_FD}`,
    initrd: `/proc/self/fd/${JAIL_FILES_FD + 1}`,
    kernelLine: kernelCommandLine({ accelerator, verity, kernelWords: machine.kernelWords }),
    drives: drives.map((fd) => ({ kind: "descriptor", fd })),
    ports: new Map([
      ["ccos.init", open(JAIL_FD.init)],
      ["ccos.in", open(PORT_FD.in, isRun)],
      ["ccos.out", open(PORT_FD.out, isRun)],
      ["ccos.err", open(PORT_FD.error, isRun)],
      ["ccos.channel", open(JAIL_FD.channel, channel)],
      ["ccos.doors", open(JAIL_FD.doors, doors.length > 0)],
    ]),
    console: { kind: "descriptor", fd: JAIL_FD.console },
    monitor: open(MONITOR_FD, !isRun),
    incomingFd: state === "restored" ? STATE_FD : null,
    entropyBytesPerSecond: null,
    card: null,
    isRootless: isRun,
  };
}

/** The last that QEMU and the guest's kernel said, one printable line; both are read for as long as they speak. */
export function lastWords(started: SpawnedProcess): () => string {
  let said = "";
  for (const descriptor of [JAIL_FD.words, JAIL_FD.console]) {
    const stream = started.readable(descriptor);
    stream?.on("error", () => undefined);
    stream?.on("data", (chunk: Buffer) => {
      const all = `${said}${chunk.toString("latin1")}`;
      // A kernel that gives up says why, and then much about itself.
      const reason = all.lastIndexOf(PANIC);
      said =
        reason < 0 ? all.slice(-WORDS_LENGTH_MAX) : all.slice(reason).slice(0, WORDS_LENGTH_MAX);
    });
  }
  return () => said.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
}
