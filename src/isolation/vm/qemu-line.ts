/**
 * QEMU's command line for one microVM: no network card, no disk that can be written, nothing by default.
 *
 * Pure. Every file and port is a descriptor that is open already: a path would be looked up twice.
 *
 * @module
 */

export interface QemuMachine {
  /** `kvm`, or the emulation, which needs to be told how fast the host's clock ticks. */
  readonly accelerator:
    | { readonly kind: "kvm" }
    | { readonly kind: "tcg"; readonly tscKhz: number };
  readonly memoryMib: number;
  readonly vcpus: number;
  /** Of a config; after ours. */
  readonly kernelWords: string;
  /** Shown in the process list of the host. */
  readonly label: string;
  readonly kernelFd: number;
  readonly initrdFd: number;
  /** squashfs images in order: vda, vdb, … */
  readonly driveFds: readonly number[];
  /** Stream sockets by the name of their port; null: the port is there and nobody is behind it. */
  readonly ports: ReadonlyMap<string, number | null>;
  readonly consoleFd: number;
  readonly state: MachineState;
}

/** Where a machine's state goes or comes from, by QEMU's descriptors. */
export type MachineState =
  | { readonly kind: "new" }
  | { readonly kind: "saved"; readonly monitorFd: number }
  | { readonly kind: "restored"; readonly stateFd: number };

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

/** What the kernel is told, in both cases before the words of the accelerator. */
const KERNEL_WORDS = [
  "console=ttyS0 quiet pci=off reboot=t panic=-1 rdinit=/init",
  "sysctl.kernel.unprivileged_bpf_disabled=1 sysctl.kernel.kptr_restrict=2 sysctl.kernel.dmesg_restrict=1",
  "sysctl.user.max_user_namespaces=0 sysctl.kernel.kexec_load_disabled=1",
];

/** Without the clock's frequency an emulated guest hangs on a busy host before its first word. */
export function kernelCommandLine({
  accelerator,
  kernelWords,
}: Pick<QemuMachine, "accelerator" | "kernelWords">): string {
  const clock =
    accelerator.kind === "kvm"
      ? []
      : [`tsc_early_khz=${accelerator.tscKhz} tsc=reliable no_timer_check`];
  return [...KERNEL_WORDS, ...clock, kernelWords].join(" ").trim();
}

/** @returns argv without its first word. */
export function qemuArguments(machine: QemuMachine): readonly string[] {
  const { accelerator, memoryMib, vcpus, label, kernelFd, initrdFd, driveFds, ports, consoleFd } =
    machine;
  const accel = accelerator.kind === "kvm" ? "kvm" : `tcg,thread=single,tb-size=${TRANSLATED_MIB}`;
  return [
    ["-M", "microvm,acpi=on,pcie=off,pic=on,pit=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off"],
    [
      "-accel",
      accel,
      "-cpu",
      CPU_MODELS[accelerator.kind],
      "-smp",
      String(vcpus),
      "-m",
      String(memoryMib),
    ],
    ["-name", label, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-action", "reboot=shutdown,panic=exit-failure", "-device", "pvpanic"],
    ["-kernel", `/proc/self/fd/${kernelFd}`, "-initrd", `/proc/self/fd/${initrdFd}`],
    ["-append", kernelCommandLine(machine)],
    driveFds.flatMap((fd, index) => drive(fd, index)),
    ["-device", "virtio-serial-device"],
    [...ports].flatMap(([name, fd], index) => port(name, fd, index)),
    ["-chardev", `socket,id=console,fd=${consoleFd}`, "-serial", "chardev:console"],
    stateArguments(machine.state),
    machine.state.kind === "saved" ? FILTER_ARGUMENTS : JAIL_ARGUMENTS,
  ].flat();
}

function stateArguments(state: MachineState): readonly string[] {
  switch (state.kind) {
    case "new":
      return [];
    case "saved":
      return [
        "-chardev",
        `socket,id=qmp,fd=${state.monitorFd}`,
        "-mon",
        "chardev=qmp,mode=control",
      ];
    case "restored":
      return ["-incoming", `fd:${state.stateFd}`];
  }
}

function port(name: string, fd: number | null, index: number): readonly string[] {
  const device = `virtserialport,chardev=p${index},name=${name}`;
  const behind = fd === null ? `null,id=p${index}` : `socket,id=p${index},fd=${fd}`;
  return ["-chardev", behind, "-device", device];
}

function drive(fd: number, index: number): readonly string[] {
  const from = `id=d${index},file=/dev/fdset/${index + 1},format=raw,if=none,readonly=on`;
  const set = `fd=${fd},set=${index + 1}`;
  return ["-add-fd", set, "-drive", from, "-device", `virtio-blk-device,drive=d${index}`];
}
