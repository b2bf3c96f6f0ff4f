/**
 * One machine in Firecracker's words: the config document, the same as ordered calls, and the jailer's argument vector.
 *
 * Read in this order: FirecrackerSpec, firecrackerSpec, jailerArgv. Field names and limits are the vendor's
 * (v1.17), held against test/contract/vmm/firecracker.facts. Paths are those inside the jail. An unknown key
 * at the top of the document would be ignored by the vendor, so nothing but these types reaches it.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import type { KernelLine } from "./kernel-cmdline.ts";
import type { VmModel, VmNic } from "./vm-model.ts";

/** One request to a monitor's socket. */
export interface MonitorCall {
  readonly method: "GET" | "PUT" | "PATCH";
  readonly path: string;
  readonly body: JsonObject | null;
}

/** A file of the host that must lie in the jail before the start. */
export interface StagedImage {
  readonly from: string;
  /** Relative to the jail's root. */
  readonly to: string;
}

export interface FirecrackerSpec {
  /** For `--config-file`; `calls` say the same. */
  readonly document: JsonObject;
  /** In the order in which they are sent; the last one starts the guest. */
  readonly calls: readonly MonitorCall[];
  readonly stage: readonly StagedImage[];
}

/** Names inside the jail. */
export const FIRECRACKER_FILES = {
  kernel: "kernel",
  initrd: "initrd",
  root: "root.img",
  store: "store.img",
  /** Made empty by the host: the vendor opens them, and does not always make them. */
  log: "firecracker.log",
  metrics: "firecracker.metrics",
  vsock: "v.sock",
  api: "run/firecracker.socket",
} as const;

/** @param line - Of kernelLine for Firecracker. */
export function firecrackerSpec(model: VmModel, line: KernelLine): FirecrackerSpec {
  const { images } = model;
  const files = FIRECRACKER_FILES;
  const drives = drivesOf(model);
  const card = model.nic === null ? null : cardOf(model.nic);
  const parts = {
    logger: loggerOf(),
    metrics: { metrics_path: files.metrics },
    "machine-config": {
      vcpu_count: model.vcpus,
      mem_size_mib: model.memoryMib,
      smt: false,
      track_dirty_pages: false,
      huge_pages: "None",
    },
    "boot-source": {
      kernel_image_path: files.kernel,
      ...(images.initrd === null ? {} : { initrd_path: files.initrd }),
      boot_args: line.text,
    },
    drives,
    ...(card === null ? {} : { "network-interfaces": [card] }),
    vsock: { guest_cid: model.vsock.cid, uds_path: files.vsock },
    entropy: { rate_limiter: bandwidth(model.entropyBytesPerSecond) },
  };
  const put = (path: string, body: JsonObject): MonitorCall => ({ method: "PUT", path, body });
  return {
    document: parts,
    calls: [
      { method: "GET", path: "/version", body: null },
      put("/logger", parts.logger),
      put("/metrics", parts.metrics),
      put("/machine-config", parts["machine-config"]),
      put("/boot-source", parts["boot-source"]),
      ...drives.map((each) => put(`/drives/${each.drive_id}`, each)),
      ...(card === null ? [] : [put(`/network-interfaces/${card.iface_id}`, card)]),
      put("/vsock", parts.vsock),
      put("/entropy", parts.entropy),
      put("/actions", { action_type: "InstanceStart" }),
    ],
    stage: [
      { from: images.kernel, to: files.kernel },
      ...(images.initrd === null ? [] : [{ from: images.initrd, to: files.initrd }]),
      { from: images.root, to: files.root },
      ...(images.store === null ? [] : [{ from: images.store, to: files.store }]),
    ],
  };
}

function loggerOf() {
  return {
    log_path: FIRECRACKER_FILES.log,
    level: "Warning",
    show_level: true,
    show_log_origin: false,
  };
}

/** The root is the first disk: /dev/vda, behind its verity tree or not. */
function drivesOf({ images }: VmModel) {
  const drive = (drive_id: string, path_on_host: string, is_root_device: boolean) => ({
    drive_id,
    path_on_host,
    is_root_device,
    is_read_only: true,
    cache_type: "Unsafe",
    io_engine: "Sync",
  });
  const root = drive("rootfs", FIRECRACKER_FILES.root, images.verity === null);
  return images.store === null ? [root] : [root, drive("caps", FIRECRACKER_FILES.store, false)];
}

function cardOf({ device, mac, mtu, bytesPerSecond }: VmNic) {
  return {
    iface_id: "eth0",
    host_dev_name: device,
    guest_mac: mac,
    mtu,
    rx_rate_limiter: bandwidth(bytesPerSecond),
    tx_rate_limiter: bandwidth(bytesPerSecond),
  };
}

function bandwidth(bytesPerSecond: number) {
  return { bandwidth: { size: bytesPerSecond, refill_time: 1000 } };
}

export interface JailerOptions {
  readonly jailer: string;
  readonly firecracker: string;
  readonly unshare: string;
  readonly setpriv: string;
  readonly perl: string;
  /** Of this machine alone. */
  readonly uid: number;
  readonly gid: number;
  /** Owned by root, entered by nobody else. */
  readonly base: string;
  readonly cgroupVersion: 1 | 2;
}

/**
 * Process 1 of a namespace around the jailer: the jailer leaves Firecracker behind in a namespace of its own, and whoever
 * kills this one kills that too. It ends as the last process did that it reaped: Firecracker.
 */
const KEEPER =
  "my $end = system { $ARGV[0] } @ARGV; while (wait() != -1) { $end = $? } exit($end & 127 ? 128 + ($end & 127) : $end >> 8);";

/**
 * The jailer around Firecracker. All of it dies with us; without a network card it has a network namespace of its own with
 * nothing in it, else the proxy's.
 */
export function jailerArgv(model: VmModel, options: JailerOptions): readonly string[] {
  const { limits, nic } = model;
  return [
    [options.setpriv, "--pdeathsig", "KILL"],
    [options.unshare, ...(nic === null ? ["--net"] : []), "--ipc", "--uts"],
    ["--pid", "--fork", "--kill-child=KILL", "--", options.perl, "-e", KEEPER],
    [options.jailer, "--id", model.instance, "--exec-file", options.firecracker],
    ["--uid", String(options.uid), "--gid", String(options.gid)],
    ["--chroot-base-dir", options.base, "--cgroup-version", String(options.cgroupVersion)],
    groupWords(model, options.cgroupVersion).flatMap((word) => ["--cgroup", word]),
    ["--resource-limit", `no-file=${limits.descriptors}`],
    ["--resource-limit", `fsize=${limits.snapshotBytes}`],
    nic === null ? [] : ["--netns", `/run/netns/${nic.namespace}`],
    ["--new-pid-ns", "--", "--api-sock", `/${FIRECRACKER_FILES.api}`],
  ].flat();
}

const CPU_PERIOD_US = 100_000;

function groupWords({ limits }: VmModel, version: 1 | 2): readonly string[] {
  const quota = (limits.cpuPercent / 100) * CPU_PERIOD_US;
  const pids = `pids.max=${limits.tasks}`;
  return version === 2
    ? [`memory.max=${limits.memoryBytes}`, `cpu.max=${quota} ${CPU_PERIOD_US}`, pids]
    : [
        `memory.limit_in_bytes=${limits.memoryBytes}`,
        `cpu.cfs_period_us=${CPU_PERIOD_US}`,
        `cpu.cfs_quota_us=${quota}`,
        pids,
      ];
}
