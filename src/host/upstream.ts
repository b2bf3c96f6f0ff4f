/**
 * Requests to hosts over connections that are kept: HTTP/1.1 or HTTP/2 as the host chooses, bodies as streams.
 *
 * A connection is kept for exactly one checked address, name and set of pins, and used for nothing else. What
 * a connection carried before is of the same run. undici speaks the protocols; who is dialled, and what TLS
 * must show, is decided here and nowhere below.
 *
 * @module
 */
import type { Duplex, Readable } from "node:stream";
import type { Dispatcher, Pool } from "undici";
import { err, ok, type Result } from "../foundation/result.ts";
import { codeOf, connectFor, type DialTarget, type ExchangeFailure } from "./network.ts";
import { fieldPairs, type RawFields } from "./served-request.ts";
import type { TlsDemand } from "./verified-tls.ts";

export interface UpstreamRequest {
  /** Null: plain http. */
  readonly tls: TlsDemand | null;
  readonly to: DialTarget;
  /** The name that the connection is kept for. */
  readonly host: string;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Sent so; the caller gives Host, and the length of a body that it knows. */
  readonly fields: RawFields;
  readonly body: Readable | Uint8Array | null;
}

export interface UpstreamReply {
  readonly status: number;
  readonly fields: RawFields;
  /** Errors when the connection ends early. Destroying it ends the exchange. */
  readonly body: Readable;
}

export interface UpstreamLimits {
  /** Connections to one address under one name. */
  readonly connectionsMax: number;
  /** Connect and handshake, milliseconds. */
  readonly dialMs: number;
  /** Wait for a response's head, and between two parts of its body, milliseconds. */
  readonly waitMs: number;
  /** Status line and fields of a response, bytes. */
  readonly headBytesMax: number;
}

export interface Upstreams {
  /** @returns `refused` when nothing was sent, so another address may be tried. */
  send(
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<Result<UpstreamReply, ExchangeFailure>>;
  /** Ask to speak another protocol. A host that answers otherwise than with 101 is `failed`. */
  upgrade(
    request: Omit<UpstreamRequest, "body">,
    protocol: string,
    signal: AbortSignal,
  ): Promise<Result<UpstreamSwitched, ExchangeFailure>>;
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
}

export interface UpstreamSwitched {
  readonly fields: RawFields;
  readonly stream: Duplex;
}

/** Addresses whose connections are kept at one time; the longest unused ones are closed. */
const POOLS_MAX = 64;
const KEEP_MS = 4000;

export function createUpstreams(limits: UpstreamLimits): Upstreams {
  const room: Room = { limits, pools: new Map(), unsent: new WeakSet() };
  return {
    async send(request, signal) {
      try {
        const pool = await poolFor(room, request, ["h2", "http/1.1"]);
        return ok(replyOf(await pool.request({ ...optionsOf(request), signal })));
      } catch (cause) {
        return failureOf(room, cause, signal);
      }
    },
    async upgrade(request, protocol, signal) {
      try {
        const pool = await poolFor(room, request, ["http/1.1"]);
        const { path, fields } = request;
        const switched = await pool.upgrade({
          path,
          method: "GET",
          headers: fields.flat(),
          protocol,
          responseHeaders: "raw",
          signal,
        });
        const raw = switched.headers as unknown as readonly string[];
        return ok({ fields: fieldPairs(raw), stream: switched.socket });
      } catch (cause) {
        return failureOf(room, cause, signal);
      }
    },
    async close() {
      const pools = [...room.pools.values()];
      room.pools.clear();
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

interface Room {
  readonly limits: UpstreamLimits;
  /** In the order of their last use. */
  readonly pools: Map<string, Pool>;
  /** What went wrong before a byte of a request was sent. */
  readonly unsent: WeakSet<object>;
}

function failureOf(
  room: Room,
  cause: unknown,
  signal: AbortSignal,
): { readonly ok: false; readonly error: ExchangeFailure } {
  signal.throwIfAborted();
  const refused = typeof cause === "object" && cause !== null && room.unsent.has(cause);
  return err({ kind: refused ? "refused" : "failed", code: codeOf(cause) });
}

async function poolFor(
  room: Room,
  { tls, to, host }: Pick<UpstreamRequest, "tls" | "to" | "host">,
  protocols: readonly string[],
): Promise<Pool> {
  const key = JSON.stringify([to, tls !== null, host, tls?.pins, protocols]);
  const kept = room.pools.get(key);
  room.pools.delete(key);
  const pool = kept ?? (await newPool(room, { tls, to }, protocols));
  room.pools.set(key, pool);
  const [oldest] = room.pools;
  if (room.pools.size > POOLS_MAX && oldest !== undefined) {
    room.pools.delete(oldest[0]);
    void oldest[1].close();
  }
  return pool;
}

async function newPool(
  { limits, unsent }: Room,
  target: Pick<UpstreamRequest, "tls" | "to">,
  protocols: readonly string[],
): Promise<Pool> {
  const undici = await import("undici");
  const scheme = target.tls === null ? "http" : "https";
  return new undici.Pool(`${scheme}://host.invalid:${target.to.port}`, {
    connections: limits.connectionsMax,
    pipelining: 1,
    allowH2: protocols.includes("h2"),
    useMilo: false,
    keepAliveTimeout: KEEP_MS,
    keepAliveMaxTimeout: KEEP_MS,
    connectTimeout: limits.dialMs,
    headersTimeout: limits.waitMs,
    bodyTimeout: limits.waitMs,
    maxHeaderSize: limits.headBytesMax,
    connect: (_options, callback) => {
      connectFor(target, protocols, AbortSignal.timeout(limits.dialMs)).then(
        (socket) => callback(null, socket),
        (cause: unknown) => {
          const error = cause instanceof Error ? cause : new Error("not connected");
          unsent.add(error);
          callback(error, null);
        },
      );
    },
  });
}

function optionsOf({ method, path, fields, body }: UpstreamRequest): Dispatcher.RequestOptions {
  return {
    method: method as Dispatcher.HttpMethod,
    path,
    headers: fields.flat(),
    body: body as Readable | Uint8Array<ArrayBuffer> | null,
    responseHeaders: "raw",
  };
}

function replyOf(reply: Dispatcher.ResponseData): UpstreamReply {
  const raw = reply.headers as unknown as readonly string[];
  return { status: reply.statusCode, fields: fieldPairs(raw), body: reply.body };
}
