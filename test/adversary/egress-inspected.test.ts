/** Attacks G47: programs that speak HTTP(S) themselves, through a proxy that reads every request they make. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectH2, createSecureServer } from "node:http2";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Proxy, ProxyEvent, ProxyOptions } from "../../src/egress/index.ts";
import type { EgressRule } from "../../src/policy/index.ts";
import { certificateFor } from "./egress-certificate.ts";
import {
  AUTHORITY,
  bodyOf,
  everythingOf,
  ProxyClient,
  proxyOf,
  ruleOf,
  serveHttp,
  serveHttps,
  serveRaw,
  stopServers,
  toLoopback,
} from "./egress-world.ts";

let directory: string;
let events: ProxyEvent[];
let proxy: Proxy | null;
let client: ProxyClient;
const certificate = certificateFor("a.test");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-inspect-"));
  events = [];
  proxy = null;
  client = new ProxyClient(join(directory, "p.sock"));
});
afterEach(async () => {
  client.close();
  await proxy?.close();
  await stopServers();
  rmSync(directory, { recursive: true });
});

async function start(
  rules: readonly EgressRule[],
  rest: Partial<ProxyOptions> = {},
): Promise<void> {
  const socketPath = join(directory, "p.sock");
  proxy = await proxyOf(rules, { socketPath, events, trustAnchors: certificate.cert, ...rest });
}

const opened = (port: number, rest: Partial<EgressRule> = {}): EgressRule =>
  ruleOf("a.test", port, { inspect: true, ...rest });
const said = (): string[] =>
  events.map((event) => {
    const { method = "CONNECT", url = `${event.host}:${event.port}` } = event.request ?? {};
    const end = event.kind === "closed" ? ` ${event.status ?? ""} ${event.reason}` : "";
    return `${event.kind} ${method} ${url.replace(/:\d+/, "")}${end}`;
  });
const get = (path: string, host: string, more = ""): string =>
  `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${more}connection: close\r\n\r\n`;

describe("plain HTTP through the proxy", () => {
  test("is made anew: hop fields go, end-to-end fields stay, and the record has the request", async () => {
    const seen: unknown[] = [];
    const port = await serveHttp(async (request, response) => {
      seen.push([request.method, request.url, request.rawHeaders, await bodyOf(request)]);
      response.writeHead(201, { "x-a": "1", "alt-svc": 'h3=":443"' }).end("made");
    });
    await start([ruleOf("a.test", port)]);
    const reply = await client.exchange(
      `POST http://A.test:${port}/b/../p?q=secret HTTP/1.1\r\nHost: a.test:${port}\r\nX-Mine: v\r\n` +
        "Proxy-Authorization: Basic eA==\r\nTE: trailers\r\nKeep-Alive: 5\r\nContent-Length: 3\r\n" +
        "Connection: close, te\r\n\r\nabc",
    );
    expect(reply).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
    expect(reply).toContain("x-a: 1\r\n");
    expect(reply).not.toContain("alt-svc");
    expect(reply).toMatch(/made\r\n0\r\n\r\n$|\r\n\r\nmade$/);
    const host = `a.test:${port}`;
    const fields = ["host", host, "connection", "keep-alive", "x-mine", "v", "content-length", "3"];
    expect(seen).toEqual([["POST", "/p?q=secret", fields, "abc"]]);
    await expect
      .poll(said)
      .toEqual(["intended POST http://a.test/p?…", "closed POST http://a.test/p?… 201 ended"]);
    expect(events[1]).toMatchObject({ sentBytes: 3, receivedBytes: 4, status: 201 });
    expect(proxy?.counters).toMatchObject({ requested: 1, intended: 1, opened: 1, closed: 1 });
  });

  test("keeps connections: two requests, one to the proxy and one to the host", async () => {
    const ports = new Set<number | undefined>();
    const port = await serveHttp((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("x");
    });
    await start([ruleOf("a.test", port)]);
    const socket = client.dial();
    const ask = `GET http://a.test:${port}/ HTTP/1.1\r\nhost: a.test:${port}\r\n\r\n`;
    for (let count = 0; count < 3; count++) {
      socket.write(ask);
      let text = "";
      while (!/x$|0\r\n\r\n$/.test(text)) text += String((await once(socket, "data"))[0]);
      expect(text).toContain("200 OK");
    }
    expect(ports.size).toBe(1);
    await expect.poll(() => said().length).toBe(6);
  });

  test.each([
    ["another host", "http://b.test:PORT/", "b.test:PORT"],
    ["another port", "http://a.test:1/", "a.test:1"],
    ["another path", "http://a.test:PORT/other", "a.test:PORT"],
    ["a path that leaves by dots", "http://a.test:PORT/ok/../other", "a.test:PORT"],
    ["a path that leaves by encoded dots", "http://a.test:PORT/ok/%2e%2e/other", "a.test:PORT"],
    ["a loopback literal", "http://127.0.0.1:PORT/ok/x", "127.0.0.1:PORT"],
  ])("%s is denied, recorded, and never resolved", async (_what, target, host) => {
    let served = 0;
    let lookups = 0;
    const port = await serveHttp((_request, response) => void (served++, response.end()));
    await start([ruleOf("a.test", port, { paths: ["/ok/*"] })], {
      resolve: (...given) => (lookups++, toLoopback(...given)),
    });
    const named = (text: string): string => text.replaceAll("PORT", String(port));
    const reply = await client.exchange(get(named(target), named(host)));
    expect(reply).toMatch(/^HTTP\/1\.1 403 /);
    expect(reply).toContain('"code":"EGRESS_DENIED"');
    expect([served, lookups]).toEqual([0, 0]);
    expect(events).toMatchObject([{ kind: "denied" }]);
  });

  test("limits of the rule hold for both bodies", async () => {
    let got = 0;
    const port = await serveHttp(async (request, response) => {
      got += (await bodyOf(request)).length;
      response.write("r".repeat(600));
      response.end("r".repeat(600));
    });
    await start([ruleOf("a.test", port, { requestBytesMax: 1000, responseBytesMax: 1000 })]);
    const post = (head: string, body: string): Promise<string> =>
      client.exchange(
        `POST http://a.test:${port}/ HTTP/1.1\r\nhost: a.test:${port}\r\n${head}connection: close\r\n\r\n${body}`,
      );
    expect(await post("content-length: 1001\r\n", "x")).toMatch(/^HTTP\/1\.1 403/);
    const chunked = `${(1001).toString(16)}\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`;
    expect(await post("transfer-encoding: chunked\r\n", chunked)).toMatch(/^HTTP\/1\.1 403/);
    expect(got).toBe(0);
    const cut = await post("content-length: 1000\r\n", "x".repeat(1000));
    expect(cut).toMatch(/^HTTP\/1\.1 (?:502|200(?![^]*0\r\n\r\n$))/);
    await expect
      .poll(() => said().at(-1))
      .toBe("closed POST http://a.test/  LIMIT_RESPONSE: the response is over 1000 bytes");
  });

  test("a name that resolves to a refused address is DNS_BLOCKED, with an end to its intent", async () => {
    await start([ruleOf("a.test", 80, { addresses: [] })]);
    const reply = await client.exchange(get("http://a.test/", "a.test"));
    expect(reply).toMatch(/^HTTP\/1\.1 403[^]*DNS_BLOCKED/);
    await expect
      .poll(said)
      .toEqual([
        "intended GET http://a.test/",
        "closed GET http://a.test/  DNS_BLOCKED: 127.0.0.1 is a loopback address",
      ]);
  });

  test("an intent that cannot be recorded sends nothing and ends everything", async () => {
    let served = 0;
    const port = await serveHttp((_request, response) => void (served++, response.end()));
    await start([ruleOf("a.test", port)], {
      record: () => Promise.reject(new Error("disk full")),
    });
    const ask = get(`http://a.test:${port}/`, `a.test:${port}`);
    expect(await client.exchange(ask)).toBe("");
    expect(await client.exchange(ask)).toBe("");
    expect(served).toBe(0);
    await expect(proxy?.close()).rejects.toThrow("disk full");
    proxy = null;
  });
});

describe("a tunnel that is opened", () => {
  test("method and path rules hold inside, over HTTP/1.1, and the host is verified", async () => {
    const seen: string[] = [];
    const port = await serveHttps(certificate, (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end("page");
    });
    await start([opened(port, { methods: ["GET"], paths: ["/ok/*"] })]);
    const host = `a.test:${port}`;
    const ask = async (bytes: string): Promise<string> => {
      const secure = await client.secure(host);
      secure.write(bytes);
      return await everythingOf(secure);
    };
    expect(await ask(get("/ok/1", host))).toMatch(/^HTTP\/1\.1 200[^]*page/);
    expect(await ask(get("/secret", host))).toMatch(/^HTTP\/1\.1 403[^]*its paths are/);
    const post = `POST /ok/1 HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    expect(await ask(post)).toMatch(/^HTTP\/1\.1 403[^]*its methods are GET/);
    expect(seen).toEqual(["GET /ok/1"]);
    await expect
      .poll(said)
      .toEqual([
        "intended GET https://a.test/ok/1",
        "closed GET https://a.test/ok/1 200 ended",
        "denied GET https://a.test/secret",
        "denied POST https://a.test/ok/1",
      ]);
  });

  test("over HTTP/2 both ways, many at once, with bodies", async () => {
    const versions: string[] = [];
    const server = createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
      versions.push(request.httpVersion);
      let got = "";
      request.on("data", (chunk) => (got += String(chunk)));
      request.on("end", () => response.end(`${request.url} ${request.authority ?? ""} ${got}`));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await start([opened(port, { methods: ["POST"] })]);
    const host = `a.test:${port}`;
    const secure = await client.secure(host, { ALPNProtocols: ["h2"] });
    const session = connectH2(`https://${host}`, { createConnection: () => secure });
    const post = async (path: string, body: string): Promise<string> => {
      const stream = session.request({ ":method": "POST", ":path": path });
      stream.end(body);
      let text = "";
      for await (const chunk of stream) text += String(chunk);
      return text;
    };
    const paths = Array.from({ length: 20 }, (_, index) => `/p${index}`);
    const answers = await Promise.all(paths.map((path) => post(path, `body of ${path}`)));
    expect(answers).toEqual(paths.map((path) => `${path} ${host} body of ${path}`));
    expect(new Set(versions)).toEqual(new Set(["2.0"]));
    const denied = session.request({ ":path": "/" });
    const [head] = (await once(denied, "response")) as [Record<string, unknown>];
    expect(head[":status"]).toBe(403);
    const fronted = session.request({ ":path": "/", ":method": "POST", ":authority": "evil.test" });
    fronted.end();
    const [refused] = (await once(fronted, "response")) as [Record<string, unknown>];
    expect(refused[":status"]).toBe(403);
    session.destroy();
    await expect.poll(() => said().length).toBe(42);
    expect(said().at(-1)).toMatch(/^denied POST/);
    server.close();
  });

  test.each([
    ["another server name", "evil.test", /^denied CONNECT a\.test$/],
    ["no server name", "", /^denied CONNECT a\.test$/],
  ])("fronting by %s ends before any request", async (_what, servername, line) => {
    let lookups = 0;
    await start([opened(443)], { resolve: (...given) => (lookups++, toLoopback(...given)) });
    const { socket } = await client.tunnel("a.test:443");
    const secure = connectTls({ socket, servername, rejectUnauthorized: false });
    secure.on("error", () => undefined);
    secure.write(get("/", "a.test"));
    await everythingOf(secure);
    await expect.poll(said).toHaveLength(1);
    expect(said()[0]).toMatch(line);
    expect(lookups).toBe(0);
  });

  test.each([
    ["another Host", "GET / HTTP/1.1\r\nhost: evil.test\r\n\r\n"],
    ["the host with another port", "GET / HTTP/1.1\r\nhost: a.test:444\r\n\r\n"],
    ["two Hosts", "GET / HTTP/1.1\r\nhost: a.test\r\nhost: evil.test\r\n\r\n"],
    ["an absolute target", "GET https://evil.test/ HTTP/1.1\r\nhost: a.test\r\n\r\n"],
    ["an authority as target", "GET evil.test HTTP/1.1\r\nhost: a.test\r\n\r\n"],
    ["no Host", "GET / HTTP/1.1\r\nx: y\r\n\r\n"],
    ["CONNECT", "CONNECT evil.test:443 HTTP/1.1\r\nhost: evil.test\r\n\r\n"],
  ])("fronting by %s inside is refused", async (_what, bytes) => {
    let lookups = 0;
    await start([opened(443)], { resolve: (...given) => (lookups++, toLoopback(...given)) });
    const secure = await client.secure("a.test:443");
    secure.write(bytes);
    expect(await everythingOf(secure)).toMatch(/^(?:HTTP\/1\.1 40[03]|$)/);
    expect(lookups).toBe(0);
    expect(said().filter((line) => !line.startsWith("denied"))).toEqual([]);
  });

  test("a host whose certificate nobody vouches for gets nothing, and the program is told", async () => {
    let served = 0;
    const port = await serveHttps(certificateFor("a.test"), (_request, response) => {
      served++;
      response.end();
    });
    await start([opened(port)]);
    const secure = await client.secure(`a.test:${port}`);
    secure.write(get("/", `a.test:${port}`));
    expect(await everythingOf(secure)).toMatch(/^HTTP\/1\.1 502[^]*NETWORK_ERROR/);
    expect(served).toBe(0);
  });

  test("pins hold on the way to the host", async () => {
    const port = await serveHttps(certificate, (_request, response) => response.end());
    await start([opened(port, { pins: [`sha256/${"A".repeat(43)}=`] })]);
    const secure = await client.secure(`a.test:${port}`);
    secure.write(get("/", `a.test:${port}`));
    expect(await everythingOf(secure)).toMatch(/^HTTP\/1\.1 403[^]*TLS_PIN_MISMATCH/);
  });

  test("without :inspect a tunnel is opened where a rule speaks of requests, and passes only with :tunnel", async () => {
    const port = await serveHttps(certificate, (_request, response) => response.end("page"));
    await start([ruleOf("a.test", port)]);
    const secure = await client.secure(`a.test:${port}`);
    secure.write(get("/", `a.test:${port}`));
    expect(await everythingOf(secure)).toContain("page");
    await proxy?.close();
    rmSync(join(directory, "p.sock"), { force: true });
    events.length = 0;
    await start([ruleOf("a.test", port, { tunnel: true })]);
    const { socket } = await client.tunnel(`a.test:${port}`);
    socket.write("not TLS");
    socket.end();
    await everythingOf(socket);
    await expect.poll(() => said()[0]).toBe("intended CONNECT a.test");
  });

  test("a rule with :inspect is stronger than another one with :tunnel", async () => {
    const port = await serveHttps(certificate, (_request, response) => response.end("page"));
    const tunnel = { ...ruleOf("*.test", port, { tunnel: true }), rule: "t" };
    await start([tunnel, opened(port, { paths: ["/ok"] })]);
    const secure = await client.secure(`a.test:${port}`);
    secure.write(get("/ok", `a.test:${port}`));
    expect(await everythingOf(secure)).toContain("page");
    expect(said()[0]).toBe("intended GET https://a.test/ok");
  });

  test("curl takes the certificates of the run's authority, and nothing else does without it", async () => {
    const port = await serveHttps(certificate, (_request, response) => response.end("for curl"));
    await start([opened(port)]);
    const door = createServer((socket) => {
      const inner = connect(join(directory, "p.sock"));
      socket.pipe(inner).pipe(socket);
      socket.on("error", () => inner.destroy());
      inner.on("error", () => socket.destroy());
    });
    door.listen(0, "127.0.0.1");
    await once(door, "listening");
    const trust = join(directory, "trust.pem");
    writeFileSync(trust, AUTHORITY.certificate);
    const args = ["-sS", "--proxy", `http://127.0.0.1:${(door.address() as AddressInfo).port}`];
    const curl = (env: Record<string, string>) =>
      promisify(execFile)("curl", [...args, `https://a.test:${port}/x`], { env });
    expect((await curl({ CURL_CA_BUNDLE: trust })).stdout).toBe("for curl");
    await expect(curl({})).rejects.toThrow(/certificate/i);
    door.close();
  });
});

describe("WebSocket", () => {
  const ask = (port: number, protocol: string): string =>
    `GET http://a.test:${port}/chat HTTP/1.1\r\nhost: a.test:${port}\r\nconnection: Upgrade\r\n` +
    `upgrade: ${protocol}\r\nsec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\nsec-websocket-version: 13\r\n\r\n`;

  async function echoPort(): Promise<number> {
    const { createServer: createHttp } = await import("node:http");
    const server = createHttp((_request, response) => response.end("no upgrade"));
    server.on("upgrade", (_request, socket) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
      );
      socket.on("data", (chunk) => socket.write(`echo ${String(chunk)}`));
      socket.on("error", () => undefined);
      socket.on("end", () => socket.end());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  test.each([
    ["a host that does not answer", false],
    ["a program that goes away meanwhile", true],
  ])("is recorded to its end with %s, and the proxy serves on", async (_, leaves) => {
    const asked = Promise.withResolvers<void>();
    const silent = await serveRaw((socket) => void socket.once("data", () => asked.resolve()));
    const port = await serveHttp((_request, response) => void response.end("on"));
    await start([ruleOf("a.test", silent, { websocket: true }), ruleOf("b.test", port)], {
      limits: { dialMs: 300 },
    });
    const socket = client.dial();
    socket.write(ask(silent, "websocket"));
    await asked.promise;
    if (leaves) socket.destroy();
    else await everythingOf(socket);
    const end = /^closed GET .* NETWORK_ERROR: (?:no answer within 300 ms|the program went away)$/;
    await vi.waitFor(() => expect(said().at(-1)).toMatch(end), { timeout: 20_000 });
    const reply = await client.exchange(get(`http://b.test:${port}/`, `b.test:${port}`));
    expect(reply).toContain("on");
  });

  test("passes where a rule has :websocket, is counted, and is cut at the rule's bytes", async () => {
    const port = await echoPort();
    await start([ruleOf("a.test", port, { websocket: true, requestBytesMax: 10 })]);
    const socket = client.dial();
    socket.write(ask(port, "websocket"));
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 101 /);
    socket.write("frame");
    expect(String((await once(socket, "data"))[0])).toBe("echo frame");
    socket.write("too much");
    await everythingOf(socket);
    await expect
      .poll(said)
      .toEqual([
        "intended GET http://a.test/chat",
        "closed GET http://a.test/chat 101 over 10 bytes to the host",
      ]);
    expect(events[1]).toMatchObject({ sentBytes: 5, receivedBytes: 10 });
  });

  test.each([
    ["no rule that has :websocket", {}, "websocket", "allows no websocket"],
    ["another protocol", { websocket: true }, "h2c", "another protocol"],
  ])("is refused with %s, and the host is not asked", async (_what, rest, protocol, reason) => {
    const port = await echoPort();
    let lookups = 0;
    await start([ruleOf("a.test", port, rest)], {
      resolve: (...given) => (lookups++, toLoopback(...given)),
    });
    const reply = await client.exchange(ask(port, protocol));
    expect(reply).toMatch(/^HTTP\/1\.1 403/);
    expect(reply).toContain(reason);
    expect(lookups).toBe(0);
    expect(said()).toHaveLength(1);
  });
});
