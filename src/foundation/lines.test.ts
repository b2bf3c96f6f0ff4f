import fc from "fast-check";
import { expect, test } from "vitest";
import { boundedLines, type InputLine } from "./lines.ts";

async function linesOf(chunks: readonly Uint8Array[], bytesMax: number): Promise<InputLine[]> {
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunks;
  }
  return await all(boundedLines(source(), bytesMax));
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

test("boundedLines gives the same lines however the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "binary" }), { maxLength: 8 }),
      fc.array(fc.nat(40), { maxLength: 20 }),
      async (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll("\n", " ").toWellFormed());
        const whole = bytes(lines.map((line) => `${line}\n`).join(""));
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const cut of cuts) chunks.push(whole.subarray(from, (from += cut)));
        chunks.push(whole.subarray(from));
        const expected = lines.map((text) => ({ kind: "text", text }));
        expect(await linesOf(chunks, 1_000_000)).toEqual(expected);
      },
    ),
  );
});

test("a line over the limit is passed over, the next is whole", async () => {
  const chunks = ["123456", "789\nab", "c\n123456"].map(bytes);
  expect(await linesOf(chunks, 5)).toEqual([
    { kind: "too-long" },
    { kind: "text", text: "abc" },
    { kind: "too-long" },
  ]);
  expect(await linesOf([bytes("12345\n")], 5)).toEqual([{ kind: "text", text: "12345" }]);
});

test("a line that is not UTF-8 is said to be, alone", async () => {
  const chunks = [Uint8Array.of(0xff, 0x0a, 0x61, 0x0a)];
  expect(await linesOf(chunks, 10)).toEqual([{ kind: "not-utf8" }, { kind: "text", text: "a" }]);
});

test("a buffer that its source uses again is not kept", async () => {
  const buffer = Buffer.from("ab");
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield buffer;
    buffer.write("cd");
    yield buffer;
  }
  const lines = await all(boundedLines(source(), 10));
  expect(lines).toEqual([{ kind: "text", text: "abcd" }]);
});
