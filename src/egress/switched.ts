/**
 * WebSockets: the one other protocol that a request may ask for, where its rule has `:websocket`.
 *
 * The request itself is read, decided and made anew like every other. What both sides say after the host has
 * agreed passes unread within the rule's byte limits; the record has its sizes.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { err, type Result } from "../foundation/result.ts";
import type { RawFields, ServedUpgrade, UpstreamSwitched } from "../host/index.ts";
import type { Authority, EgressRule } from "../policy/index.ts";
import { type Granted, grant, refusalOf, targetOf, unreadTarget, wireFields } from "./granted.ts";
import { type ProxiedRequest, readProxied } from "./proxied-request.ts";
import type { Outcome, Room } from "./proxy-types.ts";
import {
  type Denied,
  denial,
  isDenied,
  recordDenial,
  refuseFull,
  withRecords,
} from "./proxy-verdict.ts";
import { upgradeUpstream } from "./reach.ts";
import { answerFields } from "./reply-fields.ts";
import { relay } from "./tunnel.ts";
import type { Failure } from "./types.ts";

export async function serveUpgrade(
  room: Room,
  request: ServedUpgrade,
  inside: Authority | null,
): Promise<void> {
  const number = ++room.counters.requested;
  if (room.stop.signal.aborted) {
    request.abort();
    return;
  }
  const asked = readUpgrade(request, inside);
  const target = asked.ok
    ? targetOf(number, asked.value)
    : unreadTarget({ number, inside }, request);
  const granted = asked.ok
    ? (refuseFull(room) ?? refuseProtocol(grant(room, target, asked.value)))
    : denial(`the request is refused: ${asked.error}`);
  if (isDenied(granted)) {
    answer(request.stream, "403 Forbidden", { error: "denied", ...refusalOf(granted) });
    await recordDenial(room, target, granted);
    return;
  }
  await withRecords(room, granted, () => speak(room, request, granted));
}

/** The same request without what asks for the other protocol, which must be websocket and nothing else. */
function readUpgrade(
  request: ServedUpgrade,
  inside: Authority | null,
): Result<ProxiedRequest, string> {
  const wanted = request.fields.filter(([name]) => name === "upgrade").map(([, value]) => value);
  if (wanted.length !== 1 || wanted[0]?.toLowerCase() !== "websocket" || request.method !== "GET") {
    return err("another protocol than websocket is asked for");
  }
  const fields: RawFields = request.fields
    .filter(([name]) => name !== "upgrade")
    .map(([name, value]) => [name, name === "connection" ? withoutUpgrade(value) : value] as const);
  const asked = readProxied({ ...request, fields }, inside);
  return asked.ok && asked.value.body !== null ? err("an upgrade has no body") : asked;
}

function withoutUpgrade(value: string): string {
  const options = value.split(",").map((each) => each.trim());
  return options.filter((each) => each.toLowerCase() !== "upgrade").join(",") || "close";
}

function refuseProtocol(granted: Granted | Denied): Granted | Denied {
  if (isDenied(granted) || granted.rule.websocket === true) return granted;
  const { rule } = granted.rule;
  return denial(`${rule} allows no websocket`, `Add :websocket true to ${rule}`);
}

async function speak(room: Room, request: ServedUpgrade, granted: Granted): Promise<Outcome> {
  const { limits } = room;
  const { rule, asked } = granted;
  const signal = AbortSignal.any([
    room.stop.signal,
    request.gone,
    AbortSignal.timeout(limits.dialMs),
  ]);
  const { target } = asked;
  const fields = wireFields(room, granted, null);
  const switched = await upgradeUpstream(room, { target, rule, fields }, signal).catch(
    (cause: unknown) => {
      // The signal throws through; that the wait was ended is this request's end, not the proxy's.
      if (signal.aborted) return interrupted(room, request);
      throw cause;
    },
  );
  if (!switched.ok) {
    const { code, message: reason } = switched.error;
    answer(request.stream, "502 Bad Gateway", {
      error: "failed",
      code,
      reason,
      fix: "See the reason",
    });
    return { sentBytes: 0, receivedBytes: 0, reason: `${code}: ${reason}` };
  }
  room.counters.opened++;
  request.stream.write(headOf(switched.value));
  const { helloMs, idleMs, totalMs } = limits;
  const { host, port } = target;
  const outcome = await relay(
    {
      client: request.stream,
      early: request.early,
      upstream: switched.value.stream,
      host,
      port,
      greeting: false,
    },
    { helloMs, idleMs, totalMs, ...byteLimits(rule) },
    room.stop.signal,
  );
  return { ...outcome, status: 101 };
}

function interrupted({ stop, limits }: Room, { gone }: ServedUpgrade): Result<never, Failure> {
  const late = gone.aborted ? "the program went away" : `no answer within ${limits.dialMs} ms`;
  const message = stop.signal.aborted ? "closed by the host" : late;
  return err({ code: "NETWORK_ERROR", message });
}

function byteLimits({ requestBytesMax, responseBytesMax }: EgressRule): {
  sentBytesMax: number;
  receivedBytesMax: number;
} {
  return { sentBytesMax: requestBytesMax, receivedBytesMax: responseBytesMax };
}

function headOf({ fields }: UpstreamSwitched): string {
  const kept = answerFields({ status: 200, fields }, { masked: false, method: "GET" });
  const lines = (kept.ok ? kept.value.fields : []).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n${lines.join("")}\r\n`;
}

function answer(stream: Duplex, status: string, body: object): void {
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  const length = Buffer.byteLength(text);
  stream.end(`${head}content-length: ${length}\r\n\r\n${text}`, () => stream.destroy());
}
