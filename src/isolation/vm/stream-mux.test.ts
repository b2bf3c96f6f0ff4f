/**
 * The host's end of a machine's doors against a guest that speaks by the rules, and against one that does not.
 */
import { once } from "node:events";
import { Duplex, duplexPair } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FRAME, FRAME_BYTES_MAX, serveDoors, STREAMS_MAX, WINDOW_BYTES } from "./stream-mux.ts";

const DOORS = 2;
const opened: Duplex[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
});

function frame(id: number, type: number, payload: Uint8Array = Buffer.alloc(0), door = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(id, 0);
  head[2] = type;
  head[3] = door;
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

function credit(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(bytes);
  return payload;
}

interface Heard {
  readonly id: number;
  readonly type: number;
  readonly payload: Buffer;
}

interface Bench {
  /** The guest's end of the port. */
  readonly guest: Duplex;
  /** What the host's own services were connected to, in order. */
  readonly dialled: { readonly door: number; readonly socket: Duplex; readonly peer: Duplex }[];
  readonly broken: string[];
  readonly heard: () => readonly Heard[];
}

function bench(): Bench {
  const [port, guest] = duplexPair();
  const dialled: Bench["dialled"] = [];
  const broken: string[] = [];
  let bytes = Buffer.alloc(0);
  opened.push(port, guest);
  guest.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  serveDoors({
    port,
    count: DOORS,
    dial: (door) => {
      const [socket, peer] = duplexPair();
      peer.on("error", () => undefined);
      opened.push(socket, peer);
      dialled.push({ door, socket, peer });
      return socket;
    },
    broken: (why) => broken.push(why),
  });
  const heard = (): readonly Heard[] => {
    const frames: Heard[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 8 + bytes.readUInt32LE(at + 4);
      const payload = bytes.subarray(at + 8, end);
      frames.push({ id: bytes.readUInt16LE(at), type: bytes[at + 2] ?? 0, payload });
      at = end;
    }
    return frames;
  };
  return { guest, dialled, broken, heard };
}

/** Until it is so; a test's own time limit ends what never is. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

describe("a guest that keeps the rules", () => {
  test("speaks with the door it named, both ways, and uses the number again", async () => {
    const { guest, dialled, broken, heard } = bench();
    for (const door of [1, 0]) {
      const before = heard().length;
      guest.write(
        Buffer.concat([
          frame(7, FRAME.open, undefined, door),
          frame(7, FRAME.data, Buffer.from("ask")),
        ]),
      );
      await until(() => dialled.at(-1)?.door === door);
      const peer = dialled.at(-1)?.peer;
      const [asked] = (await once(peer!, "data")) as [Buffer];
      expect(asked.toString()).toBe("ask");
      peer?.end(`answer of ${door}`);
      guest.write(frame(7, FRAME.end));
      await until(() => heard().some(({ type }, at) => at >= before && type === FRAME.close));
      const said = heard().slice(before);
      expect(said.map(({ type }) => type)).toEqual([FRAME.data, FRAME.end, FRAME.close]);
      expect(said[0]?.payload.toString()).toBe(`answer of ${door}`);
      guest.write(frame(7, FRAME.close));
    }
    expect(broken).toEqual([]);
  });

  test("gets no more than it gave credit for, however much there is", async () => {
    const { guest, dialled, heard } = bench();
    guest.write(frame(0, FRAME.open));
    await until(() => dialled.length === 1);
    dialled[0]?.peer.end(Buffer.alloc(3 * WINDOW_BYTES, 1));
    const got = (): number =>
      heard().reduce(
        (sum, { type, payload }) => sum + (type === FRAME.data ? payload.length : 0),
        0,
      );
    await until(() => got() >= WINDOW_BYTES);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(got()).toBe(WINDOW_BYTES);
    for (const round of [2, 3]) {
      guest.write(frame(0, FRAME.credit, credit(WINDOW_BYTES)));
      await until(() => got() === round * WINDOW_BYTES);
    }
    expect(heard().every(({ payload }) => payload.length <= FRAME_BYTES_MAX)).toBe(true);
  });

  test("is given credit only for what the door's socket took", async () => {
    const { guest, dialled, heard, broken } = bench();
    guest.write(frame(0, FRAME.open));
    for (let sent = 0; sent < WINDOW_BYTES; sent += FRAME_BYTES_MAX)
      guest.write(frame(0, FRAME.data, Buffer.alloc(FRAME_BYTES_MAX)));
    await until(() => dialled.length === 1);
    for (let turns = 0; turns < 50; turns++) await turn();
    const granted = (): number =>
      heard().reduce((sum, { payload }) => sum + payload.readUInt32LE(), 0);
    expect(granted()).toBeLessThan(WINDOW_BYTES);
    dialled[0]?.peer.resume();
    await until(() => granted() === WINDOW_BYTES);
    expect(broken).toEqual([]);
  });

  test("that closes early cuts the connection, and hears the close", async () => {
    const { guest, dialled, heard } = bench();
    guest.write(Buffer.concat([frame(3, FRAME.open), frame(3, FRAME.close)]));
    await until(() => heard().length > 0);
    expect(heard().map(({ type }) => type)).toEqual([FRAME.close]);
    expect(dialled[0]?.peer.writable).toBe(true);
    guest.write(frame(3, FRAME.open));
    await until(() => dialled.length === 2);
  });
});

describe("a guest that breaks the rules is cut off with all its streams:", () => {
  const OPEN = frame(0, FRAME.open);
  test.each([
    ["an unknown type", [OPEN, frame(0, 9)], "type 9"],
    [
      "a frame over the largest",
      [OPEN, frame(0, FRAME.data, Buffer.alloc(FRAME_BYTES_MAX + 1))],
      "a frame of 16385 bytes",
    ],
    [
      "a length that wraps",
      [OPEN, Buffer.from("0000020 0ffffffff".replace(" ", ""), "hex")],
      "4294967295",
    ],
    ["a stream that is not open", [frame(5, FRAME.data, Buffer.from("x"))], "stream 5 is not open"],
    ["a number over the last", [frame(STREAMS_MAX, FRAME.open)], `stream ${STREAMS_MAX} is over`],
    ["a stream opened twice", [OPEN, OPEN], "opened twice"],
    ["a door that there is not", [frame(0, FRAME.open, undefined, DOORS)], "no door 2"],
    ["an opening with a payload", [frame(0, FRAME.open, Buffer.from("x"))], "no payload"],
    [
      "data over its credit",
      [
        OPEN,
        ...Array.from({ length: 5 }, () => frame(0, FRAME.data, Buffer.alloc(FRAME_BYTES_MAX))),
      ],
      "may send",
    ],
    ["credit that nobody used", [OPEN, frame(0, FRAME.credit, credit(1))], "of credit for 0"],
    ["credit that wraps", [OPEN, frame(0, FRAME.credit, credit(2 ** 32 - 1))], "of credit for 0"],
    [
      "credit of another length",
      [OPEN, frame(0, FRAME.credit, Buffer.alloc(3))],
      "a credit of 3 bytes",
    ],
    [
      "data after its end",
      [OPEN, frame(0, FRAME.end), frame(0, FRAME.data, Buffer.from("x"))],
      "after its end",
    ],
    ["two ends", [OPEN, frame(0, FRAME.end), frame(0, FRAME.end)], "ended twice"],
    [
      "data after its close",
      [OPEN, frame(0, FRAME.close), frame(0, FRAME.data, Buffer.from("x"))],
      "after its close",
    ],
    [
      "a number taken again before both closed",
      [OPEN, frame(0, FRAME.close), OPEN],
      "opened twice",
    ],
  ])("%s", async (_what, frames, why) => {
    const { guest, dialled, broken } = bench();
    guest.write(frame(9, FRAME.open, undefined, 1));
    for (const each of frames) guest.write(each);
    await until(() => broken.length > 0);
    expect(broken).toEqual([expect.stringContaining(why)]);
    // The stream that kept the rules is cut too, and nothing more is heard.
    expect(dialled.every(({ socket }) => socket.destroyed)).toBe(true);
    guest.write(Buffer.concat([frame(1, FRAME.open), frame(0, 9)]));
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(broken).toHaveLength(1);
    expect(dialled.map(({ door }) => door).filter((door) => door === 1)).toHaveLength(1);
  });

  test("frames in pieces of one byte are the same frames", async () => {
    const { guest, broken } = bench();
    for (const byte of Buffer.concat([
      OPEN,
      frame(0, FRAME.data, Buffer.from("four")),
      frame(0, 77),
    ]))
      guest.write(Buffer.of(byte));
    await until(() => broken.length > 0);
    expect(broken).toEqual(["a frame of type 77"]);
  });
});

test("a guest that sends on and reads nothing is no longer heard", async () => {
  const [port, guest] = duplexPair({ highWaterMark: 1024 });
  opened.push(port, guest);
  let taken = 0;
  const broken: string[] = [];
  serveDoors({
    port,
    count: 1,
    dial: () => {
      const [socket, peer] = duplexPair();
      opened.push(socket, peer);
      peer.on("data", (chunk: Buffer) => (taken += chunk.length));
      return socket;
    },
    broken: (why) => broken.push(why),
  });
  guest.write(frame(0, FRAME.open));
  // It counts on the credit that it is given and does not look at.
  for (let round = 0; round < 1_000; round++) {
    guest.write(frame(0, FRAME.data, Buffer.alloc(FRAME_BYTES_MAX)));
    for (let turns = 0; turns < 5; turns++) await turn();
  }
  expect(broken).toEqual([]);
  expect(taken).toBeLessThan(200 * FRAME_BYTES_MAX);
  expect(port.writableLength).toBeLessThan(2 * port.writableHighWaterMark);
});

describe("a door whose socket takes nothing", () => {
  /** A socket that takes its first write when it is told to, and what it was given. */
  function stalled(): {
    readonly socket: Duplex;
    readonly writes: Buffer[];
    readonly release: () => void;
  } {
    const writes: Buffer[] = [];
    let release = (): void => undefined;
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        writes.push(chunk);
        if (writes.length > 1) done();
        else release = done;
      },
    });
    return { socket, writes, release: () => release() };
  }

  test("holds the bytes of small and empty frames, not the frames; then gets all of them", async () => {
    const [port, guest] = duplexPair();
    const { socket, writes, release } = stalled();
    const written = vi.spyOn(socket, "write");
    const broken: string[] = [];
    opened.push(port, guest, socket);
    guest.resume();
    serveDoors({ port, count: 1, dial: () => socket, broken: (why) => broken.push(why) });
    const FRAMES = 5_000;
    const small = Array.from({ length: FRAMES }, (_, at) => [
      frame(0, FRAME.data, Buffer.of(at % 251)),
      frame(0, FRAME.data),
    ]);
    guest.write(Buffer.concat([frame(0, FRAME.open), ...small.flat()]));
    await until(() => port.readableLength === 0 && writes.length > 0);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(written).toHaveBeenCalledTimes(1);
    guest.write(frame(0, FRAME.end));
    for (let turns = 0; turns < 50; turns++) await turn();
    release();
    await until(() => socket.writableFinished);
    expect(Buffer.concat(writes)).toEqual(
      Buffer.from(Array.from({ length: FRAMES }, (_, at) => at % 251)),
    );
    expect(broken).toEqual([]);
  });

  test("gets what was held when its machine ends", async () => {
    const [port, guest] = duplexPair();
    const { socket, writes, release } = stalled();
    opened.push(port, guest, socket);
    guest.resume();
    serveDoors({ port, count: 1, dial: () => socket, broken: () => undefined });
    const words = ["la", "st", " words"].map((word) => frame(0, FRAME.data, Buffer.from(word)));
    guest.end(Buffer.concat([frame(0, FRAME.open), ...words]));
    await until(() => port.readableEnded);
    release();
    await until(() => socket.destroyed);
    expect(Buffer.concat(writes).toString()).toBe("last words");
  });
});
