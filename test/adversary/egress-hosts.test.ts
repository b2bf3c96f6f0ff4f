/** Attacks G50: spellings of hosts, and resolvers that answer with what must not be dialled, down every path. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Proxy, ProxyEvent } from "../../src/egress/index.ts";
import { parseAuthority, parseTarget } from "../../src/policy/index.ts";
import {
  brokerOf,
  ProxyClient,
  proxyOf,
  ruleOf,
  said,
  send,
  serveRaw,
  stopServers,
} from "./egress-world.ts";
import { ANSWERS, HOSTS } from "./host-corpus.ts";

let directory: string;
let proxy: Proxy;
let client: ProxyClient;
let port: number;
let connections = 0;
let asked: string[] = [];
let answers: readonly string[] = [];
const events: ProxyEvent[] = [];

const resolve = (host: string): Promise<{ ok: true; value: readonly string[] }> => {
  asked.push(host);
  return Promise.resolve({ ok: true, value: answers });
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-hosts-"));
  port = await serveRaw((socket) => void (connections++, socket.destroy()));
  const rules = (host: string) => ruleOf(host, port, { addresses: [], tunnel: true });
  const socketPath = join(directory, "p.sock");
  const names = ["good.test", ...ANSWERS.map((_, index) => `n${index}.test`)];
  const limits = { requestsMax: 1_000_000 };
  proxy = await proxyOf(names.map(rules), { socketPath, events, resolve, limits });
  client = new ProxyClient(socketPath);
});
afterEach(() => {
  asked = [];
  events.length = 0;
  expect(connections).toBe(0);
});
afterAll(async () => {
  client.close();
  await proxy.close();
  await stopServers();
  rmSync(directory, { recursive: true });
});

const viaConnect = (host: string): Promise<string> =>
  client.exchange(Buffer.from(`CONNECT ${host}:${port} HTTP/1.1\r\nhost: x\r\n\r\n`, "utf8"));
const viaForward = (host: string): Promise<string> =>
  client.exchange(
    Buffer.from(`GET http://${host}:${port}/ HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`, "utf8"),
  );

test.each(HOSTS)("host %j is %j, whichever way it comes", async (text, host) => {
  // One that must not be dialled: what is looked at is who was asked.
  answers = ["127.0.0.1"];
  for (const via of [viaConnect, viaForward]) {
    asked = [];
    expect(await via(text)).toMatch(/^HTTP\/1\.1 40[03] /);
    if (host === null) expect(asked).toEqual([]);
    else expect([[], [host]]).toContainEqual(asked);
  }
  const target = parseTarget(`http://${text}:${port}/`);
  const authority = parseAuthority(`${text}:${port}`);
  if (target.ok && authority.ok) expect(target.value.host).toBe(authority.value.host);
});

test.each(ANSWERS.map(([what, given], index) => [what, given, `n${index}.test`] as const))(
  "a granted name that resolves to %s is dialled down no path",
  async (_what, given, name) => {
    answers = given;
    expect(await viaConnect(name)).toMatch(/^HTTP\/1\.1 403[^]*DNS_BLOCKED/);
    expect(await viaForward(name)).toMatch(/^HTTP\/1\.1 403[^]*DNS_BLOCKED/);
    const rule = ruleOf(name, port, { addresses: [] });
    const broker = brokerOf([rule], { resolve });
    expect(said(await send(broker, `http://${name}:${port}/`, rule))).toMatch(/^DNS_BLOCKED/);
    expect(events.map(({ kind }) => kind)).toEqual(["intended", "closed", "intended", "closed"]);
  },
);

test("a name that changes its answer after it was judged is dialled as it was judged, or not at all", async () => {
  const sequence = [["93.184.216.34"], ["127.0.0.1"], ["10.0.0.1"]];
  const rule = ruleOf("good.test", port, { addresses: ["127.0.0.0/8"] });
  const turns: string[] = [];
  const rebinding = () => {
    const value = sequence[Math.min(turns.length, 2)] ?? [];
    turns.push(value.join());
    return Promise.resolve({ ok: true as const, value });
  };
  const broker = brokerOf([rule], { resolve: rebinding, limits: { timeoutMs: 300 } });
  const facts = (await send(broker, `http://good.test:${port}/`, rule)).facts;
  expect(facts["address"]).toBe("93.184.216.34");
  expect(turns).toEqual(["93.184.216.34"]);
  const third = brokerOf([rule], { resolve: () => (turns.push(""), rebinding()) });
  expect(said(await send(third, `http://good.test:${port}/`, rule))).toMatch(
    /^DNS_BLOCKED.*10\.0\.0\.1/,
  );
});

test("100 000 host texts: what is a target is one for WHATWG URL too, with the same host", () => {
  const parts =
    "a b z 0 1 9 . - _ xn-- é ß 。 ı % %2e : [ ] :: @ / \\ # ? \t \u00ad 0x7f 127 256 test com".split(
      " ",
    );
  let state = 0x9e3779b9;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let read = 0;
  for (let count = 0; count < 100_000; count++) {
    const text = Array.from({ length: 1 + random(6) }, () => parts[random(parts.length)]).join("");
    const target = parseTarget(`http://${text}/`);
    if (!target.ok) continue;
    read++;
    const { hostname } = new URL(`http://${text}/`);
    const theirs = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
    if (theirs !== target.value.host) expect([text, target.value.host]).toEqual([text, theirs]);
    const again = parseTarget(target.value.url);
    if (!again.ok || again.value.host !== target.value.host) expect(again).toEqual(target);
  }
  expect(read).toBeGreaterThan(2000);
});
