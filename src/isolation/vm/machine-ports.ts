/**
 * What Firecracker and Cloud Hypervisor are handed: whether KVM runs guests here, and an image whose process 1 is
 * spoken to over vsock. machine-image.ts makes both for this host.
 *
 * @module
 */
import type { Result } from "../../foundation/result.ts";
import type { SpawnedProcess } from "../../host/index.ts";
import type { ImageLock } from "../image/lock.ts";
import type { SandboxProgram, SandboxSpec } from "../provider.ts";
import type { GuestReport } from "./guest-report.ts";
import type { KvmAnswer } from "./kvm-probe.ts";
import type { MachineWish } from "./machine-wish.ts";
import type { VmImages } from "./vm-model.ts";

export interface MachinePorts {
  readonly imageDir: string;
  readonly machine: MachineWish;
  /** By a guest that really ran, never by opening /dev/kvm. */
  kvmUsable(): Promise<KvmAnswer>;
  /** The image that machines boot from, not measured; or why there is none. */
  image(): Promise<Result<MachineImage, string>>;
  /**
   * Measure it. From then on `image` gives no other.
   *
   * @throws {CcosError} `ISOLATION_UNAVAILABLE` when a part is not what its lock says.
   */
  attest(): Promise<MachineImage>;
}

export interface MachineImage {
  /** For people, and part of what a measurement is remembered by. */
  readonly version: string;
  readonly versions: ImageLock["versions"];
  readonly images: VmImages;
  /** `sha256:…` that each part must have; a part that is not named must not be there. */
  readonly digests: ReadonlyMap<ImageRole, string>;
  /**
   * The vsock port of the host to which process 1 connects for each descriptor: 0, 1 and 2 of the program, 3 its
   * channel, and from 4 up what process 1 itself needs.
   */
  readonly ports: ReadonlyMap<number, number>;
  /** @throws {CcosError} `INPUT_NOT_FOUND`, `ISOLATION_UNAVAILABLE` for a program or spec that it cannot run. */
  speak(program: SandboxProgram, spec: SandboxSpec): GuestTalk;
}

export type ImageRole = "kernel" | "initrd" | "root" | "store";

/** One conversation with process 1 of one machine. */
export interface GuestTalk extends Omit<GuestReport, "follow"> {
  /**
   * `process` has the descriptors of the image's `ports`; they are silent until the guest connects.
   *
   * @param broken - Called once at most, when the guest did what it may not do.
   */
  follow(process: SpawnedProcess, broken: (why: string) => void): void;
}

/** What of them is missing, for a probe. */
export async function lackOf(ports: MachinePorts): Promise<readonly string[]> {
  const [kvm, image] = await Promise.all([ports.kvmUsable(), ports.image()]);
  return [
    ...(kvm.usable ? [] : [`KVM: ${kvm.why}`]),
    ...(image.ok ? [] : [`an image: ${image.error}`]),
  ];
}

export interface MonitorPlaces {
  /** Where programs are looked for. */
  readonly directories: readonly string[];
  /** Where machines have their directories. */
  readonly base: string;
}

/** Below it each machine has its directory, when root starts one and the monitor has no place of its own. */
export const MACHINES_OF_ROOT = "/var/lib/ccos/machines";
