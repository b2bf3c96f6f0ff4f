/** Attacks G48: secrets and limits in what a program sends and gets through the proxy that reads its requests. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Proxy, ProxyEvent } from "../../src/egress/index.ts";
import {
  bodyOf,
  everythingOf,
  ProxyClient,
  proxyOf,
  ruleOf,
  serveHttp,
  stopServers,
} from "./egress-world.ts";

const VALUE = "sk-live-0123456789abcdef";
const HANDLE = "ccos-secret-token-00112233";
const LIMIT = 64 * 1024 * 1024;
let directory: string;
let events: ProxyEvent[];
let proxy: Proxy;
let client: ProxyClient;
let port: number;
let seen: { fields: readonly string[]; body: string }[];
let respond: (response: ServerResponse) => unknown;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-secrets-"));
  events = [];
  seen = [];
  respond = (response) => response.end("plain");
  port = await serveHttp(async (request, response) => {
    const body = await bodyOf(request).catch(() => "cut");
    seen.push({ fields: request.rawHeaders, body });
    await respond(response);
  });
  const bound = {
    rule: "secrets.TOKEN",
    name: "TOKEN",
    origins: [`http://a.test:${port}`],
    paths: ["/bound/*"],
    headers: ["authorization"],
  };
  const limits = { requestBytesMax: LIMIT, responseBytesMax: LIMIT };
  const socketPath = join(directory, "p.sock");
  proxy = await proxyOf([ruleOf("a.test", port, limits), ruleOf("b.test", port, limits)], {
    socketPath,
    events,
    edge: {
      secrets: [{ name: "TOKEN", value: VALUE, placeholder: HANDLE }],
      bindings: [bound],
    },
  });
  client = new ProxyClient(socketPath);
});
afterEach(async () => {
  client.close();
  await proxy.close();
  await stopServers();
  rmSync(directory, { recursive: true });
});

function ask(path: string, more: string, { host = "a.test", body = "" } = {}): Promise<string> {
  const head = `POST http://${host}:${port}${path} HTTP/1.1\r\nhost: ${host}:${port}\r\n`;
  const length = Buffer.byteLength(body);
  return client.exchange(
    `${head}${more}content-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
const bearer = `authorization: Bearer ${HANDLE}\r\n`;

test("a placeholder becomes its value in the header, origin and path that it is bound to", async () => {
  respond = (response) => response.writeHead(200, { "x-echo": VALUE }).end(`you sent ${VALUE}!`);
  const reply = await ask("/bound/x", bearer);
  expect(seen[0]?.fields.join("\n")).toContain(`Bearer ${VALUE}`);
  expect(reply).toContain(`x-echo: ${HANDLE}`);
  expect(reply).toContain(`you sent ${HANDLE}!`);
  expect(reply).not.toContain(VALUE);
  expect(JSON.stringify(events)).not.toContain(VALUE);
});

test.each([
  ["another path", "/free", bearer, {}],
  ["another origin", "/bound/x", bearer, { host: "b.test" }],
  ["another header", "/bound/x", `x-token: ${HANDLE}\r\n`, {}],
  ["the query", `/bound/x?t=${HANDLE}`, "", {}],
  ["the query, escaped", `/bound/x?t=%63${HANDLE.slice(1)}`, "", {}],
])("a placeholder in %s is denied, and nothing is sent", async (_what, path, more, rest) => {
  const reply = await ask(path, more, rest);
  expect(reply).toMatch(/^HTTP\/1\.1 403[^]*DLP_BLOCKED/);
  expect(seen).toEqual([]);
  expect(events).toMatchObject([{ kind: "denied", code: "DLP_BLOCKED" }]);
});

test.each([
  ["a placeholder", HANDLE],
  ["a value", VALUE],
  ["a value in base64", Buffer.from(VALUE).toString("base64")],
  ["a value in hexadecimal", Buffer.from(VALUE).toString("hex")],
])("%s in a body is stopped before a byte of it is sent", async (_what, body) => {
  expect(await ask("/bound/x", "", { body: `{"a": "${body}"}` })).toMatch(
    /^HTTP\/1\.1 403[^]*DLP_BLOCKED/,
  );
  expect(seen).toEqual([]);
  await expect
    .poll(() => events)
    .toMatchObject(
      [{ kind: "intended" }, { kind: "closed", reason: /^DLP_BLOCKED/ }].map(matching),
    );
});

function matching(event: { kind: string; reason?: RegExp }): object {
  const { reason, ...rest } = event;
  return reason === undefined ? rest : { ...rest, reason: expect.stringMatching(reason) };
}

test.each([0, 65_530, 65_536, 300_000, 1_000_000])(
  "a value in a long body is stopped wherever the parts meet: at %d",
  async (at) => {
    const body = `${"x".repeat(at)}${VALUE}${"y".repeat(1_200_000 - at)}`;
    const socket = client.dial();
    const head = `POST http://a.test:${port}/ HTTP/1.1\r\nhost: a.test:${port}\r\n`;
    socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
    for (let from = 0; from < body.length; from += 7001)
      socket.write(body.slice(from, from + 7001));
    await everythingOf(socket);
    await expect
      .poll(() => events.at(-1))
      .toMatchObject({ kind: "closed", reason: expect.stringMatching(/^DLP_BLOCKED/) });
    for (const each of seen) expect(each.body).not.toContain(VALUE);
  },
);

test.each([1, 5, 23, 24, 25])(
  "a value that an answer holds is masked wherever its parts meet: after %d bytes",
  async (cut) => {
    respond = async (response) => {
      response.write(`begin ${VALUE.slice(0, cut)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      response.end(`${VALUE.slice(cut)} end`);
    };
    const reply = await ask("/free", "");
    expect(reply).not.toContain(VALUE);
    expect(reply.replaceAll(/\r\n[0-9a-f]+\r\n/g, "")).toContain(`begin ${HANDLE} end`);
  },
);

test("an answer that may be the beginning of a value is held back no longer than that", async () => {
  respond = (response) => void response.write(`event ${VALUE.slice(0, 4)}`);
  const socket = client.dial();
  socket.write(`GET http://a.test:${port}/ HTTP/1.1\r\nhost: a.test:${port}\r\n\r\n`);
  let text = "";
  while (!text.includes("event")) text += String((await once(socket, "data"))[0]);
  expect(text).not.toContain("event sk-l");
});

test("an answer that holds what was sent in another form is cut", async () => {
  respond = (response) => response.end(`${"-".repeat(99)}${Buffer.from(VALUE).toString("hex")}`);
  const reply = await ask("/bound/x", bearer);
  expect(reply).toMatch(/^HTTP\/1\.1 502[^]*DLP_BLOCKED/);
});

test("an answer in a coding that nobody asked for is withheld, because it cannot be searched", async () => {
  respond = (response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`it is ${VALUE}`));
  const reply = await ask("/free", "accept-encoding: gzip\r\n");
  expect(seen[0]?.fields.join(" ")).toContain("accept-encoding identity");
  expect(reply).toMatch(/^HTTP\/1\.1 502[^]*DLP_BLOCKED/);
});
