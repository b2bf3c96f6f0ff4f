/** The host's end of the channel against guests that lie, flood and fall silent. */
import { Duplex, PassThrough } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { encodeFrame, FrameReader } from "../foundation/framing.ts";
import type { JsonValue } from "../foundation/json.ts";
import type { GuestMessage } from "../foundation/protocol.ts";
import { type GuestIdentity, GuestLink } from "./guest-link.ts";

const IDENTITY = { session: "k".repeat(64), tellsSession: true, image: "sha256:i" };
const OPTIONS = { execute: { type: "stop" } as const, callsInFlightMax: 2 };
const HELLO = { type: "hello", version: 1, session: IDENTITY.session, image: IDENTITY.image };
const READY = { ...HELLO, type: "ready" };
const WARM = { type: "event", name: "warm", data: {} };

/** A conversation with a guest that says `lines`; gives its end and what the host sent. */
async function talk(
  lines: readonly (object | Uint8Array)[],
  onMessage: (message: GuestMessage) => Promise<string | null> | string | null = () => null,
) {
  const toHost = new PassThrough();
  const sent: JsonValue[] = [];
  const reader = new FrameReader();
  const fromHost = new Duplex({
    read: () => undefined,
    write(chunk: Uint8Array, _encoding, done) {
      const frames = reader.push(new Uint8Array(chunk));
      if (frames.ok) sent.push(...frames.value);
      done();
    },
  });
  const link = new GuestLink({ readable: toHost, writable: fromHost }, IDENTITY);
  const ending = link.converse(OPTIONS, { onMessage });
  for (const line of lines) toHost.write(line instanceof Uint8Array ? line : encodeFrame(line));
  toHost.end();
  return { ending: await ending, sent };
}

describe("a guest that waits for its program", () => {
  function waiting(identity: GuestIdentity) {
    const [toHost, fromHost] = [new PassThrough(), new PassThrough()];
    const link = new GuestLink({ readable: toHost, writable: fromHost }, identity);
    const reader = new FrameReader();
    const heard: JsonValue[] = [];
    fromHost.on("data", (chunk: Buffer) => {
      const frames = reader.push(new Uint8Array(chunk));
      if (frames.ok) heard.push(...frames.value);
    });
    return { link, heard, say: (line: object) => toHost.write(encodeFrame(line)) };
  }

  test("has shaken hands, and gets its program at once when there is one", async () => {
    const { link, say, heard } = waiting({ ...IDENTITY, exercises: true });
    for (const line of [WARM, READY]) say(line);
    expect(await link.ready).toBe("ready");
    await vi.waitFor(() => expect(heard).toEqual([{ type: "warm" }, HELLO]));
    const ending = link.converse(OPTIONS, { onMessage: () => null });
    say({ type: "result", ok: true, value: 7 });
    expect(await ending).toMatchObject({ kind: "result" });
    await vi.waitFor(() => expect(heard.slice(2)).toEqual([{ type: "stop" }]));
  });

  test.each<[string, readonly object[], string]>([
    ["a result", [READY, { type: "result", ok: true, value: 7 }], "result"],
    ["a call", [READY, { type: "call", id: 1, capability: "a", args: [] }], "call"],
    ["a second ready", [READY, READY], "ready"],
  ])("is ended by %s before it", async (_name, lines, type) => {
    const { link, say } = waiting(IDENTITY);
    for (const line of lines) say(line);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await link.converse(OPTIONS, { onMessage: () => null })).toEqual({
      kind: "violation",
      reason: `${type} came before the program`,
    });
  });

  test("must say that it warmed up when it was told to", async () => {
    const { link, say } = waiting({ ...IDENTITY, exercises: true });
    say(READY);
    expect(await link.ready).toEqual({ kind: "violation", reason: "it did not warm up" });
  });

  test("does not learn its session key from the host where it has it already", async () => {
    const { link, say, heard } = waiting({ ...IDENTITY, tellsSession: false });
    say(READY);
    expect(await link.ready).toBe("ready");
    await vi.waitFor(() => expect(heard).toEqual([{ ...HELLO, session: "" }]));
  });
});

describe("converse", () => {
  test("greets first and sends the program only to a guest that is ready", async () => {
    const { ending, sent } = await talk([READY, { type: "result", ok: true, value: 7 }]);
    expect(ending).toEqual({ kind: "result", message: { type: "result", ok: true, value: 7 } });
    expect(sent).toEqual([HELLO, { type: "stop" }]);
  });

  test.each<[string, readonly (object | Uint8Array)[], string]>([
    ["a wrong key", [{ ...READY, session: "x".repeat(64) }], "the session key is wrong"],
    ["an empty key", [{ ...READY, session: "" }], "the session key is wrong"],
    [
      "another image",
      [{ ...READY, image: "sha256:other" }],
      "the guest is not the image that was measured",
    ],
    ["another version", [{ ...READY, version: 2 }], "protocol version 2 is not 1"],
    [
      "a call before ready",
      [{ type: "call", id: 1, capability: "a", args: [] }],
      "the first message is ready, not call",
    ],
    ["ready twice", [READY, READY], "ready was said twice"],
    [
      "bytes that are no frame",
      [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
      "a frame of 1195725856 bytes is over 16777216",
    ],
    ["an unknown verb", [READY, { type: "exec", argv: ["sh"] }], 'no message is called "exec"'],
  ])("ends the conversation on %s", async (_name, lines, reason) => {
    expect((await talk(lines)).ending).toEqual({ kind: "violation", reason });
  });

  test("ends the conversation when more calls wait than may", async () => {
    const calls = [1, 2, 3].map((id) => ({ type: "call", id, capability: "a", args: [] }));
    const { ending } = await talk([READY, ...calls], () => new Promise(() => undefined));
    expect(ending).toEqual({ kind: "violation", reason: "too many calls in flight" });
  });

  test("a handler that throws is a broken host, not the guest's fault", async () => {
    const cause = new Error("disk full");
    const { ending } = await talk([READY, { type: "step", event: "enter", name: "a" }], () =>
      Promise.reject(cause),
    );
    expect(ending).toEqual({ kind: "broken", cause });
  });

  test("a channel that was closed before the conversation began is an ending", async () => {
    const channel = new PassThrough();
    channel.destroy();
    await new Promise((resolve) => channel.once("close", resolve));
    const link = new GuestLink({ readable: channel, writable: channel }, IDENTITY);
    expect(await link.ready).toEqual({ kind: "closed" });
    expect(await link.converse(OPTIONS, { onMessage: () => null })).toEqual({ kind: "closed" });
  });

  test("silence is an ending", async () => {
    expect((await talk([])).ending).toEqual({ kind: "closed" });
  });
});
