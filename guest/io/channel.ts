/** The guest's end of the control channel: whole messages, one at a time, each waited for. */
import { decodeBody, encodeFrame, frameLength } from "../../src/foundation/framing.ts";
import {
  type GuestMessage,
  type HostMessage,
  parseHostMessage,
  PROTOCOL_VERSION,
} from "../../src/foundation/protocol.ts";
import { readSome, writeAll } from "./blocking.ts";

export const CHANNEL_FD = 3;
const BUFFER_BYTES = 4_096;

/** The channel or the host's side of the protocol failed. No program catches it. */
export class BrokenChannel extends Error {}

/** Synchronous frames over one descriptor. */
export class Channel {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  /** Of the buffer. */
  #unread: Uint8Array = new Uint8Array();

  constructor(fd: number) {
    this.#fd = fd;
  }

  send(frame: Uint8Array): void {
    writeAll(this.#fd, frame);
  }

  receive(): HostMessage {
    const length = frameLength(this.#readExactly(4));
    if (!length.ok) throw new BrokenChannel(length.error);
    const body = decodeBody(this.#readExactly(length.value));
    if (!body.ok) throw new BrokenChannel(body.error);
    const message = parseHostMessage(body.value);
    if (!message.ok) throw new BrokenChannel(message.error);
    return message.value;
  }

  #readExactly(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) at += this.#take(bytes.subarray(at));
    return bytes;
  }

  /** Small frames come with one read: behind some walls a read is a tenth of a millisecond. */
  #take(target: Uint8Array): number {
    if (this.#unread.length === 0) {
      const isLarge = target.length >= this.#buffer.length;
      const into = isLarge ? target : this.#buffer;
      const count = readSome(this.#fd, into, 0, into.length);
      if (count === 0) throw new BrokenChannel("the channel was closed");
      if (isLarge) return count;
      this.#unread = this.#buffer.subarray(0, count);
    }
    const taken = this.#unread.subarray(0, target.length);
    target.set(taken);
    this.#unread = this.#unread.subarray(taken.length);
    return taken.length;
  }
}

/** A program's side: says it is ready with the session key it was given, then makes calls. */
export class CallChannel {
  readonly #channel = new Channel(CHANNEL_FD);
  readonly #session: string;
  #isOpen = false;
  #calls = 0;

  constructor(session: string) {
    this.#session = session;
  }

  /** Take the host's hello. Before anything else, once. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const hello = this.#channel.receive();
    if (hello.type !== "hello" || hello.version !== PROTOCOL_VERSION)
      throw new BrokenChannel(`no hello of protocol version ${PROTOCOL_VERSION}`);
    const { version, image } = hello;
    this.send({ type: "ready", version, session: this.#session, image });
  }

  /** @param args - Wire values. @returns The host's answer to this call. */
  call(
    capability: string,
    args: Extract<GuestMessage, { type: "call" }>["args"],
  ): Extract<HostMessage, { type: "result" }> {
    this.open();
    const id = ++this.#calls;
    this.send({ type: "call", id, capability, args });
    const answer = this.#channel.receive();
    if (answer.type !== "result" || answer.id !== id)
      throw new BrokenChannel("the host answered something else than this call");
    return answer;
  }

  /** @throws {RangeError} when it is over the limit of a frame. */
  send(message: GuestMessage): void {
    this.#channel.send(encodeFrame(message));
  }
}
