import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileAccess } from "../host/index.ts";
import { parseTarget } from "../policy/index.ts";
import {
  compileType,
  equalValues,
  keyword,
  MapValue,
  Sym,
  type Value,
  Vector,
  WholeFloat,
} from "../rtfs/index.ts";
import { builtinProviders, createRegistry } from "./index.ts";
import type { CapabilityPorts, HttpCall, HttpReply } from "./types.ts";

let directory: string;
let logged: string[];
let asked: HttpCall[];
let slept: number[];
let reply: HttpReply;
let registry = createRegistry(builtinProviders());

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "ccos-builtins-")));
  logged = [];
  asked = [];
  slept = [];
  reply = { status: 200, headers: [], body: new Uint8Array(0) };
  registry = createRegistry(builtinProviders());
});
afterEach(() => rmSync(directory, { recursive: true }));

const ports = (): CapabilityPorts => ({
  nowMs: () => 1_700_000_001_999,
  randomBytes: (length: number) => new Uint8Array(length).fill(0xab),
  sleep: (ms) => Promise.resolve(void slept.push(ms)),
  environment: (name) => (name === "SHOP" ? "http://shop.test" : undefined),
  log: (level, text) => void logged.push(`${level} ${text}`),
  http: (call) => {
    asked.push(call);
    return Promise.resolve({ ok: true, value: reply, facts: { status: reply.status } });
  },
  files: createFileAccess({ roots: new Map([["/workspace", directory]]) }),
});

const map = (entries: Record<string, Value>): MapValue =>
  MapValue.of(Object.entries(entries).map(([name, value]) => [keyword(name), value]));

/** Contract in, access, invoke, contract out: as the gate does it. */
async function call(id: string, ...args: Value[]): Promise<Value | string> {
  const capability = registry.find(id)!;
  const access = capability.access(args);
  if (!access.ok) return `refused ${access.error.path}: ${access.error.message}`;
  const input = compileType(capability.manifest.input);
  const unfit = input.ok ? input.value.check(new Vector(args)) : "no type";
  if (unfit !== null) return `unfit ${JSON.stringify(unfit)}`;
  const answer = await capability.invoke(args, ports(), new AbortController().signal);
  if (!answer.ok) return `${answer.code}: ${answer.message}`;
  const output = compileType(capability.manifest.output);
  expect(output.ok && output.value.check(answer.value)).toBe(null);
  return answer.value;
}

