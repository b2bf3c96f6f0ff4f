/**
 * Requests to a monitor's socket, one after the other, each answered as its vendor says or an error of ours.
 *
 * Read in this order: MonitorClient, monitorApi, answerOf. The monitor is no friend: its guest may have broken it.
 * An answer is bounded, a status that the vendor does not name is an error, and of an error's text only one printable
 * line is kept.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../foundation/json.ts";
import type { Result } from "../../foundation/result.ts";
import { requestUnix, sleep, type UnixHttpFailure } from "../../host/index.ts";
import type { MonitorCall } from "./firecracker-spec.ts";

/** One monitor that was started for one machine. Each call throws `VMM_API_ERROR` when it is not answered as it must. */
export interface MonitorClient {
  /** Wait until it listens; its version. */
  ready(): Promise<string>;
  /** Configure and start: calls of the spec, in order, the first refusal ends it. */
  start(calls: readonly MonitorCall[]): Promise<void>;
  /** The vendor's word: `Running`, `Paused`, … */
  state(): Promise<string>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Of a paused machine, into a directory as the monitor sees it. */
  snapshot(directory: string): Promise<void>;
  /** Into a monitor that was told nothing yet; the machine runs then. */
  restore(directory: string): Promise<void>;
  /** Ask it to end, where the vendor has such a call; who started it ends it otherwise. */
  shutdown(): Promise<void>;
}

export interface MonitorApiOptions {
  /** For errors: `Firecracker`. */
  readonly name: string;
  readonly socket: string;
  /** The monitor ended, or the caller gave up. */
  readonly signal: AbortSignal;
  /** Until it listens, milliseconds. */
  readonly readyMsMax?: number;
  /** For one request, milliseconds; snapshots have ten times that. */
  readonly requestMsMax?: number;
}

export interface MonitorApi {
  send(call: MonitorCall, options?: { readonly slow?: boolean }): Promise<JsonObject | null>;
  /** The same, again and again until somebody listens. */
  firstAnswer(call: MonitorCall): Promise<JsonObject>;
}

const READY_MS_MAX = 5_000;
const REQUEST_MS_MAX = 5_000;
const SLOW_FACTOR = 10;
const POLL_MS_MAX = 50;
/** Largest body that is sent: Firecracker's own limit. */
const REQUEST_BYTES_MAX = 51_200;
const ANSWER_BYTES_MAX = 256 * 1024;
const COMPLAINT_LENGTH_MAX = 300;
const NO_ANSWER: ReadonlyMap<string, string> = new Map([
  ["absent", "nobody listens on its socket"],
  ["timeout", "it did not answer in time"],
  ["too-large", "its answer is larger than any that it has"],
  ["failed", "the connection broke"],
]);

/** @param complaint - The vendor's words in an error's body, when there are some. */
export function monitorApi(
  options: MonitorApiOptions,
  complaint: (body: JsonValue) => string | null,
): MonitorApi {
  const { socket, signal } = options;
  const exchange = async (
    { method, path, body }: MonitorCall,
    timeoutMs: number,
  ): ReturnType<typeof requestUnix> => {
    const text = body === null ? null : JSON.stringify(body);
    if (text !== null && Buffer.byteLength(text) > REQUEST_BYTES_MAX)
      throw apiError(options, { method, path }, `its body has over ${REQUEST_BYTES_MAX} bytes`);
    const request = { socket, method, path, body: text, bodyBytesMax: ANSWER_BYTES_MAX, timeoutMs };
    return await requestUnix(request, signal);
  };
  const requestMs = options.requestMsMax ?? REQUEST_MS_MAX;
  const failure = (call: MonitorCall, { kind, code }: UnixHttpFailure): CcosError =>
    apiError(options, call, `${NO_ANSWER.get(kind) ?? kind} (${code})`);
  return {
    send: async (call, how) => {
      const exchanged = await exchange(call, requestMs * (how?.slow === true ? SLOW_FACTOR : 1));
      if (!exchanged.ok) throw failure(call, exchanged.error);
      return answerOf(options, call, { ...exchanged.value, complaint });
    },
    firstAnswer: async (call) => {
      const deadline = Date.now() + (options.readyMsMax ?? READY_MS_MAX);
      let exchanged = await exchange(call, requestMs);
      for (let waitMs = 1; isAbsent(exchanged) && Date.now() < deadline; waitMs *= 2) {
        await sleep(Math.min(waitMs, POLL_MS_MAX), signal);
        exchanged = await exchange(call, requestMs);
      }
      if (!exchanged.ok) throw failure(call, exchanged.error);
      const answer = answerOf(options, call, { ...exchanged.value, complaint });
      if (answer === null) throw apiError(options, call, "its answer has no body");
      return answer;
    },
  };
}

function isAbsent(exchanged: Result<unknown, UnixHttpFailure>): boolean {
  return !exchanged.ok && exchanged.error.kind === "absent";
}

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly complaint: (body: JsonValue) => string | null;
}

/** @returns The document of a 200; null for a 204. */
function answerOf(
  options: MonitorApiOptions,
  call: MonitorCall,
  { status, body, complaint }: Answer,
): JsonObject | null {
  if (status === 204) return null;
  const document = parsed(body);
  if (status === 200) {
    if (document === null || !isJsonObject(document))
      throw apiError(options, call, "its answer is no JSON object");
    return document;
  }
  const words = document === null ? null : complaint(document);
  throw apiError(options, call, `status ${status}${words === null ? "" : `: ${oneLine(words)}`}`);
}

function parsed(body: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as JsonValue;
  } catch {
    return null;
  }
}

/** Printable ASCII, bounded: a monitor's words may hold a guest's. */
function oneLine(text: string): string {
  return text
    .slice(0, 4 * COMPLAINT_LENGTH_MAX)
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, COMPLAINT_LENGTH_MAX);
}

/** What `name` says of itself in an answer. @throws {CcosError} `VMM_API_ERROR` when it is no text. */
export function textIn(
  answer: JsonObject,
  name: string,
  { options, call }: { readonly options: MonitorApiOptions; readonly call: MonitorCall },
): string {
  const text = answer[name];
  if (typeof text === "string" && text.length <= 64) return oneLine(text);
  throw apiError(options, call, `its answer has no ${name}`);
}

export function apiError(
  { name }: MonitorApiOptions,
  { method, path }: Pick<MonitorCall, "method" | "path">,
  why: string,
): CcosError {
  return new CcosError("VMM_API_ERROR", {
    what: `Cannot ${method} ${path} at ${name}`,
    why,
    details: { monitor: name, method, path },
  });
}
