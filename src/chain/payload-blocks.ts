/**
 * The bytes of a payload file: a magic line, then blocks, each `length nonce ciphertext tag`.
 *
 * Read in this order: blocksOf, sealBlock, openBlock, loadBlocks. AES-256-GCM under the run's key;
 * a block is bound to its number, so none can be dropped, swapped or repeated before another. A cut
 * last block is no damage: no record that names its content was committed.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { CcosError } from "../foundation/errors.ts";
import { openInOrder, type RandomFile } from "../host/index.ts";

/** Largest payload, bytes. */
export const PAYLOAD_BYTES_MAX: number = 64 * 1024 * 1024;

export const MAGIC: Buffer = Buffer.from("ccos.payloads.v1\n");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** `sha256:` and 64 hex digits. */
const DIGEST_BYTES = 71;
const ENTRY_HEADER_BYTES = DIGEST_BYTES + 4;
/** A block ends once it holds this much; one payload may make it longer. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES_MAX =
  PAYLOAD_BYTES_MAX + BLOCK_BYTES + ENTRY_HEADER_BYTES + TAG_BYTES + NONCE_BYTES;

/** Where a payload lies: which block, and where in its plain text. */
export interface Location {
  readonly block: Block;
  readonly at: number;
  readonly length: number;
}

export interface Block {
  readonly number: number;
  /** Of the nonce, in the file. */
  readonly offset: number;
  /** Of nonce, ciphertext and tag together. */
  readonly length: number;
}

export interface Blocks {
  readonly file: RandomFile;
  readonly key: Uint8Array;
  readonly index: ReadonlyMap<string, Location>;
  /** How many blocks are whole, and where the last of them ends in the file. */
  readonly count: number;
  readonly end: number;
  /** Why not every block could be read; null when all could. */
  readonly damage: string | null;
}

/** Plain texts of the blocks that hold `entries`: digest, length, bytes, and again. */
export function* blocksOf(entries: readonly (readonly [string, Uint8Array])[]): Generator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const [digest, payload] of entries) {
    const header = Buffer.alloc(ENTRY_HEADER_BYTES);
    header.write(digest, "latin1");
    header.writeUInt32BE(payload.length, DIGEST_BYTES);
    parts.push(header, payload);
    bytes += ENTRY_HEADER_BYTES + payload.length;
    if (bytes < BLOCK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

function additionalData(number: number): Buffer {
  const data = Buffer.alloc(MAGIC.length + 8);
  MAGIC.copy(data);
  data.writeBigUInt64BE(BigInt(number), MAGIC.length);
  return data;
}

/** Random nonces: far below 2^32 blocks for the one key of a run. */
export function sealBlock(plain: Uint8Array, key: Uint8Array, number: number): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(additionalData(number));
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(sealed.length);
  return Buffer.concat([header, sealed]);
}

/** @returns Null when the block is not what was sealed. */
export async function openBlock(
  file: RandomFile,
  key: Uint8Array,
  block: Block,
): Promise<Buffer | null> {
  const sealed = await file.read(block.offset, block.length);
  if (sealed === null) return null;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(additionalData(block.number))
    .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return null;
  }
}

/** Read the file once to know where each payload lies; contents are read again when asked for. */
export async function loadBlocks(path: string, key: Uint8Array): Promise<Blocks> {
  const file = await openInOrder(path);
  const index = new Map<string, Location>();
  try {
    const magic = await file.read(0, Math.min(MAGIC.length, file.size));
    if (magic === null || !MAGIC.subarray(0, magic.length).equals(magic)) {
      throw damaged(path, "it does not begin as a payload file");
    }
    return { file, key, index, ...(await indexBlocks(file, key, index)) };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

async function indexBlocks(
  file: RandomFile,
  key: Uint8Array,
  index: Map<string, Location>,
): Promise<Pick<Blocks, "count" | "end" | "damage">> {
  let end = MAGIC.length;
  for (let count = 0; ; count++) {
    const header = end + 4 <= file.size ? await file.read(end, 4) : null;
    if (header === null) return { count, end, damage: null };
    const length = Buffer.from(header).readUInt32BE();
    if (length < NONCE_BYTES + TAG_BYTES || length > BLOCK_BYTES_MAX)
      return { count, end, damage: `block ${count} has no possible length` };
    if (end + 4 + length > file.size) return { count, end, damage: null };
    const block = { number: count, offset: end + 4, length };
    const plain = await openBlock(file, key, block);
    if (plain === null) return { count, end, damage: `block ${count} does not decrypt` };
    indexEntries(plain, block, index);
    end += 4 + length;
  }
}

function indexEntries(plain: Buffer, block: Block, index: Map<string, Location>): void {
  for (let at = 0; at + ENTRY_HEADER_BYTES <= plain.length; ) {
    const digest = plain.toString("latin1", at, at + DIGEST_BYTES);
    const length = plain.readUInt32BE(at + DIGEST_BYTES);
    at += ENTRY_HEADER_BYTES;
    if (!index.has(digest)) index.set(digest, { block, at, length });
    at += length;
  }
}

export function damaged(path: string, why: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot read a result from "${path}"`,
    why,
    fix: "Restore the file from a copy",
  });
}
