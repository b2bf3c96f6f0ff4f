/**
 * The host's end of the control channel: frames in, frames out, nothing believed.
 *
 * Handshake: the host sends `hello` with the session key; the guest must answer `ready` with the same key
 * before anything else. Any malformed frame, unknown message or message out of order ends the link with a
 * violation. Calls are answered in the order they are decided; at most `callsInFlightMax` wait. Nothing is
 * taken after the end, and nothing is read while the guest leaves its answers unread.
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";
import { encodeFrame, FRAME_BYTES_MAX, FrameReader } from "../foundation/framing.ts";
import {
  type GuestMessage,
  type HostMessage,
  PROTOCOL_VERSION,
  parseGuestMessage,
} from "../foundation/protocol.ts";

export interface GuestChannel {
  readonly readable: Readable;
  readonly writable: Writable;
}

/** How a conversation ended. `closed`: the channel ended without a result. */
export type Conversation =
  | { readonly kind: "result"; readonly message: Extract<GuestMessage, { type: "result" }> }
  | { readonly kind: "closed" }
  | { readonly kind: "violation"; readonly reason: string }
  /** A handler threw: the host itself cannot go on (chain unwritable). */
  | { readonly kind: "broken"; readonly cause: unknown };

export interface LinkHandlers {
  /** Everything after the handshake except `result`. A string is a violation. */
  onMessage(
    message: GuestMessage,
    send: (message: HostMessage) => void,
  ): Promise<string | null> | string | null;
}

export interface LinkOptions {
  readonly session: string;
  readonly image: string;
  /** Sent once the guest is ready; null for programs that speak first. */
  readonly execute: HostMessage | null;
  readonly callsInFlightMax: number;
}

/** Drive one channel to its end. Never rejects. */
export function converse(
  channel: GuestChannel,
  options: LinkOptions,
  handlers: LinkHandlers,
): Promise<Conversation> {
  return new Promise((resolve) => {
    const reader = new FrameReader();
    let ready = false;
    let inFlight = 0;
    let over = false;
    const finish = (conversation: Conversation): void => {
      if (over) return;
      over = true;
      resolve(conversation);
    };
    const send = (message: HostMessage): void => {
      if (channel.writable.destroyed) return;
      if (!channel.writable.write(encodeAnswer(message))) channel.readable.pause();
    };
    const take = (message: GuestMessage): void => {
      if (!ready) {
        const refusal = checkReady(message, options);
        if (refusal !== null) return finish({ kind: "violation", reason: refusal });
        ready = true;
        if (options.execute !== null) send(options.execute);
        return;
      }
      if (message.type === "ready")
        return finish({ kind: "violation", reason: "ready was said twice" });
      if (message.type === "result") return finish({ kind: "result", message });
      if (++inFlight > options.callsInFlightMax)
        return finish({ kind: "violation", reason: "too many calls in flight" });
      settle(handlers, message, send, (violation, cause) => {
        inFlight--;
        if (cause !== undefined) finish({ kind: "broken", cause });
        else if (violation !== null) finish({ kind: "violation", reason: violation });
      });
    };
    channel.readable.on("data", (chunk: Uint8Array) => {
      if (over) return;
      const frames = reader.push(chunk);
      if (!frames.ok) return finish({ kind: "violation", reason: frames.error });
      for (const frame of frames.value) {
        if (over) return;
        const message = parseGuestMessage(frame);
        if (!message.ok) return finish({ kind: "violation", reason: message.error });
        take(message.value);
      }
    });
    // A channel that waited in a pool was paused.
    channel.readable.resume();
    channel.writable.on("drain", () => channel.readable.resume());
    // The guest may have died before anyone listened; its events are not repeated.
    if (channel.readable.closed || channel.readable.readableEnded) finish({ kind: "closed" });
    channel.readable.on("end", () => finish({ kind: "closed" }));
    channel.readable.on("close", () => finish({ kind: "closed" }));
    channel.readable.on("error", () => finish({ kind: "closed" }));
    channel.writable.on("error", () => finish({ kind: "closed" }));
    send({
      type: "hello",
      version: PROTOCOL_VERSION,
      session: options.execute === null ? "" : options.session,
      image: options.image,
    });
  });
}

/** An answer too large for a frame becomes the guest's error: it must not end the host. */
function encodeAnswer(message: HostMessage): Uint8Array {
  try {
    return encodeFrame(message);
  } catch (cause) {
    if (!(cause instanceof RangeError) || message.type !== "result" || !message.ok) throw cause;
    const text = `the result is over ${FRAME_BYTES_MAX} bytes on the channel`;
    const error = {
      kind: "ResourceError",
      code: "LIMIT_RESPONSE",
      message: text,
      retryable: false,
    };
    return encodeFrame({ type: "result", id: message.id, ok: false, error });
  }
}

/** Handlers run at once, in arrival order; only what they wait for is asynchronous. */
function settle(
  handlers: LinkHandlers,
  message: GuestMessage,
  send: (message: HostMessage) => void,
  done: (violation: string | null, cause?: unknown) => void,
): void {
  try {
    const answer = handlers.onMessage(message, send);
    if (answer instanceof Promise)
      answer.then(
        (violation) => done(violation),
        (cause: unknown) => done(null, cause),
      );
    else done(answer);
  } catch (cause) {
    done(null, cause);
  }
}

function checkReady(message: GuestMessage, options: LinkOptions): string | null {
  if (message.type !== "ready") return `the first message is ready, not ${message.type}`;
  if (message.version !== PROTOCOL_VERSION)
    return `protocol version ${message.version} is not ${PROTOCOL_VERSION}`;
  if (!sameText(message.session, options.session)) return "the session key is wrong";
  if (message.image !== options.image) return "the guest is not the image that was measured";
  return null;
}

/** Comparison whose time does not depend on where the texts differ. */
function sameText(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let at = 0; at < left.length; at++)
    difference |= left.charCodeAt(at) ^ right.charCodeAt(at % Math.max(right.length, 1));
  return difference === 0;
}
