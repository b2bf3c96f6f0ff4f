import { describe, expect, test } from "vitest";
import { completed, cpioOf, type Entry, tarOf } from "./archive.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const ENTRIES: readonly Entry[] = [
  { kind: "file", path: "/b/tool", mode: 0o755, content: text("run") },
  { kind: "link", path: "/a", to: "b/tool" },
  { kind: "device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 },
];

/** Name, octal mode and content of each member, read back by the format's own rules. */
function cpioMembers(archive: Uint8Array): readonly (readonly [string, string, string])[] {
  const read = (at: number, length: number): string =>
    new TextDecoder("latin1").decode(archive.subarray(at, at + length));
  const members: (readonly [string, string, string])[] = [];
  for (let at = 0; at < archive.length; ) {
    const field = (index: number): number => Number.parseInt(read(at + 6 + index * 8, 8), 16);
    expect(read(at, 6)).toBe("070701");
    const [mode, size, nameBytes] = [field(1), field(6), field(11)];
    const name = read(at + 110, nameBytes - 1);
    const start = at + ((110 + nameBytes + 3) & ~3);
    members.push([name, mode.toString(8), read(start, size)]);
    at = (start + size + 3) & ~3;
    if (name === "TRAILER!!!") break;
  }
  return members;
}

describe("cpioOf", () => {
  test("holds every entry, its parents before it, in the order of the paths", () => {
    expect(cpioMembers(cpioOf(ENTRIES))).toEqual([
      ["a", "120777", "b/tool"],
      ["b", "40755", ""],
      ["b/tool", "100755", "run"],
      ["dev", "40755", ""],
      ["dev/console", "20600", ""],
      ["TRAILER!!!", "0", ""],
    ]);
  });

  test("gives the same bytes whatever order the entries came in", () => {
    expect(cpioOf([...ENTRIES].reverse())).toEqual(cpioOf(ENTRIES));
  });
});

describe("tarOf", () => {
  const headers = (entries: readonly Entry[]): readonly string[] =>
    [...tarOf(entries)]
      .filter((part) => part.length === 512 && part[0] !== 0)
      .map((part) => new TextDecoder("latin1").decode(part));

  test("writes a checksum that is the sum of the header with blanks in its place", () => {
    for (const header of headers(ENTRIES)) {
      const blank = `${header.slice(0, 148)}        ${header.slice(156)}`;
      const sum = Buffer.from(blank, "latin1").reduce((total, byte) => total + byte, 0);
      expect(Number.parseInt(header.slice(148, 154), 8)).toBe(sum);
    }
  });

  test("cuts a long name at a slash, and refuses one that has none", () => {
    const long = `/${"d".repeat(90)}/${"f".repeat(90)}`;
    const [, file] = headers([{ kind: "file", path: long, mode: 0o644, content: text("") }]);
    expect([file?.slice(0, 90), file?.slice(345, 435)]).toEqual(["f".repeat(90), "d".repeat(90)]);
    const flat = `/${"x".repeat(101)}`;
    expect(() => headers([{ kind: "link", path: flat, to: "y" }])).toThrow(/too long/);
  });

  test("pads every content to whole blocks", () => {
    const bytes = [...tarOf(ENTRIES)].reduce((total, part) => total + part.length, 0);
    expect(bytes % 512).toBe(0);
  });
});

test("completed: of two entries of one path the later one counts", () => {
  const entry = (mode: number): Entry => ({ kind: "directory", path: "/x", mode });
  expect(completed([entry(0o700), entry(0o755)])).toEqual([entry(0o755)]);
});
