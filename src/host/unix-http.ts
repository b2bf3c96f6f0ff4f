/**
 * One HTTP request over a Unix socket, bounded in time and size: how a monitor of virtual machines is spoken to.
 *
 * A fresh connection for each request. What comes back is not trusted: the head has the parser's limits, the body
 * this module's, and a server that stalls, lies about a length or hangs up is one failure like any other.
 *
 * @module
 */
import { type IncomingMessage, request as httpRequestOf } from "node:http";
import { err, ok, type Result } from "../foundation/result.ts";
import { codeOf } from "./network.ts";

export interface UnixHttpRequest {
  readonly socket: string;
  readonly method: string;
  readonly path: string;
  /** JSON text. Null: no body. */
  readonly body: string | null;
  readonly bodyBytesMax: number;
  /** For all of it, milliseconds. */
  readonly timeoutMs: number;
}

export interface UnixHttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** `absent`: nobody listens there, nothing was sent. `failed`: the connection or the answer broke. */
export interface UnixHttpFailure {
  readonly kind: "absent" | "failed" | "timeout" | "too-large";
  /** The system's or the parser's code. */
  readonly code: string;
}

const HEAD_BYTES_MAX = 16 * 1024;

/** @throws The signal's reason when it was aborted. */
export async function requestUnix(
  request: UnixHttpRequest,
  signal: AbortSignal,
): Promise<Result<UnixHttpAnswer, UnixHttpFailure>> {
  signal.throwIfAborted();
  const timeout = AbortSignal.timeout(request.timeoutMs);
  try {
    const response = await send(request, AbortSignal.any([signal, timeout]));
    const body = await bodyOf(response, request.bodyBytesMax);
    if (body === null) return err({ kind: "too-large", code: "ETOOLARGE" });
    return ok({ status: response.statusCode ?? 0, body });
  } catch (cause) {
    signal.throwIfAborted();
    if (timeout.aborted) return err({ kind: "timeout", code: "ETIMEDOUT" });
    const code = codeOf(cause);
    const absent = code === "ENOENT" || code === "ECONNREFUSED";
    return err({ kind: absent ? "absent" : "failed", code });
  }
}

async function send(
  { socket, method, path, body }: UnixHttpRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const waiting = Promise.withResolvers<IncomingMessage>();
  const outgoing = httpRequestOf({
    socketPath: socket,
    method,
    path,
    agent: false,
    insecureHTTPParser: false,
    maxHeaderSize: HEAD_BYTES_MAX,
    headers: {
      host: "localhost",
      accept: "application/json",
      ...(body === null
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    },
    signal,
  });
  outgoing.once("response", waiting.resolve);
  outgoing.once("upgrade", (_, peer) => {
    peer.destroy();
    waiting.reject(new Error("the server switched protocols"));
  });
  outgoing.on("error", waiting.reject);
  outgoing.once("close", () => waiting.reject(new Error("the server closed the connection")));
  outgoing.end(body ?? undefined);
  return await waiting.promise;
}

/** @returns Null when it is larger than `bytesMax`; the connection is gone then. */
async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
