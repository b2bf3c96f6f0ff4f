/**
 * Results of calls, beside the chain: encrypted, and erasable by removing one key.
 *
 * Read in this order: PayloadStore, openPayloads, WritingStore, ReadingStore; the bytes are in
 * payload-blocks.ts. The chain holds digests only; here is what they are digests of.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import type { JsonValue } from "../foundation/json.ts";
import {
  type AppendFile,
  createExclusive,
  openExclusive,
  openForAppending,
  readBounded,
  readOwned,
  removeFile,
  syncDirectory,
  truncateTo,
} from "../host/index.ts";
import {
  type Blocks,
  blocksOf,
  damaged,
  loadBlocks,
  MAGIC,
  openBlock,
  PAYLOAD_BYTES_MAX,
  sealBlock,
} from "./payload-blocks.ts";
import { digestOf } from "./record.ts";
import { storeOver } from "./store.ts";

/** Results of one run by digest. Written once; a store that was found on disk only reads. */
export interface PayloadStore {
  /**
   * Keep `bytes`, a JSON text in UTF-8 whose value has this digest. Buffered until `sync`. A digest
   * that is kept already keeps its first text.
   *
   * @throws {CcosError} `CHAIN_UNWRITABLE`: over 64 MiB, over 128 MiB unsynced, or the store has
   *   failed.
   */
  put(digest: string, bytes: Uint8Array): void;
  /**
   * Everything put is durable. @throws {CcosError} `CHAIN_UNWRITABLE`, for ever after one failure.
   */
  sync(): Promise<void>;
  /**
   * @returns The text, or null when it was never kept or the store is erased.
   * @throws {CcosError} `CHAIN_INTEGRITY` when what is there cannot be what was kept.
   */
  get(digest: string): Promise<Uint8Array | null>;
  /**
   * Make every payload unreadable for ever, also to whoever has a copy of the file but not of the
   * key.
   */
  erase(): Promise<void>;
  close(): Promise<void>;
}

const KEY_BYTES = 32;
const PENDING_BYTES_MAX = 2 * PAYLOAD_BYTES_MAX;
const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/**
 * The payload store of one run. Nothing is created before the first `sync` that has something to
 * keep.
 *
 * @throws {CcosError} `INPUT_UNREADABLE` when the key is exposed or malformed; `CHAIN_INTEGRITY`
 *   when the file is not a payload file.
 */
export async function openPayloads(path: string, keyPath: string): Promise<PayloadStore> {
  const key = await readOwned(keyPath, KEY_BYTES);
  if (!key.ok && key.error !== "absent") throw badKey(keyPath);
  if (key.ok && key.value.length !== KEY_BYTES) throw badKey(keyPath);
  const file = await readBounded(path, 0);
  const absent = !file.ok && file.error === "absent";
  if (absent) return new WritingStore(path, keyPath);
  const blocks = key.ok ? await loadBlocks(path, key.value) : null;
  return new ReadingStore(path, keyPath, blocks);
}

/**
 * The payloads of a run that goes on: what was kept is there, what a crash cut short is not.
 *
 * @param isNamed - Whether a record names a payload: then there must be some.
 * @throws {CcosError} as {@link openPayloads}; `CHAIN_INTEGRITY` when a block is damaged or the key is erased.
 */
export async function continuePayloads(
  path: string,
  keyPath: string,
  isNamed: boolean,
): Promise<PayloadStore> {
  const file = await readBounded(path, MAGIC.length - 1);
  const isBegun = file.ok ? file.value.length >= MAGIC.length : file.error !== "absent";
  if (!isBegun) {
    if (isNamed) throw damaged(path, "it is gone");
    // Killed while the files were made.
    await removeFile(path);
    await removeFile(keyPath);
    return new WritingStore(path, keyPath);
  }
  const key = await readOwned(keyPath, KEY_BYTES);
  if (!key.ok) throw damaged(path, "its key is erased");
  const blocks = await loadBlocks(path, key.value);
  const { size } = blocks.file;
  await blocks.file.close();
  if (blocks.damage !== null) throw damaged(path, blocks.damage);
  if (size > blocks.end) await truncateTo(path, blocks.end);
  const open = { file: await openForAppending(path), key: key.value };
  return new WritingStore(path, keyPath, { ...blocks, open });
}

interface OpenFiles {
  readonly file: AppendFile;
  readonly key: Uint8Array;
}

interface Continued extends Pick<Blocks, "index" | "count"> {
  readonly open: OpenFiles;
}

/**
 * A run under way: keeps what it is given, and answers from memory only what is not yet on disk.
 */
class WritingStore implements PayloadStore {
  readonly #path: string;
  readonly #keyPath: string;
  readonly #kept: Set<string>;
  #pending: (readonly [string, Uint8Array])[] = [];
  #pendingBytes = 0;
  #blocks: number;
  #open: OpenFiles | null;
  #syncing: Promise<void> = Promise.resolve();
  #failure: CcosError | null = null;

