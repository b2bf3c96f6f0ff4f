/**
 * What a monitor would be told for one agent config: documents, calls and argument vectors, without starting anything.
 *
 * Pure. The same functions make what a start sends; only names and ids that a start leases (user, directory) are
 * stood for by the first of their kind.
 *
 * @module
 */
import type { AgentConfig, Finding } from "../../config/index.ts";
import type { JsonObject } from "../../foundation/json.ts";
import { ok, type Result } from "../../foundation/result.ts";
import { cloudHypervisorArgv, cloudHypervisorSpec } from "./cloud-hypervisor-spec.ts";
import {
  firecrackerSpec,
  type JailerOptions,
  jailerArgv,
  type MonitorCall,
  type StagedImage,
} from "./firecracker-spec.ts";
import { type KernelLine, kernelLine, type Monitor } from "./kernel-cmdline.ts";
import { MACHINES_OF_ROOT } from "./machine-ports.ts";
import { qemuArgv, type QemuPaths } from "./qemu-argv.ts";
import { synthesizeVm, type VmImages, type VmModel } from "./vm-model.ts";

export const MONITORS: readonly Monitor[] = ["firecracker", "cloud-hypervisor", "qemu"];

export interface VmSpec {
  readonly vmm: Monitor;
  readonly instance: string;
  readonly images: readonly {
    readonly role: "kernel" | "root" | "store";
    readonly path: string;
    /** What must be found there before a start. Null: nothing was promised. */
    readonly digest: string | null;
  }[];
  /** Words of the config for the kernel that have no effect, because the host sets them. */
  readonly overruled: readonly string[];
  readonly argv: readonly string[];
  /** Files that are put into the jail first. Firecracker only. */
  readonly stage?: readonly StagedImage[];
  /** Not for QEMU, which has its argument vector alone. */
  readonly document?: JsonObject;
  readonly calls?: readonly MonitorCall[];
}

export interface VmSpecOptions {
  readonly monitor: Monitor;
  /** 16 bytes. */
  readonly random: Uint8Array;
  /** Absolute; the config's paths are relative to it. */
  readonly configDirectory: string;
  /** `sha256:…` of the config. */
  readonly agentDigest: string;
  /** kHz: the guest runs in software emulation. Null: with KVM. */
  readonly tscKhz: number | null;
}

/** Absolute paths as Debian has them; a start looks for its own. */
const TOOLS = {
  setpriv: "/usr/bin/setpriv",
  unshare: "/usr/bin/unshare",
  prlimit: "/usr/bin/prlimit",
  nsenter: "/usr/bin/nsenter",
  perl: "/usr/bin/perl",
  qemu: "/usr/bin/qemu-system-x86_64",
  firecracker: "/usr/bin/firecracker",
  jailer: "/usr/bin/jailer",
  cloudHypervisor: "/usr/bin/cloud-hypervisor",
} as const;
const JAIL: Pick<JailerOptions, "uid" | "gid" | "base" | "cgroupVersion"> = {
  uid: 200_000,
  gid: 200_000,
  base: "/srv/jailer",
  cgroupVersion: 2,
};

/**
 * @returns The spec, or what the kernel's line may not hold.
 * @throws {CcosError} `CONFIG_INVALID` as synthesizeVm.
 */
export function vmSpec(
  config: AgentConfig,
  options: VmSpecOptions,
): Result<VmSpec, readonly Finding[]> {
  const { monitor, random, agentDigest, tscKhz } = options;
  const images = imagesOf(config, options.configDirectory);
  const model = synthesizeVm(config, { random, agentDigest, images });
  const line = kernelLine(model, { monitor, tscKhz });
  if (!line.ok) return line;
  return ok({
    vmm: monitor,
    instance: model.instance,
    images: [
      { role: "kernel", path: images.kernel, digest: null },
      { role: "root", path: images.root, digest: images.rootDigest },
      ...(images.store === null
        ? []
        : [{ role: "store" as const, path: images.store, digest: null }]),
    ],
    overruled: line.value.overruled,
    ...saidTo(monitor, model, { line: line.value, tscKhz }),
  });
}

/** The images that a config names. The store's lies beside the root's. */
function imagesOf({ microvm, orchestrator }: AgentConfig, directory: string): VmImages {
  const kernel = microvm?.kernel.image ?? "";
  const root = absolute(microvm?.rootfs.image ?? "", directory);
  const expected = microvm?.attestation.expectRootfsHash ?? null;
  const store = `${root.slice(0, root.lastIndexOf("/"))}/capabilities.img`;
  return {
    kernel: absolute(kernel, directory),
    initrd: null,
    root,
    rootFileSystem: "squashfs",
    rootDigest:
      microvm?.attestation.enabled === true && expected?.kind === "digest" ? expected.text : null,
    verity: null,
    store: orchestrator.isolation.fs.mounts.has("capabilities") ? store : null,
  };
}

function absolute(path: string, directory: string): string {
  return path.startsWith("/") ? path : `${directory}/${path}`;
}

function saidTo(
  monitor: Monitor,
  model: VmModel,
  { line, tscKhz }: { readonly line: KernelLine; readonly tscKhz: number | null },
): Pick<VmSpec, "argv" | "stage" | "document" | "calls"> {
  const directory = `${MACHINES_OF_ROOT}/${model.instance}/root`;
  switch (monitor) {
    case "firecracker":
      return {
        argv: jailerArgv(model, { ...TOOLS, ...JAIL }),
        ...firecrackerSpec(model, line),
      };
    case "cloud-hypervisor":
      return {
        argv: cloudHypervisorArgv(model, TOOLS, directory),
        ...cloudHypervisorSpec(model, line, directory),
      };
    case "qemu":
      return { argv: qemuLine(model, { line, directory, emulated: tscKhz !== null }) };
  }
}

function qemuLine(
  model: VmModel,
  { line, directory, emulated }: { line: KernelLine; directory: string; emulated: boolean },
): readonly string[] {
  const { kernel, initrd, root, store } = model.images;
  const paths: QemuPaths = { ...TOOLS, kernel, initrd, root, store, directory };
  return qemuArgv(model, paths, { acceleration: emulated ? "tcg" : "kvm", line });
}
