/**
 * A process of ours that raises a wall and is then killed, and the look for what outlives it.
 *
 * The child is given one inherited descriptor on a file, far from the others: what a careless parent
 * leaves open. A wall that hands it on leaks (the descriptors guarantee).
 *
 * @module
 */
import { spawn } from "node:child_process";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PLANTED_FD = 60;
const LINES_MAX = 4_096;

export interface Supervised {
  /** `dev:ino` of the file that the child holds open without close-on-exec. */
  readonly planted: string;
  /** Lines of its stdout until `until` matches one, it ends, or `timeoutMs` pass. Bounded. */
  linesUntil(until: RegExp, timeoutMs: number): Promise<readonly string[]>;
  /** The end of its stderr, for evidence. */
  complaint(): string;
  /** SIGKILL, and wait until it is reaped. Idempotent. */
  kill(): Promise<void>;
}

/** Start `argv` with `input` on its stdin, which stays open: its closing tells the child to end. */
export async function superviseProcess(
  argv: readonly string[],
  input: string,
): Promise<Supervised> {
  const path = join(tmpdir(), `ccos-planted-${process.pid}-${Date.now()}`);
  const file = await open(path, "wx+", 0o600);
  await rm(path);
  const planted = await file.stat();
  const holes: "ignore"[] = Array.from({ length: PLANTED_FD - 3 }, () => "ignore");
  const child = spawn(argv[0] ?? "", argv.slice(1), {
    stdio: ["pipe", "pipe", "pipe", ...holes, file.fd],
  });
  const over = new Promise<void>((resolve) => {
    child.on("error", () => resolve()).on("close", () => resolve());
  });
  await file.close();
  let text = "";
  let complaint = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    if (text.length < LINES_MAX * 200) text += chunk.toString("latin1");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString("latin1")}`.slice(-1_000);
  });
  child.stdin?.on("error", () => child.stdin?.destroy());
  child.stdin?.write(`${input}\n`);
  return {
    planted: `${planted.dev}:${planted.ino}`,
    linesUntil: (until, timeoutMs) => linesUntil(() => text, until, { over, timeoutMs }),
    complaint: () => complaint,
    kill: async () => {
      child.kill("SIGKILL");
      await over;
    },
  };
}

async function linesUntil(
  text: () => string,
  until: RegExp,
  bounds: { over: Promise<void>; timeoutMs: number },
): Promise<readonly string[]> {
  const deadline = Date.now() + bounds.timeoutMs;
  let ended = false;
  void bounds.over.then(() => {
    ended = true;
  });
  while (!until.test(text()) && !ended && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return text().split("\n").slice(0, LINES_MAX);
}

/** Pids of this host whose command line holds `marker`, whatever namespace they are in. Not ours. */
export async function processesNaming(marker: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === process.pid) continue;
    const line = await readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "");
    if (line.includes(marker)) found.push(pid);
  }
  return found;
}