describe("the built-ins", () => {
  test.each<[string, Value[], Value]>([
    ["ccos.echo", [1], 1],
    ["ccos.echo", [null], null],
    ["ccos.echo", [map({ a: 1 })], map({ a: 1 })],
    ["ccos.math.add", [20, 22], 42],
    ["ccos.math.add", [map({ a: 20, b: 22 })], 42],
    [
      "ccos.math.add",
      [
        MapValue.of([
          ["a", 1],
          ["b", 2],
        ]),
      ],
      3,
    ],
    ["ccos.math.add", [9007199254740992n as Value, 1], 9007199254740993n as Value],
    ["ccos.math.add", [new WholeFloat(1), 1], new WholeFloat(2)],
    ["ccos.math.add", [0.5, 1], 1.5],
    ["ccos.system.get-env", ["SHOP"], "http://shop.test"],
    ["ccos.system.get-env", ["HOME"], null],
    ["ccos.system.current-time", [], 1_700_000_001],
    ["ccos.system.current-timestamp-ms", [], 1_700_000_001_999],
    ["ccos.system.random-hex", [3], "ababab"],
    ["ccos.system.sleep-ms", [60_000], null],
    [
      "ccos.json.parse",
      ['{"a":[1,2.5,1.0,null],":k":true}'],
      MapValue.of([
        ["a", new Vector([1, 2.5, new WholeFloat(1), null])],
        [":k", true],
      ]),
    ],
    ["ccos.json.parse", ["9007199254740993"], 9007199254740993n as Value],
    ["ccos.json.parse", ['{"__proto__":1}'], MapValue.of([["__proto__", 1]])],
    ["ccos.data.parse-json", ["-9223372036854775808"], -9223372036854775808n as Value],
    ["ccos.data.parse-json", ["9223372036854775808"], new WholeFloat(9223372036854775808)],
    [
      "ccos.json.stringify",
      [map({ b: new Vector([1, new WholeFloat(1)]), a: "x" })],
      '{"a":"x","b":[1,1.0]}',
    ],
    ["ccos.data.serialize-json", [9007199254740993n as Value], "9007199254740993"],
    [
      "ccos.json.stringify-pretty",
      [map({ a: new Vector([]), b: map({ c: 1 }) })],
      '{\n  "a": [],\n  "b": {\n    "c": 1\n  }\n}',
    ],
  ])("%s answers, case %#", async (id, args, expected) => {
    const result = await call(id, ...args);
    expect([result, equalValues(result, expected)]).toEqual([result, true]);
  });

  test.each<[string, Value[], RegExp]>([
    ["ccos.math.add", [1], /takes 2 arguments, got 1/],
    ["ccos.math.add", [new Vector([1, 2])], /takes 2 arguments, got 1/],
    ["ccos.math.add", [1, "2"], /refused \[1\]: expected a number/],
    ["ccos.math.add", [map({ a: 1 })], /\[0\].b: is required/],
    ["ccos.math.add", [map({ a: 1, b: 2, c: 3 })], /\[0\].c: is not a parameter; there are :a :b/],
    [
      "ccos.math.add",
      [
        MapValue.of([
          ["a", 1],
          [keyword("a"), 2],
          ["b", 3],
        ]),
      ],
      /given twice/,
    ],
    ["ccos.math.add", [9223372036854775807n as Value, 1], /SCHEMA_INPUT: the sum does not fit/],
    ["ccos.system.sleep-ms", [60_001], /from 0 to 60000/],
    ["ccos.system.sleep-ms", [-1], /from 0 to 60000/],
    ["ccos.system.get-env", [""], /1 to 256/],
    ["ccos.json.parse", ["{"], /not JSON/],
    ["ccos.json.parse", ["[".repeat(100_000)], /nests deeper than 200/],
    ["ccos.json.stringify", [keyword("a")], /is not JSON/],
    ["ccos.json.stringify", [new Vector([new Sym("s")])], /is not JSON/],
    [
      "ccos.json.stringify",
      [
        MapValue.of([
          ["a", 1],
          [keyword("a"), 2],
        ]),
      ],
      /two keys/,
    ],
    ["ccos.io.read-file", ["relative"], /starts with \//],
    ["ccos.io.read-file", ["/workspace/../etc/passwd"], /holds `..`/],
    ["ccos.io.read-file", ["/workspace//x"], /empty segment/],
    ["ccos.io.read-file", ["/workspace/./x"], /`\.` segment/],
    ["ccos.io.read-file", ["/workspace/a\u0000b"], /control character/],
    ["ccos.io.read-file", [`/${"a/".repeat(2048)}b`], /over 4095 bytes/],
    ["ccos.io.write-file", ["/workspace/x", "\ud800"], /lone surrogate/],
    ["ccos.io.open-file", ["/workspace/x", "rw"], /mode is/],
    ["ccos.io.read-line", ["file:1:r:/etc/passwd"], /IO_ERROR: the handle is not open/],
    ["ccos.io.read-line", ["/workspace/x"], /expected a handle/],
    ["ccos.network.http-fetch", ["ftp://x.test/"], /not http or https/],
    ["ccos.network.http-fetch", ["https://x.test/", "CONNECT"], /not a request to make/],
    ["ccos.network.http-fetch", ["https://x.test/", "GE T"], /letters/],
    [
      "ccos.network.http-fetch",
      [map({ url: "https://x.test/", metod: "GET" })],
      /metod: is not a parameter/,
    ],
    [
      "ccos.network.http-fetch",
      ["https://x.test/", "GET", map({ a: 1 })],
      /each value is a string/,
    ],
  ])("%s refuses, case %#", async (id, args, message) => {
    expect(await call(id, ...args)).toMatch(message);
  });

  test("log, print and println go to the run's log, cut to 8192", async () => {
    await call("ccos.io.println", "a", 1, keyword("k"), new Vector(["s"]));
    await call("ccos.io.print");
    await call("ccos.io.log", "x".repeat(9000));
    expect(logged).toEqual(['info a 1 :k ["s"]', "info ", `info ${"x".repeat(8192)}… (808 more)`]);
  });
});

describe("files", () => {
  test("write, exist, read and delete are one file", async () => {
    expect(await call("ccos.io.file-exists", "/workspace/a")).toBe(false);
    expect(await call("ccos.io.write-file", "/workspace/a", "ä\n")).toBe(true);
    expect(await call("ccos.io.file-exists", map({ path: "/workspace/a" }))).toBe(true);
    expect(await call("ccos.io.read-file", "/workspace/a")).toBe("ä\n");
    expect(await call("ccos.io.delete-file", "/workspace/a")).toBe(true);
    expect(await call("ccos.io.delete-file", "/workspace/a")).toBe(false);
    expect(await call("ccos.io.read-file", "/workspace/a")).toMatch(/IO_ERROR.*no such file/);
  });

  test("lines go through handles: written, appended, read to nil, closed", async () => {
    const writing = (await call("ccos.io.open-file", "/workspace/l", "w")) as string;
    expect(writing).toBe("file:1:w:/workspace/l");
    await call("ccos.io.write-line", writing, "one");
    await call("ccos.io.close-file", writing);
    const appending = (await call("ccos.io.open-file", "/workspace/l", "a")) as string;
    await call("ccos.io.write-line", appending, "two\r");
    const reading = (await call("ccos.io.open-file", "/workspace/l")) as string;
    expect(await call("ccos.io.read-line", reading)).toBe("one");
    expect(await call("ccos.io.read-line", reading)).toBe("two");
    expect(await call("ccos.io.read-line", reading)).toBe(null);
    await call("ccos.io.close-file", reading);
    expect(await call("ccos.io.read-line", reading)).toMatch(/not open/);
    expect(await call("ccos.io.write-line", writing, "x")).toMatch(/not open/);
  });

  test("a handle asks for its path on each use, so policy decides each use", () => {
    const readLine = registry.find("ccos.io.read-line")!;
    const writeLine = registry.find("ccos.io.write-line")!;
    expect(readLine.access(["file:1:r:/workspace/l"])).toEqual({
      ok: true,
      value: { kind: "file", operation: "read", path: "/workspace/l" },
    });
    expect(writeLine.access(["file:1:a:/workspace/l", "x"])).toEqual({
      ok: true,
      value: { kind: "file", operation: "write", path: "/workspace/l" },
    });
    expect(readLine.access(["file:1:w:/workspace/l"]).ok).toBe(false);
    expect(readLine.access(["file:1:r:/workspace/../l"]).ok).toBe(false);
  });

  test("64 handles are open at most, and handles of another run are not open here", async () => {
    await call("ccos.io.write-file", "/workspace/h", "x");
    for (let count = 1; count <= 64; count++) {
      expect(await call("ccos.io.open-file", "/workspace/h")).toBe(`file:${count}:r:/workspace/h`);
    }
    expect(await call("ccos.io.open-file", "/workspace/h")).toMatch(/64 files are open/);
    registry = createRegistry(builtinProviders());
    expect(await call("ccos.io.read-line", "file:1:r:/workspace/h")).toMatch(/not open/);
  });

  test("bytes that are not UTF-8 are an error, never replaced", async () => {
    await ports().files.write("/workspace/b", Uint8Array.of(0xff, 0xfe));
    expect(await call("ccos.io.read-file", "/workspace/b")).toMatch(
      /IO_ERROR: the file is not UTF-8/,
    );
  });
});

describe("http-fetch", () => {
  const fetch = "ccos.network.http-fetch";

  test("positional and named input ask for the same request", async () => {
    const headers = map({ Accept: "text/plain" });
    await call(fetch, "https://X.test:443/a?b=1#c", "post", headers, "body");
    await call(fetch, map({ url: "https://x.test/a?b=1", method: "POST", headers, body: "body" }));
    const target = parseTarget("https://x.test/a?b=1");
    const expected = {
      method: "POST",
      target: target.ok && target.value,
      headers: [["accept", "text/plain"]],
      body: new TextEncoder().encode("body"),
    };
    expect(asked).toEqual([expected, expected]);
  });

  test("access is the target that invoke asks for", async () => {
    const args = ["https://x.test/a"];
    const access = registry.find(fetch)!.access(args);
    await call(fetch, ...args);
    expect(access).toEqual({
      ok: true,
      value: { kind: "http", method: "GET", target: asked[0]!.target },
    });
  });

  test("outgoing names every part that leaves", () => {
    const parts = registry.find(fetch)!.outgoing!([
      "https://x.test/a?q=1",
      "POST",
      map({ Cookie: "c" }),
      "b",
    ]);
    expect(parts).toEqual([
      { name: "host", content: "x.test" },
      { name: "path", content: "/a?q=1" },
      { name: "header cookie", content: "c" },
      { name: "header name", content: "cookie" },
      { name: "body", content: new TextEncoder().encode("b") },
    ]);
  });

  test("the result is status, headers, body and encoding", async () => {
    reply = {
      status: 404,
      headers: [
        ["a", "1"],
        ["a", "2"],
      ],
      body: new TextEncoder().encode("\ufeffä"),
    };
    const text = await call(fetch, "https://x.test/");
    const expected = map({
      status: 404,
      headers: MapValue.of([["a", "1, 2"]]),
      body: "\ufeffä",
      encoding: "utf-8",
    });
    expect(equalValues(text, expected)).toBe(true);
    reply = { status: 200, headers: [], body: Uint8Array.of(0xff, 0x00) };
    const binary = (await call(fetch, "https://x.test/")) as MapValue;
    expect([binary.get(keyword("body")), binary.get(keyword("encoding"))]).toEqual([
      "/wA=",
      "base64",
    ]);
  });
});
