/**
 * The host's end of a machine's doors: connections of the program to sockets that it was given, as streams over one
 * port. The other end is guest/microvm/doors.h.
 *
 * Read in this order: FRAME, serveDoors, Streams.take. A frame is a head of 8 bytes (stream, 2; type, 1; door, 1; length
 * of the payload, 4; little endian) and its payload. The guest opens a stream; both ends send data within the credit
 * they were given, end their direction once, and close once, which is their last word; a number is free when both closed.
 * Whoever speaks for the guest is not the program: a frame that may not be sent is a hostile machine, which ends.
 * What either side does not read stops what sends to it; nothing here grows beyond a window for each stream.
 *
 * @module
 */
import type { Duplex } from "node:stream";

export const FRAME = { open: 1, data: 2, credit: 3, end: 4, close: 5 } as const;
export const STREAMS_MAX = 64;
/** Bytes of one direction of a stream that may be on their way. */
export const WINDOW_BYTES: number = 64 * 1024;
/** Payload of one frame. */
export const FRAME_BYTES_MAX: number = 16 * 1024;
const HEAD_BYTES = 8;

export interface Doors {
  readonly port: Duplex;
  /** Number of doors that the guest was told. */
  readonly count: number;
  /** A connection to what the door leads to; what goes wrong is its `error`. */
  dial(door: number): Duplex;
  /** The guest did what it may not do; every stream is cut by then. Called once at most. */
  broken(why: string): void;
}

/** One connection, as both ends see it. */
interface Stream {
  readonly socket: Duplex;
  /** Bytes that the guest takes, and that it may send. */
  credit: number;
  granted: number;
  /** Taken by the socket and not yet granted anew. */
  taken: number;
  /** Whether the socket has something that it has not taken; what comes meanwhile is in the first `held` bytes of `room`. */
  isWriting: boolean;
  room: Buffer | null;
  held: number;
  sentClose: boolean;
  gotEnd: boolean;
  gotClose: boolean;
}

/** Serve streams until the port ends. */
export function serveDoors(doors: Doors): void {
  const streams = new Streams(doors);
  const { port } = doors;
  let pending: Buffer = Buffer.alloc(0);
  const stop = (why: string | null): void => {
    port.off("data", onData);
    port.resume();
    streams.cut(why === null);
    if (why !== null) doors.broken(why);
  };
  const onData = (chunk: Buffer): void => {
    const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const { used, wrong } = streams.take(bytes);
    pending = bytes.subarray(used);
    if (wrong !== null) stop(wrong);
    // Whoever does not read what it is answered is not heard either.
    else if (port.writableNeedDrain) port.pause();
  };
  port.on("data", onData);
  port.on("drain", () => {
    port.resume();
    streams.resume();
  });
  port.on("error", () => undefined);
  port.once("close", () => stop(null));
  port.once("end", () => stop(null));
}

class Streams {
  readonly #doors: Doors;
  readonly #open = new Map<number, Stream>();

  constructor(doors: Doors) {
    this.#doors = doors;
  }

