/**
 * Tunnels that are opened: the proxy answers as the host, under a certificate of the run's own authority, and
 * reads the requests inside.
 *
 * Nothing is resolved or dialled for the tunnel itself; each request in it is decided, recorded and sent like
 * one that came in the open. The program's server name must be the tunnel's host, as Host must be in each
 * request: one name, from CONNECT to the certificate that the real host shows.
 *
 * @module
 */
import type { ConnectRequest } from "../host/index.ts";
import { type Authority, isAddressLiteral, opensTunnel, speaksOfTls } from "../policy/index.ts";
import type { ProxyTarget, Room } from "./proxy-types.ts";
import { denial, recordDenial, refuseFull } from "./proxy-verdict.ts";

/**
 * Whether a tunnel to this target is opened. A rule with `:inspect` says so; without one, the tunnel is opened
 * where no rule lets it pass and some rule speaks of https requests to it.
 */
export function isOpened({ options }: Room, { host, port }: Authority): boolean {
  const about = options.rules.filter((rule) => speaksOfTls(rule, host, port));
  if (about.some((rule) => opensTunnel(rule, host, port))) return true;
  return about.length > 0 && options.decideConnect(host, port).kind === "deny";
}

/** Resolves when the connection has ended. What it asked is recorded request by request. */
export async function openTunnel(
  room: Room,
  { stream, early }: ConnectRequest,
  authority: Authority,
): Promise<void> {
  const { limits, options, server } = room;
  room.terminated++;
  if (room.stop.signal.aborted || server === null) {
    stream.destroy();
    return;
  }
  const full = room.terminated > limits.requestsMax ? denial("too many connections") : null;
  if (full !== null || refuseFull(room) !== null) {
    stream.end("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n");
    return;
  }
  const abandon = (): void => void stream.destroy();
  room.stop.signal.addEventListener("abort", abandon, { once: true });
  stream.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  if (early.length > 0) stream.unshift(Buffer.from(early));
  try {
    const refusal = await server.terminate(stream, {
      context: options.authority.contextFor(authority.host),
      refuseName: (name) => refuseServerName(name, authority.host),
      key: authority,
      timeoutMs: limits.helloMs,
    });
    if (refusal !== null && !room.stop.signal.aborted)
      await recordRefusal(room, authority, refusal);
  } finally {
    room.stop.signal.removeEventListener("abort", abandon);
    stream.destroy();
  }
}

/** A tunnel in which no request could be read is an attempt, and stands in the record. */
async function recordRefusal(room: Room, authority: Authority, reason: string): Promise<void> {
  const number = ++room.counters.requested;
  const target: ProxyTarget = { number, ...authority, request: null };
  await recordDenial(room, target, denial(reason, "Speak TLS to the host that CONNECT names"));
}

/** An address may not stand in a server name, so a tunnel to one has none. */
function refuseServerName(name: string | null, host: string): string | null {
  if (isAddressLiteral(host)) return name === null ? null : `server name ${name} for an address`;
  if (name?.toLowerCase() === host) return null;
  return name === null ? "a ClientHello without a server name" : `server name ${name}, not ${host}`;
}
