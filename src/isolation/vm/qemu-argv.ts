/**
 * One machine as QEMU's argument vector: `microvm`, no firmware of a PC, no network card by default, jailed.
 *
 * QEMU connects to sockets that the host listens on before it starts it, in
 * a directory of the host's that nobody else may enter; what cannot be reached ends it.
 *
 * @module
 */
import type { KernelLine } from "./kernel-cmdline.ts";
import { type JailTools, monitorJail } from "./monitor-jail.ts";
import type { VmModel, VmNic } from "./vm-model.ts";

/** How the guest's instructions run. */
export type Acceleration = "kvm" | "tcg";

export interface QemuPaths extends JailTools {
  readonly qemu: string;
  /** As QEMU opens them: a path, or `/proc/self/fd/N` of what was measured. */
  readonly kernel: string;
  readonly initrd: string | null;
  readonly root: string;
  readonly store: string | null;
  /** Private directory of the machine: sockets and the console's file. */
  readonly directory: string;
}

/** Names of sockets and of the guest's ports, in the order in which the guest sees them. */
export const QEMU_PORTS = {
  control: { socket: "control.sock", port: "ccos.control" },
  egress: { socket: "egress.sock", port: "ccos.egress" },
  init: { socket: "init.sock", port: "ccos.init" },
} as const;
export const QEMU_MONITOR_SOCKET = "qmp.sock";
export const QEMU_CONSOLE_FILE = "console.log";

/** @param line - Of kernelLine for QEMU; with the clock's words exactly when emulated. */
export function qemuArgv(
  model: VmModel,
  paths: QemuPaths,
  { acceleration, line }: { readonly acceleration: Acceleration; readonly line: KernelLine },
): readonly string[] {
  const emulated = acceleration === "tcg";
  const { control, egress, init } = QEMU_PORTS;
  const ports = model.vsock.egressPort === null ? [control, init] : [control, egress, init];
  const console = quoted(`${paths.directory}/${QEMU_CONSOLE_FILE}`);
  const monitor = quoted(`${paths.directory}/${QEMU_MONITOR_SOCKET}`);
  return [
    monitorJail(paths, model, model.limits.fileBytes),
    [paths.qemu, "-M", machine(emulated)],
    ["-accel", emulated ? "tcg,thread=single" : "kvm", "-cpu", emulated ? "max" : "host"],
    ["-smp", String(model.vcpus), "-m", String(model.memoryMib)],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-action", "reboot=shutdown,panic=exit-failure", "-device", "pvpanic"],
    ["-kernel", paths.kernel],
    paths.initrd === null ? [] : ["-initrd", paths.initrd],
    ["-append", line.text],
    drive("d0", paths.root),
    paths.store === null ? [] : drive("d1", paths.store, "caps"),
    ["-device", "virtio-serial-device"],
    ports.flatMap(({ socket, port }) => serialPort(`${paths.directory}/${socket}`, port)),
    ["-object", "rng-random,id=rng0,filename=/dev/urandom"],
    ["-device", `virtio-rng-device,rng=rng0,${entropyLimit(model)}`],
    model.nic === null ? [] : card(model.nic),
    ["-chardev", `file,id=con,path=${console}`, "-serial", "chardev:con"],
    ["-qmp", `unix:${monitor},server=on,wait=off`],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
  ].flat();
}

/** Without its old timers and interrupts an emulated guest never boots; with KVM's clock nobody needs them. */
function machine(emulated: boolean): string {
  const old = emulated ? "on" : "off";
  return `microvm,acpi=on,pcie=off,pic=${old},pit=${old},rtc=${old},isa-serial=on,auto-kernel-cmdline=off`;
}

/** The second drive is looked up by its serial, not by its letter. */
function drive(id: string, path: string, serial?: string): readonly string[] {
  const name = serial === undefined ? "" : `,serial=${serial}`;
  return [
    "-drive",
    `id=${id},file=${quoted(path)},format=raw,if=none,readonly=on`,
    "-device",
    `virtio-blk-device,drive=${id}${name}`,
  ];
}

function serialPort(socket: string, port: string): readonly string[] {
  const id = port.replace(".", "-");
  return [
    "-chardev",
    `socket,id=${id},path=${quoted(socket)},server=off`,
    "-device",
    `virtserialport,chardev=${id},name=${port}`,
  ];
}

function entropyLimit({ entropyBytesPerSecond }: VmModel): string {
  return `max-bytes=${entropyBytesPerSecond},period=1000`;
}

function card({ device, mac, mtu }: VmNic): readonly string[] {
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
