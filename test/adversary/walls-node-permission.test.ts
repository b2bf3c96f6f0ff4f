/**
 * Node's permission model alone is no wall: what it leaves open, and that ours closes it.
 *
 * The first half is the planted violation: should a later Node close these doors itself, these tests
 * fail and the switches can be reconsidered.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createNodePermission } from "../../src/isolation/providers/node-permission.ts";

const directory = mkdtempSync(join(tmpdir(), "ccos-permission-"));
const prey = join(directory, "prey");
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(prey, { recursive: true, force: true });
  mkdirSync(prey);
  // Nothing but the wall may protect it, also where the guest has a user of its own.
  chmodSync(prey, 0o777);
  chmodSync(directory, 0o755);
});

const DOORS: readonly (readonly [name: string, source: string])[] = [
  [
    "SQLite",
    `new (require("node:sqlite").DatabaseSync)(${JSON.stringify(`${prey}/planted`)}).exec("create table a(b)")`,
  ],
  [
    "V8's trace files",
    `const v8 = require("node:v8"); v8.setFlagsFromString("--trace-turbo");
     v8.setFlagsFromString("--trace-turbo-path=" + ${JSON.stringify(prey)});
     const hot = new Function("a", "let s = 0; for (let i = 0; i < 1e6; i++) s += i * a; return s");
     for (let i = 0; i < 50; i++) hot(i);`,
  ],
];

test.each(DOORS)("%s writes files from below --permission alone", (_, source) => {
  const file = join(directory, "guest.cjs");
  writeFileSync(file, source);
  spawnSync(process.execPath, ["--permission", `--allow-fs-read=${file}`, file], { env: {} });
  expect(readdirSync(prey)).not.toEqual([]);
});

test.each(DOORS)("process/node-permission stops %s", async (_, source) => {
  const limits = {
    wallMs: 8_000,
    cpuMs: 8_000,
    memoryBytes: 2 ** 28,
    pidsMax: 32,
    outputBytes: 100_000,
    diskBytes: 4_096,
  };
  const provider = createNodePermission(process.execPath);
  const session = await provider.open({
    limits,
    files: [],
    binds: [],
    environment: {},
    sockets: false,
  });
  const content = new TextEncoder().encode(
    `console.log("began"); ${source}; console.log("went through");`,
  );
  const guest = { path: "/ccos/guest.cjs", content, executable: false };
  const execution = await session.execute(
    { kind: "rtfs", guest, beside: [], stackKiB: 984 },
    new AbortController().signal,
  );
  let out = "";
  execution.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  execution.stderr.resume();
  await execution.ending;
  await session.close();
  expect(out).toMatch(/^began/);
  expect(out).not.toMatch(/went through/);
  expect(readdirSync(prey)).toEqual([]);
});
