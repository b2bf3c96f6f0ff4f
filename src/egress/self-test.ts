/**
 * The proxy's proof before a program may use one: down each path one request that must be denied and one that
 * must be allowed, over a real socket, to a server of our own.
 *
 * A list that is loaded but not applied, or applied on one path only, is the commonest failure of its kind. The
 * decisions of the run itself are asked for a name that nobody can grant (`.invalid`, RFC 6761).
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { err, ok, type Result } from "../foundation/result.ts";
import { dialUnix, serveLoopback } from "../host/index.ts";
import { decideEgress, type EgressRule, parseTarget } from "../policy/index.ts";
import { createProxy } from "./proxy.ts";
import type { ProxyOptions } from "./proxy-types.ts";

/** The parts of a proxy that a run brings along; the rest is the test's own. */
export type TestedParts = Pick<ProxyOptions, "decideConnect" | "decideRequest" | "authority">;

const GRANTED = "granted.invalid";
const DENIED = "denied.invalid";
const WORD = "reached";
const TIME_MS = 10_000;

/**
 * @param socketPath - Where the proxy of the test listens; nothing is left there.
 * @param create - The factory under test.
 * @throws {CcosError} `UNENFORCEABLE` when an answer is wrong.
 */
export async function proveProxy(
  socketPath: string,
  parts: TestedParts,
  create: typeof createProxy = createProxy,
): Promise<void> {
  const wrong = refusesUnknown(parts) ?? (await askEach(socketPath, parts, create));
  if (wrong === null) return;
  throw new CcosError("UNENFORCEABLE", {
    what: "Cannot let a program speak to hosts itself",
    why: `the proxy's self-test failed: ${wrong}`,
    fix: "Report it; run without :inspect and :tunnel until it is fixed",
  });
}

function refusesUnknown({ decideConnect, decideRequest }: TestedParts): string | null {
  const target = parseTarget(`https://${DENIED}/`);
  if (!target.ok) return target.error;
  if (decideConnect(DENIED, 443).kind === "allow") return "the run allows a tunnel to any host";
  const allowed = decideRequest(target.value, "GET").kind === "allow";
  return allowed ? "the run allows a request to any host" : null;
}

async function askEach(
  socketPath: string,
  { authority }: TestedParts,
  create: typeof createProxy,
): Promise<string | null> {
  const server = await serveLoopback(
    `HTTP/1.1 200 OK\r\ncontent-length: ${WORD.length}\r\nconnection: close\r\n\r\n${WORD}`,
  );
  const rules = [ruleFor(server.port)];
  const proxy = await create({
    socketPath,
    resolve: () => Promise.resolve(ok(["127.0.0.1"])),
    rules,
    decideConnect: (host, port) => decideEgress(rules, { kind: "connect", host, port }),
    decideRequest: (target, method) => decideEgress(rules, { kind: "http", target, method }),
    edge: { secrets: [], bindings: [] },
    authority,
    record: () => Promise.resolve(),
  });
  try {
    for (const { what, bytes, isRight } of questions(server.port)) {
      const reply = await ask(socketPath, bytes);
      if (!reply.ok) return `${what}: ${reply.error}`;
      if (!isRight(reply.value)) return `${what} was answered wrongly`;
    }
    return null;
  } finally {
    await proxy.close();
    await server.close();
  }
}

interface Question {
  readonly what: string;
  readonly bytes: string;
  readonly isRight: (reply: string) => boolean;
}

function questions(port: number): readonly Question[] {
  const denied = (reply: string): boolean =>
    reply.startsWith("HTTP/1.1 403 ") && !reply.includes(WORD);
  const reached = (reply: string): boolean =>
    reply.startsWith("HTTP/1.1 200 ") && reply.endsWith(WORD);
  const tunnel = (host: string): string =>
    `CONNECT ${host}:${port} HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\nGET / HTTP/1.1\r\n\r\n`;
  const plain = (host: string): string =>
    `GET http://${host}:${port}/ HTTP/1.1\r\nhost: ${host}:${port}\r\nconnection: close\r\n\r\n`;
  return [
    { what: "a tunnel that no rule grants", bytes: tunnel(DENIED), isRight: denied },
    { what: "a tunnel that a rule grants", bytes: tunnel(GRANTED), isRight: reached },
    { what: "a request that no rule grants", bytes: plain(DENIED), isRight: denied },
    { what: "a request that a rule grants", bytes: plain(GRANTED), isRight: reached },
  ];
}

function ruleFor(port: number): EgressRule {
  return {
    rule: "self-test",
    host: GRANTED,
    schemes: ["http"],
    ports: [port],
    methods: ["GET"],
    paths: [],
    addresses: ["127.0.0.1/32"],
    tunnel: true,
    requestBytesMax: 1024,
    responseBytesMax: 1024,
  };
}

/** Everything that comes back until the proxy closes, as latin1. */
async function ask(socketPath: string, bytes: string): Promise<Result<string, string>> {
  const dialled = await dialUnix(socketPath);
  if (!dialled.ok) return dialled;
  const stream = dialled.value;
  const timer = setTimeout(() => stream.destroy(new Error("no answer in time")), TIME_MS);
  try {
    stream.write(bytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk as Uint8Array);
    return ok(Buffer.concat(chunks).toString("latin1"));
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : "no answer");
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
