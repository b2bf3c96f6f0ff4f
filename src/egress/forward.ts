/**
 * One request of a program that the proxy can read: plain HTTP, or HTTP inside a tunnel that was opened.
 *
 * Read `serveRequest` as the list it is: read → decide → put secrets in → record the intent (durable) → take
 * the body → resolve and judge every address → send → answer, masked and counted → record the end. Redirects
 * are the program's: what it asks next is decided like everything else.
 *
 * @module
 */
import { once } from "node:events";
import { Readable, type Writable } from "node:stream";
import type { RawFields, ServedRequest, UpstreamReply } from "../host/index.ts";
import type { Authority } from "../policy/index.ts";
import { type Granted, grant, refusalOf, targetOf, unreadTarget, wireFields } from "./granted.ts";
import {
  BodyRefused,
  forbiddenIn,
  type TakenBody,
  takeBody,
  WHOLE_BYTES_MAX,
} from "./guarded-body.ts";
import { checkRpc, RPC_BYTES_MAX } from "./json-rpc.ts";
import { maskedBody, overResponse } from "./masked-body.ts";
import { readProxied } from "./proxied-request.ts";
import type { Outcome, Room } from "./proxy-types.ts";
import { denial, isDenied, recordDenial, refuseFull, withRecords } from "./proxy-verdict.ts";
import { sendUpstream } from "./reach.ts";
import { answerFields } from "./reply-fields.ts";
import { maskText } from "./secrets.ts";
import type { Failure } from "./types.ts";

export async function serveRequest(
  room: Room,
  request: ServedRequest,
  inside: Authority | null,
): Promise<void> {
  const number = ++room.counters.requested;
  if (room.stop.signal.aborted) {
    request.abort();
    return;
  }
  const asked = readProxied(request, inside);
  const target = asked.ok
    ? targetOf(number, asked.value)
    : unreadTarget({ number, inside }, request);
  const granted = asked.ok
    ? (refuseFull(room) ?? grant(room, target, asked.value))
    : denial(`the request is refused: ${asked.error}`);
  if (isDenied(granted)) {
    refuse(request, 403, { error: "denied", ...refusalOf(granted) });
    await recordDenial(room, target, granted);
    return;
  }
  await withRecords(room, granted, () => forward(room, request, granted));
}

/** What was passed on so far, in bytes. */
interface Passed {
  sentBytes: number;
  receivedBytes: number;
  /** Why the request's body was stopped while it passed. */
  stopped: Failure | null;
}

async function forward(room: Room, request: ServedRequest, granted: Granted): Promise<Outcome> {
  const passed: Passed = { sentBytes: 0, receivedBytes: 0, stopped: null };
  const { totalMs } = room.limits;
  const signal = AbortSignal.any([
    room.stop.signal,
    request.gone,
    AbortSignal.timeout(Math.min(totalMs, 0x7fffffff)),
  ]);
  try {
    const status = await exchange(room, { request, granted, passed, signal });
    return { ...bytesOf(passed), reason: "ended", status };
  } catch (cause) {
    if (!(cause instanceof Unanswered)) request.abort();
    return {
      ...bytesOf(passed),
      reason: passed.stopped === null ? whyCut(room, request, cause) : failureText(passed.stopped),
    };
  }
}

function bytesOf({
  sentBytes,
  receivedBytes,
}: Passed): Pick<Passed, "sentBytes" | "receivedBytes"> {
  return { sentBytes, receivedBytes };
}

function whyCut(room: Room, request: ServedRequest, cause: unknown): string {
  if (cause instanceof Unanswered || cause instanceof BodyRefused)
    return failureText(cause.failure);
  if (room.stop.signal.aborted) return "closed by the host";
  if (request.gone.aborted) return "the program went away";
  const late = cause instanceof Error && cause.name === "TimeoutError";
  return late ? `open for over ${room.limits.totalMs} ms` : "the response ended before its end";
}

function failureText({ code, message }: Failure): string {
  return `${code}: ${message}`;
}

interface Trip {
  readonly request: ServedRequest;
  readonly granted: Granted;
  readonly passed: Passed;
  readonly signal: AbortSignal;
}

/** The program was told why, and nothing else is left to do. */
class Unanswered extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

function unanswered(request: ServedRequest, status: number, failure: Failure): Unanswered {
  const { code, message: reason } = failure;
  refuse(request, status, { error: "failed", code, reason, fix: "See the reason" });
  return new Unanswered(failure);
}

