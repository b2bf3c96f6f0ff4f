/**
 * The dm-verity tree of an image: what a guest's kernel checks every block against when it reads it, long after the
 * file was measured.
 *
 * Read in this order: Verity, withTree, verityWord. The bytes are those of `veritysetup format` on a file with its tree
 * behind its data: blocks of 4096 bytes, a header of one block, then the levels of the tree, the topmost first.
 * Salt and UUID are fixed, so that equal data has an equal tree.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The tree lies behind the data of the same image. */
export interface Verity {
  /** 64 lower-case hex digits. */
  readonly rootHash: string;
  /** Hex; before each block that is hashed. */
  readonly salt: string;
  /** Of 4096 bytes; the header takes one block behind them. */
  readonly dataBlocks: number;
}

const BLOCK = 4_096;
const DIGEST_BYTES = 32;
const SALT = new Uint8Array(32);

/** @returns The image, filled up to whole blocks, its tree behind it; and what names that tree. */
export function withTree(image: Uint8Array): {
  readonly image: Uint8Array;
  readonly verity: Verity;
} {
  const data = padded(image);
  const levels: Uint8Array[] = [];
  for (let level = data; level.length > BLOCK; ) {
    level = padded(digestsOf(level));
    levels.unshift(level);
  }
  const dataBlocks = data.length / BLOCK;
  const rootHash = digestOf(levels[0] ?? data).toString("hex");
  return {
    image: Buffer.concat([data, header(dataBlocks), ...levels]),
    verity: { rootHash, salt: Buffer.from(SALT).toString("hex"), dataBlocks },
  };
}

/** What process 1 reads of the kernel's command line: `drive` is the device's name, `vda` for the root. */
export function verityWord(drive: string, { rootHash, salt, dataBlocks }: Verity): string {
  return `ccos.${drive}=${dataBlocks}:${rootHash}:${salt}`;
}

function padded(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK));
  const whole = new Uint8Array(blocks * BLOCK);
  whole.set(bytes);
  return whole;
}

function digestsOf(level: Uint8Array): Uint8Array {
  const digests = new Uint8Array((level.length / BLOCK) * DIGEST_BYTES);
  for (let block = 0; block * BLOCK < level.length; block++)
    digests.set(digestOf(level.subarray(block * BLOCK, (block + 1) * BLOCK)), block * DIGEST_BYTES);
  return digests;
}

function digestOf(block: Uint8Array): Buffer {
  return createHash("sha256").update(SALT).update(block).digest();
}

/** The kernel does not read it; `veritysetup verify` does. */
function header(dataBlocks: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const view = new DataView(block.buffer);
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at);
  put(0, "verity\0\0");
  view.setUint32(8, 1, true);
  // Type 1: the salt comes first.
  view.setUint32(12, 1, true);
  // The UUID 00000000-0000-0000-0000-000000000001.
  view.setUint8(31, 1);
  put(32, "sha256");
  view.setUint32(64, BLOCK, true);
  view.setUint32(68, BLOCK, true);
  view.setBigUint64(72, BigInt(dataBlocks), true);
  view.setUint16(80, SALT.length, true);
  block.set(SALT, 88);
  return block;
}
