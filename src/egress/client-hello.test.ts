import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { HELLO_BYTES_MAX, parseClientHello } from "./client-hello.ts";

/** What Node's own TLS really sends first. */
async function realHello(servername: string): Promise<Uint8Array> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  client.on("error", () => undefined);
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  socket.destroy();
  client.destroy();
  server.close();
  return new Uint8Array(bytes as Buffer);
}

let hello: Uint8Array;
let nameless: Uint8Array;
beforeAll(async () => {
  hello = await realHello("api.example.com");
  nameless = await realHello("");
});

/** The same handshake message, cut into records after the given number of bytes. */
function resplit(bytes: Uint8Array, at: number): Uint8Array {
  const message = bytes.subarray(5);
  const record = (part: Uint8Array) => [22, 3, 1, part.length >> 8, part.length & 255, ...part];
  return Uint8Array.from([...record(message.subarray(0, at)), ...record(message.subarray(at))]);
}

describe("parseClientHello", () => {
  test("reads the server name of a real ClientHello, in lower case", async () => {
    expect(parseClientHello(hello)).toEqual({ kind: "hello", serverName: "api.example.com" });
    expect(parseClientHello(await realHello("API.Example.COM"))).toEqual({
      kind: "hello",
      serverName: "api.example.com",
    });
    expect(parseClientHello(nameless)).toEqual({ kind: "hello", serverName: null });
  });

  test("every proper prefix is incomplete, and what follows the hello changes nothing", () => {
    for (let length = 0; length < hello.length; length++) {
      expect(parseClientHello(hello.subarray(0, length))).toEqual({ kind: "incomplete" });
    }
    const followed = Uint8Array.from([...hello, 23, 3, 3, 0, 1, 0, 99]);
    expect(parseClientHello(followed)).toMatchObject({ kind: "hello" });
  });

  test("the message may be split over records anywhere", () => {
    for (let at = 1; at < hello.length - 5; at++) {
      expect(parseClientHello(resplit(hello, at))).toEqual({
        kind: "hello",
        serverName: "api.example.com",
      });
    }
  });

  test("another record inside the message is malformed", () => {
    const split = resplit(hello, 20);
    const planted = [...split.subarray(0, 25), 23, 3, 1, 0, 1, 0, ...split.subarray(25)];
    expect(parseClientHello(Uint8Array.from(planted)).kind).toBe("malformed");
  });

  test.each([
    ["HTTP", "GET / HTTP/1.1\r\n"],
    ["SSH", "SSH-2.0-x\r\n"],
    ["an alert", "\x15\x03\x01\x00\x02\x01\x00"],
    ["an SSLv2 hello", "\x80\x2e\x01\x00\x02"],
  ])("%s is not TLS", (_what, text) => {
    expect(parseClientHello(Buffer.from(text, "latin1"))).toEqual({ kind: "not-tls" });
  });

  const named = (names: readonly (readonly [number, string])[], extensions = 1): Uint8Array => {
    const u16 = (value: number) => [value >> 8, value & 255];
    const list = names.flatMap(([type, name]) => [
      type,
      ...u16(name.length),
      ...Buffer.from(name, "latin1"),
    ]);
    const data = [...u16(list.length), ...list];
    const one = [0, 0, ...u16(data.length), ...data];
    const all = Array.from({ length: extensions }, () => one).flat();
    const body = [3, 3, ...new Uint8Array(32), 0, 0, 2, 0x13, 1, 1, 0, ...u16(all.length), ...all];
    const message = [1, 0, ...u16(body.length), ...body];
    return Uint8Array.from([22, 3, 1, ...u16(message.length), ...message]);
  };

  test("a made-up hello with one name is read, so the refusals below are the names'", () => {
    expect(parseClientHello(named([[0, "a.test"]]))).toEqual({
      kind: "hello",
      serverName: "a.test",
    });
  });

  test.each([
    [
      "two names",
      named([
        [0, "a.test"],
        [0, "b.test"],
      ]),
    ],
    ["another name type", named([[1, "a.test"]])],
    ["an empty name", named([[0, ""]])],
    ["no name", named([])],
    ["a NUL in the name", named([[0, "a.test\0.evil.test"]])],
    ["a trailing dot", named([[0, "a.test."]])],
    ["bytes outside ASCII", named([[0, "\xe4.test"]])],
    ["two extensions", named([[0, "a.test"]], 2)],
    ["a message over the limit", Uint8Array.from([22, 3, 1, 0, 4, 1, 0x10, 0, 0])],
    ["a record of no bytes", Uint8Array.from([22, 3, 1, 0, 0])],
    ["another handshake message", Uint8Array.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
  ])("%s is malformed", (_what, bytes) => {
    expect(parseClientHello(bytes).kind).toBe("malformed");
  });

  test("never throws, never asks for more than the limit, and never names what it was not given", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
        fc.nat(4000),
        (edits, cut) => {
          const bytes = Uint8Array.from(hello);
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          const parsed = parseClientHello(bytes.subarray(0, cut));
          if (parsed.kind === "hello" && parsed.serverName !== null) {
            const text = Buffer.from(bytes).toString("latin1").toLowerCase();
            expect(text).toContain(parsed.serverName);
          }
        },
      ),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const padded = new Uint8Array(HELLO_BYTES_MAX);
        padded.set([22, 3, 1, 64, 0, 1, 0, 0x3f, ...bytes]);
        expect(parseClientHello(padded).kind).not.toBe("incomplete");
      }),
    );
  });
});
