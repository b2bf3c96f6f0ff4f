/** What a config may say of a machine, where the spec of a program says nothing. */
import { CcosError } from "../../foundation/errors.ts";
import type { SandboxLimits } from "../provider.ts";

export interface MachineWish {
  readonly vcpus: number;
  /** All of the machine's memory; null: what the program may use, and room for its kernel. */
  readonly memoryMib: number | null;
  /** Harmless words for the kernel, after ours; checked where configs are read. */
  readonly kernelWords: string;
  /** `sha256:` and 64 hex digits that the root must have; null: what the lock says is enough. */
  readonly expectRoot: string | null;
}

export const DEFAULT_MACHINE: MachineWish = {
  vcpus: 1,
  memoryMib: null,
  kernelWords: "",
  expectRoot: null,
};

const MIB = 1024 * 1024;
/** What the guest's kernel and its first root use, and the least that leaves room for Node. */
const KERNEL_MIB = 96;
const MACHINE_MIB_MIN = 192;
/** The guest's kernel, its first root and the files it is told, where the program's limit alone is known. */
const KERNEL_ROOM_MIB = 160;

/**
 * What a program may use in the machine: its own limit, or what the kernel leaves of the memory that the config wants.
 *
 * @throws {CcosError} `ISOLATION_UNAVAILABLE`: it would not boot.
 */
export function limitsInside(limits: SandboxLimits, { memoryMib }: MachineWish): SandboxLimits {
  if (memoryMib === null) return limits;
  if (memoryMib < MACHINE_MIB_MIN)
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: `Cannot make a machine of ${memoryMib} MiB`,
      why: `it boots with ${MACHINE_MIB_MIN} and more`,
      fix: "Raise microvm.resources.mem_mb",
    });
  const memoryBytes = Math.min(limits.memoryBytes, (memoryMib - KERNEL_MIB) * MIB);
  return { ...limits, memoryBytes };
}

/** All of the machine's memory, whole MiB. @param limits - Of {@link limitsInside}. */
export function machineMib(limits: SandboxLimits, { memoryMib }: MachineWish): number {
  return memoryMib ?? Math.ceil(limits.memoryBytes / MIB) + KERNEL_ROOM_MIB;
}
