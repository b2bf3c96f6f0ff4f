/**
 * From a granted target to a host: resolve, judge every address, send to one that passed.
 *
 * Shared by requests and tunnels. Answers of the resolver are kept for a few seconds; each is judged again
 * under the rule of the request that uses it.
 *
 * @module
 */
import { Readable } from "node:stream";
import { err, ok, type Result } from "../foundation/result.ts";
import type {
  ExchangeFailure,
  RawFields,
  UpstreamReply,
  UpstreamRequest,
  UpstreamSwitched,
} from "../host/index.ts";
import type { EgressRule, HttpTarget } from "../policy/index.ts";
import { resolveChecked } from "./addresses.ts";
import type { Room } from "./proxy-types.ts";
import { tlsDemandOf } from "./tls-demand.ts";
import type { Failure, Resolve } from "./types.ts";

/** Of several addresses of a name, how many are tried when nothing answers there. */
const DIALS_MAX = 3;
const KEEP_MS = 5000;
const NAMES_MAX = 256;

/** A resolver that asks again for a name after a few seconds only. Failures are not kept. */
export function keptResolve(resolve: Resolve, nowMs: () => number): Resolve {
  const kept = new Map<string, { readonly untilMs: number; readonly found: readonly string[] }>();
  return async (host, signal) => {
    const answer = kept.get(host);
    if (answer !== undefined && nowMs() < answer.untilMs) return ok(answer.found);
    kept.delete(host);
    const found = await resolve(host, signal);
    if (found.ok) kept.set(host, { untilMs: nowMs() + KEEP_MS, found: found.value });
    if (kept.size > NAMES_MAX) kept.delete([...kept.keys()][0] ?? "");
    return found;
  };
}

/** The addresses that may be dialled, in the resolver's order. */
export async function addressesOf(
  room: Room,
  { host, rule }: { readonly host: string; readonly rule: EgressRule },
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  const resolved = await resolveChecked(room.options.resolve, { host, rule }, signal);
  if (resolved.ok) return ok(resolved.value.slice(0, DIALS_MAX));
  const { kind, reason } = resolved.error;
  return err(
    kind === "failed"
      ? { code: "NETWORK_ERROR", message: `cannot resolve ${host}: ${reason}` }
      : { code: "DNS_BLOCKED", message: reason },
  );
}

export interface Sendable {
  readonly target: HttpTarget;
  readonly rule: EgressRule;
  readonly method: string;
  readonly fields: RawFields;
  readonly body: Readable | Uint8Array | null;
}

/** Send over a kept connection, or a new one. */
export async function sendUpstream(
  room: Room,
  { method, fields, body, ...granted }: Sendable,
  signal: AbortSignal,
): Promise<Result<UpstreamReply, Failure>> {
  return await inTurn(room, granted, signal, (to) => {
    const isSpent = body instanceof Readable && body.destroyed;
    return isSpent ? null : room.upstreams.send({ ...to, method, fields, body }, signal);
  });
}

/** Ask the host to speak WebSocket. */
export async function upgradeUpstream(
  room: Room,
  { fields, ...granted }: Omit<Sendable, "method" | "body">,
  signal: AbortSignal,
): Promise<Result<UpstreamSwitched, Failure>> {
  return await inTurn(room, granted, signal, (to) =>
    room.upstreams.upgrade({ ...to, method: "GET", fields }, "websocket", signal),
  );
}

type Attempt<T> = (
  to: Pick<UpstreamRequest, "tls" | "to" | "host" | "path">,
) => Promise<Result<T, ExchangeFailure>> | null;

/** Every address was judged before; the next one is tried only while nothing has been sent. */
async function inTurn<T>(
  room: Room,
  { target, rule }: Pick<Sendable, "target" | "rule">,
  signal: AbortSignal,
  attempt: Attempt<T>,
): Promise<Result<T, Failure>> {
  const { host, port, scheme, path } = target;
  const addresses = await addressesOf(room, { host, rule }, signal);
  if (!addresses.ok) return addresses;
  const tls = scheme === "http" ? null : tlsDemandOf(room.options, host, rule);
  let failure = networkFailure(target, "no address");
  for (const address of addresses.value) {
    const reply = await attempt({ tls, to: { address, port }, host, path });
    if (reply === null) break;
    if (reply.ok) return reply;
    const { kind, code } = reply.error;
    failure =
      code === "TLS_PIN_MISMATCH"
        ? { code, message: `none of ${host}'s keys is among the pins of ${rule.rule}` }
        : networkFailure(target, code);
    if (kind === "failed") break;
  }
  return err(failure);
}

function networkFailure({ host, port }: HttpTarget, why: string): Failure {
  return { code: "NETWORK_ERROR", message: `${host}:${port}: ${why}` };
}
