/**
 * Facts about this machine: which boot this is, and what a durable write costs.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensurePrivateDir } from "./files.ts";

/** Changes with every boot; `unknown` where the kernel does not say, which makes caches miss. */
export async function bootId(): Promise<string> {
  try {
    return (await readFile("/proc/sys/kernel/random/boot_id", "ascii")).trim();
  } catch {
    return `unknown ${process.pid} ${Date.now()}`;
  }
}

const SYNC_SAMPLES = 9;

/** Median milliseconds of one small write with fdatasync in `directory`, which is created when absent. */
export async function measureSync(directory: string): Promise<number> {
  await ensurePrivateDir(directory);
  const path = join(directory, `.sync-${process.pid}`);
  const file = await open(path, "wx", 0o600);
  try {
    const samples: number[] = [];
    for (let round = 0; round < SYNC_SAMPLES; round++) {
      const started = performance.now();
      await file.write("x");
      await file.datasync();
      samples.push(performance.now() - started);
    }
    return samples.sort((left, right) => left - right)[SYNC_SAMPLES >> 1]!;
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

/** Changes when the file is replaced or written: device, inode, size and times. Null: absent. */
export function fileIdentity(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  return [path, found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(":");
}

/** When the file was last written, milliseconds since 1970. Null: absent. */
export function changedMs(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/**
 * How fast the processor's time stamp counter ticks, kHz; null: the host does not say, or it does not tick evenly.
 * A host that is itself virtual names the counter's rate as the processor's; elsewhere that figure is the current one.
 */
export function timeStampKhz(): number | null {
  const told = Number(readOr("/sys/devices/system/cpu/cpu0/tsc_freq_khz", "0"));
  return Number.isSafeInteger(told) && told > 0
    ? told
    : timeStampKhzOf(readOr("/proc/cpuinfo", ""));
}

/** As {@link timeStampKhz}, from the text of /proc/cpuinfo. */
export function timeStampKhzOf(cpuinfo: string): number | null {
  const flags = (/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? "").split(" ");
  const mhz = Number(/^cpu MHz\s*:\s*([0-9.]{1,12})$/m.exec(cpuinfo)?.[1] ?? "0");
  const isEven = flags.includes("constant_tsc") && flags.includes("hypervisor");
  return isEven && mhz > 0 ? Math.round(mhz * 1_000) : null;
}

/** The group of the device at `path` when it is one of its own and may write; null: none is, or no such device. */
export function groupThatMayWrite(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.gid === 0) return null;
  return (found.mode & 0o060) === 0o060 ? found.gid : null;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return otherwise;
  }
}
