/**
 * What the proxy is given, what it says and what it counts.
 *
 * @module
 */
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { ProxyServer, Upstreams } from "../host/index.ts";
import type { EgressRule, HttpTarget, Verdict } from "../policy/index.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { SecretEdge } from "./secrets.ts";
import type { TlsIdentity } from "./tls-demand.ts";
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
    | ({ readonly kind: "closed"; readonly rule: string } & Outcome)
  );

export interface ProxyTarget {
  readonly number: number;
  /** Canonical; where the request had no such target, what it had, made printable and cut. */
  readonly host: string;
  /** 0 where the request had none. */
  readonly port: number;
  /** Null: a tunnel, of which nothing inside is seen. `url` is without the query. */
  readonly request: { readonly method: string; readonly url: string } | null;
}

/** How a tunnel or a request ended. */
export interface Outcome {
  /** Bytes passed on to the host, and back: of a tunnel all, of a request its body. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** `ended`, or what cut or prevented it. */
  readonly reason: string;
  /** Of a request that was answered. */
  readonly status?: number;
}

export interface ProxyLimits {
  /** Tunnels and requests at one time. Default 64. */
  readonly openMax: number;
  /** Requests and connections over the proxy's life; the record is bounded by it. Default 10 000. */
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

export interface ProxyOptions extends TlsIdentity {
  /** In a directory of ours with mode 0700. */
  readonly socketPath: string;
  readonly resolve: Resolve;
  /** The rules that a verdict's `rule` names: their addresses, pins and byte limits hold. */
  readonly rules: readonly EgressRule[];
  /** Of an opaque tunnel. */
  readonly decideConnect: (host: string, port: number) => Verdict;
  /** Of a request that the proxy can read: the function that the broker is decided with. */
  readonly decideRequest: (target: HttpTarget, method: string) => Verdict;
  /** What stands in for secrets, and where their values may be put. */
  readonly edge: SecretEdge;
  readonly authority: CertificateAuthority;
  /** Awaited. When it rejects, nothing is dialled, the proxy stops, and `close` rejects with it. */
  readonly record: (event: ProxyEvent) => Promise<void>;
  readonly limits?: Partial<ProxyLimits>;
}

export interface ProxyCounters {
  /** Tunnels and requests; each is in exactly one of `denied` and `intended`. */
  requested: number;
  denied: number;
  intended: number;
  /** Tunnels that stood, and requests that were answered. */
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

/** One proxy at work. */
export interface Room {
  readonly options: ProxyOptions;
  readonly limits: ProxyLimits;
  readonly counters: ProxyCounters;
  readonly upstreams: Upstreams;
  readonly stop: AbortController;
  readonly busy: Set<Promise<void>>;
  /** Set once it listens. */
  server: ProxyServer | null;
  /** Connections whose TLS was ended here, over the proxy's life. */
  terminated: number;
  /** Set once the record failed: from then on nothing happens any more. */
  broken: { readonly cause: unknown } | null;
}
