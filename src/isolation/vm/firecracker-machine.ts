/** How the jailer raises one machine: the ground that monitored-machine.ts stands on, for Firecracker. */
import { descendants, leaseUser, placeAt, removeMachineGroups } from "../../host/index.ts";
import { openSession } from "../launch.ts";
import type { SandboxSpec, Session } from "../provider.ts";
import { firecrackerClient } from "./firecracker-client.ts";
import {
  FIRECRACKER_FILES,
  firecrackerSpec,
  type JailerOptions,
  jailerArgv,
} from "./firecracker-spec.ts";
import type { MachineImage } from "./machine-ports.ts";
import type { MachineWish } from "./machine-wish.ts";
import { type MachineGround, type MonitorWords, prepareMachine } from "./monitored-machine.ts";

export interface FirecrackerGround {
  readonly image: MachineImage;
  readonly machine: MachineWish;
  readonly tools: Omit<JailerOptions, "uid" | "gid" | "base" | "cgroupVersion">;
  /** The jailer's chroot base: root's alone. */
  readonly base: string;
}

export function openFirecracker(spec: SandboxSpec, given: FirecrackerGround): Session {
  const { kernel, initrd, root, store, vsock } = FIRECRACKER_FILES;
  const ground: MachineGround = {
    monitor: "firecracker",
    image: given.image,
    machine: given.machine,
    // The jailer's own rule: below the base, by the program's name.
    base: `${given.base}/firecracker`,
    names: { kernel, initrd, root, store },
    vsock,
    absolute: false,
    words: (made) => wordsOf(made, given),
  };
  return openSession(spec.limits, (program) => prepareMachine(program, spec, ground));
}

async function wordsOf(
  { model, line, directory }: Parameters<MachineGround["words"]>[0],
  { tools, base }: FirecrackerGround,
): Promise<MonitorWords> {
  const lease = await leaseUser();
  try {
    for (const name of [FIRECRACKER_FILES.log, FIRECRACKER_FILES.metrics])
      await directory.blank(name, lease.uid);
    await directory.handOver(lease.uid, lease.uid);
  } catch (cause) {
    lease.release();
    throw cause;
  }
  const cgroupVersion = placeAt("/sys/fs/cgroup/cgroup.controllers").kind === "file" ? 2 : 1;
  const user = { uid: lease.uid, gid: lease.uid };
  return {
    argv: jailerArgv(model, { ...tools, ...user, base, cgroupVersion }),
    cwd: "/",
    descriptors: [],
    apiSocket: `${directory.path}/${FIRECRACKER_FILES.api}`,
    calls: firecrackerSpec(model, line).calls,
    client: firecrackerClient,
    // The keeper, below unshare: what it leaves, the kernel ends.
    init: (process) => descendants(process.pid)[1] ?? null,
    watch: () => undefined,
    clear: async () => {
      await removeMachineGroups(model.instance);
      lease.release();
    },
  };
}
