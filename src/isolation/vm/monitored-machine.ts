/**
 * One machine behind a monitor that is spoken to: stage what it boots from, listen for the guest, start the monitor, start the
 * guest, and give it all back.
 *
 * Read in this order: MonitorWords, attestMachine, prepareMachine, raise. The launch itself (limits, clock, ending, what is left) is that
 * of every wall (launch.ts): the monitor is its first process, and the guest's connections are its streams.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { CcosError } from "../../foundation/errors.ts";
import type { JsonObject } from "../../foundation/json.ts";
import {
  type Argv,
  type Descriptor,
  guestSocket,
  listenUnix,
  type MachineDirectory,
  machineDirectory,
  SOCKET_PATH_BYTES_MAX,
  type SpawnedProcess,
  type UnixListener,
} from "../../host/index.ts";
import type { LaunchPlan } from "../launch.ts";
import { hasChannel } from "../program.ts";
import type { SandboxLimits, SandboxProgram, SandboxSpec } from "../provider.ts";
import type { MonitorCall } from "./firecracker-spec.ts";
import { type GuestProcess, guestProcess } from "./guest-process.ts";
import { kernelLine, type KernelLine, type Monitor } from "./kernel-cmdline.ts";
import type { GuestTalk, ImageRole, MachineImage, MachinePorts } from "./machine-ports.ts";
import { limitsInside, machineMib, type MachineWish } from "./machine-wish.ts";
import type { MonitorClient } from "./monitor-api.ts";
import { CID_MIN, type VmModel, vmOf } from "./vm-model.ts";

/** From the first process to a guest that was told to start, and to its program. */
const START_MS_MAX = 15_000;
const RISE_MS_MAX = 60_000;

/** How one monitor is started for one machine. */
export interface MonitorWords {
  readonly argv: Argv;
  readonly cwd: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly descriptors: readonly Descriptor[];
  /** In the machine's directory, as the host sees it. */
  readonly apiSocket: string;
  readonly calls: readonly MonitorCall[];
  client(options: { socket: string; signal: AbortSignal }): MonitorClient;
  /** Host pid of the process whose death ends the wall, once it runs; null: the first one. */
  readonly init: ((process: SpawnedProcess) => number | null) | null;
  /** Look at what the monitor tells of its guest; `broken` ends it. */
  watch(process: SpawnedProcess, broken: () => void): void;
  /** What is left when the tree is gone and the directory is still there. */
  clear(): Promise<void>;
}

export interface MachineGround {
  readonly monitor: Monitor;
  readonly image: MachineImage;
  readonly machine: MachineWish;
  /** Directory in which the machine's own is made. */
  readonly base: string;
  /** Names of the staged images in the machine's directory. */
  readonly names: Readonly<Record<ImageRole, string>>;
  readonly vsock: string;
  /** Absolute paths in the model, for a monitor that is not in a jail of its own. */
  readonly absolute: boolean;
  /** Called when images and listeners are in place. Hands the directory over. */
  words(made: {
    model: VmModel;
    line: KernelLine;
    directory: MachineDirectory;
  }): Promise<MonitorWords>;
}

/**
 * What a run's first record says of its machine.
 *
 * @throws {CcosError} `ISOLATION_UNAVAILABLE` as MachinePorts.attest, or for limits that no machine has.
 */
export async function attestMachine(
  monitor: Monitor,
  ports: MachinePorts,
  limits: SandboxLimits,
): Promise<JsonObject> {
  const image = await ports.attest();
  const inside = limitsInside(limits, ports.machine);
  const { digests, versions } = image;
  const parts = (["kernel", "initrd", "root"] as const).map((role) => [role, digests.get(role)]);
  return {
    image: { ...Object.fromEntries(parts), version: versions.kernel, node: versions.node },
    commandLine: lineOf(monitor, modelOf(inside, { image, machine: ports.machine })).text,
    accelerator: "kvm",
    store: null,
    template: null,
  };
}

/** @throws {CcosError} before anything runs: as MachineImage.speak, or for an image that is not what it should be. */
export async function prepareMachine(
  program: SandboxProgram,
  spec: SandboxSpec,
  ground: MachineGround,
): Promise<LaunchPlan> {
  const limits = limitsInside(spec.limits, ground.machine);
  const talk = ground.image.speak(program, { ...spec, limits });
  const model = modelOf(limits, ground);
  const line = lineOf(ground.monitor, model);
  const directory = await machineDirectory(ground.base, model.instance);
  const listeners: UnixListener[] = [];
  const release = async (): Promise<void> => {
    for (const listener of listeners) await listener.close();
    await directory.remove();
  };
  try {
    const images = await stageImages(directory, ground);
    const guest = Promise.withResolvers<GuestProcess>();
    for (const [descriptor, port] of ground.image.ports) {
      const path = guestSocket(`${directory.path}/${ground.vsock}`, port);
      if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
        throw refused("its directory's path is too long for a socket", path);
      const onConnection: Parameters<typeof listenUnix>[0]["onConnection"] = (stream) => {
        void guest.promise.then((process) => process.attach(descriptor, stream));
      };
      listeners.push(await listenUnix({ path, connectionsMax: 2, onConnection }));
    }
    const words = await ground.words({ model: { ...model, images }, line, directory });
    const channel = hasChannel(program);
    // Beside the program's own: the rest of the guest's memory, and the monitor itself.
    const ownBytes = model.limits.memoryBytes - limits.memoryBytes;
    return planOf(words, { ground, talk, release, adopted: guest.resolve, channel, ownBytes });
  } catch (cause) {
    await release();
    throw cause;
  }
}

