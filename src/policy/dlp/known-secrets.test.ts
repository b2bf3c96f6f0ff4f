import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findKnownSecrets, findMeasured } from "./known-secrets.ts";
import { Meter } from "./meter.ts";

const VALUE = 'tök-"9f/x+7Q\\z';
const KNOWN = [
  { name: "TOKEN", value: VALUE },
  { name: "OTHER", value: "other-value-1234" },
];

const find = (content: string | Uint8Array): readonly unknown[] =>
  findKnownSecrets([{ name: "body", content }], KNOWN);

const bytes = Buffer.from(VALUE);
const reversed = Buffer.from(bytes.toReversed());
const FORMS: readonly (readonly [string, string | Uint8Array])[] = [
  ["base64", bytes.toString("base64")],
  ["base64 without padding", bytes.toString("base64").replace(/=+$/, "")],
  ["base64url", bytes.toString("base64url")],
  ["base64 at offset 1", Buffer.concat([Buffer.from("a"), bytes]).toString("base64")],
  ["base64 at offset 2", Buffer.concat([Buffer.from("ab"), bytes]).toString("base64")],
  ["base64 in the middle of more", Buffer.from(`user:${VALUE}:more`).toString("base64")],
  ["base64 in lines", bytes.toString("base64").replace(/(.{4})/g, "$1\n")],
  ["base64 with blanks", bytes.toString("base64").replace(/(.{3})/g, "$1 ")],
  ["hex", bytes.toString("hex")],
  ["upper-case hex", bytes.toString("hex").toUpperCase()],
  ["hex with blanks", bytes.toString("hex").replace(/(..)/g, "$1 ")],
  ["percent", encodeURIComponent(VALUE)],
  ["full percent", bytes.toString("hex").replace(/(..)/g, "%$1")],
  ["percent twice", encodeURIComponent(encodeURIComponent(VALUE))],
  ["JSON", JSON.stringify(VALUE)],
  [
    "JSON units",
    VALUE.replace(/./gs, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  ],
  ["reversed base64 content", reversed.toString("base64")],
  ["reversed hex content", reversed.toString("hex")],
  ["base64 in base64", Buffer.from(bytes.toString("base64")).toString("base64")],
];

describe("findKnownSecrets", () => {
  test("findKnownSecrets reports the plain value, its part, and nothing else", () => {
    const parts = [
      { name: "path", content: "/v1/x" },
      { name: "header x-a", content: `k=${VALUE};` },
    ];
    expect(findKnownSecrets(parts, KNOWN)).toEqual([
      { name: "TOKEN", part: "header x-a", form: "plain" },
    ]);
  });

  test.each(FORMS)("findKnownSecrets finds the value as %s", (_, content) => {
    expect(find(content)).toEqual([{ name: "TOKEN", part: "body", form: "encoded" }]);
  });

  test.each([
    ["reversed", reversed],
    ["split by blanks", VALUE.split("").join(" ")],
    ["split by line breaks", VALUE.split("").join("\r\n")],
    ["in UTF-16", Buffer.from("other-value-1234", "utf16le")],
    ["in bytes that are no text", Buffer.concat([Buffer.from([255, 0, 254]), bytes])],
  ])("findKnownSecrets finds the value %s", (_, content) => {
    expect(find(content)).toMatchObject([{ part: "body", form: "plain" }]);
  });

  test.each([[""], ["tök-"], ["other-value-123"], [VALUE.toUpperCase()], ["x".repeat(10_000)]])(
    "findKnownSecrets reports nothing in %j",
    (content) => {
      expect(find(content)).toEqual([]);
    },
  );

  test("findKnownSecrets finds the value at every position of a body", () => {
    const noise = "0123 abc =+/ {} ".repeat(4);
    for (let at = 0; at <= noise.length; at += 1) {
      const body = `${noise.slice(0, at)}${VALUE}${noise.slice(at)}`;
      expect(find(body)).toEqual([{ name: "TOKEN", part: "body", form: "plain" }]);
    }
  });

  test("findKnownSecrets agrees with plain search on random values and contents", () => {
    const unit = fc.constantFrom("a", "b");
    fc.assert(
      fc.property(
        fc.string({ unit, maxLength: 200 }),
        fc.array(fc.string({ unit, minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        (content, values) => {
          const known = values.map((value, index) => ({ name: `s${index}`, value }));
          const plain = findKnownSecrets([{ name: "p", content }], known)
            .filter((finding) => finding.form === "plain")
            .map((finding) => finding.name);
          const turned = (value: string): string => value.split("").reverse().join("");
          const expected = known
            .filter(({ value }) => content.includes(value) || content.includes(turned(value)))
            .map(({ name }) => name);
          expect(plain).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("findKnownSecrets finds any value of printable text in every simple encoding", () => {
    const value = fc
      .string({ minLength: 8, maxLength: 40, unit: "grapheme" })
      .filter((text) => /\S{4}/.test(text));
    const encodings = fc.constantFrom<(raw: Buffer) => string>(
      (raw) => raw.toString("base64"),
      (raw) => raw.toString("base64url"),
      (raw) => raw.toString("hex"),
      (raw) => raw.toString("hex").replace(/(..)/g, "%$1"),
    );
    fc.assert(
      fc.property(value, encodings, fc.nat(3), (text, encode, shift) => {
        const raw = Buffer.concat([Buffer.alloc(shift, 0x61), Buffer.from(text)]);
        const parts = [{ name: "p", content: `{"d":"${encode(raw)}"}` }];
        const found = findKnownSecrets(parts, [{ name: "s", value: text }]);
        expect(found).toMatchObject([{ name: "s", part: "p" }]);
      }),
      { numRuns: 1000 },
    );
  });

  test("findKnownSecrets ignores an empty value and tells an unscannable part from a clean one", () => {
    const known = [
      { name: "EMPTY", value: "" },
      { name: "SET", value: "abcdefgh" },
    ];
    expect(findKnownSecrets([{ name: "body", content: "x" }], known)).toEqual([]);
    const huge = { name: "body", content: "x".repeat((64 << 20) + 1) };
    expect(findKnownSecrets([huge], known)).toEqual([
      { name: "SET", part: "body", form: "unscannable" },
    ]);
  });

  test("findKnownSecrets does work in proportion to the content, for hostile values too", () => {
    const known = [{ name: "periodic", value: `${"a".repeat(500)}b` }];
    const work = (size: number): number => {
      const meter = new Meter();
      findMeasured([{ name: "body", content: "a".repeat(size) }], known, meter);
      return meter.work;
    };
    expect(work(1 << 16) / work(1 << 15)).toBeLessThan(2.2);
    expect(work(1 << 16)).toBeLessThan((1 << 16) * 200);
  });
});
