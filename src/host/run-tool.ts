/**
 * Run a system tool to its end: bounded time, bounded output, no shell, an environment of two variables and what is named.
 *
 * @module
 */
import { once } from "node:events";
import { CcosError } from "../foundation/errors.ts";
import { killPid, spawnProcess, SYSTEM_DIRECTORIES } from "./process.ts";
import { descendants } from "./process-tree.ts";

export interface ToolRun {
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Beside `PATH` and `LC_ALL`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its stdin, which is then closed. Absent: nothing. */
  readonly input?: Iterable<Uint8Array>;
  readonly timeoutMs: number;
  /** Ends it, and all that it started. */
  readonly signal?: AbortSignal;
  /** Told once for each part of its stdout. */
  readonly heard?: (text: string) => void;
}

const OUTPUT_BYTES_MAX = 1024 * 1024;
const COMPLAINT_LENGTH_MAX = 300;

/**
 * @returns The beginning of its stdout.
 * @throws {CcosError} `IO_ERROR` when it fails or takes longer, with the last it said; `CANCELLED`.
 */
export async function runTool(run: ToolRun): Promise<string> {
  const { argv, cwd, timeoutMs, signal } = run;
  const env = { PATH: SYSTEM_DIRECTORIES.join(":"), LC_ALL: "C", ...run.env };
  const what = `Cannot run "${argv[0]}"`;
  const isCancelled = (): boolean => signal?.aborted ?? false;
  const cancelled = new CcosError("CANCELLED", { what, why: "it was interrupted" });
  if (isCancelled()) throw cancelled;
  const tool = await spawnProcess({ argv, env, cwd, descriptors: ["pipe", "pipe", "pipe"] });
  // A tool such as make has children, which would go on without it.
  const end = (): void => {
    for (const pid of descendants(tool.pid)) killPid(pid);
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeoutMs);
  signal?.addEventListener("abort", end);
  const text = { out: "", error: "" };
  tool.readable(1)?.on("data", (chunk: Buffer) => {
    const said = chunk.toString("latin1");
    if (text.out.length < OUTPUT_BYTES_MAX) text.out += said;
    run.heard?.(said);
  });
  tool.readable(2)?.on("data", (chunk: Buffer) => {
    text.error = `${text.error}${chunk.toString("latin1")}`.slice(-COMPLAINT_LENGTH_MAX);
  });
  await feed(tool, run.input ?? []);
  const ending = await tool.exited;
  await tool.closed;
  clearTimeout(timer);
  signal?.removeEventListener("abort", end);
  if (isCancelled()) throw cancelled;
  if (ending.kind === "exited" && ending.status === 0) return text.out;
  const how = ending.kind === "exited" ? `status ${ending.status}` : ending.signal;
  const said = text.error.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  throw new CcosError("IO_ERROR", {
    what,
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
