/**
 * A JSON server on loopback for people of this host: one token, bounded requests, nothing for browsers.
 *
 * Whoever has the token may ask; the token is compared in constant time. A `Host` that is not this address (DNS
 * rebinding) and any `Origin` (a page in a browser) are refused before the token is looked at.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../foundation/json.ts";

export interface TokenRequest {
  readonly method: string;
  /** As sent, without query: with one, it is refused. */
  readonly path: string;
  /** Undefined: no body. */
  readonly body: unknown;
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

export interface TokenServerOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly token: string;
  readonly bodyBytesMax: number;
  /** For a whole request, milliseconds. */
  readonly timeoutMs: number;
  /** Must not throw. */
  readonly answer: (request: TokenRequest) => Promise<TokenAnswer>;
}

export interface TokenServer {
  readonly port: number;
  close(): Promise<void>;
}

const HEAD_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 16;

/** @throws The listen error, e.g. `EADDRINUSE`. */
export async function serveWithToken(options: TokenServerOptions): Promise<TokenServer> {
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: options.timeoutMs,
    requestTimeout: options.timeoutMs,
    connectionsCheckingInterval: Math.min(1000, options.timeoutMs),
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("request", (message, response) => void serve(server, options, message, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return {
    port: portOf(server),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function serve(
  server: Server,
  options: TokenServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  message.on("error", () => response.destroy());
  const flaw = flawOf(message, portOf(server), options.token);
  if (flaw !== null) return end(response, flaw);
  const body = await bodyOf(message, options.bodyBytesMax).catch(() => undefined);
  if (body === undefined) return end(response, refusal(400, "the body cannot be read"));
  if (body === null) return end(response, refusal(413, "the body is too large"));
  const value = parse(body);
  if (body.length > 0 && value === undefined) return end(response, refusal(400, "it is no JSON"));
  const { method = "", url = "" } = message;
  end(response, await options.answer({ method, path: url, body: value }));
}

/** Why a request is not looked at, or null. */
function flawOf(message: IncomingMessage, port: number, token: string): TokenAnswer | null {
  const { host, origin, authorization = "" } = message.headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`)
    return refusal(421, "it is for another host");
  if (origin !== undefined) return refusal(403, "no page of a browser may ask");
  const given = Buffer.from(authorization);
  const wanted = Buffer.from(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    return refusal(401, "the token is missing or wrong");
  return null;
}

function refusal(status: number, error: string): TokenAnswer {
  return { status, body: { error } };
}

function end(response: ServerResponse, { status, body }: TokenAnswer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    connection: "close",
  });
  response.end(text);
}

/** @returns Null when it is larger than `bytesMax`. */
async function bodyOf(message: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
