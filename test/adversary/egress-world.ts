/** Real servers on loopback, a resolver under control, and the real decision function. */
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  type Broker,
  type BrokerAnswer,
  type BrokerOptions,
  createBroker,
  createCertificateAuthority,
  createProxy,
  type Proxy,
  type ProxyEvent,
  type ProxyOptions,
  type Resolve,
} from "../../src/egress/index.ts";
import {
  decide,
  type EgressRule,
  type HttpTarget,
  parseTarget,
  type Policy,
  type SecretBinding,
} from "../../src/policy/index.ts";
import type { Certificate } from "./egress-certificate.ts";

const open: Server[] = [];
const sockets = new Set<Socket>();

/** Close everything that was started since the last call. */
export async function stopServers(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await Promise.all(
    open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
}

async function started(server: Server): Promise<number> {
  open.push(server);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;
const listenerOf =
  (handler: Handler) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    void handler(request, response);
  };

export const serveHttp = (handler: Handler): Promise<number> =>
  started(createHttp(listenerOf(handler)));
export const serveHttps = (certificate: Certificate, handler: Handler): Promise<number> =>
  started(createHttps(certificate, listenerOf(handler)));
export const serveRaw = (handler: (socket: Socket) => void): Promise<number> =>
  started(createServer({ allowHalfOpen: true }, handler));

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export function ruleOf(host: string, port: number, rest: Partial<EgressRule> = {}): EgressRule {
  return {
    rule: `network.egress.rules[${host}:${port}]`,
    host,
    schemes: ["http", "https"],
    ports: [port],
    methods: ["GET", "HEAD", "POST", "PUT"],
    paths: [],
    addresses: ["127.0.0.0/8"],
    tunnel: false,
    requestBytesMax: 100_000,
    responseBytesMax: 100_000,
    ...rest,
  };
}

export function policyOf(
  egress: readonly EgressRule[],
  secrets: readonly SecretBinding[] = [],
): Policy {
  const everything = [{ rule: "capabilities", pattern: "ccos.*" }];
  const dlp = { enabled: false, level: "lenient" } as const;
  return {
    level: "controlled",
    allow: everything,
    deny: [],
    egress,
    files: [],
    environment: [],
    secrets,
    dlp,
  };
}

export const toLoopback: Resolve = () => Promise.resolve({ ok: true, value: ["127.0.0.1"] });

export function brokerOf(rules: readonly EgressRule[], rest: Partial<BrokerOptions> = {}): Broker {
  const policy = policyOf(rules, rest.bindings ?? []);
  return createBroker({
    resolve: toLoopback,
    redecide(target, method) {
      const resource = { kind: "http", method, target } as const;
      const verdict = decide(policy, { capability: "ccos.network.http-fetch", resource });
      const rule =
        verdict.kind === "allow" ? rules.find((each) => each.rule === verdict.rule) : undefined;
      return { verdict, rule: rule ?? null };
    },
    secrets: [],
    bindings: [],
    ...rest,
  });
}

export function targetOf(url: string): HttpTarget {
  const target = parseTarget(url);
  if (!target.ok) throw new Error(target.error);
  return target.value;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | null;
  readonly signal?: AbortSignal;
}

export function send(
  broker: Broker,
  url: string,
  rule: EgressRule,
  sent: Sent = {},
): Promise<BrokerAnswer> {
  const { method = "GET", headers = [], body = null, signal = new AbortController().signal } = sent;
  const bytes = body === null ? null : new TextEncoder().encode(body);
  return broker.fetch({ method, target: targetOf(url), headers, body: bytes }, rule, signal);
}

/** `200 text`, or `CODE message`. */
export const said = (answer: BrokerAnswer): string =>
  answer.ok
    ? `${answer.value.status} ${Buffer.from(answer.value.body).toString()}`
    : `${answer.code} ${answer.message}`;

/** The authority of every proxy of a test: a program that trusts one trusts all of them. */
export const AUTHORITY = createCertificateAuthority(Date.now());

/** A proxy whose decisions are the real ones, on a socket of its own. */
export async function proxyOf(
  rules: readonly EgressRule[],
  rest: Partial<ProxyOptions> & Pick<ProxyOptions, "socketPath"> & { events?: ProxyEvent[] },
): Promise<Proxy> {
  const { events = [], ...options } = rest;
  const policy = policyOf(rules, rest.edge?.bindings ?? []);
  return await createProxy({
    resolve: toLoopback,
    rules,
    decideConnect: (host, port) =>
      decide(policy, {
        capability: "ccos.network.connect",
        resource: { kind: "connect", host, port },
      }),
    decideRequest: (target, method) =>
      decide(policy, {
        capability: "ccos.network.http-fetch",
        resource: { kind: "http", method, target },
      }),
    edge: { secrets: [], bindings: [] },
    authority: AUTHORITY,
    record: (event) => Promise.resolve(void events.push(event)),
    ...options,
  });
}

/** A client of a proxy at a Unix socket: raw bytes, tunnels, and TLS that trusts the authority of the tests. */
export class ProxyClient {
  readonly #path: string;
  readonly #sockets: Socket[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  dial(): Socket {
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    socket.on("error", () => undefined);
    this.#sockets.push(socket);
    return socket;
  }

  /** Send bytes; give everything that comes back until the proxy closes. */
  async exchange(bytes: string | Uint8Array): Promise<string> {
    const socket = this.dial();
    socket.write(bytes);
    return await everythingOf(socket);
  }

  async tunnel(authority: string): Promise<{ socket: Socket; head: string }> {
    const socket = this.dial();
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    return { socket, head: String(chunk) };
  }

  /** TLS inside of a tunnel, verified against the authority of the tests. */
  async secure(
    authority: string,
    options: { servername?: string; ALPNProtocols?: string[] } = {},
  ): Promise<TLSSocket> {
    const { socket } = await this.tunnel(authority);
    const servername = options.servername ?? authority.replace(/:\d+$/, "");
    const ca = AUTHORITY.certificate;
    const secure = connectTls({ ALPNProtocols: ["http/1.1"], ...options, socket, servername, ca });
    secure.on("error", () => undefined);
    return secure;
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}

export async function everythingOf(socket: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk as Uint8Array)));
  socket.on("end", () => socket.end());
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks).toString("latin1");
}
