/**
 * The image of the machines' tests with its kernel as the monitors want it: the ELF file that is packed in Debian's
 * bzImage (LZ4, the frame of the kernel's build).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOCK_FILE, lockText, parseLock } from "../../../src/isolation/image/lock.ts";

/** @returns Its directory, below `base`. */
export function layElfImage(imageDir: string, base: string): string {
  const directory = join(base, "image");
  mkdirSync(directory, { mode: 0o700 });
  const lock = parseLock(readFileSync(join(imageDir, LOCK_FILE), "utf8"));
  if (!lock.ok) throw new TypeError(lock.error);
  const kernel = elfOf(readFileSync(join(imageDir, "kernel")));
  writeFileSync(join(directory, "kernel"), kernel);
  for (const part of ["initrd", "root"]) copyFileSync(join(imageDir, part), join(directory, part));
  // Root's, and for nobody to write: a machine's directory links them.
  for (const part of ["kernel", "initrd", "root"]) chmodSync(join(directory, part), 0o444);
  const digest = `sha256:${createHash("sha256").update(kernel).digest("hex")}`;
  const digests = { ...lock.value.digests, kernel: digest };
  writeFileSync(join(directory, LOCK_FILE), lockText({ ...lock.value, digests }), { mode: 0o600 });
  return directory;
}

const BLOCK_BYTES = 8 * 1024 * 1024;
const KERNEL_BYTES_MAX = 128 * 1024 * 1024;

/** As Documentation/arch/x86/boot.rst of the kernel names the payload's place. */
function elfOf(image: Buffer): Uint8Array {
  if (image.toString("latin1", 0, 4) === "\x7fELF") return image;
  const start = ((image[0x1f1] ?? 4) + 1) * 512 + image.readUInt32LE(0x248);
  const packed = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  if (packed.readUInt32LE(0) !== 0x184c2102) throw new TypeError("the kernel is not packed by LZ4");
  const whole = Buffer.alloc(KERNEL_BYTES_MAX);
  let end = 0;
  for (let at = 4; at + 4 <= packed.length; ) {
    const bytes = packed.readUInt32LE(at);
    end = unpack(packed.subarray(at + 4, at + 4 + bytes), whole, end);
    at += 4 + bytes;
    if (end % BLOCK_BYTES !== 0) break;
  }
  return whole.subarray(0, end);
}

/** One LZ4 block. @returns The end of what was written to `out` from `start` on. */
function unpack(block: Buffer, out: Buffer, start: number): number {
  let at = 0;
  let end = start;
  while (at < block.length) {
    const token = block[at] ?? 0;
    const literals = lengthAt(block, at + 1, token >> 4);
    at = literals.next + literals.length;
    block.copy(out, end, literals.next, at);
    end += literals.length;
    if (at >= block.length) break;
    const from = end - block.readUInt16LE(at);
    const match = lengthAt(block, at + 2, token & 15);
    at = match.next;
    const copied = match.length + 4;
    // The ranges may overlap: what is copied is copied again.
    if (from + copied <= end) out.copyWithin(end, from, from + copied);
    else for (let index = 0; index < copied; index++) out[end + index] = out[from + index] ?? 0;
    end += copied;
  }
  return end;
}

/** A length that begins in a token goes on in bytes of 255. */
function lengthAt(block: Buffer, at: number, nibble: number): { length: number; next: number } {
  if (nibble < 15) return { length: nibble, next: at };
  let next = at;
  while (block[next] === 255) next++;
  return { length: 15 + 255 * (next - at) + (block[next] ?? 0), next: next + 1 };
}
