/**
 * The writer on real limits of a real disk, and under SIGKILL: whatever a commit promised is
 * there, and nothing more is claimed.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openChain, storeOver, type Verification, verifyChainFile } from "../../src/chain/index.ts";

const WRITER = join(import.meta.dirname, "chain-writer.ts");

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-fault-"));
  path = join(directory, "chain.jsonl");
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

interface Report {
  readonly ending: string;
  readonly why: string;
  readonly acknowledged: number;
  readonly verdict: Verification | string;
}

/** Run the writer to its end. `wrapper` is a shell text that ends by running "$@". */
function writerReport(wrapper: string, ...args: readonly string[]): Report {
  const shell = ["-c", wrapper, "sh", process.execPath, WRITER, ...args];
  const { stdout, stderr } = spawnSync("sh", shell, { encoding: "utf8", timeout: 20_000 });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`no report: ${stdout}${stderr}`);
  return JSON.parse(last) as Report;
}

/** Records that are there, whole and linked. */
function recordsIn(verdict: Verification | string): number {
  if (typeof verdict === "string") throw new Error(verdict);
  if (verdict.kind === "valid") return verdict.records;
  expect(verdict.reason).toBe("torn");
  return verdict.seq;
}

/**
 * Sees whether this host lets us mount in namespaces of our own; only then can a disk be filled for
 * real.
 */
const mountable =
  spawnSync("unshare", ["-Urm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0;

describe("a writer that meets a real limit", () => {
  test("at the file size limit (EFBIG) the run ends, and what was promised is there", async () => {
    const report = writerReport('ulimit -f 64; exec "$@"', path, "500", "700", "4");
    expect(report.ending).toBe("CHAIN_UNWRITABLE");
    expect(report.why).toMatch(/EFBIG/);
    expect(report.acknowledged).toBeGreaterThan(10);
    expect(recordsIn(await verifyChainFile(path))).toBeGreaterThan(report.acknowledged);
  });

  test.skipIf(!mountable)(
    "on a full disk (ENOSPC) the run ends, and what was promised is there",
    () => {
      const mount = `mount -t tmpfs -o size=96k none "${directory}" || exit 1; exec "$@"`;
      const report = writerReport(
        `exec unshare -Urm sh -c '${mount}' sh "$@"`,
        path,
        "500",
        "700",
        "4",
      );
      expect(report.ending).toBe("CHAIN_UNWRITABLE");
      expect(report.why).toMatch(/ENOSPC/);
      expect(report.acknowledged).toBeGreaterThan(10);
      expect(recordsIn(report.verdict)).toBeGreaterThan(report.acknowledged);
    },
  );

  test("a device that is always full promises nothing", async () => {
    const file = await open("/dev/full", "a");
    const store = storeOver({
      write: async (bytes) => (await file.write(bytes)).bytesWritten,
      sync: () => file.datasync(),
      close: () => file.close(),
    });
    const chain = openChain({ store, chainId: "run-1", configDigest: "sha256:00", nowMs: () => 0 });
    chain.append({ type: "RunStarted", data: { config: "sha256:00" } });
    const refusal = { code: "CHAIN_UNWRITABLE", why: expect.stringContaining("ENOSPC") as string };
    await expect(chain.commit()).rejects.toMatchObject(refusal);
    expect(() => chain.append({ type: "GuestLog", data: {} })).toThrow(
      expect.objectContaining(refusal),
    );
    await expect(chain.close()).rejects.toMatchObject(refusal);
  });

  test("in a directory that may not be written no run starts", () => {
    mkdirSync(join(directory, "locked"), { mode: 0o555 });
    chmodSync(directory, 0o755);
    const locked = join(directory, "locked", "chain.jsonl");
    const report = writerReport('exec "$@"', locked, "1", "1", "1", "unprivileged");
    expect(report).toMatchObject({
      ending: "CHAIN_UNWRITABLE",
      acknowledged: -1,
      verdict: "INPUT_NOT_FOUND",
    });
    expect(existsSync(locked)).toBe(false);
  });
});

describe("a writer that is killed", () => {
  test.each([
    [1, "jsonl"],
    [7, "jsonl"],
    [64, "jsonl"],
    [7, "db"],
  ])(
    "at any moment, with %i callers, keeps every record it promised (.%s)",
    async (callers, kind) => {
      for (let round = 0; round < 6; round++) {
        const chain = join(directory, `${callers}-${round}.${kind}`);
        const promised = await killedAfter(round * 40 * callers + 1, chain, callers);
        const records = recordsIn(await verifyChainFile(chain));
        expect(records).toBeGreaterThan(promised);
      }
    },
  );
});

/**
 * Start a writer, kill -9 it once it promised `commits` commits. @returns the highest `seq` it
 * promised.
 */
async function killedAfter(commits: number, chain: string, callers: number): Promise<number> {
  const args = [WRITER, chain, "1000000", "100", String(callers)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    if (text.split("\n").length > commits) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  const whole = text.slice(0, text.lastIndexOf("\n")).split("\n").map(Number);
  return Math.max(...whole);
}
