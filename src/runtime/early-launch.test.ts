/** A guest raised on a guess: taken only when the guess is what the run asks, and gone otherwise. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SandboxLimits } from "../isolation/index.ts";
import { launchEarly, rememberLaunch } from "./early-launch.ts";
import type { World } from "./world.ts";

/** The wall that stands on every host. */
const WALL = "process/node-permission";
const LIMITS: SandboxLimits = {
  wallMs: 20_000,
  cpuMs: 20_000,
  memoryBytes: 512 * 1024 * 1024,
  pidsMax: 64,
  outputBytes: 1024 * 1024,
  diskBytes: 16 * 1024 * 1024,
};

let stateDir: string;
let world: World;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-early-"));
  world = {
    stateDir,
    nodePath: process.execPath,
    guestDir: join(import.meta.dirname, "..", "..", "dist", "guest"),
    version: "test",
    environment: {},
    nowMs: Date.now,
    randomBytes: (length) => randomBytes(length),
  };
});
afterEach(async () => {
  for (const early of started.splice(0)) await early.close();
  rmSync(stateDir, { recursive: true, force: true });
});

type Early = NonNullable<Awaited<ReturnType<typeof launchEarly>>>;
/** What this test started, so that a test that fails leaves no guest for the next one to count. */
const started: Early[] = [];
const running = new AbortController().signal;
const path = (): string => join(stateDir, "walls", "last-launch.json");

function keep(text: string, mode = 0o600): void {
  mkdirSync(join(stateDir, "walls"), { mode: 0o700 });
  writeFileSync(path(), text, { mode });
}

const guess = (limits: object = LIMITS, wall = WALL): string => JSON.stringify({ wall, limits });

/** Guests that are children of this process. */
function guests(): number {
  const files = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const read = (name: string, file: string): string => {
    try {
      return readFileSync(join("/proc", name, file), "latin1");
    } catch {
      return "";
    }
  };
  return files.filter((name) => {
    const parent = /^PPid:\s+(\d+)$/m.exec(read(name, "status"))?.[1];
    return parent === String(process.pid) && read(name, "cmdline").includes("start.cjs");
  }).length;
}

/** What `launchEarly` started from this guess. */
async function guestOf(text = guess()): Promise<Early> {
  keep(text);
  const early = await launchEarly(world);
  if (early === null) throw new Error("no guest was started");
  started.push(early);
  await early.started;
  return early;
}

describe("a guess", () => {
  test("is kept for the next run and read back", async () => {
    await rememberLaunch(world, WALL, LIMITS);
    expect(JSON.parse(readFileSync(path(), "utf8"))).toEqual({ wall: WALL, limits: LIMITS });
    const early = await launchEarly(world);
    const taken = await early?.take(WALL, LIMITS, running);
    expect(taken).not.toBeNull();
    await taken?.session.close();
  });

  test.each([
    ["absent", null],
    ["empty", ""],
    ["no JSON", "{"],
    ["no object", "[]"],
    ["without limits", '{"wall":"process/node-permission"}'],
    ["with a limit missing", guess({ ...LIMITS, wallMs: undefined })],
    ["with a limit of another kind", guess({ ...LIMITS, wallMs: "1" })],
    ["of an unknown wall", guess(LIMITS, "process/none")],
    ["that is too long", guess({ ...LIMITS, more: "x".repeat(5_000) })],
  ])("%s starts nothing", async (_, text) => {
    if (text !== null) keep(text);
    expect(await launchEarly(world)).toBeNull();
  });

  test("that others may write, or that is a link, starts nothing", async () => {
    keep(guess(), 0o622);
    // The mask of this process may have taken the right away again.
    chmodSync(path(), 0o622);
    expect(await launchEarly(world)).toBeNull();
    rmSync(path());
    writeFileSync(join(stateDir, "elsewhere"), guess(), { mode: 0o600 });
    symlinkSync(join(stateDir, "elsewhere"), path());
    expect(await launchEarly(world)).toBeNull();
  });

  test("of a wall that this run may not use starts nothing", async () => {
    keep(guess());
    expect(await launchEarly({ ...world, onlyWalls: ["process/landlock"] })).toBeNull();
  });

  test("that no wall can hold is no guest, and no error", async () => {
    const early = await guestOf(guess({ ...LIMITS, wallMs: -1 }));
    expect(await early.take(WALL, { ...LIMITS, wallMs: -1 }, running)).toBeNull();
  });
});

describe("a waiting guest", () => {
  test("is not taken for other limits or another wall, and ends", async () => {
    for (const [wall, limits] of [
      [WALL, { ...LIMITS, memoryBytes: LIMITS.memoryBytes / 2 }],
      [WALL, { ...LIMITS, wallMs: 1 }],
      ["process/landlock", LIMITS],
    ] as const) {
      rmSync(join(stateDir, "walls"), { recursive: true, force: true });
      const early = await guestOf();
      // A process between its two programs (the limits, then Node) shows no command line for a moment.
      await expect.poll(guests).toBe(1);
      expect(await early.take(wall, limits, running)).toBeNull();
      expect(guests()).toBe(0);
      expect(await early.take(WALL, LIMITS, running)).toBeNull();
    }
  });

  test("is taken once", async () => {
    const early = await guestOf();
    const first = await early.take(WALL, LIMITS, running);
    expect(first).not.toBeNull();
    expect(await early.take(WALL, LIMITS, running)).toBeNull();
    await first?.session.close();
  });

  test("that nobody took is gone after close", async () => {
    const early = await guestOf();
    await early.close();
    expect(guests()).toBe(0);
    expect(await early.take(WALL, LIMITS, running)).toBeNull();
  });

  test("that ended while it waited is not taken", async () => {
    const limits = { ...LIMITS, wallMs: 300 };
    const early = await guestOf(guess(limits));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await early.take(WALL, limits, running)).toBeNull();
    expect(guests()).toBe(0);
  });

  test("ends with the run that took it", async () => {
    for (const when of ["before", "after"] as const) {
      rmSync(join(stateDir, "walls"), { recursive: true, force: true });
      const abort = new AbortController();
      const early = await guestOf();
      if (when === "before") abort.abort();
      const taken = await early.take(WALL, LIMITS, abort.signal);
      if (when === "after") abort.abort();
      if (when === "before") expect(taken).toBeNull();
      else expect(await taken?.execution.ending).toEqual({ kind: "killed", by: "cancelled" });
      await taken?.session.close();
      expect(guests()).toBe(0);
    }
  });
});
