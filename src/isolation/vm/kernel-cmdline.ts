/**
 * The guest kernel's command line: composed by the host, with those words of the config that cannot undo the wall.
 *
 * Read in this order: kernelLine, monitorWords, rootWords. The host's words come last, and the kernel obeys
 * the last one; a word of the config that the host sets itself is left out and named, so that nobody believes it.
 *
 * @module
 */
import { type Finding, isAllowedKernelWord, kernelWords } from "../../config/index.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { ERROR_CODES } from "../../foundation/error-codes.ts";
import { verityWord } from "../image/verity.ts";
import type { VmImages, VmModel } from "./vm-model.ts";

export type Monitor = "firecracker" | "cloud-hypervisor" | "qemu";

export interface KernelLine {
  readonly text: string;
  /** Words of the config without an effect, because the host sets them. */
  readonly overruled: readonly string[];
}

export interface KernelLineOptions {
  readonly monitor: Monitor;
  /** Frequency of the host's time stamp counter, for a guest in software emulation. Null: the guest has KVM's clock. */
  readonly tscKhz: number | null;
}

/** COMMAND_LINE_SIZE of x86, and the limit of every monitor, its final NUL included. */
export const LINE_BYTES_MAX = 2048;
/** What no program in a guest needs, whichever kernel it is. */
export const GUEST_SYSCTLS: readonly string[] = [
  "sysctl.kernel.unprivileged_bpf_disabled=1",
  "sysctl.kernel.kptr_restrict=2",
  "sysctl.kernel.dmesg_restrict=1",
  "sysctl.user.max_user_namespaces=0",
  "sysctl.kernel.kexec_load_disabled=1",
];
/** Firecracker adds `root=`, `pci=off` and a word for each device behind ours. */
const FIRECRACKER_BYTES_OWN = 256;
const PATH = "microvm.kernel.cmdline";

/** @returns The line, or what the config may not set; then there is no machine. */
export function kernelLine(
  model: VmModel,
  options: KernelLineOptions,
): Result<KernelLine, readonly Finding[]> {
  const user = kernelWords(model.kernelWords);
  const forbidden = user.filter((word) => !isAllowedKernelWord(word));
  if (forbidden.length > 0) {
    return err(
      forbidden.map((word) =>
        finding("KERNEL_CMDLINE_FORBIDDEN", `${JSON.stringify(word)} may not be set`),
      ),
    );
  }
  const own = hostWords(model, options);
  const keys = new Set(own.map(keyOf));
  const kept = user.filter((word) => !keys.has(keyOf(word)));
  const text = [...kept, ...own].join(" ");
  const bytes = new TextEncoder().encode(text).length + 1;
  const most =
    options.monitor === "firecracker" ? LINE_BYTES_MAX - FIRECRACKER_BYTES_OWN : LINE_BYTES_MAX;
  if (bytes > most) {
    const message = `the whole line has ${bytes} bytes, over the kernel's ${most}`;
    return err([finding("OUT_OF_RANGE", message)]);
  }
  return ok({ text, overruled: user.filter((word) => keys.has(keyOf(word))) });
}

/** `panic=1` sets `panic`; the kernel takes `-` for `_` in the names of parameters. */
function keyOf(word: string): string {
  return (word.split("=", 1)[0] ?? word).replaceAll("-", "_");
}

function hostWords(model: VmModel, { monitor, tscKhz }: KernelLineOptions): readonly string[] {
  const { images, vsock } = model;
  return [
    ...monitorWords(monitor),
    // A distribution's kernel loads its drivers as modules.
    ...(images.initrd === null ? ["nomodule"] : []),
    ...(tscKhz === null ? [] : clockWords(tscKhz)),
    "quiet",
    "loglevel=1",
    "random.trust_cpu=on",
    ...GUEST_SYSCTLS,
    ...rootWords(monitor, images),
    `ccos.control=${monitor === "qemu" ? "serial" : "vsock"}`,
    `ccos.end=${monitor === "cloud-hypervisor" ? "poweroff" : "reboot"}`,
    ...(images.store === null ? [] : ["ccos.store=1"]),
    ...(vsock.egressPort === null ? [] : ["ccos.egress=1"]),
    ...(model.agentDigest === null ? [] : [`ccos.agent=${model.agentDigest}`]),
  ];
}

/** How a guest ends, and which devices it need not look for. */
function monitorWords(monitor: Monitor): readonly string[] {
  switch (monitor) {
    case "firecracker":
      // A reset by the keyboard controller ends the monitor; no serial port, so nothing floods the host.
      return [
        "reboot=k",
        "panic=1",
        "8250.nr_uarts=0",
        "swiotlb=noforce",
        "i8042.noaux",
        "i8042.nomux",
        "i8042.dumbkbd",
      ];
    case "cloud-hypervisor":
      // A reset would boot again: a panic stays, and a device of its own tells the host.
      return ["panic=0", "8250.nr_uarts=0"];
    case "qemu":
      return ["console=ttyS0", "pci=off", "reboot=t", "panic=-1"];
  }
}

/** Without them a guest in software emulation never boots on a busy host: it cannot calibrate its clock. */
function clockWords(tscKhz: number): readonly string[] {
  if (!Number.isSafeInteger(tscKhz) || tscKhz < 1)
    throw new RangeError("the counter's frequency is in kHz");
  return [`tsc_early_khz=${tscKhz}`, "tsc=reliable", "no_timer_check"];
}

/** Process 1 is in the first root and mounts the other one behind its tree; without a first root the kernel does. */
function rootWords(
  monitor: Monitor,
  { initrd, verity, rootFileSystem }: VmImages,
): readonly string[] {
  if (initrd !== null)
    return ["rdinit=/init", ...(verity === null ? [] : [verityWord("vda", verity)])];
  if (verity !== null) throw new RangeError("a tree is set up by process 1 of a first root");
  // Firecracker itself appends `root=/dev/vda ro` for its root drive.
  const device = monitor === "firecracker" ? [] : ["root=/dev/vda"];
  return [...device, "ro", `rootfstype=${rootFileSystem}`, "init=/init"];
}

function finding(code: "KERNEL_CMDLINE_FORBIDDEN" | "OUT_OF_RANGE", message: string): Finding {
  const suggestion = ERROR_CODES[code].fix;
  return { code, severity: "error", path: PATH, message, suggestion, span: null };
}