/** A context id is the guest's own where the monitor keeps vsock in sockets: any that is not reserved will do. */
function modelOf(
  limits: SandboxLimits,
  { image, machine }: Pick<MachineGround, "image" | "machine">,
): VmModel {
  return vmOf({
    random: randomBytes(16),
    images: image.images,
    vcpus: machine.vcpus,
    // Cloud Hypervisor takes whole pages of 2 MiB.
    memoryMib: Math.ceil(machineMib(limits, machine) / 2) * 2,
    cid: CID_MIN,
    nicNamespace: null,
    egress: false,
    kernelWords: machine.kernelWords,
    agentDigest: null,
  });
}

function lineOf(monitor: Monitor, model: VmModel): KernelLine {
  const line = kernelLine(model, { monitor, tscKhz: null });
  if (line.ok) return line.value;
  throw refused("its kernel line is refused", line.error[0]?.message ?? "");
}

async function stageImages(
  directory: MachineDirectory,
  { image, names, absolute }: MachineGround,
): Promise<VmModel["images"]> {
  const { kernel, initrd, root, store } = image.images;
  const place = async <T extends string | null>(role: ImageRole, from: T): Promise<T> => {
    if (from === null) return from;
    const digest = await directory.stage(from, names[role]);
    const expected = image.digests.get(role);
    if (digest !== expected)
      throw refused(
        `its ${role} is not what was promised`,
        `${digest}, not ${expected ?? "there"}`,
      );
    return (absolute ? `${directory.path}/${names[role]}` : names[role]) as T;
  };
  return {
    ...image.images,
    kernel: await place("kernel", kernel),
    initrd: await place("initrd", initrd),
    root: await place("root", root),
    store: await place("store", store),
  };
}

interface Raising {
  readonly ground: MachineGround;
  readonly talk: GuestTalk;
  readonly release: () => Promise<void>;
  readonly adopted: (process: GuestProcess) => void;
  readonly channel: boolean;
  readonly ownBytes: number;
}

function planOf(words: MonitorWords, raising: Raising): LaunchPlan {
  const { ground, talk, release, adopted, channel, ownBytes } = raising;
  const risen = Promise.withResolvers<void>();
  const over = new AbortController();
  let first: SpawnedProcess | null = null;
  let initPid: number | null = null;
  let broken = "";
  let complaint = (): string => "";
  const pid = (): number | null =>
    (initPid ??= first === null ? null : (words.init?.(first) ?? null));
  return {
    argv: words.argv,
    env: {},
    cwd: words.cwd,
    user: words.user,
    channel,
    descriptors: words.descriptors,
    start: null,
    init: words.init === null ? null : { known: risen.promise, pid },
    adopt: (monitor) => {
      first = monitor;
      const guest = guestProcess(monitor, [...ground.image.ports.keys()]);
      words.watch(monitor, () => monitor.kill("SIGKILL"));
      const gone = new CcosError("PROVIDER_CRASHED", {
        what: "Cannot raise the wall",
        why: `${ground.monitor} ended`,
      });
      void monitor.exited.then(() => {
        over.abort(gone);
        risen.resolve();
      });
      adopted(guest);
      complaint = () => broken || talk.complaint() || guest.lastWords();
      const end = (why: string): void => {
        broken = why;
        monitor.kill("SIGKILL");
      };
      talk.follow(guest, (why) => end(`the machine broke the rules of its doors: ${why}`));
      void raise(words, AbortSignal.any([over.signal, AbortSignal.timeout(START_MS_MAX)])).then(
        () => {
          pid();
          risen.resolve();
        },
        (cause: unknown) => {
          if (over.signal.aborted) return;
          pid();
          risen.resolve();
          end(cause instanceof Error ? cause.message : String(cause));
        },
      );
      return guest;
    },
    // What the guest says counts only when its machine ended as it should: a panic or a kill is no exit.
    endingOf: (end) =>
      broken === "" && end.kind === "exited" && end.status === 0 ? talk.ended() : null,
    ownBytes,
    machine: {
      up: talk.up,
      riseMsMax: RISE_MS_MAX,
      outOfMemory: () => talk.outOfMemory(),
      endInput: (process, bytes) => talk.endInput(process, bytes),
      complaint: () => complaint(),
    },
    release: async () => {
      await words.clear();
      await release();
    },
  };
}

async function raise(words: MonitorWords, signal: AbortSignal): Promise<void> {
  const client = words.client({ socket: words.apiSocket, signal });
  await client.ready();
  await client.start(words.calls);
}

function refused(what: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot boot a machine: ${what}`,
    why,
    fix: "Build the image again, or raise the named limit",
  });
}
