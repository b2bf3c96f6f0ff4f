/** Guests that wait in a pool: exercised, for one run each, gone with the pool. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SandboxLimits } from "../isolation/index.ts";
import type { Launched } from "./guest-launch.ts";
import type { Conversation } from "./guest-link.ts";
import { createGuestPools, type GuestPools } from "./standby.ts";
import type { World } from "./world.ts";

const WALL = "process/node-permission";
const LIMITS: SandboxLimits = {
  wallMs: 60_000,
  cpuMs: 60_000,
  memoryBytes: 512 * 1024 * 1024,
  pidsMax: 64,
  outputBytes: 1024 * 1024,
  diskBytes: 16 * 1024 * 1024,
};

let stateDir: string;
let pools: GuestPools;
const taken: Launched[] = [];
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-standby-"));
  const world: World = {
    stateDir,
    nodePath: process.execPath,
    guestDir: join(import.meta.dirname, "..", "..", "dist", "guest"),
    version: "test",
    environment: {},
    nowMs: Date.now,
    randomBytes: (length) => randomBytes(length),
  };
  pools = createGuestPools(world, { size: 1 });
});
afterEach(async () => {
  for (const { session } of taken.splice(0)) await session.close();
  await pools.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const running = (): AbortSignal => AbortSignal.any([]);
const ready = async (counts: readonly number[]): Promise<void> =>
  await expect
    .poll(() => pools.counts.map((each) => each.ready), { timeout: 30_000 })
    .toEqual(counts);

/** The pool of these limits is filled, and its guest taken. */
async function guestOf(limits = LIMITS, signal = running()): Promise<Launched> {
  expect(await pools.take(WALL, limits, signal)).toBeNull();
  await ready([1]);
  const guest = await pools.take(WALL, limits, signal);
  if (guest === null) throw new Error("no guest waited");
  taken.push(guest);
  return guest;
}

function say(guest: Launched, source: string): Promise<Conversation> {
  const program = { source, file: "t.rtfs", modules: [], args: [], fuel: 1e6, depthMax: 100 };
  const execute = { type: "execute", id: 0, ...program } as const;
  return guest.link.converse(
    { execute, callsInFlightMax: 1 },
    { onMessage: () => "nothing is asked" },
  );
}

describe("a guest of a pool", () => {
  test("answers one plan, and knows nothing of the exercise", async () => {
    const guest = await guestOf();
    expect(await say(guest, "[(+ 1 2) (try (price 1) (catch e (:kind e)))]")).toMatchObject({
      kind: "result",
      message: { ok: false, error: { message: expect.stringContaining("price") } },
    });
    expect(await guest.execution.ending).toEqual({ kind: "exited", status: 0 });
  });

  test("gives the value that a cold guest gives", async () => {
    const guest = await guestOf();
    expect(await say(guest, "(reduce + 0 (map inc [1 2 3]))")).toMatchObject({
      kind: "result",
      message: { ok: true, value: 9 },
    });
  });

  test("has its whole time from when it is taken", async () => {
    const guest = await guestOf({ ...LIMITS, wallMs: 4_000 });
    const from = performance.now();
    expect(await guest.execution.ending).toEqual({ kind: "killed", by: "timeout" });
    expect(performance.now() - from).toBeGreaterThanOrEqual(3_990);
  });

  test("ends with the run that took it", async () => {
    const abort = new AbortController();
    const guest = await guestOf(LIMITS, abort.signal);
    abort.abort();
    expect(await guest.execution.ending).toEqual({ kind: "killed", by: "cancelled" });
  });
});

describe("pools", () => {
  test("are by wall and limits", async () => {
    await pools.take(WALL, LIMITS, running());
    await pools.take(WALL, { ...LIMITS, memoryBytes: LIMITS.memoryBytes / 2 }, running());
    expect(await pools.take("process/none", LIMITS, running())).toBeNull();
    await ready([1, 1]);
    const other = { ...LIMITS, memoryBytes: LIMITS.memoryBytes / 4 };
    expect(await pools.take(WALL, other, running())).toBeNull();
    expect(pools.counts.map(({ misses }) => misses)).toEqual([1, 1, 1]);
  });

  test("end the one used longest ago when there are too many", async () => {
    const limits = (part: number): SandboxLimits => ({ ...LIMITS, pidsMax: 64 + part });
    for (const part of [1, 2, 3, 4]) await pools.take(WALL, limits(part), running());
    await pools.take(WALL, limits(1), running());
    await pools.take(WALL, limits(5), running());
    expect(pools.counts.map(({ misses }) => misses)).toEqual([1, 1, 2, 1]);
  });
});
