/**
 * The host's end of the control channel: frames in, frames out, nothing believed.
 *
 * Read in this order: GuestIdentity, GuestLink. The host speaks first: `hello` with the session key, which the guest must
 * repeat in `ready` before anything else. That needs no program, so a guest that waits has it behind it; what it says
 * then, before a program asks for it, is a violation, as is any malformed frame, unknown message or message out of
 * order. Calls are answered in the order they are decided; at most `callsInFlightMax` wait. Nothing is taken after
 * the end, and nothing is read while the guest leaves its answers unread.
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
import { unreachable } from "../foundation/result.ts";

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

/** Who is expected at the other end. */
export interface GuestIdentity {
  /** 64 hex digits. */
  readonly session: string;
  /** Whether `hello` tells the session key; a program has it from its environment. */
  readonly tellsSession: boolean;
  /** Digest of the guest. */
  readonly image: string;
  /** Have it run its exercise before the handshake (guest/exercise.ts). */
  readonly exercises?: boolean;
}

export interface LinkOptions {
  /** Sent once the guest is ready; null for programs that speak first. */
  readonly execute: HostMessage | null;
  readonly callsInFlightMax: number;
}

/** What the guest may say next; `nothing`: it waits for its program. */
type Expected = "warm" | "ready" | "nothing" | "messages";

/** One channel, from the greeting to its end; the channel is the link's alone. */
export class GuestLink {
  readonly identity: GuestIdentity;
  /** The handshake is done; otherwise how the channel ended before. Never rejects. */
  readonly ready: Promise<"ready" | Conversation>;
  readonly #channel: GuestChannel;
  readonly #reader = new FrameReader();
  readonly #ready = Promise.withResolvers<"ready" | Conversation>();
  readonly #end = Promise.withResolvers<Conversation>();
  #expected: Expected;
  #talk: (LinkOptions & { readonly handlers: LinkHandlers }) | null = null;
  #inFlight = 0;
  #over = false;

  /** Greets what is at the other end. */
  constructor(channel: GuestChannel, identity: GuestIdentity) {
    this.#channel = channel;
    this.identity = identity;
    this.ready = this.#ready.promise;
    this.#expected = identity.exercises ? "warm" : "ready";
    this.#listen();
    if (identity.exercises) this.#send({ type: "warm" });
    const { session, tellsSession, image } = identity;
    const key = tellsSession ? session : "";
    this.#send({ type: "hello", version: PROTOCOL_VERSION, session: key, image });
  }

  /** Drive the channel to its end. Once. Never rejects. */
  converse(options: LinkOptions, handlers: LinkHandlers): Promise<Conversation> {
    this.#talk = { ...options, handlers };
    this.#begin();
    return this.#end.promise;
  }

  #listen(): void {
    const { readable, writable } = this.#channel;
    const closed = (): void => this.#finish({ kind: "closed" });
    readable.on("data", (chunk: Uint8Array) => this.#read(chunk));
    writable.on("drain", () => readable.resume());
    // The guest may have died before anyone listened; its events are not repeated.
    if (readable.closed || readable.readableEnded) closed();
    for (const event of ["end", "close", "error"]) readable.on(event, closed);
    writable.on("error", closed);
  }

  #read(chunk: Uint8Array): void {
    if (this.#over) return;
    const frames = this.#reader.push(chunk);
    if (!frames.ok) return this.#refuse(frames.error);
    for (const frame of frames.value) {
      if (this.#over) return;
      const message = parseGuestMessage(frame);
      if (!message.ok) return this.#refuse(message.error);
      this.#take(message.value);
    }
  }

  #take(message: GuestMessage): void {
    switch (this.#expected) {
      case "warm":
        if (message.type !== "event" || message.name !== "warm")
          return this.#refuse("it did not warm up");
        this.#expected = "ready";
        return;
      case "ready": {
        const refusal = checkReady(message, this.identity);
        if (refusal !== null) return this.#refuse(refusal);
        this.#expected = "nothing";
        this.#ready.resolve("ready");
        return this.#begin();
      }
      case "nothing":
        return this.#refuse(`${message.type} came before the program`);
      case "messages":
        return this.#answer(message);
      default:
        return unreachable(this.#expected);
    }
  }

  /** As soon as the guest is ready and there is a program. */
  #begin(): void {
    if (this.#talk === null || this.#expected !== "nothing") return;
    this.#expected = "messages";
    if (this.#talk.execute !== null) this.#send(this.#talk.execute);
  }

  #answer(message: GuestMessage): void {
    if (this.#talk === null) throw new TypeError("Messages are expected of a conversation");
    if (message.type === "ready") return this.#refuse("ready was said twice");
    if (message.type === "result") return this.#finish({ kind: "result", message });
    if (++this.#inFlight > this.#talk.callsInFlightMax)
      return this.#refuse("too many calls in flight");
    let isOpen = true;
    const answered = (): void => {
      if (isOpen) this.#inFlight--;
      isOpen = false;
    };
    const send = (answer: HostMessage): void => {
      answered();
      this.#send(answer);
    };
    settle(this.#talk.handlers, message, send, (violation, cause) => {
      answered();
      if (cause !== undefined) this.#finish({ kind: "broken", cause });
      else if (violation !== null) this.#refuse(violation);
    });
  }

  #send(message: HostMessage): void {
    const { readable, writable } = this.#channel;
    if (writable.destroyed) return;
    if (!writable.write(encodeAnswer(message))) readable.pause();
  }

  #refuse(reason: string): void {
    this.#finish({ kind: "violation", reason });
  }

  #finish(conversation: Conversation): void {
    if (this.#over) return;
    this.#over = true;
    this.#ready.resolve(conversation);
    this.#end.resolve(conversation);
  }
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

function checkReady(message: GuestMessage, expected: GuestIdentity): string | null {
  if (message.type !== "ready") return `the first message is ready, not ${message.type}`;
  if (message.version !== PROTOCOL_VERSION)
    return `protocol version ${message.version} is not ${PROTOCOL_VERSION}`;
  if (!sameText(message.session, expected.session)) return "the session key is wrong";
  if (message.image !== expected.image) return "the guest is not the image that was measured";
  return null;
}

/** Comparison whose time does not depend on where the texts differ. */
function sameText(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let at = 0; at < left.length; at++)
    difference |= left.charCodeAt(at) ^ right.charCodeAt(at % Math.max(right.length, 1));
  return difference === 0;
}
