/**
 * The listening half of the proxy: Node's strict HTTP parser on a Unix socket, and TLS for programs whose
 * tunnels are looked into.
 *
 * Heads are bounded in size and time; a message that does not parse gets 400 and its connection is closed.
 * A connection has one request at a time: what is pipelined behind an open one ends the connection. What a
 * request means is the caller's business.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { performServerHandshake } from "node:http2";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";
import { listening, requirePrivateDirectory, type UnixListener } from "./network.ts";
import {
  type ServedRequest,
  type ServedUpgrade,
  servedMessage,
  servedStream,
  servedUpgrade,
} from "./served-request.ts";

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

export interface ProxyServerOptions {
  /** As in UnixListenOptions. */
  readonly path: string;
  readonly connectionsMax: number;
  /** Time for a whole request head, milliseconds. */
  readonly headTimeoutMs: number;
  readonly headBytesMax: number;
  /** Time that a connection may stand between two requests, milliseconds. */
  readonly idleMs: number;
  readonly onConnect: (request: ConnectRequest) => void;
  /** `inside`: the key that `terminate` was given for this connection; null outside of any tunnel. */
  readonly onRequest: (request: ServedRequest, inside: object | null) => void;
  readonly onUpgrade: (request: ServedUpgrade, inside: object | null) => void;
}

export interface TerminateOptions {
  readonly context: SecureContext;
  /** Why the client's server name is refused; null accepts it. Null name: it sent none. */
  readonly refuseName: (serverName: string | null) => string | null;
  /** Handed to `onRequest` for every request of this connection. */
  readonly key: object;
  /** Time for the handshake, milliseconds. */
  readonly timeoutMs: number;
}

export interface ProxyServer extends UnixListener {
  /**
   * Speak TLS to the program at the other end of a tunnel, then HTTP as it chose (ALPN h2 or http/1.1).
   *
   * @returns Null when its connection has ended after a handshake that was accepted; else why there was none.
   */
  terminate(stream: Duplex, options: TerminateOptions): Promise<string | null>;
}

/** @throws {CcosError} `IO_ERROR` as listenUnix. */
export async function serveProxy(options: ProxyServerOptions): Promise<ProxyServer> {
  await requirePrivateDirectory(dirname(options.path));
  const inside = new WeakMap<object, object>();
  const begun = new WeakSet<Socket>();
  const outer = newServer(options, inside, begun);
  const inner = newServer(options, inside, begun);
  const connections = new Set<Socket>();
  outer.maxConnections = options.connectionsMax;
  outer.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  outer.on("connect", (message, stream, early) => {
    if (begun.has(message.socket)) stream.destroy();
    else options.onConnect(requestOf(message, stream, early));
  });
  inner.on("connect", (_message, stream) => stream.destroy());
  await listening(outer, options.path);
  return {
    path: options.path,
    terminate: (stream, tls) => terminate(options, { inner, inside }, { stream, tls }),
    async close() {
      for (const connection of connections) connection.destroy();
      if (!outer.listening) return;
      await new Promise<void>((resolve) => outer.close(() => resolve()));
    },
  };
}

/** @param begun - Connections that had a request; what is open is open until its answer is whole. */
function newServer(
  options: ProxyServerOptions,
  inside: WeakMap<object, object>,
  begun: WeakSet<Socket>,
): Server {
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: options.headBytesMax,
    headersTimeout: options.headTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: options.idleMs,
    connectionsCheckingInterval: Math.min(1000, options.headTimeoutMs),
    noDelay: true,
  });
  const open = new WeakSet<Socket>();
  const isNext = ({ socket }: IncomingMessage): boolean => {
    const next = !open.has(socket);
    open.add(socket);
    begun.add(socket);
    if (!next) socket.destroy();
    return next;
  };
  server.on("connection", (socket) => socket.on("error", () => socket.destroy()));
  server.on("request", (message, response) => {
    if (!isNext(message)) return;
    const served = servedMessage(message, response, () => open.delete(message.socket));
    options.onRequest(served, inside.get(message.socket) ?? null);
  });
  server.on("upgrade", (message, stream, early) => {
    if (!isNext(message)) return;
    options.onUpgrade(servedUpgrade(message, stream, early), inside.get(message.socket) ?? null);
  });
  server.on("clientError", (_cause, socket) => refuseMalformed(socket));
  return server;
}

function requestOf(message: IncomingMessage, stream: Duplex, early: Uint8Array): ConnectRequest {
  const { headers } = message;
  const announcesBody =
    headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return { authority: message.url ?? "", announcesBody, stream, early };
}

function refuseMalformed(socket: Duplex): void {
  if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  socket.destroy();
}

interface Inner {
  readonly inner: Server;
  readonly inside: WeakMap<object, object>;
}

interface Terminated {
  readonly stream: Duplex;
  readonly tls: TerminateOptions;
}

async function terminate(
  options: ProxyServerOptions,
  { inner, inside }: Inner,
  { stream, tls }: Terminated,
): Promise<string | null> {
  const secure = new TLSSocket(stream as Socket, {
    isServer: true,
    secureContext: tls.context,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  const refusal = await handshake(secure, tls);
  if (refusal !== null) {
    secure.destroy();
    return refusal;
  }
  // tls.Server clears this for its own sockets; an HTTP/2 session on one that still has it waits for ever.
  (secure as { secureConnecting?: boolean }).secureConnecting = false;
  inside.set(secure, tls.key);
  const ended = new Promise<null>((resolve) => secure.once("close", () => resolve(null)));
  if (secure.alpnProtocol === "h2") serveStreams(secure, options, tls.key);
  else inner.emit("connection", secure);
  return await ended;
}

async function handshake(secure: TLSSocket, tls: TerminateOptions): Promise<string | null> {
  const waiting = Promise.withResolvers<string | null>();
  const late = (): void => waiting.resolve(`no TLS handshake within ${tls.timeoutMs} ms`);
  const timer = setTimeout(late, tls.timeoutMs);
  secure.once("secure", () => {
    const { servername } = secure as { servername?: string | false };
    waiting.resolve(tls.refuseName(typeof servername === "string" ? servername : null));
  });
  secure.on("error", (cause) => waiting.resolve(`no TLS: ${cause.message.slice(0, 200)}`));
  secure.once("close", () => waiting.resolve("closed before TLS stood"));
  try {
    return await waiting.promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Streams that a program may have open on one connection. */
const STREAMS_MAX = 64;

function serveStreams(secure: TLSSocket, options: ProxyServerOptions, key: object): void {
  const session = performServerHandshake(secure, {
    maxSessionMemory: 16,
    maxHeaderListPairs: 128,
    settings: {
      maxConcurrentStreams: STREAMS_MAX,
      maxHeaderListSize: options.headBytesMax,
      enableConnectProtocol: false,
      enablePush: false,
    },
  });
  session.on("error", () => secure.destroy());
  session.setTimeout(options.idleMs, () => session.close());
  session.once("close", () => secure.destroy());
  session.on("stream", (stream, _headers, _flags, rawHeaders: readonly string[]) => {
    options.onRequest(servedStream(stream, rawHeaders), key);
  });
}
