/** Attacks G59: JSON-RPC bodies that a rule and a host may read differently, down both paths. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Broker, Proxy } from "../../src/egress/index.ts";
import { readStrictJson } from "../../src/egress/strict-json.ts";
import type { EgressRule } from "../../src/policy/index.ts";
import {
  bodyOf,
  brokerOf,
  ProxyClient,
  proxyOf,
  ruleOf,
  said,
  send,
  serveHttp,
  stopServers,
} from "./egress-world.ts";

let directory: string;
let proxy: Proxy;
let broker: Broker;
let client: ProxyClient;
let rule: EgressRule;
let port: number;
const got: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-rpc-"));
  port = await serveHttp(async (request, response) => {
    got.push(await bodyOf(request));
    response.end("served");
  });
  rule = ruleOf("a.test", port, {
    requestBytesMax: 4_000_000,
    jsonRpc: { methods: ["initialize", "tools/call", "notifications/*"], tools: ["search"] },
  });
  const socketPath = join(directory, "p.sock");
  proxy = await proxyOf([rule], { socketPath, limits: { requestsMax: 1_000_000 } });
  broker = brokerOf([rule]);
  client = new ProxyClient(socketPath);
});
afterEach(() => void got.splice(0));
afterAll(async () => {
  client.close();
  await proxy.close();
  await stopServers();
  rmSync(directory, { recursive: true });
});

const JSON_TYPE = "application/json";

async function both(body: string, type: string, method = "POST"): Promise<string[]> {
  const url = `http://a.test:${port}/mcp`;
  const headers = [["content-type", type] as const];
  const brokered = said(await send(broker, url, rule, { method, headers, body }));
  const length = Buffer.byteLength(body);
  const head = `${method} ${url} HTTP/1.1\r\nhost: a.test:${port}\r\ncontent-type: ${type}\r\n`;
  const proxied = await client.exchange(
    `${head}content-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
  );
  return [brokered, proxied];
}

const call = (method: string, params = "{}"): string =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;

test.each([
  ["a granted method", call("initialize")],
  ["a granted tool", call("tools/call", '{"name":"search","arguments":{"name":"rm"}}')],
  ["a prefix", call("notifications/cancelled")],
  ["a batch", `[${call("initialize")},${call("tools/call", '{"name":"search"}')}]`],
  ["numbers with all their digits", call("initialize", '{"n":12345678901234567890.10,"e":1e400}')],
  ["escaped text", call("initialize", '{"t":"\\u0041\\n\\ud83d\\ude00"}')],
])("%s goes out, written anew", async (_what, body) => {
  const [brokered, proxied] = await both(
    body.replaceAll(",", " ,\n"),
    `${JSON_TYPE}; charset=utf-8`,
  );
  expect(brokered).toBe("200 served");
  expect(proxied).toMatch(/^HTTP\/1\.1 200/);
  const expected = body.replace("\\u0041\\n\\ud83d\\ude00", "A\\n😀");
  expect(got).toEqual([expected, expected]);
});

test.each([
  ["another method", call("tools/list")],
  ["a method in capitals", call("Initialize")],
  ["a prefix alone", call("notifications/")],
  ["another tool", call("tools/call", '{"name":"rm"}')],
  ["a tool without a name", call("tools/call", '{"arguments":{"name":"search"}}')],
  ["a tool whose name is no text", call("tools/call", '{"name":["search"]}')],
  ["params that are a list", call("tools/call", '["search"]')],
  ["one bad call in a batch", `[${call("initialize")},${call("tools/list")}]`],
  ["an empty batch", "[]"],
  ["a batch in a batch", `[[${call("initialize")}]]`],
  ["a batch of 101", `[${Array.from({ length: 101 }, () => call("initialize")).join(",")}]`],
  ["the method given twice", `{"jsonrpc":"2.0","method":"initialize","method":"tools/list"}`],
  [
    "the method given twice, the last one granted",
    '{"jsonrpc":"2.0","method":"tools/list","method":"initialize"}',
  ],
  [
    "the method given twice, once escaped",
    `{"jsonrpc":"2.0","method":"initialize","meth\\u006fd":"x"}`,
  ],
  ["the tool given twice", call("tools/call", '{"name":"search","name":"rm"}')],
  ["a key given twice far inside", call("initialize", '{"a":[{"b":1,"b":2}]}')],
  ["no method", '{"jsonrpc":"2.0","id":1,"result":{}}'],
  ["another version", '{"jsonrpc":"1.0","method":"initialize"}'],
  ["no version", '{"method":"initialize"}'],
  ["a text", '"initialize"'],
  ["nothing", ""],
  ["no JSON", "method=initialize"],
  ["two documents", `${call("initialize")}\n${call("tools/list")}`],
  ["a comment", `${call("initialize")} // x`],
  ["a comma too many", '{"jsonrpc":"2.0","method":"initialize",}'],
  ["single quotes", "{'jsonrpc':'2.0','method':'initialize'}"],
  ["a number with a leading zero", call("initialize", '{"n":01}')],
  ["NaN", call("initialize", '{"n":NaN}')],
  ["a raw line break in a text", call("initialize", '{"t":"a\nb"}')],
  ["a lone surrogate", call("initialize", '{"t":"\\ud800"}')],
  ["a byte order mark", `\ufeff${call("initialize")}`],
  ["65 levels", call("initialize", `${"[".repeat(70)}${"]".repeat(70)}`)],
  ["a body over 1 MiB", call("initialize", `{"t":"${"x".repeat(1_100_000)}"}`)],
])("%s is refused down both paths, and the host gets nothing", async (_what, body) => {
  const [brokered, proxied] = await both(body, JSON_TYPE);
  expect(brokered).toMatch(/^EGRESS_DENIED network\.egress\.rules/);
  expect(proxied).toMatch(/^HTTP\/1\.1 403[^]*EGRESS_DENIED/);
  expect(got).toEqual([]);
});

test.each([
  ["text/plain", "POST"],
  ["application/json; charset=utf-16", "POST"],
  ["application/json-seq", "POST"],
  [JSON_TYPE, "PUT"],
])("type %s with %s: the host must read it as it was read", async (type, method) => {
  const body = method === "PUT" ? call("tools/list") : call("initialize");
  const [brokered, proxied] = await both(body, type, method);
  expect(brokered).toMatch(/^EGRESS_DENIED/);
  expect(proxied).toMatch(/^HTTP\/1\.1 403/);
  expect(got).toEqual([]);
});

test("whatever the text, what is read is JSON.parse's value without a key given twice", () => {
  const noise = fc.array(
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"a"',
      '"b"',
      ":",
      ",",
      "1",
      "-0",
      "1e5",
      "true",
      "null",
      " ",
      '"',
      "\\",
      "\\u0061",
      "\ud800",
      "é",
    ),
    { maxLength: 14 },
  );
  const text = fc.oneof(
    noise.map((parts) => parts.join("")),
    fc.json(),
  );
  let read = 0;
  fc.assert(
    fc.property(text, (source) => {
      const strict = readStrictJson(Buffer.from(source));
      if (!strict.ok) return;
      read++;
      expect(JSON.parse(strict.value.text)).toEqual(JSON.parse(Buffer.from(source).toString()));
      expect(readStrictJson(Buffer.from(strict.value.text))).toEqual(strict);
    }),
    { numRuns: 20_000 },
  );
  expect(read).toBeGreaterThan(1000);
});
