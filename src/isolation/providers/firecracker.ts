/**
 * A machine by Firecracker, started by its jailer: a user, a chroot, a control group and namespaces of its own.
 *
 * Read in this order: createFirecracker, probe, wordsOf; then vm/monitored-machine.ts and vm/firecracker-spec.ts. Not one
 * byte of a guest has run in it on a host of ours: the client and the words are contract-tested (test/contract/vmm),
 * and the provider is missing until KVM was seen to run a guest and an image that speaks vsock is there.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import {
  currentUser,
  descendants,
  findExecutable,
  leaseUser,
  placeAt,
  removeMachineGroups,
  SYSTEM_DIRECTORIES,
} from "../../host/index.ts";
import { openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import { versionOf } from "../probing.ts";
import type { IsolationProvider, Probe, SandboxSpec, Session } from "../provider.ts";
import { firecrackerClient } from "../vm/firecracker-client.ts";
import { FIRECRACKER_FILES, firecrackerSpec, jailerArgv } from "../vm/firecracker-spec.ts";
import type { MachineImage, MachinePorts } from "../vm/machine-ports.ts";
import { type MachineGround, type MonitorWords, prepareMachine } from "../vm/monitored-machine.ts";

const NAME = "microvm/firecracker";
const STRENGTH = 90;
const HINT =
  "Install firecracker and jailer of one release, 1.7 or newer, on a host with KVM, and run as root";
const PROGRAMS = ["firecracker", "jailer", "setpriv", "unshare", "perl"] as const;

export interface FirecrackerPlaces {
  /** Where programs are looked for. */
  readonly directories: readonly string[];
  /** The jailer's chroot base: root's alone. */
  readonly base: string;
}

const PLACES: FirecrackerPlaces = { directories: SYSTEM_DIRECTORIES, base: "/srv/jailer" };

export function createFirecracker(
  ports: MachinePorts,
  places: FirecrackerPlaces = PLACES,
): IsolationProvider {
  return {
    name: NAME,
    strength: STRENGTH,
    runs: new Set(["rtfs", "external"] as const),
    sockets: false,
    probe: () => probe(ports, places),
    open: (spec) => open(spec, ports, places),
  };
}

type Tools = Readonly<Record<(typeof PROGRAMS)[number], string>>;

/** @returns The names of what is missing when something is. */
function toolsIn({ directories }: FirecrackerPlaces): Tools | readonly string[] {
  const found = PROGRAMS.map((name) => [name, findExecutable(name, directories)] as const);
  const missing = found.filter(([, path]) => path === null).map(([name]) => name);
  if (currentUser().uid !== 0) missing.push("root" as never);
  return missing.length > 0 ? missing : (Object.fromEntries(found) as Tools);
}

async function probe(ports: MachinePorts, places: FirecrackerPlaces): Promise<Probe> {
  const tools = toolsIn(places);
  if (!("jailer" in tools)) return { kind: "missing", what: tools, hint: HINT };
  const [kvm, image] = await Promise.all([ports.kvmUsable(), ports.image()]);
  const what = [
    ...(kvm.usable ? [] : [kvm.why]),
    ...(image === null ? ["an image whose process 1 speaks vsock"] : []),
  ];
  if (image === null || what.length > 0) return { kind: "missing", what, hint: HINT };
  const pattern = /^Firecracker v?(\S+)/;
  const version = await versionOf({ argv: [tools.firecracker, "--version"], pattern });
  return { kind: "ready", version: `${version} image ${image.version}` };
}

async function open(
  spec: SandboxSpec,
  ports: MachinePorts,
  places: FirecrackerPlaces,
): Promise<Session> {
  checkLimits(spec.limits);
  const tools = toolsIn(places);
  const image = await ports.image();
  if (!("jailer" in tools)) throw refused(`${tools.join(", ")} is missing`);
  if (image === null) throw refused("there is no image whose process 1 speaks vsock");
  if (spec.sockets || spec.binds.length > 0)
    throw refused("a machine shows no sockets and no directories of the host");
  const ground = groundOf(image, tools, places);
  return openSession(spec.limits, (program) => prepareMachine(program, spec, ground));
}

function refused(why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", { what: `Cannot open ${NAME}`, why, fix: HINT });
}

function groundOf(image: MachineImage, tools: Tools, { base }: FirecrackerPlaces): MachineGround {
  const { kernel, initrd, root, store, vsock } = FIRECRACKER_FILES;
  return {
    monitor: "firecracker",
    image,
    // The jailer's own rule: below the base, by the program's name.
    base: `${base}/firecracker`,
    names: { kernel, initrd, root, store },
    vsock,
    absolute: false,
    words: (made) => wordsOf(made, tools, base),
  };
}

async function wordsOf(
  { model, line, directory }: Parameters<MachineGround["words"]>[0],
  tools: Tools,
  base: string,
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
