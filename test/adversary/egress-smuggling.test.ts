/** Attacks G49: bytes that two readers may read differently. A host gets nothing, or exactly what was decided. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Proxy, ProxyEvent } from "../../src/egress/index.ts";
import {
  everythingOf,
  ProxyClient,
  proxyOf,
  ruleOf,
  serveRaw,
  stopServers,
} from "./egress-world.ts";
import { CORPUS } from "./smuggling-corpus.ts";
import { readStrictly } from "./strict-http.ts";

let directory: string;
let proxy: Proxy;
let client: ProxyClient;
let port: number;
/** What each connection of the host got. */
const got: string[] = [];
const events: ProxyEvent[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-smuggle-"));
  port = await serveRaw((socket) => {
    const index = got.push("") - 1;
    let answered = 0;
    socket.on("data", (chunk) => {
      got[index] += chunk.toString("latin1");
      const whole = readStrictly(got[index] ?? "").requests.length;
      for (; answered < whole; answered++)
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    socket.on("end", () => socket.end());
  });
  const socketPath = join(directory, "p.sock");
  const rule = ruleOf("a.test", port, { methods: ["GET", "POST"], paths: ["/ok"] });
  const limits = { requestsMax: 1_000_000, idleMs: 20_000 };
  proxy = await proxyOf([rule], { socketPath, events, limits });
  client = new ProxyClient(socketPath);
});
afterAll(async () => {
  client.close();
  await proxy.close();
  await stopServers();
  rmSync(directory, { recursive: true });
});

const named = (bytes: string): string =>
  bytes.replaceAll("HOST", `a.test:${port}`).replaceAll("PORT", String(port));

/** Everything that the host got for these bytes, once the proxy has closed the program's connection. */
async function sent(
  bytes: string,
  waits = false,
): Promise<{ reply: string; requests: string[]; rest: string }> {
  const before = got.map((text) => text.length);
  const socket = client.dial();
  socket.write(Buffer.from(named(bytes), "latin1"));
  // Who goes away before the answer gets none, and the host may not be asked.
  if (waits) socket.once("data", () => socket.end());
  else socket.end();
  const reply = await everythingOf(socket);
  const reads = got.map((text, index) => readStrictly(text.slice(before[index] ?? 0)));
  for (const { hosts } of reads) for (const host of hosts) expect(host).toBe(`a.test:${port}`);
  return {
    reply,
    requests: reads.flatMap(({ requests }) => requests),
    rest: reads.map(({ rest }) => rest).join(""),
  };
}

test.each(CORPUS)("$name", async ({ bytes, sees, orNothing = false }) => {
  const { reply, requests, rest } = await sent(bytes, sees.length > 0);
  if (sees.length > 0) {
    expect(orNothing && requests.length === 0 ? sees : requests).toEqual(sees);
    expect(rest).toBe("");
    return;
  }
  // A body may have begun before what is wrong with it is seen; then the host never gets it whole.
  expect(requests).toEqual([]);
  expect(rest).not.toContain("evil");
  expect(reply).toMatch(/^(?:HTTP\/1\.1 (?:100 Continue\r\n\r\nHTTP\/1\.1 )?(?:4\d\d|502) |$)/);
});

test("whatever bytes come, the host gets whole requests for what is granted, and nothing else", async () => {
  const word = fc.constantFrom(
    "GET ",
    "POST ",
    "http://HOST/ok",
    "http://HOST/evil",
    "/evil",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: HOST\r\n",
    "Host: evil.test\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: x\r\n",
    "Connection: keep-alive\r\n",
    "Upgrade: h2c\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "0\r\n\r\n",
    "5\r\nabcde\r\n",
    "abcde",
    ":",
    "X: y\r\n",
  );
  const request = fc.tuple(
    fc.constantFrom(
      "GET http://HOST/ok HTTP/1.1\r\nHost: HOST\r\n",
      "POST http://HOST/ok HTTP/1.1\r\nHost: HOST\r\n",
      "",
    ),
    fc.array(word, { maxLength: 10 }),
  );
  let relayed = 0;
  await fc.assert(
    fc.asyncProperty(request, async ([start, words]) => {
      const { requests, rest } = await sent(`${start}${words.join("")}\r\n\r\n`);
      relayed += requests.length;
      for (const each of requests) expect(each).toMatch(/^(?:GET|POST) \/ok \d+$/);
      expect(rest).not.toContain("evil HTTP");
    }),
    { numRuns: 600 },
  );
  expect(relayed).toBeGreaterThan(10);
});
