/** The broker against servers, resolvers and programs that do not play by the rules. */
import { gzipSync, brotliCompressSync, deflateRawSync, deflateSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { certificateFor } from "./egress-certificate.ts";
import {
  bodyOf,
  brokerOf,
  ruleOf,
  said,
  send,
  serveHttp,
  serveHttps,
  serveRaw,
  stopServers,
} from "./egress-world.ts";

afterEach(stopServers);

describe("one request", () => {
  test("is made from parsed fields, over one connection, with facts and no reuse", async () => {
    const seen: unknown[] = [];
    const port = await serveHttp(async (request, response) => {
      seen.push([request.method, request.url, request.rawHeaders, await bodyOf(request)]);
      response.writeHead(201, { "x-a": "1", "content-type": "text/plain" }).end("hello");
    });
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule]);
    const answer = await send(broker, `http://a.test:${port}/p?q=secret`, rule, {
      method: "POST",
      headers: [
        ["x-mine", "v"],
        ["accept-encoding", "identity"],
      ],
      body: "abc",
    });
    expect(seen).toEqual([
      [
        "POST",
        "/p?q=secret",
        [
          "host",
          `a.test:${port}`,
          "user-agent",
          "ccos",
          "accept",
          "*/*",
          "x-mine",
          "v",
          "accept-encoding",
          "gzip, deflate, br",
          "connection",
          "close",
          "content-length",
          "3",
        ],
        "abc",
      ],
    ]);
    expect(said(answer)).toBe("201 hello");
    expect(answer.facts).toEqual({
      hops: [
        { method: "POST", url: `http://a.test:${port}/p?…`, verdict: "allow", rule: rule.rule },
      ],
      address: "127.0.0.1",
      requestBytes: 3,
      responseBytes: 5,
      status: 201,
      responseDigest: "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    expect(broker.counters).toEqual({
      started: 1,
      completed: 1,
      denied: 0,
      failed: 0,
      sentBytes: 3,
      receivedBytes: 5,
    });
  });

  test("ignores the proxy variables of the host", async () => {
    const port = await serveHttp((_request, response) => response.end("direct"));
    const before = process.env["HTTP_PROXY"];
    process.env["HTTP_PROXY"] = "http://127.0.0.1:9";
    try {
      const rule = ruleOf("a.test", port);
      expect(said(await send(brokerOf([rule]), `http://a.test:${port}/`, rule))).toBe("200 direct");
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
    }
  });

  test("is refused when the rule is not the one that decides this target", async () => {
    let requests = 0;
    const port = await serveHttp((_request, response) => void (requests++, response.end()));
    const other = ruleOf("b.test", port);
    const broker = brokerOf([other]);
    expect(said(await send(broker, `http://a.test:${port}/`, other))).toMatch(
      /^EGRESS_DENIED GET http:\/\/a\.test/,
    );
    expect(requests).toBe(0);
    expect(broker.counters).toMatchObject({ started: 1, denied: 1 });
  });

  test("is refused under a rule that is not the deciding one, though another allows it", async () => {
    let requests = 0;
    const port = await serveHttp((_request, response) => void (requests++, response.end()));
    const wide = ruleOf("*.a.test", port);
    const broker = brokerOf([ruleOf("x.a.test", port), wide]);
    expect(said(await send(broker, `http://x.a.test:${port}/`, wide))).toMatch(/^EGRESS_DENIED/);
    expect(requests).toBe(0);
  });

  test("tries the next judged address when nothing listens at the first", async () => {
    const port = await serveHttp((_request, response) => response.end("second"));
    const rule = ruleOf("localhost", port, { addresses: ["127.0.0.0/8", "::1/128"] });
    const resolve = () =>
      Promise.resolve({ ok: true as const, value: ["127.0.0.77", "127.0.0.1"] });
    const answer = await send(brokerOf([rule], { resolve }), `http://localhost:${port}/`, rule);
    expect(said(answer)).toBe("200 second");
    expect(answer.facts["address"]).toBe("127.0.0.1");
  });
});

