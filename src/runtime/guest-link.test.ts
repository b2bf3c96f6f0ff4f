/** The host's end of the channel against guests that lie, flood and fall silent. */
import { Duplex, PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameReader } from "../foundation/framing.ts";
import type { JsonValue } from "../foundation/json.ts";
import type { GuestMessage } from "../foundation/protocol.ts";
import { converse } from "./guest-link.ts";

const OPTIONS = {
  session: "k".repeat(64),
  image: "sha256:i",
  execute: { type: "stop" } as const,
  callsInFlightMax: 2,
};
const READY = { type: "ready", version: 1, session: OPTIONS.session, image: OPTIONS.image };

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
  const ending = converse({ readable: toHost, writable: fromHost }, OPTIONS, { onMessage });
  for (const line of lines) toHost.write(line instanceof Uint8Array ? line : encodeFrame(line));
  toHost.end();
  return { ending: await ending, sent };
}

describe("converse", () => {
  test("greets first and sends the program only to a guest that is ready", async () => {
    const { ending, sent } = await talk([READY, { type: "result", ok: true, value: 7 }]);
    expect(ending).toEqual({ kind: "result", message: { type: "result", ok: true, value: 7 } });
    expect(sent).toEqual([
      { type: "hello", version: 1, session: OPTIONS.session, image: OPTIONS.image },
      { type: "stop" },
    ]);
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
    const ending = await converse({ readable: channel, writable: channel }, OPTIONS, {
      onMessage: () => null,
    });
    expect(ending).toEqual({ kind: "closed" });
  });

  test("silence is an ending", async () => {
    expect((await talk([])).ending).toEqual({ kind: "closed" });
  });
});
