/**
 * The CONNECT proxy for programs that speak TLS themselves: decided by host and port, not inspected.
 *
 * Read `serve` as the list it is: parse → decide → record the intent (durable) → resolve and judge every
 * address → dial → answer 200 → relay behind the server-name check → record the end. A target that
 * is denied never reaches the resolver. Every recorded intent gets exactly one recorded end.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { ErrorCode } from "../foundation/error-codes.ts";
import { type ConnectRequest, dial, serveConnect } from "../host/index.ts";
import { type EgressRule, parseAuthority, type Verdict } from "../policy/index.ts";
import { resolveChecked } from "./addresses.ts";
import { relay, type TunnelOutcome } from "./tunnel.ts";
import type { Resolve } from "./types.ts";

/** What the proxy did, in order. `number` counts requests of this proxy from 1. */
export type ProxyEvent = ProxyTarget &
  (
    | { readonly kind: "intended"; readonly rule: string }
    | {
        readonly kind: "denied";
        readonly rule: string | null;
        readonly code: ErrorCode;
        readonly reason: string;
        readonly fix: string;
      }
    | {
        readonly kind: "closed";
        readonly rule: string;
        readonly sentBytes: number;
        readonly receivedBytes: number;
        /** `ended`, or what cut or prevented the tunnel. */
        readonly reason: string;
      }
  );

interface ProxyTarget {
  readonly number: number;
  /** Canonical; where the request had no such target, what it had, made printable and cut. */
  readonly host: string;
  /** 0 where the request had none. */
  readonly port: number;
}

export interface ProxyLimits {
  /** Tunnels at one time. Default 64. */
  readonly openMax: number;
  /** Requests over the proxy's life; the record is bounded by it. Default 10 000. */
  readonly requestsMax: number;
  /** A whole request head, milliseconds. Default 10 000. */
  readonly headMs: number;
  /** Resolve and connect, milliseconds. Default 15 000. */
  readonly dialMs: number;
  /** As in TunnelLimits. Defaults 10 000, 120 000 and 3 600 000. */
  readonly helloMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

export interface ProxyOptions {
  /** In a directory of ours with mode 0700. */
  readonly socketPath: string;
  readonly resolve: Resolve;
  /** The rules that a verdict's `rule` names: their addresses and byte limits hold for the tunnel. */
  readonly rules: readonly EgressRule[];
  readonly decideConnect: (host: string, port: number) => Verdict;
  /** Awaited. When it rejects, nothing is dialled, the proxy stops, and `close` rejects with it. */
  readonly record: (event: ProxyEvent) => Promise<void>;
  readonly limits?: Partial<ProxyLimits>;
}

export interface ProxyCounters {
  /** Requests read; each is in exactly one of `denied` and `intended`. */
  requested: number;
  denied: number;
  intended: number;
  /** Tunnels that stood. */
  opened: number;
  closed: number;
  sentBytes: number;
  receivedBytes: number;
}

export interface Proxy {
  readonly counters: Readonly<ProxyCounters>;
  /** Ends every tunnel, waits until its end is recorded. Idempotent. @throws what `record` threw. */
  close(): Promise<void>;
}

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

/** @throws {CcosError} `IO_ERROR` when the socket cannot be made. */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
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
  const room: Room = {
    options,
    limits,
    counters,
    stop: new AbortController(),
    busy: new Set(),
    broken: null,
  };
  const listener = await serveConnect({
    path: options.socketPath,
    connectionsMax: limits.openMax * 2,
    headTimeoutMs: limits.headMs,
    headBytesMax: HEAD_BYTES_MAX,
    onConnect: (request) => track(room, request.stream, serve(room, request)),
    onOther: (method, target) => refuseOther(room, method, target),
  });
  return {
    counters,
    async close() {
      room.stop.abort();
      await listener.close();
      while (room.busy.size > 0) await Promise.all(room.busy);
      if (room.broken !== null) throw room.broken.cause;
    },
  };
}

interface Room {
  readonly options: ProxyOptions;
  readonly limits: ProxyLimits;
  readonly counters: ProxyCounters;
  readonly stop: AbortController;
  readonly busy: Set<Promise<void>>;
  /** Set once the record failed: from then on nothing happens any more. */
  broken: { readonly cause: unknown } | null;
}

/** Nothing of a request is left behind, whatever way it ends. */
function track(room: Room, stream: Duplex | null, work: Promise<void>): void {
  const settled = work
    .catch((cause: unknown) => {
      room.broken ??= { cause };
      room.stop.abort();
      stream?.destroy();
    })
    .finally(() => room.busy.delete(settled));
  room.busy.add(settled);
}

async function serve(room: Room, request: ConnectRequest): Promise<void> {
  const { stream } = request;
  stream.on("error", () => stream.destroy());
  const number = ++room.counters.requested;
  if (room.stop.signal.aborted) {
    stream.destroy();
    return;
  }
  const authority = parseAuthority(request.authority);
  const target: ProxyTarget = authority.ok
    ? { number, ...authority.value }
    : { number, host: printable(request.authority), port: 0 };
  const verdict = judge(room, request, authority.ok ? authority.value : authority.error);
  if (verdict.kind !== "allow") return await deny(room, stream, target, verdict);
  const rule = room.options.rules.find((each) => each.rule === verdict.rule);
  if (rule === undefined) throw new TypeError(`No egress rule is called ${verdict.rule}`);
  room.counters.intended++;
  await room.options.record({ ...target, kind: "intended", rule: rule.rule });
  const outcome = await open(room, request, { target, rule });
  room.counters.closed++;
  room.counters.sentBytes += outcome.sentBytes;
  room.counters.receivedBytes += outcome.receivedBytes;
  await room.options.record({ ...target, kind: "closed", rule: rule.rule, ...outcome });
}

