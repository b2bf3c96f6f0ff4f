/** The CONNECT proxy against programs that want through it, over its real Unix socket. */
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Proxy, ProxyEvent, ProxyOptions } from "../../src/egress/index.ts";
import type { EgressRule } from "../../src/policy/index.ts";
import { certificateFor } from "./egress-certificate.ts";
import { proxyOf, ruleOf, serveHttps, serveRaw, stopServers, toLoopback } from "./egress-world.ts";

let directory: string;
let events: ProxyEvent[];
let proxies: Proxy[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-proxy-"));
  events = [];
  proxies = [];
});
afterEach(async () => {
  await Promise.allSettled(proxies.map((proxy) => proxy.close()));
  await stopServers();
  rmSync(directory, { recursive: true });
});

const socketPath = (): string => join(directory, "proxy.sock");
const tunnelTo = (host: string, port: number, rest: Partial<EgressRule> = {}): EgressRule =>
  ruleOf(host, port, { tunnel: true, ...rest });

async function proxyFor(
  rules: readonly EgressRule[],
  rest: Partial<ProxyOptions> = {},
): Promise<Proxy> {
  const proxy = await proxyOf(rules, { socketPath: socketPath(), events, ...rest });
  proxies.push(proxy);
  return proxy;
}

function dialProxy(): Socket {
  const socket = connect({ path: socketPath(), allowHalfOpen: true });
  socket.on("error", () => undefined);
  return socket;
}

/** Send bytes; give everything that comes back until the proxy closes. */
async function exchange(bytes: string | Uint8Array): Promise<string> {
  const socket = dialProxy();
  socket.write(bytes);
  return await everything(socket);
}

