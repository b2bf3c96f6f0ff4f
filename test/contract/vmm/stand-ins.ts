/**
 * Stand-ins for the monitors' programs, laid where a machine's own user can run them, and an image to go with them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closedToOthers,
  realPath,
  storedExecutable,
  SYSTEM_DIRECTORIES,
  timeStampKhz,
} from "../../../src/host/index.ts";
import { err, ok } from "../../../src/foundation/result.ts";
import type { IsolationProvider } from "../../../src/isolation/provider.ts";
import { createCloudHypervisor } from "../../../src/isolation/providers/cloud-hypervisor.ts";
import { createFirecracker } from "../../../src/isolation/providers/firecracker.ts";
import type {
  GuestTalk,
  ImageRole,
  MachineImage,
  MachinePorts,
} from "../../../src/isolation/vm/machine-ports.ts";
import { DEFAULT_MACHINE, type MachineWish } from "../../../src/isolation/vm/machine-wish.ts";
import { PORTS, type Told } from "./fake-monitor-words.ts";

export interface StandIns {
  /** Everything lies below it; its name is in every process of a machine. */
  readonly base: string;
  /** Where programs are looked for: the stand-ins first. */
  readonly directories: readonly string[];
  /** The same, and the monitors answer garbage. */
  readonly broken: readonly string[];
  /** The same, and QEMU boots what they are told to boot. */
  readonly booting: readonly string[];
}

export async function layStandIns(): Promise<StandIns> {
  // Short: a socket's path has 107 bytes. Entered by the machines' own users.
  const base = mkdtempSync(join(tmpdir(), "vmm-"));
  chmodSync(base, 0o711);
  cpSync(import.meta.dirname, join(base, "vmm"), { recursive: true });
  writeFileSync(join(base, "package.json"), '{"type":"module"}');
  const own = realPath(process.execPath) ?? process.execPath;
  const isOpen = process.geteuid?.() !== 0 || closedToOthers(own) === null;
  const node = isOpen ? own : await storedExecutable(own);
  for (const mode of ["", "broken-", "qemu-"]) {
    const programs = join(base, `${mode}bin`);
    mkdirSync(programs);
    for (const [name, version] of [
      ["jailer", "Jailer v1.17.0"],
      ["firecracker", "Firecracker v1.17.0"],
      ["cloud-hypervisor", "cloud-hypervisor v48.0"],
    ]) {
      const run = `TSC_KHZ=${timeStampKhz() ?? ""} exec "${node}" "${base}/vmm/fake-monitor.ts" ${mode}${name} "$@"`;
      const script = `#!/bin/sh\n[ "$1" = --version ] && echo "${version}" && exit 0\n${run}\n`;
      writeFileSync(join(programs, name ?? ""), script, { mode: 0o755 });
    }
  }
  for (const name of ["kernel", "root.img"]) writeFileSync(join(base, name), name);
  const below = (name: string): readonly string[] => [join(base, name), ...SYSTEM_DIRECTORIES];
  return {
    base,
    directories: below("bin"),
    broken: below("broken-bin"),
    booting: below("qemu-bin"),
  };
}

export const digest = (text: string): string =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** An image whose process 1 is the one of fake-monitor.ts, told what to do. */
export function imageOf(
  base: string,
  told: Told,
  digests: Partial<Record<ImageRole, string>> = {},
): MachineImage {
  const promised = { kernel: digest("kernel"), root: digest("root.img"), ...digests };
  return {
    version: "image test",
    versions: { kernel: "test", node: "test" },
    images: {
      kernel: join(base, "kernel"),
      initrd: null,
      root: join(base, "root.img"),
      rootFileSystem: "squashfs",
      rootDigest: null,
      verity: null,
      store: null,
    },
    digests: new Map(Object.entries(promised) as [ImageRole, string][]),
    ports: new Map([PORTS.in, PORTS.out, PORTS.error, PORTS.channel, PORTS.init].entries()),
    speak: () => talk(told),
  };
}

function talk(told: Told): GuestTalk {
  let said = "";
  return {
    follow: (process) => {
      const line = process.duplex(4);
      line?.write(`${JSON.stringify(told)}\n`);
      line?.on("data", (chunk) => (said += String(chunk)));
    },
    ended: () => {
      const status = /^end (\d+)$/m.exec(said)?.[1];
      return status === undefined ? null : { kind: "exited", status: Number(status) };
    },
    up: Promise.resolve(),
    outOfMemory: () => false,
    endInput: (process) => void process.writable(0)?.end(),
    complaint: () => "",
  };
}

/** @param image - Null: there is none, and no KVM. */
export function portsOf(
  image: MachineImage | null,
  machine: MachineWish = DEFAULT_MACHINE,
): MachinePorts {
  return {
    imageDir: "",
    machine,
    kvmUsable: () => Promise.resolve({ usable: image !== null, why: "nobody tried" }),
    image: () => Promise.resolve(image === null ? err("nobody built one") : ok(image)),
    attest: () => Promise.reject(new TypeError("no test asks for it")),
  };
}

export type ProviderName = "microvm/firecracker" | "microvm/cloud-hypervisor";

/** Where the directories of a provider's machines are. */
export function machinesOf(name: ProviderName, base: string): string {
  return name === "microvm/firecracker" ? join(base, "j", "firecracker") : join(base, "m");
}

export function providerOf(
  name: ProviderName,
  ports: MachinePorts,
  { base, directories }: Pick<StandIns, "base" | "directories">,
): IsolationProvider {
  return name === "microvm/firecracker"
    ? createFirecracker(ports, { directories, base: join(base, "j") })
    : createCloudHypervisor(ports, { directories, base: join(base, "m") });
}