describe("names and addresses", () => {
  test.each([
    ["a private address", ["10.0.0.1"]],
    ["one refused among many", ["127.0.0.1", "169.254.169.254"]],
    ["a mapped address", ["::ffff:127.0.0.1"]],
    ["a mapped public address", ["::ffff:8.8.8.8"]],
    ["NAT64 of loopback", ["64:ff9b::7f00:1"]],
    ["unspecified", ["0.0.0.0"]],
    ["not an address", ["127.1"]],
  ])("a name that resolves to %s is DNS_BLOCKED, and nobody is connected", async (_what, value) => {
    let connections = 0;
    const port = await serveRaw(() => connections++);
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule], { resolve: () => Promise.resolve({ ok: true, value }) });
    expect(said(await send(broker, `http://a.test:${port}/`, rule))).toContain("DNS_BLOCKED");
    expect(connections).toBe(0);
  });

  test("without :addresses loopback is refused, also as a literal", async () => {
    let connections = 0;
    const port = await serveRaw(() => connections++);
    const bare = ruleOf("a.test", port, { addresses: [] });
    expect(said(await send(brokerOf([bare]), `http://a.test:${port}/`, bare))).toContain(
      "DNS_BLOCKED",
    );
    expect(connections).toBe(0);
  });

  test("a name is resolved once for each hop, and each answer is judged again", async () => {
    const answers = [["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]];
    let lookups = 0;
    const resolve = () => Promise.resolve({ ok: true as const, value: answers[lookups++] ?? [] });
    const port = await serveHttp((request, response) =>
      response.writeHead(302, { location: `${request.url}x` }).end(),
    );
    const rule = ruleOf("a.test", port);
    const answer = await send(brokerOf([rule], { resolve }), `http://a.test:${port}/`, rule);
    expect(said(answer)).toContain("DNS_BLOCKED");
    expect(lookups).toBe(3);
  });

  test("a resolver that fails or never answers ends the call in words", async () => {
    const rule = ruleOf("a.test", 80);
    const failing = brokerOf([rule], {
      resolve: () => Promise.resolve({ ok: false, error: "ENOTFOUND" }),
    });
    expect(said(await send(failing, "http://a.test/", rule))).toBe(
      "NETWORK_ERROR cannot resolve a.test: ENOTFOUND",
    );
    const hanging = brokerOf([rule], {
      resolve: (_host, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        ),
      limits: { timeoutMs: 100 },
    });
    expect(said(await send(hanging, "http://a.test/", rule))).toBe(
      "LIMIT_TIME no complete response within 100 ms",
    );
  });
});