async function everything(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
  socket.on("end", () => socket.end());
  if (!socket.closed) await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

async function tunnel(authority: string): Promise<{ socket: Socket; head: string }> {
  const socket = dialProxy();
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  const [chunk] = await once(socket, "data");
  return { socket, head: String(chunk) };
}

const kinds = (): string[] =>
  events.map((event) => (event.kind === "closed" ? `closed ${event.reason}` : event.kind));
const jsonOf = (reply: string): unknown => JSON.parse(reply.slice(reply.indexOf("\r\n\r\n") + 4));

describe("a granted tunnel", () => {
  test("carries TLS end to end and is recorded: intent, then end with byte counts", async () => {
    const certificate = certificateFor("a.test");
    const port = await serveHttps(certificate, (_request, response) => response.end("through"));
    const proxy = await proxyFor([tunnelTo("a.test", port)]);
    const { socket, head } = await tunnel(`a.test:${port}`);
    expect(head).toBe("HTTP/1.1 200 Connection Established\r\n\r\n");
    const secure = connectTls({ socket, servername: "a.test", ca: certificate.cert });
    secure.write("GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
    let page = "";
    for await (const chunk of secure) page += String(chunk);
    expect(page).toContain("through");
    await expect.poll(kinds).toEqual(["intended", "closed ended"]);
    const closed = events[1]!;
    expect(closed).toMatchObject({ host: "a.test", port, number: 1 });
    expect(closed.kind === "closed" && closed.sentBytes > 200 && closed.receivedBytes > 500).toBe(
      true,
    );
    expect(proxy.counters).toMatchObject({
      requested: 1,
      denied: 0,
      intended: 1,
      opened: 1,
      closed: 1,
    });
  });

  test("half-closes in both directions", async () => {
    const port = await serveRaw((socket) => {
      let got = "";
      socket.on("data", (chunk) => (got += String(chunk)));
      socket.on("end", () => socket.end(`got ${got}`));
    });
    await proxyFor([tunnelTo("a.test", port)]);
    const { socket } = await tunnel(`a.test:${port}`);
    socket.end("question");
    expect(await everything(socket)).toBe("got question");
    await expect.poll(kinds).toEqual(["intended", "closed ended"]);
  });

  test("passes bytes that came with the head, and a server that speaks first", async () => {
    const port = await serveRaw((socket) => {
      socket.write("SSH-2.0-server\r\n");
      socket.on("data", (chunk) => socket.end(`echo ${String(chunk)}`));
    });
    await proxyFor([tunnelTo("a.test", port)]);
    const reply = await exchange(
      `CONNECT a.test:${port} HTTP/1.1\r\nhost: a.test\r\n\r\nSSH-2.0-early`,
    );
    expect(reply).toContain("SSH-2.0-server\r\n");
    expect(reply).toContain("echo SSH-2.0-early");
  });
});

describe("the order of things", () => {
  test("nothing is resolved or dialled before the intent is durable", async () => {
    let connections = 0;
    const port = await serveRaw((socket) => void (connections++, socket.end()));
    const steps: string[] = [];
    const durable = Promise.withResolvers<void>();
    await proxyFor([tunnelTo("a.test", port)], {
      resolve: (...given) => (steps.push("resolve"), toLoopback(...given)),
      record: (event) => (
        steps.push(event.kind), event.kind === "intended" ? durable.promise : Promise.resolve()
      ),
    });
    const reply = exchange(`CONNECT a.test:${port} HTTP/1.1\r\nhost: a.test\r\n\r\n`);
    await expect.poll(() => steps).toEqual(["intended"]);
    expect(connections).toBe(0);
    durable.resolve();
    await reply.catch(() => undefined);
    expect(steps.slice(0, 2)).toEqual(["intended", "resolve"]);
  });

  test("a record that cannot be written ends everything: no dial, no further request, close rejects", async () => {
    let connections = 0;
    const port = await serveRaw(() => connections++);
    const proxy = await proxyFor([tunnelTo("a.test", port)], {
      record: () => Promise.reject(new Error("disk full")),
    });
    expect(await exchange(`CONNECT a.test:${port} HTTP/1.1\r\nhost: a.test\r\n\r\n`)).toBe("");
    expect(await exchange(`CONNECT a.test:${port} HTTP/1.1\r\nhost: a.test\r\n\r\n`)).toBe("");
    expect(connections).toBe(0);
    await expect(proxy.close()).rejects.toThrow("disk full");
  });

  test("a denied name is never resolved: DNS is no channel", async () => {
    const asked: string[] = [];
    await proxyFor([tunnelTo("a.test", 443)], {
      resolve: (host, signal) => (asked.push(host), toLoopback(host, signal)),
    });
    const reply = await exchange("CONNECT stolen-data.evil.test:443 HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(reply).toMatch(/^HTTP\/1\.1 403 Forbidden/);
    expect(jsonOf(reply)).toMatchObject({
      error: "denied",
      code: "EGRESS_DENIED",
      reason: expect.stringContaining("no egress rule"),
      fix: expect.any(String),
    });
    expect(asked).toEqual([]);
    expect(events).toMatchObject([
      { kind: "denied", number: 1, host: "stolen-data.evil.test", port: 443 },
    ]);
  });
});

describe("what is refused", () => {
  test.each([
    ["another host", "CONNECT b.test:443 HTTP/1.1\r\nhost: b.test\r\n\r\n", 403],
    ["another port", "CONNECT a.test:444 HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    ["a suffix without its dot", "CONNECT evila.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    ["no port", "CONNECT a.test HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    ["credentials", "CONNECT a.test@evil.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    ["a URL", "CONNECT https://a.test:443/ HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    [
      "a body's length",
      "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\nabc",
      403,
    ],
    [
      "a body's coding",
      "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      403,
    ],
    ["a loopback address", "CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: a.test\r\n\r\n", 403],
    ["a NUL in the name", "CONNECT evil.test\0.a.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n", 400],
    ["a blank in the name", "CONNECT evil.test a.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n", 400],
    ["a bare line feed", "CONNECT a.test:443 HTTP/1.1\nhost: a.test\n\n", 400],
    ["a folded line", "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\n x: y\r\n\r\n", 400],
    ["a huge head", `CONNECT a.test:443 HTTP/1.1\r\nx: ${"v".repeat(9000)}\r\n\r\n`, 400],
    [
      "plain HTTP to a port that no rule has",
      "GET http://a.test/ HTTP/1.1\r\nhost: a.test\r\n\r\n",
      403,
    ],
    [
      "an origin-form request",
      "POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1\r\n\r\nx",
      403,
    ],
    [
      "an upgrade",
      "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
      403,
    ],
    [
      "two requests in one",
      "GET / HTTP/1.1\r\nhost: a.test\r\n\r\nCONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n",
      403,
    ],
  ])("%s", async (_what, bytes, status) => {
    let lookups = 0;
    await proxyFor([tunnelTo("a.test", 443)], {
      resolve: (...given) => (lookups++, toLoopback(...given)),
    });
    expect(await exchange(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(lookups).toBe(0);
    expect(events.filter((event) => event.kind !== "denied")).toEqual([]);
  });

  test("a rule without :tunnel grants no tunnel", async () => {
    await proxyFor([ruleOf("a.test", 443, { schemes: ["http"] })]);
    const reply = await exchange("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n");
    expect(reply).toContain("cannot be enforced inside a tunnel");
  });

  test("a name that resolves to a refused address is DNS_BLOCKED, with an end to its intent", async () => {
    await proxyFor([tunnelTo("a.test", 443, { addresses: [] })]);
    const reply = await exchange("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test\r\n\r\n");
    expect(reply).toMatch(/^HTTP\/1\.1 403/);
    expect(jsonOf(reply)).toMatchObject({ code: "DNS_BLOCKED" });
    await expect
      .poll(kinds)
      .toEqual(["intended", "closed DNS_BLOCKED: 127.0.0.1 is a loopback address"]);
  });

  test("a host that does not answer is 502, with an end to its intent", async () => {
    await proxyFor([tunnelTo("a.test", 1)]);
    expect(await exchange("CONNECT a.test:1 HTTP/1.1\r\nhost: a.test\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 502/,
    );
    await expect.poll(() => kinds().join()).toMatch(/^intended,closed NETWORK_ERROR/);
  });

  test("whatever bytes come, the host is only reached by a CONNECT to the granted target", async () => {
    let connections = 0;
    const port = await serveRaw((socket) => void (connections++, socket.end()));
    await proxyFor([tunnelTo("a.test", port)]);
    const word = fc.constantFrom(
      "CONNECT ",
      "GET ",
      "a.test",
      "evil.test",
      `:${port}`,
      ":443",
      " HTTP/1.1",
      "\r\n",
      "\n",
      "\0",
      " ",
      "host: a.test\r\n",
      "content-length: 5\r\n",
      "@",
      "#",
      "\t",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 12 }), async (words) => {
        const head = words.join("");
        const before = connections;
        const socket = dialProxy();
        socket.end(`${head}\r\n\r\n`);
        await everything(socket);
        const strict =
          /^(?:\r?\n)*CONNECT (?:a\.test|A\.TEST)\.?:(\d+) HTTP\/1\.[01]\r\n(?:host: a\.test\r\n)*\r\n/.exec(
            `${head}\r\n\r\n`,
          );
        if (strict?.[1] !== String(port)) expect(connections).toBe(before);
      }),
      { numRuns: 400 },
    );
  });
});

describe("TLS inside must name the host that was granted", () => {
  test("another server name is cut, and the server sees no byte", async () => {
    let bytes = 0;
    const port = await serveRaw((socket) => socket.on("data", (chunk) => (bytes += chunk.length)));
    await proxyFor([tunnelTo("a.test", port)]);
    const { socket } = await tunnel(`a.test:${port}`);
    const secure = connectTls({ socket, servername: "evil.test", rejectUnauthorized: false });
    secure.on("error", () => undefined);
    await expect.poll(kinds).toEqual(["intended", "closed server name evil.test, not a.test"]);
    expect(bytes).toBe(0);
  });

  test("no server name is cut as well", async () => {
    const port = await serveRaw(() => undefined);
    await proxyFor([tunnelTo("a.test", port)]);
    const { socket } = await tunnel(`a.test:${port}`);
    connectTls({ socket, servername: "", rejectUnauthorized: false }).on("error", () => undefined);
    await expect.poll(kinds).toEqual(["intended", "closed a ClientHello without a server name"]);
  });
});

describe("limits", () => {
  test("bytes to the host, and from the host, are the rule's", async () => {
    let got = 0;
    const port = await serveRaw((socket) => {
      socket.on("data", (chunk) => {
        got += chunk.length;
        if (String(chunk).includes("?")) socket.write(Buffer.alloc(5000));
      });
    });
    await proxyFor([tunnelTo("a.test", port, { requestBytesMax: 1000, responseBytesMax: 3000 })]);
    const sending = await tunnel(`a.test:${port}`);
    sending.socket.write(Buffer.alloc(999, "x"));
    await expect.poll(() => got).toBe(999);
    sending.socket.write("yy");
    await everything(sending.socket);
    expect(got).toBe(999);
    const receiving = await tunnel(`a.test:${port}`);
    receiving.socket.write("?");
    await everything(receiving.socket);
    await expect
      .poll(kinds)
      .toEqual([
        "intended",
        "closed over 1000 bytes to the host",
        "intended",
        "closed over 3000 bytes from the host",
      ]);
  });

  test("idle and total time end a tunnel", async () => {
    const port = await serveRaw((socket) => {
      const timer = setInterval(() => socket.write("x"), 20);
      socket.on("close", () => clearInterval(timer));
      socket.on("data", () => clearInterval(timer));
    });
    await proxyFor([tunnelTo("a.test", port)], { limits: { idleMs: 150, totalMs: 500 } });
    const busy = await tunnel(`a.test:${port}`);
    await everything(busy.socket);
    const idle = await tunnel(`a.test:${port}`);
    idle.socket.write("stop");
    await everything(idle.socket);
    await expect
      .poll(kinds)
      .toEqual(["intended", "closed open for over 500 ms", "intended", "closed idle for 150 ms"]);
  });

  test("tunnels at one time, and requests in all", async () => {
    const port = await serveRaw((socket) => void socket.resume().on("end", () => socket.end()));
    await proxyFor([tunnelTo("a.test", port)], { limits: { openMax: 2, requestsMax: 4 } });
    const connectTo = `CONNECT a.test:${port} HTTP/1.1\r\nhost: a.test\r\n\r\n`;
    const first = await tunnel(`a.test:${port}`);
    await tunnel(`a.test:${port}`);
    expect(await exchange(connectTo)).toContain("2 requests are open");
    first.socket.destroy();
    await expect.poll(() => kinds().length).toBe(4);
    const fourth = await tunnel(`a.test:${port}`);
    expect(fourth.head).toContain("200");
    fourth.socket.destroy();
    await expect.poll(() => kinds().length).toBe(6);
    expect(await exchange(connectTo)).toContain("over 4 requests");
    for (let count = 0; count < 5; count++) await exchange(connectTo);
    await expect.poll(() => events.filter((event) => event.kind === "denied").length).toBe(2);
  });

  test("a head that never ends is closed", async () => {
    await proxyFor([tunnelTo("a.test", 443)], { limits: { headMs: 300 } });
    const socket = dialProxy();
    socket.write("CONNECT a.test:443 HTT");
    expect(await everything(socket)).toMatch(/^(?:HTTP\/1\.1 4|$)/);
  });
});

describe("the end", () => {
  test("close cuts every tunnel, records its end, and the socket answers no more", async () => {
    const port = await serveRaw(() => undefined);
    const proxy = await proxyFor([tunnelTo("a.test", port)]);
    const { socket } = await tunnel(`a.test:${port}`);
    const closing = everything(socket);
    await proxy.close();
    await closing;
    expect(kinds()).toEqual(["intended", "closed closed by the host"]);
    await proxy.close();
    await expect(once(dialProxy(), "connect")).rejects.toThrow(/ENOENT/);
    expect(proxy.counters).toMatchObject({ requested: 1, intended: 1, closed: 1 });
  });

  test("the socket stands in a private directory only, and serves other uids through its mount", async () => {
    await proxyFor([]);
    expect((statSync(socketPath()).mode & 0o777).toString(8)).toBe("666");
    const shared = join(directory, "shared");
    mkdirSync(shared, { mode: 0o755 });
    const refused = proxyOf([], { socketPath: join(shared, "p.sock") });
    await expect(refused).rejects.toThrow(/mode 0700/);
    expect(existsSync(join(shared, "p.sock"))).toBe(false);
  });
});
