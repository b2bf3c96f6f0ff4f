import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signHead } from "./head.ts";
import { type HostLog, hostLog, logHead, originOf, readCheckpoint } from "./host-log.ts";
import { type HostKey, loadOrCreateHostKey } from "./host-key.ts";
import { auditLog } from "./log-audit.ts";
import { signCheckpoint } from "./note.ts";

let stateDir: string;
let key: HostKey;
let log: HostLog;
beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-log-"));
  key = await loadOrCreateHostKey(join(stateDir, "keys"));
  log = hostLog(stateDir);
});
afterEach(() => rmSync(stateDir, { recursive: true }));

function headOf(number: number): ReturnType<typeof signHead> {
  const hash = number.toString(16).padStart(64, "0");
  return signHead({ chain: `run-${number}`, records: number + 1, head: hash, root: hash }, key);
}

async function append(number: number): Promise<number> {
  return (await logHead(log, headOf(number), key)).index;
}

const audited = (): ReturnType<typeof auditLog> =>
  auditLog({ log, publicKey: key.publicKey, chain: "run-2" });

describe("logHead", () => {
  test("appends heads, each with a checkpoint that verifies and a log that audits", async () => {
    for (let number = 0; number < 20; number++) {
      expect(await append(number)).toBe(number);
      expect(await readCheckpoint(log, key.publicKey)).toMatchObject({ size: number + 1 });
    }
    expect(await audited()).toMatchObject({ size: 20, heads: [{ index: 2, head: headOf(2) }] });
  });

  test("keeps its files private", async () => {
    await append(0);
    for (const path of [log.heads, log.tree, log.checkpoint]) {
      expect(statSync(path).mode & 0o077).toBe(0);
    }
  });

  test("takes turns with other processes, and loses and doubles no head", async () => {
    const count = 25;
    const program = join(import.meta.dirname, "..", "..", "test", "chain", "log-writer.ts");
    const writers = ["a", "b", "c"].map((name) => {
      const child = spawn(process.execPath, [program, stateDir, name, String(count)]);
      const told: string[] = [];
      child.stdout.on("data", (chunk: Buffer) => told.push(chunk.toString()));
      return once(child, "close").then(([status]) => ({ status: status as number, told }));
    });
    const done = await Promise.all(writers);
    expect(done.map(({ status }) => status)).toEqual([0, 0, 0]);
    const indexes = done.flatMap(({ told }) => told.join("").trim().split("\n").map(Number));
    expect(indexes.sort((a, b) => a - b)).toEqual([...Array(3 * count).keys()]);
    expect(await audited()).toMatchObject({ size: 3 * count });
  }, 60_000);
});

/** What a crash can leave: after the line, inside of it, after the tree, inside of that. */
describe("a log after a crash", () => {
  let before: { heads: Buffer; tree: Buffer; checkpoint: Buffer };
  let after: typeof before;
  const files = (): typeof before => ({
    heads: readFileSync(log.heads),
    tree: readFileSync(log.tree),
    checkpoint: readFileSync(log.checkpoint),
  });

  beforeEach(async () => {
    for (let number = 0; number < 7; number++) await append(number);
    before = files();
    await append(7);
    after = files();
  });

  function put(state: typeof before): void {
    writeFileSync(log.heads, state.heads);
    writeFileSync(log.tree, state.tree);
    writeFileSync(log.checkpoint, state.checkpoint);
  }

  test("goes on from every length of its last writes", async () => {
    for (let end = before.heads.length; end <= after.heads.length; end += 7) {
      put({ ...before, heads: after.heads.subarray(0, end) });
      const isWhole = end === after.heads.length;
      expect(await append(8)).toBe(isWhole ? 8 : 7);
      expect(await audited()).toMatchObject({ size: isWhole ? 9 : 8 });
    }
    for (let end = before.tree.length; end <= after.tree.length; end++) {
      put({ ...after, tree: after.tree.subarray(0, end), checkpoint: before.checkpoint });
      expect(await append(8)).toBe(8);
      expect(await audited()).toMatchObject({ size: 9 });
    }
  });

  test("audits as it is: what was never acknowledged is missing or there", async () => {
    put({ ...after, checkpoint: before.checkpoint });
    expect(await audited()).toMatchObject({ size: 7 });
    put({ ...before, heads: after.heads.subarray(0, after.heads.length - 1) });
    expect(await audited()).toMatchObject({ size: 7 });
  });

  test.each<[string, () => void]>([
    ["a line cut off", () => put({ ...after, heads: before.heads })],
    ["heads and tree of before", () => put({ ...before, checkpoint: after.checkpoint })],
    ["two lines that the tree does not have", () => appendFileSync(log.heads, "{}\n{}\n")],
    ["no tree", () => truncateSync(log.tree, 0)],
    [
      "a changed leaf",
      () => put({ ...after, heads: Buffer.from(after.heads.toString().replace("run-7", "run-9")) }),
    ],
    [
      "a changed node",
      () => {
        const tree = Buffer.from(after.tree);
        tree[tree.length - 1]! ^= 1;
        writeFileSync(log.tree, tree);
      },
    ],
    ["a malformed checkpoint", () => writeFileSync(log.checkpoint, "hello\n")],
    ["a cut checkpoint", () => truncateSync(log.checkpoint, 40)],
    [
      "the checkpoint of another root",
      () => {
        const origin = originOf(key.publicKey);
        const note = signCheckpoint({ origin, size: 8, root: "0".repeat(64) }, key);
        writeFileSync(log.checkpoint, note);
      },
    ],
    [
      "a checkpoint that is far behind",
      () => {
        const origin = originOf(key.publicKey);
        writeFileSync(
          log.checkpoint,
          signCheckpoint({ origin, size: 0, root: "0".repeat(64) }, key),
        );
      },
    ],
  ])("takes no head with %s", async (_name, damage) => {
    damage();
    const kept = [readFileSync(log.heads), readFileSync(log.checkpoint)];
    await expect(append(8)).rejects.toMatchObject({
      code: expect.stringMatching(/^CHAIN_(INTEGRITY|SIGNATURE)$/) as string,
    });
    expect([readFileSync(log.heads), readFileSync(log.checkpoint)]).toEqual(kept);
  });

  test("says that it cannot be written", async () => {
    rmSync(log.tree);
    writeFileSync(join(stateDir, "elsewhere"), "");
    const { symlinkSync } = await import("node:fs");
    symlinkSync(join(stateDir, "elsewhere"), log.tree);
    await expect(append(8)).rejects.toMatchObject({ code: "CHAIN_UNWRITABLE" });
    expect(readFileSync(join(stateDir, "elsewhere"), "utf8")).toBe("");
  });
});