describe("TLS", () => {
  const certificate = certificateFor("a.test", "127.0.0.1");

  test("is verified for the name, which is also what the server is told", async () => {
    let servername: unknown;
    const port = await serveHttps(certificate, (request, response) => {
      servername = (request.socket as unknown as { servername: unknown }).servername;
      response.end("safe");
    });
    const rules = [
      ruleOf("a.test", port),
      ruleOf("b.test", port),
      ruleOf("127.0.0.1", port),
    ] as const;
    const trusting = brokerOf(rules, { trustAnchors: certificate.cert });
    expect(said(await send(trusting, `https://a.test:${port}/`, rules[0]))).toBe("200 safe");
    expect(servername).toBe("a.test");
    expect(said(await send(trusting, `https://127.0.0.1:${port}/`, rules[2]))).toBe("200 safe");
    expect(said(await send(trusting, `https://b.test:${port}/`, rules[1]))).toContain(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
  });

  test("a certificate nobody vouches for sends no byte of the request", async () => {
    let requests = 0;
    const port = await serveHttps(
      certificate,
      (_request, response) => void (requests++, response.end()),
    );
    const rule = ruleOf("a.test", port);
    const answer = await send(brokerOf([rule]), `https://a.test:${port}/`, rule);
    expect(said(answer)).toMatch(/^NETWORK_ERROR a\.test:\d+: .*SELF_SIGNED/);
    expect(requests).toBe(0);
  });
});

describe("what a program may not send", () => {
  test.each<[string, readonly (readonly [string, string])[]]>([
    ["a line break in a value", [["x", "a\r\nhost: evil"]]],
    ["a bare line feed", [["x", "a\nb"]]],
    ["a NUL", [["x", "a\0b"]]],
    ["a folded line", [["x", "a\r\n b"]]],
    ["a value outside ASCII", [["x", "ä"]]],
    ["a blank at the end", [["x", "a "]]],
    ["a colon in a name", [["x:", "a"]]],
    ["a blank in a name", [["x y", "a"]]],
    ["an empty name", [["", "a"]]],
    ["an upper-case name", [["Host", "evil.test"]]],
    ["Host", [["host", "evil.test"]]],
    ["a length", [["content-length", "5"]]],
    ["a coding", [["transfer-encoding", "chunked"]]],
    ["connection options", [["connection", "keep-alive"]]],
    ["an upgrade", [["upgrade", "websocket"]]],
    ["proxy credentials", [["proxy-authorization", "x"]]],
    [
      "a name twice",
      [
        ["x", "1"],
        ["x", "2"],
      ],
    ],
    ["65 fields", Array.from({ length: 65 }, (_, index) => [`x-${index}`, "v"] as const)],
    ["over 16 KiB", [["x", "v".repeat(16 * 1024)]]],
  ])("%s is SCHEMA_INPUT, and nobody is connected", async (_what, headers) => {
    let connections = 0;
    const port = await serveRaw(() => connections++);
    const rule = ruleOf("a.test", port);
    expect(
      said(await send(brokerOf([rule]), `http://a.test:${port}/`, rule, { headers })),
    ).toContain("SCHEMA_INPUT");
    expect(connections).toBe(0);
  });

  test("a body over the rule is EGRESS_DENIED", async () => {
    const rule = ruleOf("a.test", 9, { requestBytesMax: 3 });
    const answer = await send(brokerOf([rule]), "http://a.test:9/", rule, {
      method: "POST",
      body: "four",
    });
    expect(said(answer)).toMatch(/^EGRESS_DENIED a request body of 4 bytes/);
  });
});

describe("what a server may not do", () => {
  const limited = (port: number) => ruleOf("a.test", port, { responseBytesMax: 1000 });

  async function ask(
    handler: Parameters<typeof serveRaw>[0],
    limits = { timeoutMs: 2000 },
  ): Promise<string> {
    const port = await serveRaw(handler);
    const rule = limited(port);
    return said(await send(brokerOf([rule], { limits }), `http://a.test:${port}/`, rule));
  }
  const raw =
    (text: string): Parameters<typeof serveRaw>[0] =>
    (socket) =>
      void socket.end(text);

  test("announce more than the rule allows", async () => {
    expect(await ask(raw("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\nx"))).toMatch(
      /^LIMIT_RESPONSE/,
    );
  });

  test("send without end: reading stops at the limit", async () => {
    let sent = 0;
    const answer = await ask((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(1000))) sent += 1000;
        if (!socket.destroyed) socket.once("drain", more);
      };
      more();
    });
    expect(answer).toMatch(/^LIMIT_RESPONSE .* over 1000 bytes/);
    expect(sent).toBeLessThan(100_000_000);
  });

  test.each<[string, string, Uint8Array]>([
    ["gzip", "gzip", gzipSync(Buffer.alloc(50_000_000))],
    ["br", "br", brotliCompressSync(Buffer.alloc(5_000_000))],
  ])("unpack into a bomb: %s", async (_what, coding, body) => {
    const port = await serveHttp((_request, response) =>
      response.writeHead(200, { "content-encoding": coding }).end(body),
    );
    const rule = ruleOf("a.test", port, { responseBytesMax: 100_000 });
    expect(said(await send(brokerOf([rule]), `http://a.test:${port}/`, rule))).toMatch(
      /^LIMIT_RESPONSE/,
    );
  });

  test.each<[string, Uint8Array, string]>([
    ["gzip", gzipSync("text"), "200 text"],
    ["deflate", deflateSync("text"), "200 text"],
    ["deflate", deflateRawSync("text"), "200 text"],
    ["BR", brotliCompressSync("text"), "200 text"],
    ["identity", Buffer.from("text"), "200 text"],
    [
      "gzip",
      Buffer.from("text"),
      'NETWORK_ERROR http://a.test:PORT/: the content coding "gzip" is broken',
    ],
    [
      "gzip",
      gzipSync("text").subarray(0, 12),
      'NETWORK_ERROR http://a.test:PORT/: the content coding "gzip" is broken',
    ],
    [
      "gzip, gzip",
      gzipSync(gzipSync("x")),
      'NETWORK_ERROR http://a.test:PORT/: the content coding "gzip, gzip" cannot be undone',
    ],
    [
      "zstd",
      Buffer.from("text"),
      'NETWORK_ERROR http://a.test:PORT/: the content coding "zstd" cannot be undone',
    ],
  ])("codings: %s, case %#", async (coding, body, expected) => {
    const port = await serveHttp((_request, response) =>
      response.writeHead(200, { "content-encoding": coding }).end(body),
    );
    const rule = limited(port);
    const answer = await send(brokerOf([rule]), `http://a.test:${port}/`, rule);
    expect(said(answer)).toBe(expected.replace("PORT", String(port)));
    if (answer.ok)
      expect(answer.value.headers.map(([name]) => name)).not.toContain("content-encoding");
  });

  test("trickle its head or its body for ever", async () => {
    const trickle =
      (head: string): Parameters<typeof serveRaw>[0] =>
      (socket) => {
        socket.write(head);
        const timer = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(timer));
      };
    const limits = { timeoutMs: 300 };
    expect(await ask(trickle("HTTP/1.1 200 OK\r\nx: "), limits)).toBe(
      "LIMIT_TIME no complete response within 300 ms",
    );
    expect(await ask(trickle("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"), limits)).toBe(
      "LIMIT_TIME no complete response within 300 ms",
    );
    expect(await ask(() => undefined, limits)).toContain("LIMIT_TIME");
  });

  test.each([
    ["end early", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
    ["cut a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
    [
      "give a length and a coding",
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["give two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"],
    [
      "send a malformed chunk size",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    ],
    ["speak another protocol", "SSH-2.0-x\r\n"],
    [
      "switch protocols",
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ],
    ["flood its head", `HTTP/1.1 200 OK\r\nx: ${"v".repeat(40_000)}\r\n\r\n`],
    ["close without a word", ""],
  ])("%s: NETWORK_ERROR", async (_what, text) => {
    expect(await ask(raw(text))).toMatch(/^NETWORK_ERROR/);
  });

  test("flood interim responses: the time limit ends it", async () => {
    const answer = await ask(
      (socket) => {
        const timer = setInterval(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), 5);
        socket.on("close", () => clearInterval(timer));
      },
      { timeoutMs: 300 },
    );
    expect(answer).toContain("LIMIT_TIME");
  });

  test("a second response on the connection is never read", async () => {
    const two =
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb";
    expect(await ask(raw(two))).toBe("200 a");
  });
});

describe("the caller's signal", () => {
  test("a cancel is CANCELLED, a deadline LIMIT_TIME, and facts stay", async () => {
    const port = await serveRaw(() => undefined);
    const rule = ruleOf("a.test", port);
    const cancelled = new AbortController();
    setTimeout(() => cancelled.abort(), 50);
    const first = await send(brokerOf([rule]), `http://a.test:${port}/`, rule, {
      signal: cancelled.signal,
    });
    expect(said(first)).toBe("CANCELLED the call was cancelled");
    expect(first.facts).toMatchObject({ address: "127.0.0.1" });
    const late = AbortSignal.timeout(50);
    expect(
      said(await send(brokerOf([rule]), `http://a.test:${port}/`, rule, { signal: late })),
    ).toContain("LIMIT_TIME");
  });
});
