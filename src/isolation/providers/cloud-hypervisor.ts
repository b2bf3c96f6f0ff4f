/**
 * A machine by Cloud Hypervisor: its own filter and Landlock inside, our jail around it, because it has no jailer.
 *
 * As providers/firecracker.ts: how a machine is raised is in vm/cloud-hypervisor-machine.ts.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import { currentUser, findExecutable, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { checkLimits } from "../limits.ts";
import { versionOf } from "../probing.ts";
import type { IsolationProvider, Probe, SandboxSpec, Session } from "../provider.ts";
import { kindsIn } from "../vm/machine-image.ts";
import {
  lackOf,
  type MachinePorts,
  MACHINES_OF_ROOT,
  type MonitorPlaces,
} from "../vm/machine-ports.ts";

const NAME = "microvm/cloud-hypervisor";
const STRENGTH = 85;
/** With KVM: the machine's own devices, and nothing emulated. */
const PACE = 4;
const HINT = "Install cloud-hypervisor on a host with KVM, and let users make namespaces";
const PROGRAMS = ["cloud-hypervisor", "setpriv", "unshare", "prlimit", "nsenter"] as const;

export function createCloudHypervisor(
  ports: MachinePorts,
  places: MonitorPlaces,
): IsolationProvider {
  return {
    name: NAME,
    strength: STRENGTH,
    runs: kindsIn(ports.imageDir),
    sockets: true,
    machine: {
      pace: PACE,
      imageDir: ports.imageDir,
      attest: async ({ limits }) => {
        const { attestMachine } = await import("../vm/monitored-machine.ts");
        return await attestMachine("cloud-hypervisor", ports, limits);
      },
    },
    probe: () => probe(ports, places),
    open: (spec) => open(spec, ports, places),
  };
}

/** Where machines have their directories by default: ours alone, and open to the machines' users. */
export function machinesBelow(stateDir: string): MonitorPlaces {
  const base = currentUser().uid === 0 ? MACHINES_OF_ROOT : `${stateDir}/machines`;
  return { directories: SYSTEM_DIRECTORIES, base };
}

/** Absolute paths. */
export type CloudHypervisorTools = Readonly<Record<(typeof PROGRAMS)[number], string>>;

/** @returns The names of what is missing when something is. */
function toolsIn({ directories }: MonitorPlaces): CloudHypervisorTools | readonly string[] {
  const found = PROGRAMS.map((name) => [name, findExecutable(name, directories)] as const);
  const missing = found.filter(([, path]) => path === null).map(([name]) => name);
  return missing.length > 0 ? missing : (Object.fromEntries(found) as CloudHypervisorTools);
}

async function probe(ports: MachinePorts, places: MonitorPlaces): Promise<Probe> {
  const tools = toolsIn(places);
  const [lack, image] = await Promise.all([lackOf(ports), ports.image()]);
  if (!("setpriv" in tools)) return { kind: "missing", what: [...tools, ...lack], hint: HINT };
  const { jailStands } = await import("../vm/cloud-hypervisor-machine.ts");
  const stands = await jailStands(tools);
  const what = stands ? lack : [...lack, "namespaces for the monitor's jail"];
  if (!image.ok || what.length > 0) return { kind: "missing", what, hint: HINT };
  const pattern = /^cloud-hypervisor v?(\S+)/;
  const version = await versionOf({ argv: [tools["cloud-hypervisor"], "--version"], pattern });
  return { kind: "ready", version: `${version} ${image.value.version}` };
}

async function open(
  spec: SandboxSpec,
  ports: MachinePorts,
  places: MonitorPlaces,
): Promise<Session> {
  checkLimits(spec.limits);
  const tools = toolsIn(places);
  const image = await ports.image();
  if (!("setpriv" in tools)) throw refused(`${tools.join(", ")} is missing`);
  if (!image.ok) throw refused(image.error);
  if (spec.binds.some((bind) => bind.kind === "directory"))
    throw refused("a machine shows no directories of the host");
  const { openCloudHypervisor } = await import("../vm/cloud-hypervisor-machine.ts");
  return openCloudHypervisor(spec, {
    image: image.value,
    machine: ports.machine,
    tools,
    base: places.base,
  });
}

function refused(why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", { what: `Cannot open ${NAME}`, why, fix: HINT });
}
