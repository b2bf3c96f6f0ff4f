/**
 * One process of bench/egress.ts: `egress-role.ts origin|ccos|srt [SOCKET] [ORIGIN-PORT] [DIRECTORY]`.
 *
 * Prints a line when it listens: its port, or `ready`. Answers a line on stdin with its resident MiB.
 */
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileStore, openChain } from "../../src/chain/index.ts";
import { createCertificateAuthority, createProxy } from "../../src/egress/index.ts";
import {
  compileDecide,
  type EgressRule,
  levelDefaults,
  type Policy,
} from "../../src/policy/index.ts";

const [, , role = "", socketPath = "", originPort = "0", directory = ""] = process.argv;
const listened = (port: number | string): void => void process.stdout.write(`${port}\n`);
process.stdin.on("end", () => process.exit());
process.stdin.on("data", () => listened(Math.round(process.memoryUsage.rss() / 2 ** 20)));

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Answers every request head with 200 and 1 KiB; `/bulk` with 64 MiB. Nothing else is read of it. */
function origin(): void {
  const small = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 1024\r\n\r\n${"x".repeat(1024)}`);
  const bulk = Buffer.alloc(64 * 2 ** 20, "x");
  const server = createServer({ noDelay: true }, (socket) => {
    let held = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      held += chunk.toString("latin1");
      for (let end = held.indexOf("\r\n\r\n"); end !== -1; end = held.indexOf("\r\n\r\n")) {
        const isBulk = held.slice(0, end).includes("/bulk");
        held = held.slice(end + 4);
        if (!isBulk) socket.write(small);
        else {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bulk.length}\r\n\r\n`);
          socket.write(bulk);
        }
      }
    });
  });
  server.listen(0, "127.0.0.1", () => listened(portOf(server)));
}

/** The proxy as a run has it: compiled rules, and a chain whose intents are synced before anything is sent. */
async function ccos(): Promise<void> {
  const rule: EgressRule = {
    rule: "network.egress.rules[0]",
    host: "localhost",
    schemes: ["http"],
    ports: [Number(originPort)],
    methods: ["GET"],
    paths: ["/*"],
    addresses: ["127.0.0.0/8"],
    tunnel: false,
    requestBytesMax: 2 ** 40,
    responseBytesMax: 2 ** 40,
  };
  const tunnel: EgressRule = { ...rule, rule: "network.egress.rules[1]", paths: [], tunnel: true };
  const rules = [rule, tunnel];
  const policy: Policy = {
    ...levelDefaults("controlled").policy,
    allow: [{ rule: "capabilities", pattern: "ccos.*" }],
    egress: rules,
  };
  const decided = compileDecide(policy);
  const chain = openChain({
    store: await fileStore(join(directory, "chain.jsonl")),
    chainId: "run-01HF7YAT00ZZZZZZZZZZZZZZZZ",
    configDigest: `sha256:${"c".repeat(64)}`,
    nowMs: Date.now,
  });
  chain.append({ type: "RunStarted", data: { config: `sha256:${"c".repeat(64)}` } });
  await createProxy({
    socketPath,
    resolve: () => Promise.resolve({ ok: true, value: ["127.0.0.1"] }),
    rules,
    decideConnect: (host, port) =>
      decided({
        capability: "ccos.network.connect",
        resource: { kind: "connect", host, port },
      }),
    decideRequest: (target, method) =>
      decided({
        capability: "ccos.network.http-fetch",
        resource: { kind: "http", method, target },
      }),
    edge: { secrets: [], bindings: [] },
    authority: createCertificateAuthority(Date.now()),
    record: async (event) => {
      const { kind, number, request, rule: named } = event;
      const type = kind === "intended" ? "EgressConnected" : "EgressClosed";
      const target = request?.url ?? `${event.host}:${event.port}`;
      chain.append({ type, data: { tunnel: number, target, rule: named, inspected: true } });
      if (kind === "intended") await chain.commit();
    },
    limits: { openMax: 20_000, requestsMax: Number.MAX_SAFE_INTEGER },
  });
  listened("ready");
}

async function srt(): Promise<void> {
  const path = "../../node_modules/@anthropic-ai/sandbox-runtime/dist/sandbox/http-proxy.js";
  const { createHttpProxyServer } = (await import(path)) as {
    readonly createHttpProxyServer: (options: {
      readonly filter: (port: number, host: string) => boolean;
    }) => Server;
  };
  const server = createHttpProxyServer({ filter: (_port, host) => host === "localhost" });
  server.listen(0, "127.0.0.1", () => listened(portOf(server)));
}

if (role === "origin") origin();
else if (role === "ccos") await ccos();
else await srt();
