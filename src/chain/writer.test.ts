import { describe, expect, test } from "vitest";
import { CHAIN_ID, CONFIG_DIGEST } from "../../test/chain/sample.ts";
import { CcosError } from "../foundation/errors.ts";
import { genesisOf } from "./record.ts";
import { type ChainStore, memoryStore } from "./store.ts";
import { verifyChain } from "./verify.ts";
import { type ChainOptions, type ChainWriter, openChain } from "./writer.ts";

function open(store: ChainStore, more: Partial<ChainOptions> = {}): ChainWriter {
  return openChain({
    store,
    chainId: CHAIN_ID,
    configDigest: CONFIG_DIGEST,
    nowMs: () => 5,
    ...more,
  });
}

function start(chain: ChainWriter): void {
  chain.append({ type: "RunStarted", data: { config: CONFIG_DIGEST } });
}

/** A store whose operations are recorded and end only when told. */
class SlowStore implements ChainStore {
  readonly log: string[] = [];
  readonly #ends: ((error: Error | null) => void)[] = [];

  write(bytes: Uint8Array): Promise<void> {
    return this.#begin(`write ${Buffer.from(bytes).toString().split("\n").length - 1}`);
  }

  sync(): Promise<void> {
    return this.#begin("sync");
  }

  close(): Promise<void> {
    this.log.push("close");
    return Promise.resolve();
  }

  async end(error: Error | null = null): Promise<void> {
    while (this.#ends.length === 0) await turn();
    this.#ends.shift()!(error);
    await turn();
  }

  #begin(what: string): Promise<void> {
    this.log.push(what);
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error === null ? resolve() : reject(error)));
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function refusalOf(action: () => unknown): Promise<CcosError> {
  try {
    await action();
  } catch (cause) {
    if (cause instanceof CcosError) return cause;
    throw cause;
  }
  throw new Error("nothing was refused");
}