  /** Every whole frame of `bytes`. `wrong`: what the guest did, null while it does what it may. */
  take(bytes: Buffer): { readonly used: number; readonly wrong: string | null } {
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUInt32LE(at + 4);
      if (length > FRAME_BYTES_MAX) return { used: at, wrong: `a frame of ${length} bytes` };
      const end = at + HEAD_BYTES + length;
      if (bytes.length < end) break;
      const head = {
        id: bytes.readUInt16LE(at),
        type: bytes[at + 2] ?? 0,
        door: bytes[at + 3] ?? 0,
      };
      const wrong = this.#obey(head, bytes.subarray(at + HEAD_BYTES, end));
      if (wrong !== null) return { used: at, wrong };
      at = end;
    }
    return { used: at, wrong: null };
  }

  resume(): void {
    for (const [id, stream] of this.#open) this.#pump(id, stream);
  }

  /** @param isOver - The machine ended by itself: what it sent still arrives. */
  cut(isOver: boolean): void {
    for (const [id, stream] of this.#open) this.#leave(id, stream, isOver);
    this.#open.clear();
  }

  #obey(
    { id, type, door }: { readonly id: number; readonly type: number; readonly door: number },
    payload: Buffer,
  ): string | null {
    const stream = this.#open.get(id);
    if (type === FRAME.open) {
      if (stream !== undefined) return `stream ${id} was opened twice`;
      if (id >= STREAMS_MAX) return `stream ${id} is over ${STREAMS_MAX}`;
      if (door >= this.#doors.count) return `there is no door ${door}`;
      if (payload.length > 0) return "an opening has no payload";
      this.#begin(id, door);
      return null;
    }
    if (stream === undefined) return `stream ${id} is not open`;
    if (stream.gotClose) return `stream ${id} goes on after its close`;
    switch (type) {
      case FRAME.data:
        return this.#give(id, stream, payload);
      case FRAME.credit:
        return this.#credit(id, stream, payload);
      case FRAME.end:
        if (stream.gotEnd) return `stream ${id} ended twice`;
        stream.gotEnd = true;
        this.#flush(id, stream);
        stream.socket.end();
        return null;
      case FRAME.close:
        stream.gotClose = true;
        if (stream.sentClose) this.#open.delete(id);
        else this.#leave(id, stream, stream.gotEnd);
        return null;
      default:
        return `a frame of type ${type}`;
    }
  }

  #begin(id: number, door: number): void {
    const socket = this.#doors.dial(door);
    const stream: Stream = {
      socket,
      credit: WINDOW_BYTES,
      granted: WINDOW_BYTES,
      taken: 0,
      isWriting: false,
      room: null,
      held: 0,
      sentClose: false,
      gotEnd: false,
      gotClose: false,
    };
    this.#open.set(id, stream);
    socket.on("readable", () => this.#pump(id, stream));
    socket.on("error", () => undefined);
    socket.once("end", () => {
      if (stream.sentClose) return;
      this.#send(id, FRAME.end);
    });
    socket.once("close", () => {
      if (this.#open.get(id) !== stream) return;
      stream.sentClose = true;
      this.#send(id, FRAME.close);
      if (stream.gotClose) this.#open.delete(id);
    });
  }

  /** From the guest to the socket, one write at a time: however small its frames are, what waits is their bytes. */
  #give(id: number, stream: Stream, payload: Buffer): string | null {
    if (stream.gotEnd) return `stream ${id} goes on after its end`;
    if (payload.length > stream.granted)
      return `stream ${id} sent ${payload.length} bytes and may send ${stream.granted}`;
    stream.granted -= payload.length;
    stream.room ??= Buffer.allocUnsafeSlow(WINDOW_BYTES);
    stream.held += payload.copy(stream.room, stream.held);
    if (!stream.isWriting) this.#flush(id, stream);
    return null;
  }

  /** What is held, to the socket; what the socket took is granted anew. */
  #flush(id: number, stream: Stream): void {
    const { room, held } = stream;
    if (room === null || held === 0) return;
    stream.held = 0;
    stream.isWriting = true;
    stream.socket.write(Buffer.from(room.subarray(0, held)), () => {
      stream.isWriting = false;
      stream.taken += held;
      this.#grant(id, stream);
      this.#flush(id, stream);
    });
  }

  #grant(id: number, stream: Stream): void {
    if (stream.taken < WINDOW_BYTES / 4 || stream.sentClose) return;
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(stream.taken);
    stream.granted += stream.taken;
    stream.taken = 0;
    this.#send(id, FRAME.credit, credit);
  }

  #credit(id: number, stream: Stream, payload: Buffer): string | null {
    if (payload.length !== 4) return `a credit of ${payload.length} bytes`;
    const more = payload.readUInt32LE();
    if (more > WINDOW_BYTES - stream.credit)
      return `stream ${id} gives ${more} bytes of credit for ${WINDOW_BYTES - stream.credit}`;
    stream.credit += more;
    this.#pump(id, stream);
    return null;
  }

  /** From the socket to the guest, as far as credit and the port allow; after its close to nowhere. */
  #pump(id: number, stream: Stream): void {
    const { socket } = stream;
    const { port } = this.#doors;
    while (stream.gotClose || (stream.credit > 0 && !port.writableNeedDrain)) {
      // One byte where there is none: asking for it is what makes the stream say its end.
      const there = Math.max(socket.readableLength, 1);
      const most = stream.gotClose ? there : Math.min(there, FRAME_BYTES_MAX, stream.credit);
      const part = socket.read(most) as Buffer | null;
      if (part === null) return;
      if (stream.gotClose) continue;
      stream.credit -= part.length;
      this.#send(id, FRAME.data, part);
    }
  }

  /** Nothing that comes is wanted any more; what was written may still arrive. */
  #leave(id: number, stream: Stream, arrives: boolean): void {
    const { socket } = stream;
    stream.gotClose = true;
    if (!arrives || socket.writableFinished) {
      socket.destroy();
      return;
    }
    socket.once("finish", () => socket.destroy());
    this.#flush(id, stream);
    socket.end();
    this.#pump(id, stream);
  }

  #send(id: number, type: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt16LE(id, 0);
    head[2] = type;
    head.writeUInt32LE(payload.length, 4);
    this.#doors.port.write(payload.length === 0 ? head : Buffer.concat([head, payload]));
  }
}
