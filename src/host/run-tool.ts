/**
 * Run a system tool to its end: bounded time, bounded output, no shell, an environment of two variables.
 *
 * @module
 */
import { once } from "node:events";
import { CcosError } from "../foundation/errors.ts";
import { spawnProcess, SYSTEM_DIRECTORIES } from "./process.ts";

export interface ToolRun {
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Written to its stdin, which is then closed. Absent: nothing. */
  readonly input?: Iterable<Uint8Array>;
  readonly timeoutMs: number;
}

const OUTPUT_BYTES_MAX = 1024 * 1024;
const COMPLAINT_LENGTH_MAX = 300;

/**
 * @returns The beginning of its stdout.
 * @throws {CcosError} `IO_ERROR` when it fails or takes longer, with the last it said.
 */
export async function runTool({ argv, cwd, input, timeoutMs }: ToolRun): Promise<string> {
  const env = { PATH: SYSTEM_DIRECTORIES.join(":"), LC_ALL: "C" };
  const tool = await spawnProcess({ argv, env, cwd, descriptors: ["pipe", "pipe", "pipe"] });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    tool.kill("SIGKILL");
  }, timeoutMs);
  const text = { out: "", error: "" };
  tool.readable(1)?.on("data", (chunk: Buffer) => {
    if (text.out.length < OUTPUT_BYTES_MAX) text.out += chunk.toString("latin1");
  });
  tool.readable(2)?.on("data", (chunk: Buffer) => {
    text.error = `${text.error}${chunk.toString("latin1")}`.slice(-COMPLAINT_LENGTH_MAX);
  });
  await feed(tool, input ?? []);
  const end = await tool.exited;
  await tool.closed;
  clearTimeout(timer);
  if (end.kind === "exited" && end.status === 0) return text.out;
  const how = end.kind === "exited" ? `status ${end.status}` : end.signal;
  const said = text.error.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  throw new CcosError("IO_ERROR", {
    what: `Cannot run "${argv[0]}"`,
    why: timedOut ? `it took longer than ${timeoutMs} ms` : `it ended with ${how}: ${said}`,
  });
}

/** A tool that ends early no longer reads; its ending says so. */
async function feed(
  tool: Awaited<ReturnType<typeof spawnProcess>>,
  input: Iterable<Uint8Array>,
): Promise<void> {
  const stdin = tool.writable(0);
  stdin?.on("error", () => undefined);
  for (const part of input) {
    if (stdin === null || stdin.destroyed) return;
    if (!stdin.write(part))
      await Promise.race([once(stdin, "drain").catch(() => undefined), tool.exited]);
  }
  stdin?.end();
}
