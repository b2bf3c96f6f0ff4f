/**
 * One machine in Cloud Hypervisor's words: the document of `vm.create`, the ordered calls, and its argument vector.
 *
 * Read in this order: CloudHypervisorSpec, cloudHypervisorSpec, cloudHypervisorArgv. Field names and limits are the
 * vendor's, held against test/contract/vmm/cloud-hypervisor.facts. What the vendor leaves open is closed by
 * name: nested virtualisation, shared memory, consoles, guessing a disk's format, following its backing
 * files. There is no jailer; the jail is ours, with its own filter and Landlock inside.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import type { MonitorCall } from "./firecracker-spec.ts";
import type { KernelLine } from "./kernel-cmdline.ts";
import { type JailTools, monitorJail } from "./monitor-jail.ts";
import type { VmModel, VmNic } from "./vm-model.ts";

export interface CloudHypervisorSpec {
  /** The body of `vm.create`. */
  readonly document: JsonObject;
  /** In the order in which they are sent; the last one starts the guest. */
  readonly calls: readonly MonitorCall[];
}

export const CLOUD_HYPERVISOR_FILES = { vsock: "v.sock", api: "api.sock" } as const;
/** The descriptor on which it tells what happens to the guest: one JSON document after the other. */
export const EVENTS_FD = 4;
const API = "/api/v1";
const MIB = 1024 * 1024;

/**
 * @param line - Of kernelLine for Cloud Hypervisor.
 * @param directory - Absolute, private, of this machine: Landlock opens the directory of each socket by its path.
 */
export function cloudHypervisorSpec(
  model: VmModel,
  line: KernelLine,
  directory: string,
): CloudHypervisorSpec {
  const { images, nic } = model;
  const document = {
    payload: {
      kernel: images.kernel,
      ...(images.initrd === null ? {} : { initramfs: images.initrd }),
      cmdline: line.text,
    },
    cpus: cpusOf(model),
    memory: {
      size: model.memoryMib * MIB,
      mergeable: false,
      shared: false,
      hugepages: false,
      prefault: false,
    },
    disks: [
      disk("rootfs", images.root),
      ...(images.store === null ? [] : [{ ...disk("caps", images.store), serial: "caps" }]),
    ],
    ...(nic === null ? {} : { net: [cardOf(nic)] }),
    vsock: { cid: model.vsock.cid, socket: `${directory}/${CLOUD_HYPERVISOR_FILES.vsock}` },
    rng: { src: "/dev/urandom" },
    serial: { mode: "Off" },
    console: { mode: "Off" },
    pvpanic: true,
    // Its end of patience would boot the guest again, a second life that nobody asked for.
    watchdog: false,
    iommu: false,
    landlock_enable: true,
    landlock_rules: [{ path: directory, access: "rw" }],
  };
  return {
    document,
    calls: [
      { method: "GET", path: `${API}/vmm.ping`, body: null },
      { method: "PUT", path: `${API}/vm.create`, body: document },
      { method: "PUT", path: `${API}/vm.boot`, body: null },
    ],
  };
}

function cpusOf({ vcpus }: VmModel) {
  return {
    boot_vcpus: vcpus,
    max_vcpus: vcpus,
    nested: false,
    kvm_hyperv: false,
    core_scheduling: "Vm",
    topology: { threads_per_core: 1, cores_per_die: vcpus, dies_per_package: 1, packages: 1 },
  };
}

function disk(id: string, path: string) {
  return { id, path, readonly: true, image_type: "Raw", backing_files: false, vhost_user: false };
}

function cardOf({ device, mac, mtu, bytesPerSecond }: VmNic) {
  return {
    id: "eth0",
    tap: device,
    mac,
    mtu,
    vhost_user: false,
    offload_tso: false,
    offload_ufo: false,
    offload_csum: false,
    rate_limiter_config: { bandwidth: { size: bytesPerSecond, refill_time: 1000 } },
  };
}

/** The monitor in its jail. @param directory - As in cloudHypervisorSpec. */
export function cloudHypervisorArgv(
  model: VmModel,
  tools: JailTools & { readonly cloudHypervisor: string },
  directory: string,
): readonly string[] {
  return [
    ...monitorJail(tools, model, model.limits.snapshotBytes),
    tools.cloudHypervisor,
    "--api-socket",
    `path=${directory}/${CLOUD_HYPERVISOR_FILES.api}`,
    "--event-monitor",
    `fd=${EVENTS_FD}`,
    "--seccomp",
    "true",
  ];
}
