/** A pool hands each instance out once, replaces what is gone, and leaves nothing. */
import { afterEach, describe, expect, test } from "vitest";
import { POOL_SIZE_MAX, WarmPool, type WarmPoolOptions } from "./warm-pool.ts";

class Instance {
  readonly number: number;
  readonly #end = Promise.withResolvers<void>();
  readonly ended: Promise<void> = this.#end.promise;
  closed = 0;

  constructor(number: number) {
    this.number = number;
  }

  die(): void {
    this.#end.resolve();
  }

  close(): Promise<void> {
    this.closed++;
    this.#end.resolve();
    return Promise.resolve();
  }
}

const made: Instance[] = [];
const pools: WarmPool<Instance>[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
  made.length = 0;
});

function poolOf(options: Partial<WarmPoolOptions<Instance>> = {}): WarmPool<Instance> {
  const raise = (): Promise<Instance> => {
    const instance = new Instance(made.length);
    made.push(instance);
    return Promise.resolve(instance);
  };
  const pool = new WarmPool({ size: 2, raisingMax: 1, idleMsMax: 60_000, raise, ...options });
  pools.push(pool);
  return pool;
}

const isReady = async (pool: WarmPool<Instance>, count: number): Promise<void> =>
  await expect.poll(() => pool.counts.ready, { timeout: 10_000 }).toBe(count);

describe("a pool", () => {
  test("fills itself to its size, and hands each out once, oldest first", async () => {
    const pool = poolOf();
    await isReady(pool, 2);
    const taken = [pool.take(), pool.take(), pool.take()];
    expect(taken.map((each) => each?.number)).toEqual([0, 1, undefined]);
    expect(pool.counts).toMatchObject({ hits: 2, misses: 1, failures: 0 });
    await isReady(pool, 2);
    expect(pool.take()?.number).toBe(2);
    expect(made.slice(0, 3).map(({ closed }) => closed)).toEqual([0, 0, 0]);
  });

  test("raises no more at once than it may", async () => {
    let raising = 0;
    let most = 0;
    const pool = poolOf({
      size: 6,
      raisingMax: 2,
      raise: async () => {
        most = Math.max(most, ++raising);
        await new Promise((resolve) => setTimeout(resolve, 5));
        raising--;
        return new Instance(0);
      },
    });
    await isReady(pool, 6);
    expect(most).toBe(2);
  });

  test("replaces what ended while it waited, and never hands it out", async () => {
    const pool = poolOf();
    await isReady(pool, 2);
    made[0]!.die();
    await expect.poll(() => made.length, { timeout: 10_000 }).toBe(3);
    await isReady(pool, 2);
    expect(made[0]!.closed).toBe(1);
    expect(pool.counts).toMatchObject({
      failures: 1,
      lastFailure: "an instance ended while it waited",
    });
    expect([pool.take()?.number, pool.take()?.number]).toEqual([1, 2]);
  });

  test("ends what waited too long", async () => {
    const pool = poolOf({ size: 1, idleMsMax: 20 });
    await expect.poll(() => made.length, { timeout: 10_000 }).toBeGreaterThan(2);
    await expect.poll(() => made[0]!.closed).toBe(1);
    expect(pool.counts.failures).toBe(0);
  });

  test("tries again ever more slowly when nothing can be raised, and says why", async () => {
    const at: number[] = [];
    const pool = poolOf({
      raise: () => {
        at.push(performance.now());
        return Promise.reject(new Error("no wall"));
      },
    });
    await expect.poll(() => at.length, { timeout: 10_000 }).toBe(4);
    expect(pool.take()).toBeNull();
    expect(pool.counts).toMatchObject({ ready: 0, lastFailure: "no wall" });
    // A timer never fires early; how late it fires depends on the machine.
    expect(at[3]! - at[0]!).toBeGreaterThanOrEqual(690);
  });

  test("that is closed ends what waits, what is being raised, and raises no more", async () => {
    const late = Promise.withResolvers<Instance>();
    let calls = 0;
    const first = new Instance(0);
    const pool = poolOf({
      raise: (signal) => {
        signal.addEventListener("abort", () => late.resolve(new Instance(1)));
        return ++calls === 1 ? Promise.resolve(first) : late.promise;
      },
    });
    await isReady(pool, 1);
    await pool.close();
    expect(first.closed).toBe(1);
    expect((await late.promise).closed).toBe(1);
    expect(pool.take()).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(2);
  });

  test("does not touch what was taken", async () => {
    const pool = poolOf({ idleMsMax: 30 });
    await isReady(pool, 2);
    const taken = pool.take();
    await pool.close();
    expect(taken?.closed).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN, POOL_SIZE_MAX + 1])("of size %s is refused", (size) => {
    expect(() => poolOf({ size })).toThrow(RangeError);
  });
});