describe("openChain", () => {
  test("append links at once, commit writes and syncs once for all", async () => {
    const store = new SlowStore();
    const chain = open(store);
    expect(chain.head).toEqual({ seq: -1, hash: genesisOf(CHAIN_ID, CONFIG_DIGEST) });
    start(chain);
    const record = chain.append({ type: "GuestLog", data: {} });
    expect(record.body).toMatchObject({ seq: 1, ts: 5, facts: {}, chain: CHAIN_ID });
    expect(chain.head).toEqual({ seq: 1, hash: record.hash });
    expect(store.log).toEqual([]);
    const both = Promise.all([chain.commit(), chain.commit()]);
    await store.end();
    await store.end();
    await both;
    expect(store.log).toEqual(["write 2", "sync"]);
  });

  test("commit with nothing new resolves without touching the store", async () => {
    const store = new SlowStore();
    const chain = open(store);
    await chain.commit();
    expect(store.log).toEqual([]);
  });

  test("callers that arrive during a sync share the next, none is let go before it", async () => {
    const store = new SlowStore();
    const chain = open(store);
    start(chain);
    const done: string[] = [];
    const first = chain.commit().then(() => done.push("first"));
    await turn();
    await store.end();
    const waiting = ["a", "b", "c"].map((name) => {
      chain.append({ type: "GuestLog", data: { name } });
      return chain.commit().then(() => done.push(name));
    });
    await turn();
    expect(store.log).toEqual(["write 1", "sync"]);
    await store.end();
    await first;
    expect(done).toEqual(["first"]);
    await store.end();
    expect(done).toEqual(["first"]);
    await store.end();
    await Promise.all(waiting);
    expect(store.log).toEqual(["write 1", "sync", "write 3", "sync"]);
  });

  test("a commit during a sync with nothing new waits for that sync", async () => {
    const store = new SlowStore();
    const chain = open(store);
    start(chain);
    const first = chain.commit();
    await turn();
    let late = false;
    const second = chain.commit().then(() => (late = true));
    await store.end();
    expect(late).toBe(false);
    await store.end();
    await Promise.all([first, second]);
    expect(late).toBe(true);
  });

  test("before runs to its end ahead of each write, and its failure is the chain's", async () => {
    const order: string[] = [];
    const store = memoryStore();
    let failing = false;
    const chain = open(
      { ...store, write: (bytes) => (order.push("write"), store.write(bytes)) },
      {
        before: async () => {
          await turn();
          if (failing) throw new Error("no space for payloads");
          order.push("before");
        },
      },
    );
    start(chain);
    await chain.commit();
    expect(order).toEqual(["before", "write"]);
    failing = true;
    chain.append({ type: "GuestLog", data: {} });
    const refused = await refusalOf(() => chain.commit());
    expect(refused).toMatchObject({ code: "CHAIN_UNWRITABLE", why: "no space for payloads" });
    expect(order).toEqual(["before", "write"]);
  });

  test.each(["write", "sync"] as const)(
    "after a failed %s every call throws and the store is not asked again",
    async (at) => {
      const store = new SlowStore();
      const chain = open(store);
      start(chain);
      const commits = [chain.commit(), chain.commit()];
      const refusals = Promise.allSettled(commits);
      if (at === "sync") await store.end();
      await store.end(new Error("EIO: i/o error"));
      for (const settled of await refusals) {
        expect(settled).toMatchObject({
          status: "rejected",
          reason: { code: "CHAIN_UNWRITABLE", why: "EIO: i/o error" },
        });
      }
      const asked = [...store.log];
      expect((await refusalOf(() => chain.append({ type: "GuestLog", data: {} }))).code).toBe(
        "CHAIN_UNWRITABLE",
      );
      expect((await refusalOf(() => chain.commit())).code).toBe("CHAIN_UNWRITABLE");
      expect((await refusalOf(() => chain.close())).code).toBe("CHAIN_UNWRITABLE");
      expect(store.log).toEqual([...asked, "close"]);
    },
  );

  test("callers of the next group fail with the group before", async () => {
    const store = new SlowStore();
    const chain = open(store);
    start(chain);
    const first = chain.commit();
    await turn();
    chain.append({ type: "GuestLog", data: {} });
    const settled = Promise.allSettled([first, chain.commit()]);
    await store.end(new Error("ENOSPC"));
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(store.log).toEqual(["write 1"]);
  });

  test("refuses a record over 1 MiB, unlinked, and goes on", async () => {
    const store = memoryStore();
    const chain = open(store);
    start(chain);
    const { head } = chain;
    const refused = await refusalOf(() =>
      chain.append({ type: "GuestLog", data: { text: "x".repeat(1_048_576) } }),
    );
    expect(refused.code).toBe("CHAIN_UNWRITABLE");
    expect(chain.head).toEqual(head);
    chain.append({ type: "GuestLog", data: { text: "x".repeat(1_000_000) } });
    await chain.close();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield store.bytes();
    }
    expect(await verifyChain(source(), {})).toMatchObject({ kind: "valid", records: 2 });
  });

  test("refuses to buffer over 64 MiB, waiting and under way together", async () => {
    const store = new SlowStore();
    const chain = open(store);
    start(chain);
    const text = "x".repeat(1_000_000);
    for (let count = 0; count < 40; count++) chain.append({ type: "GuestLog", data: { text } });
    const committing = chain.commit();
    await turn();
    for (let count = 0; count < 27; count++) chain.append({ type: "GuestLog", data: { text } });
    const refused = await refusalOf(() => chain.append({ type: "GuestLog", data: { text } }));
    expect(refused).toMatchObject({
      code: "CHAIN_UNWRITABLE",
      why: "over 67108864 bytes wait for the disk",
    });
    await store.end();
    await store.end();
    await committing;
    chain.append({ type: "GuestLog", data: { text } });
  });

  test("refuses data that is not plain JSON, unlinked", async () => {
    const chain = open(memoryStore());
    start(chain);
    const { head } = chain;
    const refused = await refusalOf(() =>
      chain.append({ type: "GuestLog", data: { text: "\ud800" } }),
    );
    expect(refused.code).toBe("NOT_CANONICAL");
    expect(chain.head).toEqual(head);
  });

  test("a chain begins with RunStarted and its config", () => {
    const chain = open(memoryStore());
    expect(() => chain.append({ type: "GuestLog", data: { config: CONFIG_DIGEST } })).toThrow(
      TypeError,
    );
    expect(() => chain.append({ type: "RunStarted", data: { config: "sha256:00" } })).toThrow(
      TypeError,
    );
  });

  test("close commits what is left, and nothing can be appended after it", async () => {
    const store = memoryStore();
    const chain = open(store);
    start(chain);
    await chain.close();
    expect(Buffer.from(store.bytes()).toString().split("\n").length).toBe(2);
    expect((await refusalOf(() => chain.append({ type: "GuestLog", data: {} }))).code).toBe(
      "CHAIN_UNWRITABLE",
    );
    await chain.close();
  });
});
