/**
 * One virtual machine, as every monitor gets it: synthesised from an agent config, pure, no default left open.
 *
 * Read in this order: VmModel, synthesizeVm. The model holds what is meant; firecracker-spec.ts,
 * cloud-hypervisor-spec.ts and qemu-argv.ts say it in each monitor's words. Nothing is named after the agent:
 * every name that others could foresee comes from 16 random bytes. There is no network card unless the
 * config has one, no balloon, no console, no disk that can be written.
 *
 * @module
 */
import type { AgentConfig } from "../../config/index.ts";
import { CcosError } from "../../foundation/errors.ts";
import type { Verity } from "../image/verity.ts";

/** The files that a machine boots from, already measured or about to be. */
export interface VmImages {
  readonly kernel: string;
  /** Module initramfs of a distribution's kernel. Null: the kernel has all it needs built in. */
  readonly initrd: string | null;
  readonly root: string;
  readonly rootFileSystem: "squashfs" | "erofs";
  /** `sha256:…` that the root must have before a start. Null: nothing was promised. */
  readonly rootDigest: string | null;
  readonly verity: Verity | null;
  /** Image of the capability store. Null: there is none. */
  readonly store: string | null;
}

export interface VmNic {
  /** TAP device on the host: at most 15 characters, the kernel's limit. */
  readonly device: string;
  /** Locally administered, unicast. */
  readonly mac: string;
  readonly mtu: number;
  /** Network namespace that holds the device and the proxy. */
  readonly namespace: string;
  /** Each direction. */
  readonly bytesPerSecond: number;
}

/** What the host grants the monitor's process, guest included. */
export interface MonitorLimits {
  readonly memoryBytes: number;
  /** Of one CPU; 100 for each virtual one. */
  readonly cpuPercent: number;
  readonly tasks: number;
  readonly descriptors: number;
  /** Largest file it may write: a console's output. */
  readonly fileBytes: number;
  /** The same for a monitor that writes snapshots of the memory itself. */
  readonly snapshotBytes: number;
}

export interface VmModel {
  /** 32 lower-case hex digits, new for each machine. */
  readonly instance: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly images: VmImages;
  /** Words of the config for the kernel; filtered by kernel-cmdline.ts. */
  readonly kernelWords: string;
  /** `sha256:…` of the agent config, told to the guest. Null: there is none. */
  readonly agentDigest: string | null;
  readonly vsock: {
    readonly cid: number;
    readonly controlPort: number;
    /** Null: the agent has no network. */
    readonly egressPort: number | null;
  };
  readonly nic: VmNic | null;
  /** Random bytes that the guest may draw from the host each second. */
  readonly entropyBytesPerSecond: number;
  readonly limits: MonitorLimits;
}

/** Guest ports of the host's listeners (cid 2). */
export const CONTROL_PORT = 1024;
export const EGRESS_PORT = 3128;

export const VCPUS_MAX = 32;
export const CID_MIN = 3;
/** 2^32 - 1 means any. */
export const CID_MAX = 4_294_967_294;
export const MEMORY_MIB_MIN = 64;
const MEMORY_MIB_MAX = 1024 * 1024;
const MIB = 1024 * 1024;
/** What a monitor needs beside the guest's memory: its own, and page tables. */
const MONITOR_BYTES_OWN = 128 * MIB;
const MONITOR_TASKS_OWN = 32;
const FILE_BYTES_OWN = 16 * MIB;
const DESCRIPTORS_MAX = 256;
const ENTROPY_BYTES_PER_SECOND = 64 * 1024;
const NIC_BYTES_PER_SECOND = 10 * MIB;
const MTU = 1500;

/** What a machine is made of when no agent config names it: a run's own limits. */
export interface VmParts {
  readonly random: Uint8Array;
  readonly images: VmImages;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly cid: number;
  /** Names a namespace: the machine has a network card in it. */
  readonly nicNamespace: string | null;
  readonly egress: boolean;
  readonly kernelWords: string;
  readonly agentDigest: string | null;
}

