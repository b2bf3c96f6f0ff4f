/**
 * Sockets: resolve a name, dial an address, make one HTTP request over a dialled connection, listen on
 * a Unix socket.
 *
 * Nothing here decides. `dial` takes an address, never a name, so what was checked is what is dialled;
 * TLS is verified for the name. There is no connection reuse and no proxy from the environment. Every
 * wait ends by a timeout or by the caller's signal.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { chmod, lstat } from "node:fs/promises";
import { type IncomingMessage, request as httpRequestOf } from "node:http";
import { connect, createServer, isIP, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { CcosError } from "../foundation/errors.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { fieldPairs } from "./served-request.ts";
import { refusePins, startTls, type TlsDemand } from "./verified-tls.ts";

/** Longest wait for one name, milliseconds. */
const RESOLVE_TIMEOUT_MS = 5000;
/** More addresses for one name than this are an attack or a mistake. */
const ADDRESSES_MAX = 64;

/**
 * Every address the system's resolver gives for `host`, in its order. An IP literal is its own answer.
 *
 * @returns Addresses as text without brackets, 1 to 64 of them, or the resolver's code
 * (`ENOTFOUND`, `ETIMEOUT`, …).
 */
export async function resolveHost(
  host: string,
  signal: AbortSignal,
): Promise<Result<readonly string[], string>> {
  if (isIP(host) !== 0) return ok([host]);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(RESOLVE_TIMEOUT_MS)]);
  try {
    const found = await orAborted(lookup(host, { all: true, order: "verbatim" }), deadline);
    const addresses = [...new Set(found.map(({ address }) => address))];
    if (addresses.length === 0) return err("ENOTFOUND");
    return addresses.length > ADDRESSES_MAX ? err("ETOOMANY") : ok(addresses);
  } catch (cause) {
    return err(deadline.aborted ? "ETIMEOUT" : codeOf(cause));
  }
}

/** The system's lookup cannot be cancelled; its late answer is dropped. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Where to connect: an IP address that was checked, and a port. */
export interface DialTarget {
  readonly address: string;
  readonly port: number;
}

/**
 * A TCP connection to exactly this address, TCP_NODELAY set, half-open allowed.
 *
 * @throws The system's error (`code` such as `ECONNREFUSED`), or the signal's reason.
 * @throws {TypeError} when `address` is a name.
 */
export async function dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  return await dialSocket(target, signal);
}

/** A connection to a Unix socket of this host, half-open allowed; what goes wrong is its `error`. */
export function connectUnix(path: string): Duplex {
  return connect({ path, allowHalfOpen: true });
}

async function dialSocket({ address, port }: DialTarget, signal: AbortSignal): Promise<Socket> {
  if (isIP(address) === 0) throw new TypeError("only an IP address can be dialled");
  signal.throwIfAborted();
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  return await established(socket, "connect", signal);
}

