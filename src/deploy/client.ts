/** Asking a supervisor: one connection, one request, its replies to the last. */
import type { Duplex } from "node:stream";
import { ERROR_CODES, type ErrorCode } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import { boundedLines } from "../foundation/lines.ts";
import { dialUnix } from "../host/index.ts";
import type { Reply, Request } from "./control.ts";
import type { DeploymentPaths } from "./store.ts";

export interface AskOptions {
  /** Everything but the last reply. */
  readonly hear: (reply: Exclude<Reply, { kind: "result" | "error" }>) => void;
  /** Hangs up. */
  readonly signal: AbortSignal;
  /** Lines to send behind the request, until it ends. */
  readonly input?: AsyncIterable<string>;
}

/** Longest reply: a job's whole output is in it. */
const REPLY_BYTES_MAX = 128 * 1024 * 1024;

/** @returns Null when nobody listens. @throws {CcosError} what the supervisor answered. */
export async function askIfThere(
  paths: DeploymentPaths,
  request: Request,
  { hear, signal, input }: AskOptions,
): Promise<{ readonly value: JsonValue } | null> {
  const dialled = await dialUnix(paths.socket);
  if (!dialled.ok) return null;
  const stream = dialled.value;
  const hangUp = (): void => void stream.destroy();
  signal.addEventListener("abort", hangUp, { once: true });
  if (signal.aborted) hangUp();
  stream.on("error", hangUp);
  try {
    stream.write(`${JSON.stringify(request)}\n`);
    if (input !== undefined) void sendAll(stream, input);
    for await (const line of boundedLines(stream, REPLY_BYTES_MAX)) {
      const reply = line.kind === "text" ? (JSON.parse(line.text) as Reply) : null;
      if (reply === null) break;
      if (reply.kind === "result") return { value: reply.value };
      if (reply.kind === "error") throw errorOf(reply.error);
      hear(reply);
    }
  } catch (cause) {
    if (cause instanceof CcosError) throw cause;
  } finally {
    signal.removeEventListener("abort", hangUp);
    stream.destroy();
  }
  throw new CcosError(signal.aborted ? "CANCELLED" : "DEPLOYMENT_NOT_RUNNING", {
    what: `Cannot finish asking the supervisor of "${paths.name}"`,
    why: signal.aborted ? "it was interrupted" : "it hung up before it answered",
    fix: `See \`ccos status ${paths.name}\``,
  });
}

/** As {@link askIfThere}. @throws {CcosError} `DEPLOYMENT_NOT_RUNNING` when nobody listens. */
export async function ask(
  paths: DeploymentPaths,
  request: Request,
  options: AskOptions,
): Promise<JsonValue> {
  const answer = await askIfThere(paths, request, options);
  if (answer !== null) return answer.value;
  throw new CcosError("DEPLOYMENT_NOT_RUNNING", {
    what: `Cannot ask "${paths.name}"`,
    why: "no supervisor of it runs",
    fix: `Start it: \`ccos supervise ${paths.name}\``,
  });
}

async function sendAll(stream: Duplex, input: AsyncIterable<string>): Promise<void> {
  for await (const line of input) {
    if (!stream.writable) return;
    stream.write(`${line}\n`);
  }
}

/** The error as the supervisor threw it. */
function errorOf(told: Readonly<Record<string, JsonValue>>): CcosError {
  const text = (name: string): string => {
    const value = told[name];
    return typeof value === "string" ? value : "";
  };
  const code = text("code");
  const known: ErrorCode = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "INTERNAL";
  const { details } = told;
  return new CcosError(known, {
    what: text("what"),
    why: text("why"),
    fix: text("fix"),
    details: isJsonObject(details) ? details : {},
  });
}
