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
import { closeImage, type MeasuredImage } from "../image/measured-image.ts";
import type { LaunchPlan } from "../launch.ts";
import type { SandboxLimits } from "../provider.ts";
import { encodeRecords, type GuestRecord } from "./guest-records.ts";
import { guestReport } from "./guest-report.ts";
import { JAIL_FD, JAIL_FILES_FD, jailedArgv, jailUser, PORT_FD } from "./jail.ts";
import type { MachineWish } from "./machine-wish.ts";
import { type QemuMachine, qemuArguments } from "./qemu-line.ts";
import { serveDoors } from "./stream-mux.ts";

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
  readonly accelerator: QemuMachine["accelerator"];
  readonly machine: MachineWish;
  readonly label: string;
}

const MIB = 1024 * 1024;
/** The guest's kernel, its first root and the files it is told, beside what the program may use. */
const KERNEL_MIB = 160;
/** QEMU itself, with the code it translates. */
const MONITOR_BYTES = 256 * MIB;
const RISE_MS_MAX = 60_000;
const WORDS_LENGTH_MAX = 300;
const NOTHING = new Uint8Array(0);

export function planLaunch(launch: MachineLaunch): LaunchPlan {
  const { tools, image, records, limits, lease, channel, doors } = launch;
  const { kernel, initrd, root } = image.parts;
  // QEMU opens these two by name, as its own user: copies of what was measured, in memory.
  const copies = [kernel, initrd].map((part) => anonymousFile(part.content ?? NOTHING, 0o444));
  const machine = machineOf(launch);
  const user = jailUser(lease, launch.accelerator.kind);
  const line = [tools.qemu, ...qemuArguments(machine)];
  const report = guestReport();
  let words = (): string => "";
  let hostile = "";
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
      root.descriptor,
    ],
    start: (started) => {
      report.follow(started);
      words = lastWords(started);
      openDoors(started, doors, (why) => {
        hostile = `the machine broke the rules of its doors: ${why}`;
        started.kill("SIGKILL");
      });
      started.writable(JAIL_FD.init)?.write(encodeRecords(records));
      started.writable(JAIL_FD.go)?.on("error", () => undefined);
      started.writable(JAIL_FD.go)?.end("g");
    },
    init: null,
    endingOf: (end) => {
      if (hostile !== "") return null;
      if (end.kind === "signaled") return end;
      return end.status === 0 ? report.ended() : null;
    },
    ownBytes: Math.max(0, machine.memoryMib * MIB - limits.memoryBytes) + MONITOR_BYTES,
    machine: {
      up: report.up,
      riseMsMax: RISE_MS_MAX,
      outOfMemory: () => report.outOfMemory(),
      endInput: (started, bytes) => report.endInput(started, bytes),
      complaint: () => hostile || report.complaint() || words(),
    },
    release: () => {
      closeImage(image);
      closeDescriptors(copies);
      lease?.release();
      return Promise.resolve();
    },
  };
}

function openDoors(
  started: SpawnedProcess,
  doors: readonly string[],
  broken: (why: string) => void,
): void {
  const port = started.duplex(JAIL_FD.doors);
  if (port === null) return;
  // An absent door cannot be dialled: the streams check the number first.
  const dial = (door: number): Duplex => connectUnix(doors[door] ?? "");
  serveDoors({ port, count: doors.length, dial, broken });
}

function machineOf(launch: MachineLaunch): QemuMachine {
  const { limits, channel, doors, accelerator, machine, label } = launch;
  const { vcpus, kernelWords } = machine;
  return {
    accelerator,
    memoryMib: machine.memoryMib ?? Math.ceil(limits.memoryBytes / MIB) + KERNEL_MIB,
    vcpus,
    kernelWords,
    label,
    kernelFd: JAIL_FILES_FD,
    initrdFd: JAIL_FILES_FD + 1,
    driveFds: [JAIL_FILES_FD + 2],
    ports: new Map([
      ["ccos.init", JAIL_FD.init],
      ["ccos.in", PORT_FD.in],
      ["ccos.out", PORT_FD.out],
      ["ccos.err", PORT_FD.error],
      ["ccos.channel", channel ? JAIL_FD.channel : null],
      ["ccos.doors", doors.length > 0 ? JAIL_FD.doors : null],
    ]),
    consoleFd: JAIL_FD.console,
  };
}

/** The last that QEMU and the guest's kernel said, one printable line; both are read for as long as they speak. */
function lastWords(started: SpawnedProcess): () => string {
  let said = "";
  for (const descriptor of [JAIL_FD.words, JAIL_FD.console]) {
    const stream = started.readable(descriptor);
    stream?.on("error", () => undefined);
    stream?.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString("latin1")}`.slice(-WORDS_LENGTH_MAX);
    });
  }
  return () => said.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
}
