/** A rollout at awkward points: what a crash or a full disk leaves behind is what the next supervisor goes on with. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadOrCreateHostKey } from "../chain/index.ts";
import type { JsonValue } from "../foundation/json.ts";
import { removeTree } from "../host/index.ts";
import type { RunInputs, World } from "../runtime/index.ts";
import type { DeploymentChain } from "./deployment-chain.ts";
import { Generation } from "./generation.ts";
import { lockBytes } from "./package-lock.ts";
import { digestOfBytes, makePackage } from "./package-make.ts";
import { type Trust, verifyPackage } from "./package-verify.ts";
import { Rollout } from "./rollout.ts";
import {
  createDeployment,
  type DeploymentPaths,
  deploymentPaths,
  NEW_STATE,
  readState,
  writeState,
} from "./store.ts";

const INPUTS: RunInputs = {
  configFile: "agent.rtfs",
  configSource: '(agent.config :version "0.1" :agent-id "agent.rolled" :plan "one.rtfs")',
  planFile: "one.rtfs",
  planSource: "1",
  modules: [],
  production: false,
  command: null,
  staged: [],
};

let world: World;
let paths: DeploymentPaths;
let root: string;
let trust: Trust;
beforeEach(async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "ccos-rollout-"));
  const nothing = { nodePath: process.execPath, guestDir: stateDir, version: "0", environment: {} };
  world = { ...nothing, stateDir, nowMs: () => 0, randomBytes: (size) => new Uint8Array(size) };
  paths = deploymentPaths(stateDir, "test");
  await createDeployment(world, paths);
  await writeState(paths, NEW_STATE);
  root = join(stateDir, "package");
  await makePackage(world, { inputs: INPUTS, staged: [], imageDir: null, out: root });
  const { publicKey } = await loadOrCreateHostKey(join(stateDir, "keys"));
  trust = { kind: "key", key: publicKey };
});
afterEach(() => removeTree(world.stateDir));

/** @param ends - The record behind which nothing happens any more. */
async function rollout(ends: string | null = null): Promise<Rollout> {
  const chain: DeploymentChain = {
    record: async (type) => {
      if (type === ends) throw new Error("the supervisor was killed");
    },
    seal: async () => undefined,
  };
  const { signal } = new AbortController();
  return new Rollout(
    { world, paths, chain, signal, tell: () => undefined },
    await readState(paths),
  );
}

test("the number of a generation that was recorded is not used again, whatever happened behind the record", async () => {
  const killed = await rollout("GenerationStaged");
  await expect(killed.stage(root, trust, null)).rejects.toThrow("was killed");
  const next = await rollout();
  expect((await next.stage(root, trust, null)).generation).toBe(2);
});

test("a state that could not be written is not gone on with", async () => {
  const one = await rollout();
  rmSync(paths.state);
  mkdirSync(paths.state);
  const before = one.state;
  await expect(one.stage(root, trust, null)).rejects.toMatchObject({ code: "IO_ERROR" });
  expect(one.state).toEqual(before);
  expect(existsSync(join(paths.generations, "1"))).toBe(false);
});

test("a health job too large to be kept is refused, and the deployment can still be read", async () => {
  const deep = JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`) as JsonValue[];
  const long = Array.from({ length: 600_000 }, () => 1);
  const one = await rollout();
  await expect(one.stage(root, trust, deep)).rejects.toMatchObject({ code: "USAGE" });
  await expect(one.stage(root, trust, long)).rejects.toMatchObject({ code: "IO_ERROR" });
  expect(await readState(paths)).toMatchObject({ candidate: null, generations: [], next: 2 });
});

test("a generation whose config cannot be enforced here never serves, whoever made its package", async () => {
  const source = INPUTS.configSource.replace(
    ":plan",
    ':marketplace {:registry_paths ["./c/"]} :plan',
  );
  const { lock } = await verifyPackage(root, trust);
  const content = Buffer.from(source);
  const changed = { path: "agent.rtfs", digest: digestOfBytes(content), bytes: content.length };
  const files = lock.files.map((file) => (file.path === changed.path ? changed : file));
  const bytes = lockBytes({ ...lock, files });
  for (const [name, each] of [
    ["agent.rtfs", content],
    ["lock.json", bytes],
  ] as const) {
    chmodSync(join(root, name), 0o600);
    writeFileSync(join(root, name), each);
  }
  renameSync(root, join(paths.generations, "1"));
  const entry = { generation: 1, digest: digestOfBytes(bytes), agent: lock.agent, health: null };
  const opened = Generation.open(world, paths, entry, {
    given: { production: false },
    warm: 0,
    present: () => ({ exitCode: 0 }),
    waiting: () => undefined,
  });
  await expect(opened).rejects.toMatchObject({ code: "UNENFORCEABLE" });
});
