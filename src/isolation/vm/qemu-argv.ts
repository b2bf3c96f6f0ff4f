/**
 * One machine of a config as QEMU's argument vector, jailed: what `ccos vm spec` prints. The line itself is qemu-line.ts's.
 *
 * QEMU connects to sockets that the host listens on before it starts it, in
 * a directory of the host's that nobody else may enter; what cannot be reached ends it.
 *
 * @module
 */
import type { KernelLine } from "./kernel-cmdline.ts";
import { type JailTools, monitorJail } from "./monitor-jail.ts";
import { qemuArguments, type QemuMachine, type QemuStream } from "./qemu-line.ts";
import type { VmModel } from "./vm-model.ts";

/** How the guest's instructions run. */
export type Acceleration = QemuMachine["acceleration"];

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

/** @param line - Of kernelLine for QEMU; with the clock's words exactly when emulated. */
export function qemuArgv(
  model: VmModel,
  paths: QemuPaths,
  { acceleration, line }: { readonly acceleration: Acceleration; readonly line: KernelLine },
): readonly string[] {
  const { kernel, initrd, root, store, directory } = paths;
  const egress = model.vsock.egressPort === null ? [] : ["egress"];
  const ports = ["control", ...egress, "init"].map((name): [string, QemuStream] => [
    `ccos.${name}`,
    { kind: "connect", path: `${directory}/${name}.sock` },
  ]);
  const machine: QemuMachine = {
    acceleration,
    memoryMib: model.memoryMib,
    vcpus: model.vcpus,
    label: null,
    kernel,
    initrd,
    kernelLine: line.text,
    drives: [
      { kind: "path", path: root, serial: null },
      ...(store === null ? [] : [{ kind: "path", path: store, serial: "caps" } as const]),
    ],
    ports: new Map(ports),
    console: { kind: "write", path: `${directory}/console.log` },
    monitor: { kind: "listen", path: `${directory}/qmp.sock` },
    incomingFd: null,
    entropyBytesPerSecond: model.entropyBytesPerSecond,
    card: model.nic,
    isRootless: false,
  };
  return [
    ...monitorJail(paths, model, model.limits.fileBytes),
    paths.qemu,
    ...qemuArguments(machine),
  ];
}