/** @returns The status that the host answered with. */
async function exchange(room: Room, trip: Trip): Promise<number> {
  const { request, granted, passed, signal } = trip;
  const { asked, rule } = granted;
  const body = await bodyOf(room, trip);
  const reply = await sendUpstream(
    room,
    {
      target: asked.target,
      rule,
      method: asked.method,
      fields: wireFields(room, granted, body),
      body,
    },
    signal,
  );
  if (!reply.ok) {
    const failure = passed.stopped ?? reply.error;
    throw unanswered(request, failure.code === "NETWORK_ERROR" ? 502 : 403, failure);
  }
  room.counters.opened++;
  // What the host does not read any more is not worth an error of its own.
  reply.value.body.on("error", () => undefined);
  try {
    await relay(room, trip, reply.value);
  } finally {
    reply.value.body.destroy();
  }
  return reply.value.status;
}

async function bodyOf(room: Room, trip: Trip): Promise<Readable | Uint8Array | null> {
  const { request, granted, passed } = trip;
  if (granted.asked.body === null) {
    request.body.resume();
    return granted.rule.jsonRpc === undefined ? null : rpcBody(trip, null);
  }
  const taken = await takeBody(request.body, {
    bytesMax: granted.rule.requestBytesMax,
    wholeBytesMax: granted.rule.jsonRpc === undefined ? WHOLE_BYTES_MAX : RPC_BYTES_MAX,
    forbidden: forbiddenIn(room.options.edge),
    onBytes: (count) => {
      passed.sentBytes += count;
    },
  });
  if (!taken.ok) throw unanswered(request, 403, taken.error);
  if (granted.rule.jsonRpc !== undefined) return rpcBody(trip, taken.value);
  if (taken.value.kind === "whole") return taken.value.bytes;
  const stream = Readable.from(taken.value.parts, { objectMode: false });
  stream.on("error", (cause) => {
    if (cause instanceof BodyRefused) passed.stopped = cause.failure;
  });
  return stream;
}

/** The body as it was read: what was sent could be read in another way. */
function rpcBody({ request, granted }: Trip, taken: TakenBody | null): Uint8Array | null {
  const { rule, asked } = granted;
  const refuseWith = (message: string): Unanswered =>
    unanswered(request, 403, { code: "EGRESS_DENIED", message: `${rule.rule}: ${message}` });
  if (taken?.kind === "long") throw refuseWith(`the body is over ${RPC_BYTES_MAX} bytes`);
  if (rule.jsonRpc === undefined) return taken?.bytes ?? null;
  const { method, fields } = asked;
  const body = checkRpc(rule.jsonRpc, { method, fields, body: taken?.bytes ?? null });
  if (!body.ok) throw refuseWith(body.error);
  return body.value;
}

/** The answer as the program may see it. */
async function relay(room: Room, trip: Trip, reply: UpstreamReply): Promise<void> {
  const { edge } = room.options;
  const { request, granted, passed, signal } = trip;
  const { rule, asked } = granted;
  const fields = answerFields(reply, { masked: edge.secrets.length > 0, method: asked.method });
  if (!fields.ok) throw unanswered(request, 502, fields.error);
  if ((fields.value.announcedBytes ?? 0) > rule.responseBytesMax) {
    throw unanswered(request, 502, overResponse(rule.responseBytesMax));
  }
  const shown = fields.value.fields.map(([name, value]) => [name, maskText(edge, value)] as const);
  const carried = { values: edge.secrets.filter(({ name }) => granted.placed.includes(name)) };
  const onBytes = (count: number): void => {
    passed.receivedBytes += count;
  };
  const limits = { edge, carried, bytesMax: rule.responseBytesMax, onBytes };
  const parts = maskedBody(reply.body, limits);
  if (fields.value.announcedBytes === null) {
    const sink = request.respondEarly(reply.status, shown);
    await pass(await parts.next(), parts, sink, signal);
    await ended(sink, signal);
    return;
  }
  const first = await parts.next().catch((cause: unknown) => {
    throw cause instanceof BodyRefused ? unanswered(request, 502, cause.failure) : cause;
  });
  const sink = request.respond(reply.status, shown);
  await pass(first, parts, sink, signal);
  await ended(sink, signal);
}

async function pass(
  first: IteratorResult<Uint8Array>,
  rest: AsyncGenerator<Uint8Array>,
  sink: Writable,
  signal: AbortSignal,
): Promise<void> {
  for (let part = first; part.done !== true; part = await rest.next()) {
    if (!sink.write(part.value)) await once(sink, "drain", { signal });
    signal.throwIfAborted();
  }
}

async function ended(sink: Writable, signal: AbortSignal): Promise<void> {
  if (!sink.writableFinished) {
    const finished = once(sink, "finish", { signal });
    sink.end();
    await finished;
  }
}

/** An answer of the proxy's own; the connection ends with it, because a body may be unread. */
export function refuse(request: ServedRequest, status: number, body: object): void {
  const text = JSON.stringify(body);
  const fields: RawFields = [
    ["content-type", "application/json"],
    ["content-length", String(Buffer.byteLength(text))],
    ...(request.version === "2.0" ? [] : [["connection", "close"] as const]),
  ];
  const sink = request.respond(status, fields);
  sink.end(request.method === "HEAD" ? undefined : text);
}
