/**
 * The control socket of a supervisor: one request a connection, a line of JSON each way at a time.
 *
 * Read in this order: Request, Reply, parseRequest, serveControl. Whoever may enter the deployment's directory (0700) may ask; nobody
 * else reaches the socket. What is sent is bounded and strict all the same: an unknown verb or field, a line that is too
 * long, a connection that says nothing is refused and closed, and harms no other.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { CcosError } from "../foundation/errors.ts";
import {
  isJsonObject,
  isWithinDepth,
  type JsonObject,
  type JsonValue,
} from "../foundation/json.ts";
import { boundedLines, type InputLine } from "../foundation/lines.ts";
import { listenUnix, sleep, SOCKET_PATH_BYTES_MAX, type UnixListener } from "../host/index.ts";
import type { DeploymentPaths } from "./store.ts";

export type Request =
  | { readonly verb: "status" }
  /** Null: as packaged, without arguments. */
  | { readonly verb: "call"; readonly args: readonly JsonValue[] | null }
  | {
      readonly verb: "deploy";
      /** Absolute paths. `key` null: this host's own. */
      readonly package: string;
      readonly key: string | null;
      readonly health: readonly JsonValue[] | null;
      readonly drainMs: number;
    }
  | { readonly verb: "rollback"; readonly drainMs: number }
  | { readonly verb: "stop"; readonly drainMs: number }
  | { readonly verb: "console"; readonly reason: string; readonly forMs: number };

/** What a supervisor says; `result` and `error` are the last. `data` is base64. */
export type Reply =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "out" | "err"; readonly data: string }
  | { readonly kind: "result"; readonly value: JsonValue }
  | { readonly kind: "error"; readonly error: JsonObject };

/** One connection, as whoever obeys the request sees it. */
export interface Talk {
  progress(text: string): void;
  send(reply: Extract<Reply, { kind: "out" | "err" }>): void;
  /** What follows the request; read by the console alone. */
  readonly more: AsyncIterable<InputLine>;
  /** Fires when the other side is gone. */
  readonly gone: AbortSignal;
}

export const REQUEST_BYTES_MAX: number = 256 * 1024;
const CONNECTIONS_MAX = 64;
const FIRST_LINE_MS_MAX = 10_000;
const ANSWER_MS_MAX = 30_000;
/** For answers that are on their way when the supervisor ends. */
const LAST_WORDS_MS_MAX = 2_000;
export const DRAIN_MS_MAX: number = 60 * 60 * 1000;
export const CONSOLE_MS_MAX: number = 60 * 60 * 1000;
export const REASON_LENGTH_MAX = 500;

/** @throws {CcosError} `IO_ERROR` when the socket cannot be made. */
export async function serveControl(
  paths: DeploymentPaths,
  obey: (request: Request, talk: Talk) => Promise<JsonValue>,
): Promise<UnixListener> {
  if (Buffer.byteLength(paths.socket) > SOCKET_PATH_BYTES_MAX) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot listen on "${paths.socket}"`,
      why: `a socket's path has at most ${SOCKET_PATH_BYTES_MAX} bytes`,
      fix: "Name a shorter directory in CCOS_HOME",
    });
  }
  const talks = new Set<Promise<void>>();
  const listener = await listenUnix({
    path: paths.socket,
    connectionsMax: CONNECTIONS_MAX,
    onConnection: (stream) => {
      const talk = converse(stream, obey);
      talks.add(talk);
      void talk.then(() => talks.delete(talk));
    },
  });
  return {
    path: listener.path,
    close: async () => {
      const last = new AbortController();
      const late = sleep(LAST_WORDS_MS_MAX, last.signal).catch(() => undefined);
      await Promise.race([Promise.all(talks), late]);
      last.abort();
      await listener.close();
    },
  };
}

