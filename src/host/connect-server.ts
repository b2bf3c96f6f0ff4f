/**
 * The listening half of a CONNECT-only proxy: Node's strict HTTP parser on a Unix socket.
 *
 * Heads are bounded in size and time; a message that does not parse gets 400 and its connection is closed.
 * What a request means is the caller's business.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { listening, requirePrivateDirectory, type UnixListener } from "./network.ts";

export interface ConnectRequest {
  /** The request target as sent. */
  readonly authority: string;
  /** The head announces a body, which CONNECT has none of. */
  readonly announcesBody: boolean;
  /** After the head: the tunnel's bytes, both ways. */
  readonly stream: Duplex;
  /** Bytes that came with the head. */
  readonly early: Uint8Array;
}

export interface ConnectServerOptions {
  /** As in UnixListenOptions. */
  readonly path: string;
  readonly connectionsMax: number;
  /** Time for a whole request head, milliseconds. */
  readonly headTimeoutMs: number;
  readonly headBytesMax: number;
  readonly onConnect: (request: ConnectRequest) => void;
  /** Any other method: its name and target as sent. The answer is sent with 405. */
  readonly onOther: (method: string, target: string) => object;
}

/** @throws {CcosError} `IO_ERROR` as listenUnix. */
export async function serveConnect(options: ConnectServerOptions): Promise<UnixListener> {
  await requirePrivateDirectory(dirname(options.path));
  const connections = new Set<Socket>();
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: options.headBytesMax,
    headersTimeout: options.headTimeoutMs,
    requestTimeout: options.headTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, options.headTimeoutMs),
    noDelay: true,
  });
  server.maxConnections = options.connectionsMax;
  server.maxRequestsPerSocket = 1;
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  // One request for each connection: what is pipelined behind a refusal is not looked at.
  const used = new WeakSet<Socket>();
  const isFirst = ({ socket }: IncomingMessage): boolean => {
    const first = !used.has(socket);
    used.add(socket);
    if (!first) socket.destroySoon();
    return first;
  };
  server.on("connect", (message, stream, early) => {
    if (isFirst(message)) options.onConnect(requestOf(message, stream, early));
  });
  server.on("request", (message, response) => {
    if (isFirst(message)) answerOther(options, message, response);
  });
  server.on("clientError", (_cause, socket) => refuseMalformed(socket));
  await listening(server, options.path);
  return {
    path: options.path,
    async close() {
      for (const connection of connections) connection.destroy();
      if (!server.listening) return;
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function requestOf(message: IncomingMessage, stream: Duplex, early: Uint8Array): ConnectRequest {
  const { headers } = message;
  const announcesBody =
    headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return { authority: message.url ?? "", announcesBody, stream, early };
}

function answerOther(
  options: ConnectServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
): void {
  const body = JSON.stringify(options.onOther(message.method ?? "", message.url ?? ""));
  const headers = {
    allow: "CONNECT",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  };
  response.writeHead(405, headers).end(body, () => message.socket.destroySoon());
}

function refuseMalformed(socket: Duplex): void {
  if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  socket.destroy();
}
