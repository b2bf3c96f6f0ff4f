import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, FRAME_BYTES_MAX, FrameReader } from "./framing.ts";

describe("FrameReader", () => {
  test("gives the same frames for every way of cutting the bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.string()), { maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));
          const reader = new FrameReader();
          const frames: unknown[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = cuts.next().value ?? 1;
            const pushed = reader.push(bytes.subarray(at, at + size));
            expect(pushed.ok).toBe(true);
            if (pushed.ok) frames.push(...pushed.value);
            at += size;
          }
          expect(JSON.stringify(frames)).toBe(JSON.stringify(messages));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("keeps the bytes of small chunks, not the chunks", () => {
    const message = { text: "abc".repeat(2_000) };
    const reader = new FrameReader();
    const chunks = [...encodeFrame(message)].map((byte) => Uint8Array.of(byte));
    const last = chunks.pop();
    for (const chunk of chunks) expect(reader.push(chunk)).toEqual({ ok: true, value: [] });
    // Whoever still looks at them finds another byte there.
    for (const chunk of chunks.slice(0, 5_000)) chunk.fill(0);
    expect(reader.push(last ?? new Uint8Array())).toEqual({ ok: true, value: [message] });
  });

  test("refuses a frame over the limit from its header alone, and stays refused", () => {
    const reader = new FrameReader();
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, FRAME_BYTES_MAX + 1);
    expect(reader.push(header)).toEqual({
      ok: false,
      error: `a frame of ${FRAME_BYTES_MAX + 1} bytes is over ${FRAME_BYTES_MAX}`,
    });
    expect(reader.push(encodeFrame({ type: "stop" })).ok).toBe(false);
  });

  test.each([
    ["invalid UTF-8", Uint8Array.from([0, 0, 0, 2, 0xc3, 0x28])],
    ["invalid JSON", Uint8Array.from([0, 0, 0, 1, 0x7b])],
    ["an empty body", Uint8Array.from([0, 0, 0, 0])],
  ])("refuses %s", (_name, bytes) => {
    expect(new FrameReader().push(bytes)).toEqual({
      ok: false,
      error: "a frame body is not UTF-8 JSON",
    });
  });
});
