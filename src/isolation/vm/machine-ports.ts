/**
 * What Firecracker and Cloud Hypervisor are handed: whether KVM runs guests here, and an image whose process 1 can be
 * spoken to over vsock. Both come from outside of their providers.
 *
 * @module
 */
import type { ProcessEnd, SpawnedProcess } from "../../host/index.ts";
import type { SandboxProgram, SandboxSpec } from "../provider.ts";
import type { VmImages } from "./vm-model.ts";

export interface MachinePorts {
  /** By a guest that really ran, never by opening /dev/kvm. */
  kvmUsable(): Promise<KvmAnswer>;
  /** The image that machines boot from. Null: there is none. */
  image(): Promise<MachineImage | null>;
}

export type KvmAnswer =
  | { readonly usable: true }
  | { readonly usable: false; readonly why: string };

export interface MachineImage {
  /** For people, and part of what a measurement is remembered by. */
  readonly version: string;
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
export interface GuestTalk {
  /** `process` has the descriptors of the image's `ports`; they are silent until the guest connects. */
  follow(process: SpawnedProcess): void;
  /** How the program ended, as process 1 said. Null: it did not say. */
  ended(): ProcessEnd | null;
}

/** A build that has neither: both providers are then missing, by name. */
export const NO_MACHINES: MachinePorts = {
  kvmUsable: () =>
    Promise.resolve({ usable: false, why: "KVM: no probe guest was seen to run here" }),
  image: () => Promise.resolve(null),
};

/** What of them is missing, for a probe. */
export async function lackOf(ports: MachinePorts): Promise<readonly string[]> {
  const [kvm, image] = await Promise.all([ports.kvmUsable(), ports.image()]);
  return [
    ...(kvm.usable ? [] : [kvm.why]),
    ...(image === null ? ["an image whose process 1 speaks vsock"] : []),
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
