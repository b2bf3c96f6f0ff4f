/**
 * What stands behind the contract servers where a machine is to boot: QEMU in emulation, with the drives, memory and kernel's
 * line that the API was told, and a vsock device of our own (vsock-backend.py). Not Firecracker, not Cloud Hypervisor:
 * the line gets the words that an emulated clock needs, and ends by a triple fault where the vendor has a keyboard.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readSync } from "node:fs";
import { dirname, join } from "node:path";

export interface BootedMachine {
  readonly kernel: string;
  readonly initrd: string | null;
  readonly line: string;
  /** In order: vda, vdb, … */
  readonly drives: readonly string[];
  readonly memoryMib: number;
  readonly vcpus: number;
  /** The monitor's socket; the guest's port P is the socket `…_P`. */
  readonly vsock: string;
  readonly cid: number;
  /** A guest that resets its machine ends it; else it boots again. */
  readonly endsByReset: boolean;
}

/** Frequency of the host's counter, kHz: set by who lays the stand-ins. */
const TSC_KHZ = process.env["TSC_KHZ"] ?? "";

/** @param ended - With the status of QEMU: 0 for a guest that ended its machine, 1 for a panic. */
export async function bootMachine(
  machine: BootedMachine,
  ended: (status: number) => void,
): Promise<void> {
  if (!isElf(machine.kernel)) throw new TypeError("the kernel is no ELF file");
  const device = join(dirname(machine.vsock), "vsock.device");
  const script = join(import.meta.dirname, "vsock-backend.py");
  const words = [device, machine.vsock, String(machine.cid)];
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const backend = spawn(...dying("/usr/bin/python3", ["-I", script, ...words]), {
    stdio: [...stdio],
  });
  await once(backend.stdout, "data");
  const qemu = spawn(...dying("/usr/bin/qemu-system-x86_64", qemuArguments(machine, device)), {
    stdio: ["ignore", "ignore", "inherit"],
  });
  qemu.once("exit", (status) => {
    backend.kill("SIGKILL");
    ended(status ?? 1);
  });
}

/** The vendors have no children: these die with whoever stands in for one. */
function dying(command: string, args: readonly string[]): [string, string[]] {
  return ["/usr/bin/setpriv", ["--pdeathsig", "KILL", "--", command, ...args]];
}

function qemuArguments(machine: BootedMachine, device: string): readonly string[] {
  const { kernel, initrd, drives, memoryMib, vcpus, endsByReset } = machine;
  const line = machine.line.replace(/\breboot=k\b/, "reboot=t");
  const clock = `tsc_early_khz=${TSC_KHZ} tsc=reliable no_timer_check`;
  const board =
    "microvm,acpi=on,pcie=off,pic=on,pit=on,rtc=on,isa-serial=off,auto-kernel-cmdline=off";
  return [
    ["-M", `${board},memory-backend=ram`, "-accel", "tcg,thread=single,tb-size=128"],
    ["-cpu", "max", "-smp", String(vcpus), "-m", String(memoryMib)],
    ["-object", `memory-backend-memfd,id=ram,size=${memoryMib}M,share=on`],
    ["-nodefaults", "-no-user-config", "-display", "none", "-device", "pvpanic"],
    ["-action", `reboot=${endsByReset ? "shutdown" : "reset"},panic=exit-failure`],
    ["-kernel", kernel, ...(initrd === null ? [] : ["-initrd", initrd])],
    ["-append", `${line} ${clock}`],
    drives.flatMap((path, index) => drive(path, index)),
    ["-chardev", `socket,id=vsock,path=${device}`],
    ["-device", "vhost-user-vsock-device,chardev=vsock"],
  ].flat();
}

function drive(path: string, index: number): readonly string[] {
  const from = `id=d${index},file=${path},format=raw,if=none,readonly=on`;
  return ["-drive", from, "-device", `virtio-blk-device,drive=d${index}`];
}

/** The vendors of every release take these. */
function isElf(path: string): boolean {
  const head = Buffer.alloc(4);
  const file = openSync(path, "r");
  readSync(file, head);
  closeSync(file);
  return head.toString("latin1") === "\x7fELF";
}