type Denial = Exclude<Verdict, { kind: "allow" }>;

function judge(
  room: Room,
  request: ConnectRequest,
  authority: { readonly host: string; readonly port: number } | string,
): Verdict {
  const { counters, limits } = room;
  if (typeof authority === "string") return denial(`the target is malformed: ${authority}`);
  if (request.announcesBody) return denial("CONNECT announces a body");
  if (counters.requested > limits.requestsMax) return denial(`over ${limits.requestsMax} requests`);
  if (counters.intended - counters.closed >= limits.openMax) {
    return denial(`${limits.openMax} tunnels are open`);
  }
  return room.options.decideConnect(authority.host, authority.port);
}

function denial(reason: string): Denial {
  const fix = "Send CONNECT host:port, fewer at one time";
  return { kind: "deny", rule: null, code: "EGRESS_DENIED", reason, fix };
}

async function deny(
  room: Room,
  stream: Duplex,
  target: ProxyTarget,
  verdict: Denial,
): Promise<void> {
  const said =
    verdict.kind === "deny"
      ? verdict
      : {
          code: "UNENFORCEABLE" as const,
          reason: "the rule asks a person",
          fix: "Remove the ask rule",
        };
  const { code, reason, fix } = said;
  room.counters.denied++;
  const last = room.counters.requested > room.limits.requestsMax;
  answer(stream, "403 Forbidden", { error: "denied", code, reason, fix });
  await room.options.record({ ...target, kind: "denied", rule: verdict.rule, code, reason, fix });
  // The flood itself is recorded once; what comes after it finds nobody listening.
  if (last) room.stop.abort();
}

/** Plain HTTP and everything else: refused with a lesson, and recorded as a denial. */
function refuseOther(room: Room, method: string, target: string): object {
  const reason = `this proxy serves CONNECT only, not ${printable(method)}`;
  const fix = "Use https:// URLs, or call ccos.network.http-fetch over /ccos/capability.sock";
  const said = { error: "denied", code: "EGRESS_DENIED" as const, reason, fix };
  const number = ++room.counters.requested;
  if (room.stop.signal.aborted) return said;
  room.counters.denied++;
  const event = {
    number,
    host: printable(target),
    port: 0,
    kind: "denied",
    rule: null,
    code: said.code,
    reason,
    fix,
  } as const;
  track(room, null, room.options.record(event));
  if (number > room.limits.requestsMax) room.stop.abort();
  return said;
}

interface Granted {
  readonly target: ProxyTarget;
  readonly rule: EgressRule;
}

async function open(
  room: Room,
  request: ConnectRequest,
  { target, rule }: Granted,
): Promise<TunnelOutcome> {
  const { stream, early } = request;
  const { limits } = room;
  const { host, port } = target;
  const signal = AbortSignal.any([room.stop.signal, AbortSignal.timeout(limits.dialMs)]);
  const reached = await reach(room, { target, rule }, signal);
  if ("refusal" in reached) {
    answer(stream, reached.status, { error: "failed", ...reached.refusal });
    return {
      sentBytes: 0,
      receivedBytes: 0,
      reason: `${reached.refusal.code}: ${reached.refusal.reason}`,
    };
  }
  room.counters.opened++;
  stream.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  const { helloMs, idleMs, totalMs } = limits;
  const bounds = { sentBytesMax: rule.requestBytesMax, receivedBytesMax: rule.responseBytesMax };
  return await relay(
    { client: stream, early, upstream: reached.upstream, host, port },
    { helloMs, idleMs, totalMs, ...bounds },
    room.stop.signal,
  );
}

type Reached =
  | { readonly upstream: Duplex }
  | { readonly status: string; readonly refusal: { code: ErrorCode; reason: string; fix: string } };

async function reach(room: Room, { target, rule }: Granted, signal: AbortSignal): Promise<Reached> {
  const { host, port } = target;
  const resolved = await resolveChecked(room.options.resolve, { host, rule }, signal);
  if (!resolved.ok) {
    const { kind, reason } = resolved.error;
    if (kind === "failed") return unreached(`cannot resolve ${host}: ${reason}`);
    const fix = `Name the range in :addresses of ${rule.rule}`;
    return { status: "403 Forbidden", refusal: { code: "DNS_BLOCKED", reason, fix } };
  }
  let last = "no address";
  for (const address of resolved.value.slice(0, 3)) {
    if (signal.aborted) break;
    try {
      return { upstream: await dial({ address, port }, signal) };
    } catch (cause) {
      last = cause instanceof Error ? cause.message : "unknown";
    }
  }
  return unreached(signal.aborted ? `no connection within ${room.limits.dialMs} ms` : last);
}

function unreached(reason: string): Reached {
  const refusal = { code: "NETWORK_ERROR" as const, reason, fix: "Retry later" };
  return { status: "502 Bad Gateway", refusal };
}

function answer(stream: Duplex, status: string, body: object): void {
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  const length = Buffer.byteLength(text);
  stream.end(`${head}content-length: ${length}\r\n\r\n${text}`, () => stream.destroy());
}

/** Foreign text for a record: visible ASCII, at most 200 characters. */
function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x21-\x7e]/g, "?");
}
