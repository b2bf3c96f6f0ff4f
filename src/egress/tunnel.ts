/**
 * One tunnel: bytes both ways between a program and the address that was checked, within limits.
 *
 * The first bytes from the program are held back until the ClientHello has been read and names the host
 * that was granted. On port 443 nothing but TLS passes; on other ports TLS must name the host too, and
 * anything else passes unseen (the record says: not inspected). Half-closing works in both directions.
 *
 * @module
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { type ClientHello, HELLO_BYTES_MAX, parseClientHello } from "./client-hello.ts";

export interface TunnelLimits {
  /** Time for the ClientHello, milliseconds. */
  readonly helloMs: number;
  /** Time without a byte in either direction, milliseconds. */
  readonly idleMs: number;
  /** Time from start to end, milliseconds. */
  readonly totalMs: number;
  readonly sentBytesMax: number;
  readonly receivedBytesMax: number;
}

export interface TunnelEnds {
  readonly client: Duplex;
  /** Bytes of the client that came before the tunnel stood. */
  readonly early: Uint8Array;
  readonly upstream: Duplex;
  readonly host: string;
  readonly port: number;
  /** Whether the client's first bytes are held back and judged. */
  readonly greeting: boolean;
}

export interface TunnelOutcome {
  /** Bytes passed on to the host, and back. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** `ended` when both sides finished; else what cut it. */
  readonly reason: string;
}

/** Relay until both sides have ended or something cuts the tunnel; both ends are destroyed then. */
export async function relay(
  ends: TunnelEnds,
  limits: TunnelLimits,
  signal: AbortSignal,
): Promise<TunnelOutcome> {
  const cut = new AbortController();
  const run: Run = { ends, limits, cut, sentBytes: 0, receivedBytes: 0, idle: null };
  const onAbort = (): void => cutTunnel(run, "closed by the host");
  const { client, upstream } = ends;
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const total = setTimeout(
    () => cutTunnel(run, `open for over ${limits.totalMs} ms`),
    limits.totalMs,
  );
  run.idle = setTimeout(() => cutTunnel(run, `idle for ${limits.idleMs} ms`), limits.idleMs);
  // A reset shows in the pumps as well; without a listener it would end the process.
  client.on("error", () => undefined);
  upstream.on("error", () => undefined);
  try {
    await pumpBoth(run);
  } finally {
    clearTimeout(total);
    clearTimeout(run.idle);
    signal.removeEventListener("abort", onAbort);
    client.destroy();
    upstream.destroy();
  }
  const reason = cut.signal.aborted ? String(cut.signal.reason) : "ended";
  return { sentBytes: run.sentBytes, receivedBytes: run.receivedBytes, reason };
}

interface Run {
  readonly ends: TunnelEnds;
  readonly limits: TunnelLimits;
  readonly cut: AbortController;
  sentBytes: number;
  receivedBytes: number;
  idle: NodeJS.Timeout | null;
}

/** The first reason stays. */
function cutTunnel({ cut, ends }: Run, reason: string): void {
  if (!cut.signal.aborted) cut.abort(reason);
  ends.client.destroy();
  ends.upstream.destroy();
}

async function pumpBoth(run: Run): Promise<void> {
  const { client, upstream, early, port, greeting } = run.ends;
  const greeted = Promise.withResolvers<boolean>();
  const sending = async (): Promise<void> => {
    const bytes = chunksOf(client, early);
    const held = greeting ? await readGreeting(run, bytes) : new Uint8Array(0);
    greeted.resolve(held !== null);
    if (held === null) return;
    if (await send(run, upstream, held)) await pump(run, bytes, upstream, send);
  };
  const receiving = async (): Promise<void> => {
    if (greeting && port === 443 && !(await greeted.promise)) return;
    await pump(run, chunksOf(upstream, new Uint8Array(0)), client, receive);
  };
  const guarded = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch {
      cutTunnel(run, "reset");
      greeted.resolve(false);
    }
  };
  await Promise.all([guarded(sending()), guarded(receiving())]);
}

async function* chunksOf(from: Duplex, early: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (early.length > 0) yield early;
  yield* from.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

type Pass = (run: Run, to: Duplex, chunk: Uint8Array) => Promise<boolean>;

async function pump(
  run: Run,
  from: AsyncGenerator<Uint8Array>,
  to: Duplex,
  pass: Pass,
): Promise<void> {
  for await (const chunk of from) if (!(await pass(run, to, chunk))) return;
  to.end();
}

/** False: the tunnel was cut. */
const send: Pass = async (run, to, chunk) => {
  if (run.sentBytes + chunk.length > run.limits.sentBytesMax) {
    cutTunnel(run, `over ${run.limits.sentBytesMax} bytes to the host`);
    return false;
  }
  run.sentBytes += chunk.length;
  return await write(run, to, chunk);
};

const receive: Pass = async (run, to, chunk) => {
  if (run.receivedBytes + chunk.length > run.limits.receivedBytesMax) {
    cutTunnel(run, `over ${run.limits.receivedBytesMax} bytes from the host`);
    return false;
  }
  run.receivedBytes += chunk.length;
  return await write(run, to, chunk);
};

async function write(run: Run, to: Duplex, chunk: Uint8Array): Promise<boolean> {
  run.idle?.refresh();
  if (chunk.length > 0 && !to.write(chunk)) await once(to, "drain", { signal: run.cut.signal });
  return !run.cut.signal.aborted;
}

/** The client's bytes up to the end of its hello, or null when the tunnel was cut. */
async function readGreeting(
  run: Run,
  bytes: AsyncGenerator<Uint8Array>,
): Promise<Uint8Array | null> {
  const { helloMs } = run.limits;
  const late = (): void => cutTunnel(run, `no ClientHello within ${helloMs} ms`);
  const { host, port } = run.ends;
  const timer = port === 443 ? setTimeout(late, helloMs) : null;
  let held = Buffer.alloc(0);
  try {
    for (;;) {
      const next = await bytes.next();
      if (next.done !== true) held = Buffer.concat([held, next.value]);
      const hello = parseClientHello(held);
      if (hello.kind === "incomplete" && next.done !== true) continue;
      const refusal = refuseHello(hello, host, port);
      if (refusal === null) return held;
      cutTunnel(run, refusal);
      return null;
    }
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

function refuseHello(hello: ClientHello, host: string, port: number): string | null {
  switch (hello.kind) {
    case "hello":
      return refuseServerName(hello.serverName, host);
    case "not-tls":
      return port === 443 ? "not TLS on port 443" : null;
    case "malformed":
      return `a malformed ClientHello: ${hello.reason}`;
    case "incomplete":
      return port === 443 ? `no ClientHello in ${HELLO_BYTES_MAX} bytes or before the end` : null;
  }
}

/** An address may not stand in a server name, so a tunnel to one has none. */
function refuseServerName(serverName: string | null, host: string): string | null {
  const literal = host.includes(":") || /^\d+(?:\.\d+){3}$/.test(host);
  if (literal) return serverName === null ? null : `server name ${serverName} for an address`;
  if (serverName === host) return null;
  return serverName === null
    ? "a ClientHello without a server name"
    : `server name ${serverName}, not ${host}`;
}
