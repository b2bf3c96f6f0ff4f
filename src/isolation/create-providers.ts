/** Every way of raising a wall that this version knows. */
import { join } from "node:path";
import { guestDirectory } from "../host/index.ts";
import type { IsolationProvider } from "./provider.ts";
import { createBubblewrap } from "./providers/bubblewrap.ts";
import { createCloudHypervisor, machinesBelow } from "./providers/cloud-hypervisor.ts";
import { createFirecracker } from "./providers/firecracker.ts";
import { createGvisor } from "./providers/gvisor.ts";
import { createLandlock } from "./providers/landlock.ts";
import { createNodePermission } from "./providers/node-permission.ts";
import { createQemu } from "./providers/qemu.ts";
import { createUnshare } from "./providers/unshare.ts";
import { createWasm } from "./providers/wasm.ts";
import { machinePorts } from "./vm/machine-image.ts";
import { DEFAULT_MACHINE, type MachineWish } from "./vm/machine-wish.ts";

export interface ProviderOptions {
  /** The Node that runs us; shown inside the walls. */
  readonly nodePath: string;
  /** Where providers keep what outlives a run. */
  readonly stateDir: string;
  /** Image of the machines, as `ccos image build` makes it. Absent: `image` in the state directory. */
  readonly imageDir?: string;
  /** What the config says of the machine. Absent: the defaults; null: no wall with a machine is made. */
  readonly machine?: MachineWish | null;
  /** Names of the only providers to make, or their kinds: `wasm` is every wasm wall. Absent: all. */
  readonly only?: readonly string[];
}

/** Inside bubblewrap it holds what bubblewrap holds, for programs that need no speed: a `process` wall, the least. */
const WASM_IN_BUBBLEWRAP = 15;
/** Below every wall of the kernel: the `wasm` level. */
const WASM_ALONE = 8;

/** Every provider of this version, strongest first; none is probed yet. */
export function createProviders({
  nodePath,
  stateDir,
  imageDir = join(stateDir, "image"),
  machine = DEFAULT_MACHINE,
  only,
}: ProviderOptions): readonly IsolationProvider[] {
  const guestDir = guestDirectory(import.meta.url);
  const bubblewrap = createBubblewrap(nodePath);
  const nodePermission = createNodePermission(nodePath);
  const machines = (wish: MachineWish): readonly IsolationProvider[] => {
    const source = { imageDir, stateDir, machine: wish };
    return [
      createFirecracker(machinePorts(source)),
      createCloudHypervisor(machinePorts(source), machinesBelow(stateDir)),
      createQemu(source),
    ];
  };
  const all = [
    ...(machine === null ? [] : machines(machine)),
    createGvisor(nodePath),
    bubblewrap,
    createUnshare(nodePath),
    createLandlock(nodePath),
    createWasm({ outer: bubblewrap, strength: WASM_IN_BUBBLEWRAP, guestDir }),
    createWasm({ outer: nodePermission, strength: WASM_ALONE, guestDir }),
    nodePermission,
  ];
  if (only === undefined) return all;
  return all.filter(({ name }) => only.some((each) => name === each || isKind(name, each)));
}

function isKind(name: string, kind: string): boolean {
  return name.startsWith(`${kind}/`);
}