/**
 * The machine that a config asks for.
 *
 * @param random - 16 bytes or more; two machines with the same bytes would have the same names.
 * @param cid - Overrides the config's: two generations of one agent run side by side.
 * @throws {CcosError} `CONFIG_INVALID` without a microVM block, or for what no monitor takes.
 */
export function synthesizeVm(
  config: AgentConfig,
  given: Pick<VmParts, "random" | "agentDigest"> & {
    readonly images: VmImages;
    readonly cid?: number;
  },
): VmModel {
  const { microvm, network } = config;
  if (microvm === null) throw invalid("microvm", "there is no :microvm block");
  if (!microvm.rootfs.ro) throw invalid("microvm.rootfs.ro", "the root image must be read-only");
  const { nic, vsock } = microvm.devices;
  if (!vsock.enabled)
    throw invalid("microvm.devices.vsock", "without vsock nothing can speak to the guest");
  return vmOf({
    ...given,
    vcpus: microvm.resources.vcpus,
    memoryMib: microvm.resources.memMb,
    cid: given.cid ?? vsock.cid ?? 0,
    nicNamespace: nic.enabled ? (nic.proxyNs ?? "") : null,
    egress: network.enabled,
    kernelWords: microvm.kernel.cmdline,
  });
}

/** @throws {CcosError} `CONFIG_INVALID` for what no monitor takes. */
export function vmOf(parts: VmParts): VmModel {
  const { vcpus, memoryMib, cid, nicNamespace } = parts;
  within("microvm.resources.vcpus", vcpus, [1, VCPUS_MAX]);
  within("microvm.resources.mem_mb", memoryMib, [MEMORY_MIB_MIN, MEMORY_MIB_MAX]);
  within("microvm.devices.vsock.cid", cid, [CID_MIN, CID_MAX]);
  if (parts.random.length < 16) throw new RangeError("a machine is named by 16 random bytes");
  const instance = hex(parts.random.subarray(0, 16));
  return {
    instance,
    vcpus,
    memoryMib,
    images: parts.images,
    kernelWords: parts.kernelWords,
    agentDigest: parts.agentDigest,
    vsock: { cid, controlPort: CONTROL_PORT, egressPort: parts.egress ? EGRESS_PORT : null },
    nic: nicNamespace === null ? null : nicOf(instance, nicNamespace),
    entropyBytesPerSecond: ENTROPY_BYTES_PER_SECOND,
    limits: {
      memoryBytes: memoryMib * MIB + MONITOR_BYTES_OWN,
      cpuPercent: vcpus * 100,
      tasks: vcpus + MONITOR_TASKS_OWN,
      descriptors: DESCRIPTORS_MAX,
      fileBytes: FILE_BYTES_OWN,
      snapshotBytes: memoryMib * MIB + FILE_BYTES_OWN,
    },
  };
}

function nicOf(instance: string, namespace: string): VmNic {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(namespace))
    throw invalid("microvm.devices.nic.proxy_ns", "it is not the name of a network namespace");
  const octets = instance.slice(8, 18).match(/../g) ?? [];
  return {
    device: `tp${instance.slice(0, 8)}`,
    mac: ["02", ...octets].join(":"),
    mtu: MTU,
    namespace,
    bytesPerSecond: NIC_BYTES_PER_SECOND,
  };
}

/**
 * The first free context id from `wished` on. Two generations of one agent have different ones.
 *
 * @param taken - Ids of every machine that may still run.
 * @throws {CcosError} `CONFIG_INVALID` when `wished` is reserved.
 */
export function allocateCid(wished: number, taken: ReadonlySet<number>): number {
  within("microvm.devices.vsock.cid", wished, [CID_MIN, CID_MAX]);
  let cid = wished;
  while (taken.has(cid)) cid = cid === CID_MAX ? CID_MIN : cid + 1;
  return cid;
}

function within(path: string, value: number, [least, most]: readonly [number, number]): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw invalid(path, `${value} is no whole number from ${least} to ${most}`);
}

function invalid(path: string, why: string): CcosError {
  return new CcosError("CONFIG_INVALID", {
    what: `Cannot make a machine of "${path}"`,
    why,
    fix: "Run `ccos check FILE`",
    details: { path },
  });
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
}
