/**
 * A helper program that we start and stop: the demo's server. Its first line on stdout says it is ready.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { spawnProcess } from "./process.ts";

export interface CompanionRequest {
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How long the first line may take, milliseconds. */
  readonly startMs: number;
}

export interface Companion {
  /** Without its newline, at most 1 KiB. */
  readonly firstLine: string;
  /** Kill it and wait until it is gone. Idempotent. */
  stop(): Promise<void>;
}

const LINE_LENGTH_MAX = 1024;

/** @throws {CcosError} `PROVIDER_CRASHED` when it does not start or stays silent. */
export async function startCompanion(request: CompanionRequest): Promise<Companion> {
  const child = await spawnProcess({
    argv: request.argv,
    env: request.env,
    descriptors: ["pipe", "pipe", "null"],
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const line = await firstLine(child, request.startMs);
  if (line !== null) return { firstLine: line, stop };
  await stop();
  throw new CcosError("PROVIDER_CRASHED", {
    what: `Cannot start ${request.argv.slice(0, 2).join(" ")}`,
    why: "it said nothing in time",
    fix: "Run it by hand to see why",
  });
}

function firstLine(
  child: Awaited<ReturnType<typeof spawnProcess>>,
  startMs: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    let text = "";
    const timer = setTimeout(() => resolve(null), startMs);
    const finish = (line: string | null): void => {
      clearTimeout(timer);
      resolve(line);
    };
    child.readable(1)?.on("data", (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString("utf8");
      const end = text.indexOf("\n");
      if (end >= 0) finish(text.slice(0, end));
      else if (text.length > LINE_LENGTH_MAX) finish(null);
    });
    void child.closed.then(() => finish(null));
  });
}
