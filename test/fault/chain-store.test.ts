/**
 * The writer over a disk that fails at each operation in each way: no promise without bytes, no
 * second try after a failure.
 */
import { describe, expect, test } from "vitest";
import { type ChainWriter, openChain, storeOver, verifyChain } from "../../src/chain/index.ts";
import type { AppendFile } from "../../src/host/index.ts";

type Fault = "ENOSPC" | "EIO" | "EINTR" | "short" | "none written";

/** A disk: what was written is kept only once a sync has passed, and may be kept in part before. */
class FaultyFile implements AppendFile {
  readonly #fault: Fault;
  readonly #at: number;
  readonly log: string[] = [];
  written: Buffer = Buffer.alloc(0);
  synced = 0;

  constructor(fault: Fault, at: number) {
    this.#fault = fault;
    this.#at = at;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.log.push("write");
    const hit = this.log.length === this.#at;
    const taken = !hit
      ? bytes.length
      : this.#fault === "none written"
        ? 0
        : Math.ceil(bytes.length / 3);
    this.written = Buffer.concat([this.written, bytes.subarray(0, taken)]);
    if (!hit || this.#fault === "short") return Promise.resolve(taken);
    if (this.#fault === "none written") return Promise.resolve(0);
    return Promise.reject(new Error(`${this.#fault}: write`));
  }

  sync(): Promise<void> {
    this.log.push("sync");
    if (this.log.length === this.#at && this.#fault !== "short" && this.#fault !== "none written") {
      return Promise.reject(new Error(`${this.#fault}: fdatasync`));
    }
    this.synced = this.written.length;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.log.push("close");
    return Promise.resolve();
  }
}

/**
 * Three callers, four records each, every one committed. @returns the highest `seq` that was
 * promised.
 */
async function conduct(chain: ChainWriter): Promise<number> {
  chain.append({ type: "RunStarted", data: { config: "sha256:00" } });
  let promised = -1;
  const call = async (caller: number): Promise<void> => {
    for (let count = 0; count < 4; count++) {
      const { body } = chain.append({ type: "GuestLog", data: { caller, count } });
      await chain.commit();
      promised = Math.max(promised, body.seq);
      if (caller === 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.allSettled([call(0), call(1), call(2)]);
  await chain.close().catch(() => undefined);
  return promised;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function chainOn(file: AppendFile): ChainWriter {
  return openChain({
    store: storeOver(file),
    chainId: "run-1",
    configDigest: "sha256:00",
    nowMs: () => 0,
  });
}

async function recordsIn(bytes: Uint8Array): Promise<number> {
  const verdict = await verifyChain(once(bytes));
  if (verdict.kind === "valid") return verdict.records;
  expect(verdict.reason).toBe("torn");
  return verdict.seq;
}

describe("openChain on a disk that fails", () => {
  test.each<Fault>(["ENOSPC", "EIO", "EINTR", "short", "none written"])(
    "%s at each operation: no commit is promised that is not on disk, nothing is tried again",
    async (fault) => {
      const healthy = new FaultyFile(fault, -1);
      expect(await conduct(chainOn(healthy))).toBe(12);
      const operations = healthy.log.length;
      expect(operations).toBeGreaterThan(8);
      for (let at = 1; at <= operations; at++) {
        const file = new FaultyFile(fault, at);
        const promised = await conduct(chainOn(file));
        const durable = await recordsIn(file.written.subarray(0, file.synced));
        const found = await recordsIn(file.written);
        expect(durable).toBeGreaterThan(promised);
        expect(found).toBeGreaterThanOrEqual(durable);
        expect(file.written.toString().split("\n").length - 1).toBe(found);
        const failed = promised < 12;
        expect(file.log.slice(0, -1).includes("close")).toBe(false);
        if (failed) expect(file.log).toEqual([...file.log.slice(0, at), "close"]);
      }
    },
  );

  test("a short write is continued, not failed", async () => {
    const file = new FaultyFile("short", 1);
    expect(await conduct(chainOn(file))).toBe(12);
    expect(file.log.slice(0, 3)).toEqual(["write", "write", "sync"]);
  });

  test("a disk that takes nothing ends the run, not the patience", async () => {
    const file = { ...quiet, write: () => Promise.resolve(0) };
    await expect(commitOn(file)).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
  });

  test("a write that says it took more than it was given is a failure", async () => {
    const file = { ...quiet, write: (bytes: Uint8Array) => Promise.resolve(bytes.length + 1) };
    await expect(commitOn(file)).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
  });
});

const quiet = { sync: () => Promise.resolve(), close: () => Promise.resolve() };

async function commitOn(file: AppendFile): Promise<void> {
  const chain = chainOn(file);
  chain.append({ type: "RunStarted", data: { config: "sha256:00" } });
  await chain.commit();
}
