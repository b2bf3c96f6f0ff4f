import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { relay, type TunnelLimits } from "./tunnel.ts";

const LIMITS: TunnelLimits = {
  helloMs: 200,
  idleMs: 5000,
  totalMs: 5000,
  sentBytesMax: 1e6,
  receivedBytesMax: 1e6,
};
const open: Socket[] = [];
afterEach(() => open.splice(0).forEach((socket) => socket.destroy()));

/** Two ends of one real connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect({
    port: (server.address() as AddressInfo).port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  for (const socket of [near, far]) open.push(socket.on("error", () => undefined));
  return [near, far];
}

async function tunnelTo(host: string, port: number, helloMs = LIMITS.helloMs) {
  const [program, client] = await pair();
  const [upstream, server] = await pair();
  const seen: Buffer[] = [];
  server.on("data", (chunk) => seen.push(Buffer.from(chunk)));
  const done = relay(
    { client, early: new Uint8Array(0), upstream, host, port, greeting: true },
    { ...LIMITS, helloMs },
    new AbortController().signal,
  );
  return { program, server, done, seen: () => Buffer.concat(seen).length };
}

describe("relay on port 443", () => {
  test.each([
    ["GET / HTTP/1.1\r\n\r\n", "not TLS on port 443"],
    ["\x16\x03\x01\x00\x04\x02\x00\x00\x00", "a malformed ClientHello: another message"],
  ])("cuts what is no ClientHello: %j", async (text, reason) => {
    const { program, done, seen } = await tunnelTo("a.test", 443);
    program.write(Buffer.from(text, "latin1"));
    expect(await done).toEqual({ sentBytes: 0, receivedBytes: 0, reason });
    expect(seen()).toBe(0);
  });

  test("cuts a program that says nothing, and passes nothing of the server before the hello", async () => {
    const { program, server, done } = await tunnelTo("a.test", 443);
    let got = 0;
    program.on("data", (chunk) => (got += chunk.length));
    server.write("speaks first");
    expect((await done).reason).toBe("no ClientHello within 200 ms");
    expect(got).toBe(0);
  });

  test("cuts a program that ends in the middle of its hello", async () => {
    const { program, done } = await tunnelTo("a.test", 443);
    program.end(Buffer.from("\x16\x03\x01\x02\x00\x01", "latin1"));
    expect((await done).reason).toMatch(/^no ClientHello in 16384 bytes or before the end/);
  });

  test("a hello that arrives byte by byte passes whole when it names the host", async () => {
    const { program, server, done, seen } = await tunnelTo("a.test", 443, 20_000);
    const hello = await helloFor("a.test");
    for (const byte of hello) {
      program.write(Uint8Array.of(byte));
      if (byte % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(seen).toBe(hello.length);
    program.end();
    server.end();
    expect(await done).toEqual({ sentBytes: hello.length, receivedBytes: 0, reason: "ended" });
  });

  test("a tunnel to an address takes a hello without a name only", async () => {
    const literal = await tunnelTo("192.0.2.1", 443);
    const nameless = await helloFor("");
    literal.program.write(nameless);
    await expect.poll(literal.seen).toBe(nameless.length);
    literal.program.destroy();
    await literal.done;
    const fronted = await tunnelTo("192.0.2.1", 443);
    fronted.program.write(await helloFor("a.test"));
    expect((await fronted.done).reason).toBe("server name a.test for an address");
  });
});

describe("relay elsewhere", () => {
  test("a reset of one end ends the other", async () => {
    const { program, server, done } = await tunnelTo("a.test", 22);
    program.write("SSH-2.0-x");
    await once(server, "data");
    const ended = once(program, "end");
    server.resetAndDestroy();
    expect((await done).reason).toBe("reset");
    program.resume();
    await ended;
  });
});

async function helloFor(servername: string): Promise<Buffer> {
  const [near, far] = await pair();
  connectTls({ socket: near, servername, rejectUnauthorized: false }).on("error", () => undefined);
  const [bytes] = (await once(far, "data")) as [Buffer];
  return bytes;
}
