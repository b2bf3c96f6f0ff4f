/**
 * QEMU's command line for one microVM: no network card unless it is named, no disk that can be written, nothing by default.
 *
 * Pure, and the only writer of that line: a run names its files and ports by descriptors that are open already
 * (qemu-launch.ts), because a path would be looked up twice; `ccos vm spec` by paths (qemu-argv.ts).
 *
 * @module
 */

export interface QemuMachine {
  readonly acceleration: "kvm" | "tcg";
  readonly memoryMib: number;
  readonly vcpus: number;
  /** Shown in the process list of the host. Null: QEMU's own. */
  readonly label: string | null;
  /** Paths, as QEMU opens them. */
  readonly kernel: string;
  readonly initrd: string | null;
  readonly kernelLine: string;
  /** Images in order: vda, vdb, … */
  readonly drives: readonly QemuFile[];
  /** What is behind each port, by its name; null: the port is there and nobody is behind it. */
  readonly ports: ReadonlyMap<string, QemuStream | null>;
  readonly console: QemuStream;
  /** Where QEMU takes commands. Null: nowhere. */
  readonly monitor: QemuStream | null;
  /** State that it begins from instead of booting, by its descriptor. Null: it boots. */
  readonly incomingFd: number | null;
  /** Randomness of the host as a device, bytes each second. Null: no such device. */
  readonly entropyBytesPerSecond: number | null;
  /** Null: no network card. */
  readonly card: { readonly device: string; readonly mac: string; readonly mtu: number } | null;
  /** Its root becomes one without files before the guest's first instruction. */
  readonly isRootless: boolean;
}

export type QemuFile =
  | { readonly kind: "descriptor"; readonly fd: number }
  /** `serial`: the guest finds it by that, not by its letter. */
  | { readonly kind: "path"; readonly path: string; readonly serial: string | null };

export type QemuStream =
  | { readonly kind: "descriptor"; readonly fd: number }
  | { readonly kind: "connect"; readonly path: string }
  | { readonly kind: "listen"; readonly path: string }
  | { readonly kind: "write"; readonly path: string };

/** The processor that programs get; a probe must try the same. */
export const CPU_MODELS = { kvm: "host", tcg: "max" } as const;
const FILTER_ARGUMENTS: readonly string[] = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];
/** QEMU's part of its jail: a root without files and its own filter, before the guest's first instruction. */
export const JAIL_ARGUMENTS: readonly string[] = [
  "-chroot",
  "/proc/self/fdinfo",
  ...FILTER_ARGUMENTS,
];
const TRANSLATED_MIB = 128;

/** @returns argv without its first word. */
export function qemuArguments(machine: QemuMachine): readonly string[] {
  const { acceleration, memoryMib, vcpus, label, kernel, initrd, drives, ports } = machine;
  const { monitor, incomingFd, entropyBytesPerSecond, card } = machine;
  const accel = acceleration === "kvm" ? "kvm" : `tcg,thread=single,tb-size=${TRANSLATED_MIB}`;
  return [
    ["-M", board(acceleration), "-accel", accel, "-cpu", CPU_MODELS[acceleration]],
    ["-smp", String(vcpus), "-m", String(memoryMib), ...(label === null ? [] : ["-name", label])],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-action", "reboot=shutdown,panic=exit-failure", "-device", "pvpanic"],
    ["-kernel", kernel, ...(initrd === null ? [] : ["-initrd", initrd])],
    ["-append", machine.kernelLine],
    drives.flatMap(drive),
    ["-device", "virtio-serial-device"],
    [...ports].flatMap(([name, stream], index) => port(name, stream, index)),
    entropyBytesPerSecond === null ? [] : entropy(entropyBytesPerSecond),
    card === null ? [] : networkCard(card),
    ["-chardev", chardev("console", machine.console), "-serial", "chardev:console"],
    monitor === null
      ? []
      : ["-chardev", chardev("qmp", monitor), "-mon", "chardev=qmp,mode=control"],
    incomingFd === null ? [] : ["-incoming", `fd:${incomingFd}`],
    machine.isRootless ? JAIL_ARGUMENTS : FILTER_ARGUMENTS,
  ].flat();
}

/** Without its old timers and interrupts an emulated guest never boots; with KVM's clock nobody needs them. */
function board(acceleration: QemuMachine["acceleration"]): string {
  const old = acceleration === "tcg" ? "on" : "off";
  return `microvm,acpi=on,pcie=off,pic=${old},pit=${old},rtc=${old},isa-serial=on,auto-kernel-cmdline=off`;
}

function port(name: string, stream: QemuStream | null, index: number): readonly string[] {
  const behind = stream === null ? `null,id=p${index}` : chardev(`p${index}`, stream);
  return ["-chardev", behind, "-device", `virtserialport,chardev=p${index},name=${name}`];
}

function chardev(id: string, stream: QemuStream): string {
  switch (stream.kind) {
    case "descriptor":
      return `socket,id=${id},fd=${stream.fd}`;
    case "connect":
      return `socket,id=${id},path=${quoted(stream.path)},server=off`;
    case "listen":
      return `socket,id=${id},path=${quoted(stream.path)},server=on,wait=off`;
    case "write":
      return `file,id=${id},path=${quoted(stream.path)}`;
  }
}

function drive(file: QemuFile, index: number): readonly string[] {
  const isOpen = file.kind === "descriptor";
  const path = isOpen ? `/dev/fdset/${index + 1}` : quoted(file.path);
  const serial = isOpen || file.serial === null ? "" : `,serial=${file.serial}`;
  return [
    ...(isOpen ? ["-add-fd", `fd=${file.fd},set=${index + 1}`] : []),
    "-drive",
    `id=d${index},file=${path},format=raw,if=none,readonly=on`,
    "-device",
    `virtio-blk-device,drive=d${index}${serial}`,
  ];
}

function entropy(bytesPerSecond: number): readonly string[] {
  return [
    "-object",
    "rng-random,id=rng0,filename=/dev/urandom",
    "-device",
    `virtio-rng-device,rng=rng0,max-bytes=${bytesPerSecond},period=1000`,
  ];
}

function networkCard({ device, mac, mtu }: NonNullable<QemuMachine["card"]>): readonly string[] {
  return [
    "-netdev",
    `tap,id=net0,ifname=${device},script=no,downscript=no`,
    "-device",
    `virtio-net-device,netdev=net0,mac=${mac},host_mtu=${mtu}`,
  ];
}

/** QEMU ends an option at a comma; two of them stand for one. */
function quoted(path: string): string {
  return path.replaceAll(",", ",,");
}
