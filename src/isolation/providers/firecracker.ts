/**
 * A machine by Firecracker, started by its jailer: a user, a chroot, a control group and namespaces of its own.
 *
 * Here is what every start looks at; how a machine is raised is in vm/firecracker-machine.ts, loaded when there is one to
 * raise. Contract-tested (test/contract/vmm), not run with the vendor's program: the provider is missing until KVM was seen
 * to run a guest and there is an image that Firecracker can boot.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import { currentUser, findExecutable, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { checkLimits } from "../limits.ts";
import { versionOf } from "../probing.ts";
import type { IsolationProvider, Probe, SandboxSpec, Session } from "../provider.ts";
import { kindsIn } from "../vm/machine-image.ts";
import { lackOf, type MachinePorts, type MonitorPlaces } from "../vm/machine-ports.ts";

const NAME = "microvm/firecracker";
const STRENGTH = 90;
/** With KVM: the machine's own devices, and nothing emulated. */
const PACE = 4;
const HINT =
  "Install firecracker and jailer of one release, 1.7 or newer, on a host with KVM, and run as root";
const PROGRAMS = ["firecracker", "jailer", "setpriv", "unshare", "perl"] as const;

/** The jailer's own default. Its chroots are below it, by the program's name. */
const PLACES: MonitorPlaces = { directories: SYSTEM_DIRECTORIES, base: "/srv/jailer" };

export function createFirecracker(
  ports: MachinePorts,
  places: MonitorPlaces = PLACES,
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
        return await attestMachine("firecracker", ports, limits);
      },
    },
    probe: () => probe(ports, places),
    open: (spec) => open(spec, ports, places),
  };
}

/** Absolute paths. */
export type FirecrackerTools = Readonly<Record<(typeof PROGRAMS)[number], string>>;

/** @returns The names of what is missing when something is. */
function toolsIn({ directories }: MonitorPlaces): FirecrackerTools | readonly string[] {
  const found = PROGRAMS.map((name) => [name, findExecutable(name, directories)] as const);
  const missing: string[] = found.filter(([, path]) => path === null).map(([name]) => name);
  if (currentUser().uid !== 0) missing.push("root");
  return missing.length > 0 ? missing : (Object.fromEntries(found) as FirecrackerTools);
}

async function probe(ports: MachinePorts, places: MonitorPlaces): Promise<Probe> {
  const tools = toolsIn(places);
  const [lack, image] = await Promise.all([lackOf(ports), ports.image()]);
  if (!("jailer" in tools)) return { kind: "missing", what: [...tools, ...lack], hint: HINT };
  if (!image.ok || lack.length > 0) return { kind: "missing", what: lack, hint: HINT };
  const pattern = /^Firecracker v?(\S+)/;
  const version = await versionOf({ argv: [tools.firecracker, "--version"], pattern });
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
  if (!("jailer" in tools)) throw refused(`${tools.join(", ")} is missing`);
  if (!image.ok) throw refused(image.error);
  if (spec.binds.some((bind) => bind.kind === "directory"))
    throw refused("a machine shows no directories of the host");
  const { openFirecracker } = await import("../vm/firecracker-machine.ts");
  return openFirecracker(spec, {
    image: image.value,
    machine: ports.machine,
    tools,
    base: places.base,
  });
}

function refused(why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", { what: `Cannot open ${NAME}`, why, fix: HINT });
}
