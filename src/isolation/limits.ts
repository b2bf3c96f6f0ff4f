/**
 * What a wall allows its program, as the arguments of prlimit(1): the kernel's own bounds on each process.
 *
 * Set inside the wall, right before the program: RLIMIT_NPROC then counts the wall's own user namespace
 * and not what else the same user runs. Hard limits are set too, so that nothing inside can raise them.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import type { SandboxLimits } from "./provider.ts";

const MIB = 1024 * 1024;
const DESCRIPTORS_MAX = 256;
const STACK_BYTES = 8 * MIB;
/**
 * What an idle Node 26 maps writable, mostly V8's 512 MiB for code: RLIMIT_DATA counts mappings, not use. It
 * is only the backstop; the memory limit itself is the control group's, or the watch in launch.ts.
 */
const DATA_BYTES_IDLE = 640 * MIB;
const PAGE_BYTES = 4_096;
/** Largest value of each limit; larger ones are typing errors or overflow a kernel interface. */
const LIMITS_MAX: SandboxLimits = {
  wallMs: 2 ** 31 - 1,
  cpuMs: 2 ** 31 - 1,
  memoryBytes: 2 ** 44,
  pidsMax: 32_768,
  outputBytes: 2 ** 40,
  diskBytes: 2 ** 44,
};

export interface ProcessLimits {
  /** Absolute path of prlimit, as seen where it runs. */
  readonly prlimit: string;
  readonly limits: SandboxLimits;
  /** Processes of ours inside the wall, beside the program's. */
  readonly ownProcesses: number;
}

/** The prefix that limits and then becomes the program that follows. */
export function limitedArgv({ prlimit, limits, ownProcesses }: ProcessLimits): readonly string[] {
  const { cpuSeconds, dataBytes, fileBytes } = kernelLimits(limits);
  return [
    prlimit,
    `--nproc=${limits.pidsMax + ownProcesses}`,
    `--nofile=${DESCRIPTORS_MAX}`,
    "--core=0",
    `--cpu=${cpuSeconds}:${cpuSeconds + 1}`,
    `--fsize=${fileBytes}`,
    `--data=${dataBytes}`,
    `--stack=${STACK_BYTES}`,
  ];
}

/** Limits as the kernel counts them, for programs that set them without prlimit(1). */
export function kernelLimits(limits: SandboxLimits): {
  readonly cpuSeconds: number;
  readonly dataBytes: number;
  readonly fileBytes: number;
  readonly stackBytes: number;
  readonly descriptorsMax: number;
} {
  return {
    cpuSeconds: Math.ceil(limits.cpuMs / 1_000),
    dataBytes: limits.memoryBytes + DATA_BYTES_IDLE,
    // One page over the disk's size: a full disk answers ENOSPC, not a signal.
    fileBytes: limits.diskBytes + PAGE_BYTES,
    stackBytes: STACK_BYTES,
    descriptorsMax: DESCRIPTORS_MAX,
  };
}

/**
 * The heap V8 may grow, MiB: three quarters of the memory limit, so that it collects garbage before the
 * limit ends it; the rest is for what is not heap.
 */
export function heapMebibytes(limits: SandboxLimits): number {
  return Math.max(16, Math.floor((limits.memoryBytes / MIB) * 0.75));
}

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` for a limit that is no positive whole number in range. */
export function checkLimits(limits: SandboxLimits): void {
  for (const [name, largest] of Object.entries(LIMITS_MAX)) {
    const value = limits[name as keyof SandboxLimits];
    if (Number.isSafeInteger(value) && value >= 1 && value <= largest) continue;
    throw new CcosError("ISOLATION_UNAVAILABLE", {
      what: `Cannot limit ${name} to ${value}`,
      why: `it must be a whole number from 1 to ${largest}`,
    });
  }
}