async function converse(
  stream: Duplex,
  obey: (request: Request, talk: Talk) => Promise<JsonValue>,
): Promise<void> {
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  const say = (reply: Reply): void => {
    if (stream.writable) stream.write(`${JSON.stringify(reply)}\n`);
  };
  const silent = setTimeout(() => stream.destroy(), FIRST_LINE_MS_MAX);
  const more = boundedLines(stream, REQUEST_BYTES_MAX);
  try {
    const first = await more.next();
    clearTimeout(silent);
    if (first.done === true) return;
    const request = parseRequest(first.value);
    if (request.verb !== "console") void untilEnd(more, gone);
    const progress = (text: string): void => say({ kind: "progress", text });
    say({
      kind: "result",
      value: await obey(request, { progress, send: say, more, gone: gone.signal }),
    });
  } catch (cause) {
    const error = cause instanceof CcosError ? cause : defect(cause);
    say({ kind: "error", error: error.toJson() });
  } finally {
    clearTimeout(silent);
    stream.resume();
    // Nor may one that does not read its answer.
    const unread = setTimeout(() => stream.destroy(), ANSWER_MS_MAX);
    await new Promise<void>((resolve) => {
      if (stream.destroyed) resolve();
      stream.once("close", () => {
        clearTimeout(unread);
        resolve();
      });
      // All that was said is on its way; a client that stays would keep its place for nothing.
      stream.end(() => stream.destroy());
    });
  }
}

/** Nothing is expected any more: the other side waits, or goes. */
async function untilEnd(lines: AsyncIterable<InputLine>, gone: AbortController): Promise<void> {
  try {
    for await (const line of lines) void line;
  } catch {
    // A connection that broke is gone as well.
  }
  gone.abort();
}

type Fields = ReadonlyMap<string, (value: JsonValue | undefined) => boolean>;
const isPath = (value: JsonValue | undefined): boolean =>
  typeof value === "string" &&
  value.startsWith("/") &&
  value.length <= 4096 &&
  !value.includes("\0");
const isLine = (value: JsonValue | undefined): boolean =>
  typeof value === "string" && !/\p{Cc}/u.test(value);
/** What a chain can record, with the levels that it puts around. */
export const ARGS_DEPTH_MAX = 100;
const isArgs = (value: JsonValue | undefined): boolean =>
  value === null || (Array.isArray(value) && isWithinDepth(value, ARGS_DEPTH_MAX));
const isTime =
  (most: number) =>
  (value: JsonValue | undefined): boolean =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
const drain = ["drainMs", isTime(DRAIN_MS_MAX)] as const;

const VERBS: ReadonlyMap<string, Fields> = new Map<string, Fields>([
  ["status", new Map()],
  ["call", new Map([["args", isArgs]])],
  [
    "deploy",
    new Map([
      ["package", isPath],
      ["key", (value: JsonValue | undefined) => value === null || isPath(value)],
      ["health", isArgs],
      drain,
    ]),
  ],
  ["rollback", new Map([drain])],
  ["stop", new Map([drain])],
  [
    "console",
    new Map([
      ["reason", isLine],
      ["forMs", isTime(CONSOLE_MS_MAX)],
    ]),
  ],
]);

/** @throws {CcosError} `USAGE`. */
export function parseRequest(line: InputLine): Request {
  if (line.kind !== "text")
    throw badRequest(
      line.kind === "too-long" ? `it is over ${REQUEST_BYTES_MAX} bytes` : "it is not UTF-8",
    );
  const value = parsed(line.text);
  if (!isJsonObject(value)) throw badRequest("it is no JSON object");
  const { verb, ...given } = value;
  const fields = typeof verb === "string" ? VERBS.get(verb) : undefined;
  if (fields === undefined) throw badRequest(`its verb is none of ${[...VERBS.keys()].join(", ")}`);
  const unknown = Object.keys(given).find((name) => !fields.has(name));
  if (unknown !== undefined)
    throw badRequest(`it has no field ${JSON.stringify(unknown.slice(0, 40))}`);
  for (const [name, fits] of fields) {
    if (!fits(Object.hasOwn(given, name) ? given[name] : undefined))
      throw badRequest(`"${name}" is missing or malformed`);
  }
  return value as unknown as Request;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest("it is no JSON");
  }
}

function defect(cause: unknown): CcosError {
  return new CcosError("INTERNAL", {
    what: "Cannot do what was asked",
    why: cause instanceof Error ? `${cause.name}: ${cause.message}` : "an unknown reason",
    fix: "Read the supervisor's output",
    cause,
  });
}

function badRequest(why: string): CcosError {
  return new CcosError("USAGE", {
    what: "Cannot take the line as a request",
    why,
    fix: 'Write one line such as {"verb":"status"}',
  });
}
