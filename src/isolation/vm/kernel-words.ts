/** What the kernel of QEMU's own wall is told. @module */
import { type Verity, verityWord } from "../image/verity.ts";
import { GUEST_SYSCTLS } from "./kernel-cmdline.ts";

/** How the guest's instructions run; an emulated guest must be told how fast the host's clock ticks. */
export type Accelerator =
  | { readonly kind: "kvm" }
  | { readonly kind: "tcg"; readonly tscKhz: number };

/** In both cases before the words of the accelerator. */
const KERNEL_WORDS = [
  "console=ttyS0 quiet pci=off reboot=t panic=-1 rdinit=/init",
  ...GUEST_SYSCTLS,
];

/**
 * Without the clock's frequency an emulated guest hangs on a busy host before its first word.
 *
 * @param kernelWords - Of a config; after ours.
 */
export function kernelCommandLine({
  accelerator,
  verity,
  kernelWords,
}: {
  readonly accelerator: Accelerator;
  /** The tree of the first drive. */
  readonly verity: Verity;
  readonly kernelWords: string;
}): string {
  const clock =
    accelerator.kind === "kvm"
      ? []
      : [`tsc_early_khz=${accelerator.tscKhz} tsc=reliable no_timer_check`];
  return [...KERNEL_WORDS, verityWord("vda", verity), ...clock, kernelWords].join(" ").trim();
}
