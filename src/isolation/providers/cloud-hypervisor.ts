/**
 * A machine by Cloud Hypervisor: its own filter and Landlock inside, our jail around it, because it has no jailer.
 *
 * Read in this order: createCloudHypervisor, probe, wordsOf; then vm/monitored-machine.ts and
 * vm/cloud-hypervisor-spec.ts. Contract-tested and no more, as providers/firecracker.ts.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import {
  currentUser,
  findExecutable,
  groupOf,
  leaseUser,
  type SpawnedProcess,
  spawnProcess,
  SYSTEM_DIRECTORIES,
} from "../../host/index.ts";
import { openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import { versionOf } from "../probing.ts";
import type { IsolationProvider, Probe, SandboxSpec, Session } from "../provider.ts";
import { cloudHypervisorClient } from "../vm/cloud-hypervisor-client.ts";
import {
  CLOUD_HYPERVISOR_FILES,
  cloudHypervisorArgv,
  cloudHypervisorSpec,
  EVENTS_FD,
  MACHINES_OF_ROOT,
} from "../vm/cloud-hypervisor-spec.ts";
import type { MachineImage, MachinePorts } from "../vm/machine-ports.ts";
import { type JailTools, monitorJail } from "../vm/monitor-jail.ts";
import { type MachineGround, type MonitorWords, prepareMachine } from "../vm/monitored-machine.ts";

const NAME = "microvm/cloud-hypervisor";
const STRENGTH = 85;
const KVM = "/dev/kvm";
const HINT = "Install cloud-hypervisor on a host with KVM, and let users make namespaces";
const IMAGES = {
  kernel: "kernel",
  initrd: "initrd",
  root: "root.img",
  store: "store.img",
} as const;

export interface CloudHypervisorPlaces {
  /** Where programs are looked for. */
  readonly directories: readonly string[];
  /** Where machines have their directories: ours alone, and open to the machines' users. */
  readonly base: string;
}

export function createCloudHypervisor(
  ports: MachinePorts,
  places: CloudHypervisorPlaces,
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

/** Where machines have their directories by default. */
export function machinesBelow(stateDir: string): CloudHypervisorPlaces {
  const base = currentUser().uid === 0 ? MACHINES_OF_ROOT : `${stateDir}/machines`;
  return { directories: SYSTEM_DIRECTORIES, base };
}

type Tools = JailTools & { readonly cloudHypervisor: string };

/** @returns The names of what is missing when something is. */
function toolsIn({ directories }: CloudHypervisorPlaces): Tools | readonly string[] {
  const [cloudHypervisor = null, setpriv = null, unshare = null, prlimit = null, nsenter = null] = [
    "cloud-hypervisor",
    "setpriv",
    "unshare",
    "prlimit",
    "nsenter",
  ].map((name) => findExecutable(name, directories));
  if (cloudHypervisor !== null && setpriv !== null && unshare !== null)
    if (prlimit !== null && nsenter !== null)
      return { cloudHypervisor, setpriv, unshare, prlimit, nsenter };
  return [
    ...(cloudHypervisor === null ? ["cloud-hypervisor"] : []),
    ...(setpriv === null || unshare === null || prlimit === null || nsenter === null
      ? ["setpriv, unshare, prlimit, nsenter (util-linux)"]
      : []),
  ];
}

async function probe(ports: MachinePorts, places: CloudHypervisorPlaces): Promise<Probe> {
  const tools = toolsIn(places);
  if (!("setpriv" in tools)) return { kind: "missing", what: tools, hint: HINT };
  const [kvm, image, jail] = await Promise.all([
    ports.kvmUsable(),
    ports.image(),
    jailStands(tools),
  ]);
  const what = [
    ...(kvm.usable ? [] : [kvm.why]),
    ...(image === null ? ["an image whose process 1 speaks vsock"] : []),
    ...(jail ? [] : ["namespaces for the monitor's jail"]),
  ];
  if (image === null || what.length > 0) return { kind: "missing", what, hint: HINT };
  const pattern = /^cloud-hypervisor v?(\S+)/;
  const version = await versionOf({ argv: [tools.cloudHypervisor, "--version"], pattern });
  return { kind: "ready", version: `${version} image ${image.version}` };
}

/** The jail around nothing. */
async function jailStands(tools: JailTools): Promise<boolean> {
  const limits = { memoryBytes: 0, cpuPercent: 100, tasks: 1, descriptors: 64 };
  const jail = monitorJail(
    tools,
    { limits: { ...limits, fileBytes: 0, snapshotBytes: 0 }, nic: null },
    0,
  );
  const tried = await spawnProcess({
    argv: [...jail, tools.setpriv, "--version"],
    env: {},
    descriptors: ["null", "null", "null"],
  });
  const end = await tried.exited;
  return end.kind === "exited" && end.status === 0;
}

async function open(
  spec: SandboxSpec,
  ports: MachinePorts,
  places: CloudHypervisorPlaces,
): Promise<Session> {
  checkLimits(spec.limits);
  const tools = toolsIn(places);
  const image = await ports.image();
  if (!("setpriv" in tools)) throw refused(`${tools.join(", ")} is missing`);
  if (image === null) throw refused("there is no image whose process 1 speaks vsock");
  if (spec.sockets || spec.binds.length > 0)
    throw refused("a machine shows no sockets and no directories of the host");
  const ground = groundOf(image, tools, places);
  return openSession(spec.limits, (program) => prepareMachine(program, spec, ground));
}

function refused(why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", { what: `Cannot open ${NAME}`, why, fix: HINT });
}

function groundOf(
  image: MachineImage,
  tools: Tools,
  { base }: CloudHypervisorPlaces,
): MachineGround {
  return {
    monitor: "cloud-hypervisor",
    image,
    base,
    names: IMAGES,
    vsock: CLOUD_HYPERVISOR_FILES.vsock,
    absolute: true,
    words: (made) => wordsOf(made, tools),
  };
}

async function wordsOf(
  { model, line, directory }: Parameters<MachineGround["words"]>[0],
  tools: Tools,
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
  return {
    argv: cloudHypervisorArgv(model, tools, directory.path),
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