  constructor(path: string, keyPath: string, there?: Continued) {
    this.#path = path;
    this.#keyPath = keyPath;
    this.#kept = new Set(there?.index.keys());
    this.#blocks = there?.count ?? 0;
    this.#open = there?.open ?? null;
  }

  put(digest: string, bytes: Uint8Array): void {
    if (this.#failure !== null) throw this.#failure;
    if (!DIGEST_PATTERN.test(digest)) throw new TypeError("A digest is sha256: and 64 hex digits");
    if (this.#kept.has(digest)) return;
    if (bytes.length > PAYLOAD_BYTES_MAX) {
      throw this.#unwritable(`a payload of ${bytes.length} bytes is over ${PAYLOAD_BYTES_MAX}`);
    }
    if (this.#pendingBytes + bytes.length > PENDING_BYTES_MAX) {
      throw this.#unwritable(`over ${PENDING_BYTES_MAX} bytes wait for the disk`);
    }
    this.#kept.add(digest);
    this.#pending.push([digest, Uint8Array.from(bytes)]);
    this.#pendingBytes += bytes.length;
  }

  /** One at a time: a second caller waits for the first, then takes what is left. */
  sync(): Promise<void> {
    this.#syncing = this.#syncing.then(() => this.#flush());
    return this.#syncing;
  }

  async get(digest: string): Promise<Uint8Array | null> {
    if (!this.#kept.has(digest)) return null;
    await this.sync();
    const store = await openPayloads(this.#path, this.#keyPath);
    try {
      return await store.get(digest);
    } finally {
      await store.close();
    }
  }

  async erase(): Promise<void> {
    this.#failure ??= this.#unwritable("the payloads were erased");
    this.#pending = [];
    await removeFile(this.#keyPath);
  }

  async close(): Promise<void> {
    try {
      if (this.#failure === null) await this.sync();
    } finally {
      this.#failure ??= this.#unwritable("the store is closed");
      const open = this.#open;
      this.#open = null;
      await open?.file.close();
    }
  }

  async #flush(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      this.#open ??= await createFiles(this.#path, this.#keyPath);
      const store = storeOver(this.#open.file);
      for (const plain of blocksOf(pending)) {
        await store.write(sealBlock(plain, this.#open.key, this.#blocks++));
      }
      await store.sync();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#failure = this.#unwritable(why, cause);
      throw this.#failure;
    }
  }

  #unwritable(why: string, cause?: unknown): CcosError {
    return new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot keep a result in "${this.#path}"`,
      why,
      fix: "Free space or fix permissions, then run again",
      cause,
    });
  }
}

/** A run of the past. Without its key every answer is null. */
class ReadingStore implements PayloadStore {
  readonly #path: string;
  readonly #keyPath: string;
  #blocks: Blocks | null;

  constructor(path: string, keyPath: string, blocks: Blocks | null) {
    this.#path = path;
    this.#keyPath = keyPath;
    this.#blocks = blocks;
  }

  put(): void {
    throw new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot keep a result in "${this.#path}"`,
      why: "the file belongs to a run of the past",
    });
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  async get(digest: string): Promise<Uint8Array | null> {
    if (this.#blocks === null) return null;
    const { file, key, index, damage } = this.#blocks;
    const location = index.get(digest);
    if (location === undefined) {
      if (damage === null) return null;
      throw damaged(this.#path, damage);
    }
    const { block, at, length } = location;
    const plain = await openBlock(file, key, block);
    const bytes = plain?.subarray(at, at + length) ?? null;
    if (bytes === null || digestOfText(bytes) !== digest) {
      throw damaged(this.#path, `block ${block.number} does not hold what it held`);
    }
    return bytes;
  }

  async erase(): Promise<void> {
    await removeFile(this.#keyPath);
    await this.close();
  }

  async close(): Promise<void> {
    const blocks = this.#blocks;
    this.#blocks = null;
    await blocks?.file.close();
  }
}

async function createFiles(path: string, keyPath: string): Promise<OpenFiles> {
  const key = randomBytes(KEY_BYTES);
  if (!(await createExclusive(keyPath, key, 0o600))) {
    throw new Error("a payload key stands there already");
  }
  const file = await openExclusive(path, 0o600);
  await storeOver(file).write(MAGIC);
  await syncDirectory(dirname(path));
  return { file, key };
}

/** The digest is over the canonical form, the text keeps the order it was given in. */
function digestOfText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return digestOf(JSON.parse(text) as JsonValue);
  } catch {
    return null;
  }
}

function badKey(path: string): CcosError {
  return new CcosError("INPUT_UNREADABLE", {
    what: `Cannot use payload key "${path}"`,
    why: "it is not 32 bytes that are this user's alone",
  });
}
