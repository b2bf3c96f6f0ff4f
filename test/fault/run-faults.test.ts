/**
 * A whole run whose chain fails under it: no effect without its record (G1), whatever breaks.
 *
 * The disk is really full (a tiny tmpfs), the directory is really not writable, the supervisor is
 * really killed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ROOT, type Sandbox, sandbox } from "../e2e/ccos.ts";

const CALLS = 150;
const CONFIG =
  '(agent.config :agent-id "agent.fault" :plan "p.rtfs" :features [:fs] :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}})';
const PLAN = `(step "write" (count (map (fn [i] (call :ccos.io.write-file (str "/workspace/f" i) "x")) (range ${CALLS}))))`;

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
  box.write("agent.rtfs", CONFIG);
  box.write("p.rtfs", PLAN);
});
afterEach(() => box.remove());

/** A mount namespace of our own, as root or not. */
const OWN_MOUNTS: readonly [string, ...string[]] =
  process.geteuid?.() === 0
    ? ["/usr/bin/unshare", "-m"]
    : ["/usr/bin/unshare", "-U", "-m", "--map-current-user", "--keep-caps"];

/** Whole records of a chain that are intents. */
function intentsIn(path: string): number {
  const chain = readFileSync(path, "utf8");
  return chain
    .slice(0, chain.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line.includes('"type":"CallIntended"')).length;
}

/** The last run: which files exist, and which call numbers have a durable intent. */
function evidence(): { files: number; intents: number; directory: string } {
  const runs = join(box.home, "runs");
  const directory = join(runs, readdirSync(runs).sort().at(-1) ?? "");
  return {
    directory,
    files: readdirSync(join(directory, "workspace")).filter((name) => /^f\d+$/.test(name)).length,
    intents: intentsIn(join(directory, "chain.jsonl")),
  };
}

function runUnder(
  prefix: readonly [string, ...string[]],
): Promise<{ status: number | null; stderr: string; kill: () => void }> {
  return new Promise((resolve) => {
    const [file, ...before] = prefix;
    const rest = [...before, process.execPath, join(ROOT, "bin/ccos.cjs"), "run", "agent.rtfs"];
    const child = spawn(file, rest, {
      cwd: box.dir,
      env: { PATH: process.env["PATH"] ?? "", CCOS_HOME: box.home },
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("close", (status) => resolve({ status, stderr, kill: () => child.kill() }));
  });
}

describe("a chain that cannot be written", () => {
  test("a full disk stops the run with 69, and every file written has its intent on disk", async () => {
    const out = join(box.dir, "out");
    mkdirSync(out, { mode: 0o777 });
    box.write("agent.rtfs", CONFIG.replaceAll("/workspace", out));
    box.write("p.rtfs", PLAN.replaceAll("/workspace", out));
    expect((await box.run(["run", "agent.rtfs"])).status).toBe(0);
    expect(readdirSync(out)).toHaveLength(CALLS);
    for (const name of readdirSync(out)) rmSync(join(out, name));
    const runs = join(box.home, "runs");
    const tiny = `mount -t tmpfs -o size=48k,mode=700 tmpfs ${runs} && "$@"; status=$?; cp ${runs}/*/chain.jsonl ${box.dir}/full.jsonl; exit $status`;
    const full = await runUnder([...OWN_MOUNTS, "/bin/sh", "-c", tiny, "sh"]);
    expect(full.stderr).toContain("CHAIN_UNWRITABLE");
    expect(full.status).toBe(69);
    const files = readdirSync(out).length;
    expect(files).toBeGreaterThan(0);
    expect(files).toBeLessThan(CALLS);
    expect(files).toBeLessThanOrEqual(intentsIn(join(box.dir, "full.jsonl")));
  });

  test("a state directory that cannot be made stops the start", async () => {
    box.write("blocked", "a file where the state directory should be");
    const refused = await box.run(["run", "agent.rtfs"], {
      env: { CCOS_HOME: join(box.dir, "blocked", "home") },
    });
    expect(refused.status).not.toBe(0);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toMatch(/^error [A-Z_]+$/m);
    expect(refused.stderr).not.toContain("INTERNAL");
  });

  test("a supervisor killed in the middle leaves no file without its intent, and the chain verifies unsealed", async () => {
    const child = spawn(process.execPath, [join(ROOT, "bin/ccos.cjs"), "run", "agent.rtfs"], {
      cwd: box.dir,
      env: { PATH: process.env["PATH"] ?? "", CCOS_HOME: box.home },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    let seen = 0;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      seen += text.split("/workspace/f").length - 1;
      if (seen > 20) child.kill("SIGKILL");
    });
    await closed;
    const { files, intents, directory } = evidence();
    expect(files).toBeGreaterThan(0);
    expect(files).toBeLessThan(CALLS);
    expect(files).toBeLessThanOrEqual(intents);
    expect(existsSync(join(directory, "head.json"))).toBe(false);
    const verified = await box.run(["chain", "verify", "last"]);
    expect(verified.stderr).toMatch(/UNSEALED|torn/);
    expect(verified.status).toBe(65);
  });
});

describe("a chain that was edited", () => {
  test.each<[string, (lines: string[]) => string[], RegExp]>([
    [
      "a changed record",
      (lines) => lines.map((line) => line.replace('"call":1,', '"call":9,')),
      /record \d+: changed/,
    ],
    ["a dropped record", (lines) => lines.filter((_, at) => at !== 4), /record 4: dropped/],
    [
      "two records swapped",
      (lines) => [...lines.slice(0, 4), lines[5] ?? "", lines[4] ?? "", ...lines.slice(6)],
      /record 4: moved/,
    ],
    ["a cut tail", (lines) => lines.slice(0, -2), /truncated/],
    [
      "a record appended after the head",
      (lines) => [...lines, lines.at(-1) ?? ""],
      /record \d+: (duplicated|after-head)/,
    ],
  ])("%s is found and named", async (_name, edit, message) => {
    await box.run(["run", "agent.rtfs"]);
    const path = join(evidence().directory, "chain.jsonl");
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    writeFileSync(path, `${edit(lines).join("\n")}\n`);
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified.stderr).toMatch(message);
    expect(verified.status).toBe(65);
  });
});

describe("a replay", () => {
  test("names the first record that differs when the kept plan was changed", async () => {
    await box.run(["run", "agent.rtfs"]);
    const path = join(evidence().directory, "inputs.json");
    writeFileSync(path, readFileSync(path, "utf8").replace("/workspace/f", "/workspace/g"));
    const replayed = await box.run(["chain", "verify", "last", "--replay"]);
    expect(replayed.stderr).toMatch(/replay DIVERGED.*record 0/);
    expect(replayed.status).toBe(65);
  });

  test("is unavailable, and the chain still valid, when the payload key was erased", async () => {
    await box.run(["run", "agent.rtfs"]);
    rmSync(join(evidence().directory, "payload.key"));
    const replayed = await box.run(["chain", "verify", "last", "--replay"]);
    expect(replayed.stderr).toContain("chain VALID");
    expect(replayed.stderr).toContain("replay UNAVAILABLE");
    expect(replayed.status).toBe(65);
  });
});
