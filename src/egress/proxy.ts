/**
 * The proxy for programs that speak HTTP themselves. Every request meets one decision, whichever way it came:
 *
 * - plain HTTP (absolute-form) is read and made anew (forward.ts);
 * - a tunnel to a host whose rules speak of requests is opened: the proxy speaks TLS to the program under a
 *   certificate of the run's own authority, and reads what is inside (opened.ts, then forward.ts);
 * - a tunnel under a rule with `:tunnel true` passes through unread, behind the server-name check (here).
 *
 * Read `serveTunnel` as the list it is: parse → decide → record the intent (durable) → resolve and judge every
 * address → dial → answer 200 → relay → record the end. A target that is denied never reaches the resolver.
 * Every recorded intent gets exactly one recorded end.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { type ConnectRequest, createUpstreams, dial, serveProxy } from "../host/index.ts";
import { type Authority, type EgressRule, parseAuthority } from "../policy/index.ts";
import { isOpened, openTunnel } from "./opened.ts";
import { serveRequest } from "./forward.ts";
import { serveUpgrade } from "./switched.ts";
import type {
  Outcome,
  Proxy,
  ProxyCounters,
  ProxyLimits,
  ProxyOptions,
  ProxyTarget,
  Room,
} from "./proxy-types.ts";
import {
  type Denied,
  denial,
  isDenied,
  printable,
  recordDenial,
  refuseFull,
  ruleOf,
  track,
  withRecords,
} from "./proxy-verdict.ts";
import { addressesOf, keptResolve } from "./reach.ts";
import { relay } from "./tunnel.ts";
import type { Failure } from "./types.ts";

const DEFAULTS: ProxyLimits = {
  openMax: 64,
  requestsMax: 10_000,
  headMs: 10_000,
  dialMs: 15_000,
  helloMs: 10_000,
  idleMs: 120_000,
  totalMs: 3_600_000,
};
const HEAD_BYTES_MAX = 8 * 1024;
const REPLY_HEAD_BYTES_MAX = 32 * 1024;

/** @throws {CcosError} `IO_ERROR` when the socket cannot be made. */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
  const room = newRoom(options);
  const { limits } = room;
  const server = await serveProxy({
    path: options.socketPath,
    connectionsMax: limits.openMax * 2,
    headTimeoutMs: limits.headMs,
    headBytesMax: HEAD_BYTES_MAX,
    idleMs: limits.idleMs,
    onConnect: (request) =>
      track(room, () => request.stream.destroy(), serveConnect(room, request)),
    onRequest: (request, inside) =>
      track(room, request.abort, serveRequest(room, request, inside as Authority | null)),
    onUpgrade: (request, inside) =>
      track(room, request.abort, serveUpgrade(room, request, inside as Authority | null)),
  });
  room.server = server;
  return {
    counters: room.counters,
    async close() {
      room.stop.abort();
      await server.close();
      while (room.busy.size > 0) await Promise.all(room.busy);
      await room.upstreams.close();
      if (room.broken !== null) throw room.broken.cause;
    },
  };
}

function newRoom(options: ProxyOptions): Room {
  const limits = { ...DEFAULTS, ...options.limits };
  const counters: ProxyCounters = {
    requested: 0,
    denied: 0,
    intended: 0,
    opened: 0,
    closed: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  const upstreams = createUpstreams({
    connectionsMax: limits.openMax,
    dialMs: limits.dialMs,
    waitMs: limits.idleMs,
    headBytesMax: REPLY_HEAD_BYTES_MAX,
  });
  return {
    options: { ...options, resolve: keptResolve(options.resolve, () => performance.now()) },
    limits,
    counters,
    upstreams,
    stop: new AbortController(),
    busy: new Set(),
    server: null,
    terminated: 0,
    broken: null,
  };
}

async function serveConnect(room: Room, request: ConnectRequest): Promise<void> {
  const { stream } = request;
  stream.on("error", () => stream.destroy());
  const authority = parseAuthority(request.authority);
  if (authority.ok && !request.announcesBody && isOpened(room, authority.value)) {
    await openTunnel(room, request, authority.value);
    return;
  }
  const number = ++room.counters.requested;
  if (room.stop.signal.aborted) {
    stream.destroy();
    return;
  }
  const target: ProxyTarget = authority.ok
    ? { number, ...authority.value, request: null }
    : { number, host: printable(request.authority), port: 0, request: null };
  const decided = authority.ok
    ? decideTunnel(room, request, authority.value)
    : denial(`the target is malformed: ${authority.error}`);
  if (isDenied(decided)) {
    const { code, reason, fix } = decided;
    answer(stream, "403 Forbidden", { error: "denied", code, reason, fix });
    await recordDenial(room, target, decided);
    return;
  }
  const granted = { target, rule: decided };
  await withRecords(room, granted, () => passThrough(room, request, granted));
}

function decideTunnel(
  room: Room,
  request: ConnectRequest,
  { host, port }: Authority,
): EgressRule | Denied {
  if (request.announcesBody) return denial("CONNECT announces a body", "Send it after the answer");
  return refuseFull(room) ?? ruleOf(room, room.options.decideConnect(host, port));
}

interface Granted {
  readonly target: ProxyTarget;
  readonly rule: EgressRule;
}

async function passThrough(
  room: Room,
  { stream, early }: ConnectRequest,
  { target, rule }: Granted,
): Promise<Outcome> {
  const { limits } = room;
  const { host, port } = target;
  const signal = AbortSignal.any([room.stop.signal, AbortSignal.timeout(limits.dialMs)]);
  const reached = await reach(room, { target, rule }, signal);
  if ("code" in reached) {
    const { code, message: reason } = reached;
    const blocked = code === "DNS_BLOCKED";
    const fix = blocked ? `Name the range in :addresses of ${rule.rule}` : "Retry later";
    const status = blocked ? "403 Forbidden" : "502 Bad Gateway";
    answer(stream, status, { error: "failed", code, reason, fix });
    return { sentBytes: 0, receivedBytes: 0, reason: `${code}: ${reason}` };
  }
  room.counters.opened++;
  stream.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  const { helloMs, idleMs, totalMs } = limits;
  const bounds = { sentBytesMax: rule.requestBytesMax, receivedBytesMax: rule.responseBytesMax };
  return await relay(
    { client: stream, early, upstream: reached, host, port, greeting: true },
    { helloMs, idleMs, totalMs, ...bounds },
    room.stop.signal,
  );
}

async function reach(
  room: Room,
  { target, rule }: Granted,
  signal: AbortSignal,
): Promise<Duplex | Failure> {
  const { host, port } = target;
  const addresses = await addressesOf(room, { host, rule }, signal);
  if (!addresses.ok) return addresses.error;
  let last = "no address";
  for (const address of addresses.value) {
    if (signal.aborted) break;
    try {
      return await dial({ address, port }, signal);
    } catch (cause) {
      last = cause instanceof Error ? cause.message : "unknown";
    }
  }
  const late = `no connection within ${room.limits.dialMs} ms`;
  return { code: "NETWORK_ERROR", message: signal.aborted ? late : last };
}

function answer(stream: Duplex, status: string, body: object): void {
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  const length = Buffer.byteLength(text);
  stream.end(`${head}content-length: ${length}\r\n\r\n${text}`, () => stream.destroy());
}
