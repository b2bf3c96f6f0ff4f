/**
 * How our jail raises one machine: the ground that monitored-machine.ts stands on, for Cloud Hypervisor.
 *
 * @module
 */
import {
  currentUser,
  groupOf,
  leaseUser,
  type SpawnedProcess,
  spawnProcess,
} from "../../host/index.ts";
import { openSession } from "../launch.ts";
import type { SandboxSpec, Session } from "../provider.ts";
import { cloudHypervisorClient } from "./cloud-hypervisor-client.ts";
import {
  CLOUD_HYPERVISOR_FILES,
  cloudHypervisorArgv,
  cloudHypervisorSpec,
  EVENTS_FD,
} from "./cloud-hypervisor-spec.ts";
import type { MachineImage } from "./machine-ports.ts";
import type { MachineWish } from "./machine-wish.ts";
import { type JailTools, monitorJail } from "./monitor-jail.ts";
import { type MachineGround, type MonitorWords, prepareMachine } from "./monitored-machine.ts";

const KVM = "/dev/kvm";
const IMAGES = {
  kernel: "kernel",
  initrd: "initrd",
  root: "root.img",
  store: "store.img",
} as const;

export interface CloudHypervisorGround {
  readonly image: MachineImage;
  readonly machine: MachineWish;
  readonly tools: JailTools & { readonly "cloud-hypervisor": string };
  /** Where machines have their directories: ours alone, and open to the machines' users. */
  readonly base: string;
}

export function openCloudHypervisor(spec: SandboxSpec, given: CloudHypervisorGround): Session {
  const ground: MachineGround = {
    monitor: "cloud-hypervisor",
    image: given.image,
    machine: given.machine,
    base: given.base,
    names: IMAGES,
    vsock: CLOUD_HYPERVISOR_FILES.vsock,
    absolute: true,
    words: (made) => wordsOf(made, given.tools),
  };
  return openSession(spec.limits, (program) => prepareMachine(program, spec, ground));
}

/** Whether this host lets the jail be raised, around nothing. */
export async function jailStands(tools: JailTools): Promise<boolean> {
  const none = { memoryBytes: 0, cpuPercent: 0, tasks: 0, fileBytes: 0, snapshotBytes: 0 };
  const jail = monitorJail(tools, { limits: { ...none, descriptors: 64 }, nic: null }, 0);
  const tried = await spawnProcess({
    argv: [...jail, tools.setpriv, "--version"],
    env: {},
    descriptors: ["null", "null", "null"],
  });
  const end = await tried.exited;
  return end.kind === "exited" && end.status === 0;
}

async function wordsOf(
  { model, line, directory }: Parameters<MachineGround["words"]>[0],
  tools: CloudHypervisorGround["tools"],
): Promise<MonitorWords> {
  const lease = currentUser().uid === 0 ? await leaseUser() : null;
  // Its own user, and the group that may open KVM.
  const user = lease === null ? undefined : { uid: lease.uid, gid: groupOf(KVM) ?? lease.uid };
  try {
    if (user !== undefined) await directory.handOver(user.uid, user.gid);
  } catch (cause) {
    lease?.release();
    throw cause;
  }
  const named = { ...tools, cloudHypervisor: tools["cloud-hypervisor"] };
  return {
    argv: cloudHypervisorArgv(model, named, directory.path),
    cwd: directory.path,
    ...(user === undefined ? {} : { user }),
    descriptors: ["pipe"],
    apiSocket: `${directory.path}/${CLOUD_HYPERVISOR_FILES.api}`,
    calls: cloudHypervisorSpec(model, line, directory.path).calls,
    client: cloudHypervisorClient,
    init: null,
    watch: watchForPanic,
    clear: () => {
      lease?.release();
      return Promise.resolve();
    },
  };
}

const EVENT_BYTES_MAX = 64 * 1024;

/** A guest that panicked stays where it is; the event of its panic device is how the host learns of it. */
function watchForPanic(process: SpawnedProcess, broken: () => void): void {
  let told = "";
  process.readable(EVENTS_FD)?.on("data", (chunk: Buffer) => {
    told = `${told}${chunk.toString("latin1")}`.slice(-EVENT_BYTES_MAX);
    if (/"event":\s*"(?:panic|crash_loaded)"/.test(told)) broken();
  });
}
