/** One chain over many supervisors: it goes on where it ended, after a crash too, and never behind what was changed. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeTree } from "../host/index.ts";
import { deploymentDirectory, verifyRun, type World } from "../runtime/index.ts";
import { openDeploymentChain, unclosedConsoles } from "./deployment-chain.ts";
import { takeOwnership } from "./ownership.ts";
import {
  createDeployment,
  type DeploymentPaths,
  deploymentPaths,
  NEW_STATE,
  readState,
  writeState,
} from "./store.ts";

let world: World;
let paths: DeploymentPaths;
beforeEach(async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "ccos-deployment-"));
  const nothing = { nodePath: process.execPath, guestDir: stateDir, version: "0", environment: {} };
  world = { ...nothing, stateDir, nowMs: () => 0, randomBytes: (size) => new Uint8Array(size) };
  paths = deploymentPaths(stateDir, "test");
  await createDeployment(world, paths);
});
afterEach(() => removeTree(world.stateDir));

const verified = (): ReturnType<typeof verifyRun> =>
  verifyRun(world, deploymentDirectory(world.stateDir, "test"));

async function session(states: readonly string[]): Promise<void> {
  const chain = await openDeploymentChain(world, paths);
  for (const state of states) await chain.record("StateEntered", { state });
  await chain.seal();
}

describe("a deployment's chain", () => {
  test("goes on where the last supervisor ended, and is sealed between them", async () => {
    await session(["serving"]);
    expect(await verified()).toMatchObject({ kind: "valid", sealed: true, records: 2 });
    const chain = await openDeploymentChain(world, paths);
    expect(existsSync(paths.head)).toBe(false);
    await chain.record("StateEntered", { state: "serving" });
    expect(await verified()).toMatchObject({ kind: "valid", sealed: false, records: 3 });
    await chain.seal();
    expect(await verified()).toMatchObject({ kind: "valid", sealed: true, records: 3 });
  });

  test("goes on behind a line that a crash cut, which is kept aside", async () => {
    const killed = await openDeploymentChain(world, paths);
    await killed.record("StateEntered", { state: "serving" });
    await killed.seal();
    await removeTree(paths.head);
    appendFileSync(paths.chain, '{"body":{"cut');
    await session(["idle"]);
    expect(await verified()).toMatchObject({ kind: "valid", sealed: true, records: 3 });
    expect(readFileSync(`${paths.chain}.torn`, "utf8")).toBe('{"body":{"cut');
  });

  test("begins in a file that was made and never written", async () => {
    writeFileSync(paths.chain, "", { mode: 0o600 });
    await session(["serving"]);
    expect(await verified()).toMatchObject({ kind: "valid", sealed: true, records: 2 });
  });

  const edits: readonly (readonly [string, (text: string) => string])[] = [
    ["changed", (text) => text.replace("serving", "stopped")],
    ["cut behind its head", (text) => `${text.split("\n").slice(0, 2).join("\n")}\n`],
    ["emptied", () => ""],
  ];
  test.each(edits)("does not go on when it was %s", async (_, edit) => {
    await session(["serving", "draining"]);
    writeFileSync(paths.chain, edit(readFileSync(paths.chain, "utf8")));
    await expect(openDeploymentChain(world, paths)).rejects.toMatchObject({
      code: "CHAIN_INTEGRITY",
    });
    expect(existsSync(paths.head)).toBe(true);
  });

  test("knows the consoles that were opened and never closed", async () => {
    const chain = await openDeploymentChain(world, paths);
    for (const id of ["a", "b"]) await chain.record("ConsoleOpened", { console: id });
    await chain.record("ConsoleClosed", { console: "a" });
    await chain.seal();
    expect(await unclosedConsoles(paths)).toEqual(["b"]);
  });
});

describe("a deployment", () => {
  test("has one owner at a time, and knows one that did not end by itself", async () => {
    const first = await takeOwnership(paths);
    expect(first.killed).toBeNull();
    await expect(takeOwnership(paths)).rejects.toMatchObject({ code: "DEPLOYMENT_LOCKED" });
    await first.release();
    // Process 1 lives, but did not start then; nobody has this number.
    for (const pid of [1, 4_194_305]) {
      writeFileSync(paths.supervisor, JSON.stringify({ pid, startTicks: 1e9 }), { mode: 0o600 });
      const next = await takeOwnership(paths);
      expect(next.killed?.pid).toBe(pid);
      await next.release();
    }
  });

  test("is not taken from an owner whom its lease does not show", async () => {
    const { startTicks } = (await import("../host/index.ts")).processFacts(1) ?? { startTicks: 0 };
    writeFileSync(paths.supervisor, JSON.stringify({ pid: 1, startTicks }), { mode: 0o600 });
    await expect(takeOwnership(paths)).rejects.toMatchObject({ code: "DEPLOYMENT_LOCKED" });
  });

  test.each(["", "..", "a/b", "A", "1a", "a".repeat(33)])("is not called %j", (name) => {
    expect(() => deploymentPaths(world.stateDir, name)).toThrow(/Cannot call a deployment/);
  });
});

describe("a deployment's state", () => {
  const kept = { generation: 1, digest: "sha256:", agent: "a", health: null };
  const good = { ...NEW_STATE, active: 1, generations: [kept], next: 2 };

  test("is what was written", async () => {
    await writeState(paths, good);
    expect(await readState(paths)).toEqual(good);
  });

  test.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["another version", JSON.stringify({ ...good, version: 2 })],
    ["an active generation that is not kept", JSON.stringify({ ...good, active: 2 })],
    ["a candidate in no phase", JSON.stringify({ ...good, candidate: { generation: 1 } })],
    [
      "a generation without a digest",
      JSON.stringify({ ...good, generations: [{ generation: 1 }] }),
    ],
  ])("is refused when it is %s", async (_, text) => {
    writeFileSync(paths.state, text, { mode: 0o600 });
    await expect(readState(paths)).rejects.toMatchObject({ code: "IO_ERROR" });
  });

  test("is refused when others may write it", async () => {
    await writeState(paths, good);
    chmodSync(paths.state, 0o666);
    await expect(readState(paths)).rejects.toMatchObject({ code: "IO_ERROR" });
  });
});
