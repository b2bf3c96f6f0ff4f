/**
 * Facts about this machine: which boot this is, and what a durable write costs.
 *
 * @module
 */
import { statSync } from "node:fs";
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
