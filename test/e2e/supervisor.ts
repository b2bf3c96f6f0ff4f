/** A supervisor of the built CLI, as a test sees it: started, waited for, killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pureConfig, ROOT, type Sandbox } from "./ccos.ts";

const WAIT_MS_MAX = 60_000;

export interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly facts: Record<string, unknown>;
}

export interface RunningSupervisor {
  readonly pid: number;
  readonly output: () => string;
  readonly over: Promise<number | null>;
  /** Until its output matches; fails when it ends before, or after a minute. */
  says(text: RegExp, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

const living = new Set<ChildProcess>();

export function startSupervisor(
  box: Sandbox,
  name: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): RunningSupervisor {
  const cli = join(ROOT, "bin", "ccos.cjs");
  const child = spawn(process.execPath, [cli, "supervise", name, ...flags], {
    cwd: box.dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  living.add(child);
  let output = "";
  let ended = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const over = new Promise<number | null>((resolve) => {
    child.on("close", (status) => {
      ended = true;
      living.delete(child);
      resolve(status);
    });
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    over,
    says: (text, timeoutMs = WAIT_MS_MAX) =>
      until(() => {
        if (text.test(output)) return true;
        if (ended) throw new Error(`It ended before it said ${text}:\n${output}`);
        return false;
      }, timeoutMs),
    kill: (signal) => {
      child.kill(signal);
      return over;
    },
  };
}

/** For afterAll: none outlives its test, however that ends. */
export async function killSupervisors(): Promise<void> {
  for (const child of living) child.kill("SIGKILL");
  await until(() => living.size === 0);
}

export async function until(isSo: () => boolean, timeoutMs: number = WAIT_MS_MAX): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > deadline)
      throw new Error(`Not so after ${timeoutMs} ms: ${isSo.toString()}`);
    await pause(3);
  }
}

/** The whole records of a deployment's chain so far. */
export function recordsOf(box: Sandbox, name: string): readonly Told[] {
  const path = join(box.home, "deployments", name, "chain.jsonl");
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { body: Told }).body);
}

/** Two packages, `one.package` and `two.package`, whose plans say which they are and the sum of their arguments. */
export async function packAgents(box: Sandbox): Promise<void> {
  for (const name of ["one", "two"]) {
    box.write(`${name}.plan.rtfs`, `(str "${name} " (reduce + 0 args))`);
    box.write(`${name}.rtfs`, pureConfig(`${name}.plan.rtfs`));
    const done = await box.run(["package", `${name}.rtfs`, "--out", `${name}.package`]);
    if (done.status !== 0) throw new Error(done.stderr);
  }
}

/** What a supervisor answers to these bytes. @param stays - Until it was answered. */
export function saidTo(path: string, bytes: string, stays = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let text = "";
    socket.setEncoding("utf8").on("data", (more: string) => (text += more));
    socket.on("error", reject).on("close", () => resolve(text));
    if (stays) socket.write(bytes);
    else socket.end(Buffer.from(bytes, "latin1"));
  });
}

/** The system's code when another user connects. */
export function connectAs(uid: number, path: string): Promise<string> {
  const script = `require("net").connect(${JSON.stringify(path)}).on("error", (e) => console.log(e.code)).on("connect", () => { console.log("connected"); process.exit(); })`;
  return new Promise((resolve, reject) => {
    const child = spawn("node", ["-e", script], { uid, gid: uid, cwd: "/" });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
    child.on("error", reject).on("close", () => resolve(text.trim()));
  });
}
