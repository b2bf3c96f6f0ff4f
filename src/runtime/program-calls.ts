/**
 * Calls of a program that is no plan: over the capability socket or over its own channel, the same gate.
 *
 * The session key proves that a connection is the program's; a malformed or unexpected message ends the connection and
 * is recorded, the program may go on. What breaks the host ends the run.
 *
 * @module
 */
import type { GuestMessage, HostMessage } from "../foundation/protocol.ts";
import { listenUnix, type UnixListener } from "../host/index.ts";
import { CALLS_OVER_MAX } from "./conduct.ts";
import type { Gate } from "./gate.ts";
import { type Conversation, type GuestChannel, GuestLink } from "./guest-link.ts";
import type { LiveStage } from "./live.ts";

const CONNECTIONS_MAX = 16;
const CALLS_IN_FLIGHT_MAX = 64;

export interface CallRoom {
  readonly gate: Gate;
  readonly counter: { declared: number; violations: number };
  readonly chain: LiveStage["chain"];
  readonly callsMax: number;
  /** Aborted when the host itself cannot go on: the program is ended, the cause rethrown. */
  readonly broken: AbortController;
}

/** Listen for the program's connections until closed. */
export async function serveCapabilities(
  path: string,
  session: string,
  room: CallRoom,
): Promise<UnixListener> {
  return await listenUnix({
    path,
    connectionsMax: CONNECTIONS_MAX,
    onConnection: (socket) => {
      void talkTo({ readable: socket, writable: socket }, session, room).then((conversation) => {
        socket.destroy();
        judgeEnd(conversation, room);
      });
    },
  });
}

/** One conversation, to its end. Never rejects. */
export function talkTo(
  channel: GuestChannel,
  session: string,
  room: CallRoom,
): Promise<Conversation> {
  const options = { execute: null, callsInFlightMax: CALLS_IN_FLIGHT_MAX };
  return new GuestLink(channel, { session, tellsSession: false, image: "" }).converse(options, {
    onMessage: (message, send) => onClientMessage(message, send, room),
  });
}

/** What a conversation's end means for the run, of a program that ends with a status. */
export function judgeEnd(conversation: Conversation, room: CallRoom): void {
  if (conversation.kind === "broken") room.broken.abort(conversation.cause);
  if (conversation.kind === "violation") recordViolation(room, conversation.reason);
  if (conversation.kind === "result") recordViolation(room, "a program sends calls, not result");
}

/** The first ones are told; a program that goes on only repeats itself. */
const VIOLATIONS_MAX = 100;

function recordViolation(room: CallRoom, reason: string): void {
  if (room.broken.signal.aborted || ++room.counter.violations > VIOLATIONS_MAX) return;
  try {
    room.chain.append({ type: "SecurityViolation", data: { reason: reason.toWellFormed() } });
  } catch (cause) {
    room.broken.abort(cause);
  }
}

async function onClientMessage(
  message: GuestMessage,
  send: (message: HostMessage) => void,
  room: CallRoom,
): Promise<string | null> {
  if (message.type !== "call") return `a program sends calls, not ${message.type}`;
  if (room.counter.declared >= room.callsMax + CALLS_OVER_MAX)
    return `calls go on after limits.calls (${room.callsMax})`;
  room.counter.declared++;
  const { id, capability, args } = message;
  const answer = await room.gate.pass({ step: null, capability, args });
  send(
    answer.ok
      ? { type: "result", id, ok: true, value: answer.value }
      : { type: "result", id, ok: false, error: answer.error },
  );
  return null;
}
