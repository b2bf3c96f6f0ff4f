/**
 * How gVisor intercepts system calls on this host: the first way that stands when it is tried.
 *
 * In the order of what they cost a program and what they need: systrap is made for virtual machines and needs
 * nothing; kvm needs a device that the wall's user may open, and hangs where virtualization only seems to
 * work, so that it is tried by the clock; ptrace works everywhere and is slowest. A runsc that does not know
 * one refuses it at once.
 *
 * @module
 */

export const PLATFORMS = ["systrap", "kvm", "ptrace"] as const;
export type Platform = (typeof PLATFORMS)[number];

/** @returns Null when a wall of this platform stood, else why not. Must end by itself. */
export type PlatformTrial = (platform: Platform) => Promise<string | null>;

export type PlatformChoice =
  | { readonly kind: "stands"; readonly platform: Platform }
  | { readonly kind: "none"; readonly why: readonly string[] };

export async function choosePlatform(trial: PlatformTrial): Promise<PlatformChoice> {
  const why: string[] = [];
  for (const platform of PLATFORMS) {
    const complaint = await trial(platform);
    if (complaint === null) return { kind: "stands", platform };
    why.push(`${platform}: ${complaint}`);
  }
  return { kind: "none", why };
}