async function established<T extends Socket>(
  socket: T,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<T> {
  const waiting = Promise.withResolvers<T>();
  const onAbort = (): void => waiting.reject(signal.reason);
  const onReady = (): void => waiting.resolve(socket);
  const onClose = (): void => waiting.reject(new Error("the connection was closed"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once(event, onReady).once("error", waiting.reject).once("close", onClose);
  try {
    return await waiting.promise;
  } catch (cause) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw cause;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.off(event, onReady).off("error", waiting.reject).off("close", onClose);
  }
}

/** One request over one fresh connection. */
export interface HttpExchangeRequest {
  /** Null: plain http. */
  readonly tls: TlsDemand | null;
  readonly to: DialTarget;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Sent exactly so and in this order; the caller gives Host and the body's length. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  /** Largest status line and header section of the response, bytes. */
  readonly headerBytesMax: number;
}

export interface HttpExchange {
  readonly status: number;
  /** As received, names in lower case, repeated fields repeated. */
  readonly headers: readonly (readonly [string, string])[];
  /** The body as sent, transfer coding removed. Errors when the connection ends early. */
  readonly body: Readable;
  /** Ends the connection at once. */
  close(): void;
}

/** `refused`: nothing was sent, another address may be tried. `failed`: something was. */
export type ExchangeFailure = { readonly kind: "refused" | "failed"; readonly code: string };

/** Connect, verify, send, and read the response's head. The body follows under the same signal. */
export async function httpExchange(
  request: HttpExchangeRequest,
  signal: AbortSignal,
): Promise<Result<HttpExchange, ExchangeFailure>> {
  let socket: Socket;
  try {
    socket = await connectFor(request, ["http/1.1"], signal);
  } catch (cause) {
    signal.throwIfAborted();
    return err({ kind: "refused", code: codeOf(cause) });
  }
  try {
    return ok(await exchangeOver(socket, request, signal));
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    return err({ kind: "failed", code: codeOf(cause) });
  }
}

/**
 * A connection to a checked address, with TLS where it is demanded.
 *
 * @param protocols - ALPN, most wanted first.
 * @throws As dial; code `TLS_PIN_MISMATCH` when no key of the verified chain is pinned.
 */
export async function connectFor(
  { to, tls }: Pick<HttpExchangeRequest, "to" | "tls">,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<Socket> {
  const plain = await dialSocket(to, signal);
  if (tls === null) return plain;
  const secure = await established(startTls(plain, tls, protocols), "secureConnect", signal);
  const refusal = refusePins(secure, tls.pins);
  if (refusal === null) return secure;
  secure.destroy();
  throw refusal;
}

async function exchangeOver(
  socket: Socket,
  request: HttpExchangeRequest,
  signal: AbortSignal,
): Promise<HttpExchange> {
  const { method, path, headers, body, headerBytesMax } = request;
  const outgoing = httpRequestOf({
    createConnection: () => socket,
    method,
    path,
    headers: headers.flat(),
    setHost: false,
    setDefaultHeaders: false,
    insecureHTTPParser: false,
    maxHeaderSize: headerBytesMax,
    signal,
  });
  const waiting = Promise.withResolvers<IncomingMessage>();
  outgoing.once("response", waiting.resolve);
  outgoing.once("upgrade", () => waiting.reject(new Error("the server switched protocols")));
  outgoing.on("error", waiting.reject);
  outgoing.once("close", () => waiting.reject(new Error("the server closed the connection")));
  outgoing.end(body ?? undefined);
  const response = await waiting.promise;
  return {
    status: response.statusCode ?? 0,
    headers: fieldPairs(response.rawHeaders),
    body: response,
    close: () => {
      response.on("error", () => undefined);
      response.destroy();
      socket.destroy();
    },
  };
}

export interface UnixListenOptions {
  /** Its directory must be ours, not a symlink, and closed to everybody else (0700). */
  readonly path: string;
  /** Connections beyond this number are closed at once. */
  readonly connectionsMax: number;
  readonly onConnection: (connection: Duplex) => void;
}

export interface UnixListener {
  readonly path: string;
  /** Stops listening and destroys every connection. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listen on a Unix socket. The directory is the guard on this host (0700); the socket itself is 0666, so
 * that a sandbox under another uid can use it through its bind mount.
 *
 * @throws {CcosError} `IO_ERROR` when the directory is open to others or the socket cannot be made.
 */
export async function listenUnix(options: UnixListenOptions): Promise<UnixListener> {
  await requirePrivateDirectory(dirname(options.path));
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    // Whoever uses the stream sees its end; a reset by the peer must not end this process.
    socket.on("error", () => socket.destroy());
    options.onConnection(socket);
  });
  server.maxConnections = options.connectionsMax;
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

/** A connection to a Unix socket of ours. @returns The system's code when there is none: `ENOENT`, `ECONNREFUSED`, … */
export async function dialUnix(path: string): Promise<Result<Duplex, string>> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    return ok(await established(socket, "connect", new AbortController().signal));
  } catch (cause) {
    return err(codeOf(cause));
  }
}

/** Bind `server` to a socket file that another uid can connect to. Shared with proxy-server.ts. */
export async function listening(server: Server, path: string): Promise<void> {
  const waiting = Promise.withResolvers<void>();
  server.once("error", waiting.reject);
  server.once("listening", () => waiting.resolve());
  server.listen(path);
  try {
    await waiting.promise;
    await chmod(path, 0o666);
  } catch (cause) {
    throw new CcosError("IO_ERROR", {
      what: `Cannot listen on "${path}"`,
      why: codeOf(cause),
      cause,
    });
  } finally {
    server.off("error", waiting.reject);
  }
}

/** @throws {CcosError} `IO_ERROR` unless `path` is a directory of ours that nobody else can enter. */
export async function requirePrivateDirectory(path: string): Promise<void> {
  const status = await lstat(path).catch((cause: unknown) => {
    throw new CcosError("IO_ERROR", { what: `Cannot use "${path}"`, why: codeOf(cause), cause });
  });
  const ours = status.isDirectory() && status.uid === process.getuid?.();
  if (ours && (status.mode & 0o077) === 0) return;
  throw new CcosError("IO_ERROR", {
    what: `Cannot put a socket into "${path}"`,
    why: "it is not a directory of this user with mode 0700",
    fix: "Give the socket a private directory of its own",
  });
}

/** The system's code of an error, or its message; never a payload. */
export function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "UNKNOWN";
  const { code } = cause as { readonly code?: unknown };
  return typeof code === "string" ? code : cause.message;
}
