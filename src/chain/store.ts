/**
 * Where the bytes of a chain go. A store promises nothing but what it says here; the writer
 * (writer.ts) never calls one operation before the last has ended, and none after one has failed.
 *
 * @module
 */
import { dirname } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import {
  type AppendFile,
  createLineDatabase,
  errnoOf,
  openDurable,
  openForAppending,
  syncDirectory,
} from "../host/index.ts";
import { isDatabase, RECORD_COLUMNS } from "./source.ts";

export interface ChainStore {
  /** Append all of `bytes`, or reject. After a rejection any part of them may stand there. */
  write(bytes: Uint8Array): Promise<void>;
  /** What was written is durable when this resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface MemoryStore extends ChainStore {
  /** A copy of everything written. */
  bytes(): Uint8Array;
}

/** For tests and embedding: durable for as long as the process. */
export function memoryStore(): MemoryStore {
  const chunks: Uint8Array[] = [];
  return {
    write: (bytes) => {
      chunks.push(new Uint8Array(bytes));
      return Promise.resolve();
    },
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
    bytes: () => Buffer.concat(chunks),
  };
}

/**
 * A new file (0600), its name durable in its directory before this resolves. Never an existing one:
 * a chain has one writer, once.
 *
 * @throws {CcosError} `CHAIN_UNWRITABLE` when something stands at `path` or it cannot be created.
 */
export async function fileStore(path: string): Promise<ChainStore> {
  try {
    const file = await openDurable(path, 0o600);
    await syncDirectory(dirname(path));
    return storeOver(file);
  } catch (cause) {
    throw uncreatable(path, cause);
  }
}

function uncreatable(path: string, cause: unknown): CcosError {
  return new CcosError("CHAIN_UNWRITABLE", {
    what: `Cannot create chain "${path}"`,
    why: errnoOf(cause) === "EEXIST" ? "something stands there already" : String(cause),
    fix: "Free space or fix permissions of the state directory, then run again",
    cause,
  });
}

/** The store of a new chain: a database where the path is one's, else a file. @throws {CcosError} `CHAIN_UNWRITABLE`. */
export async function newStore(path: string): Promise<ChainStore> {
  if (!isDatabase(path)) return await fileStore(path);
  try {
    const database = await createLineDatabase(path, RECORD_COLUMNS);
    await syncDirectory(dirname(path));
    return storeOver(database);
  } catch (cause) {
    throw uncreatable(path, cause);
  }
}

/**
 * The file of a chain that goes on: one that a verified chain stands in.
 *
 * @throws {CcosError} `CHAIN_UNWRITABLE`.
 */
export async function appendingStore(path: string): Promise<ChainStore> {
  try {
    return storeOver(await openForAppending(path));
  } catch (cause) {
    throw new CcosError("CHAIN_UNWRITABLE", {
      what: `Cannot go on with chain "${path}"`,
      why: String(cause),
      fix: "Fix permissions of the state directory, then run again",
      cause,
    });
  }
}

/** A store over any append-only file; a short write is continued. */
export function storeOver(file: AppendFile): ChainStore {
  return {
    write: (bytes) => writeAll(file, bytes),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function writeAll(file: AppendFile, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const written = await file.write(rest);
    if (written <= 0 || written > rest.length) {
      throw new Error(`a write of ${rest.length} bytes took ${written}`);
    }
    rest = rest.subarray(written);
  }
}
