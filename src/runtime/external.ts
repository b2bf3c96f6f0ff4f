/**
 * Any other program behind the same walls: the capability socket, the CONNECT proxy, and the chain.
 *
 * The program gets `/ccos/capability.sock` (guest protocol; session key in CCOS_SESSION) and, where a rule grants
 * tunnels, `HTTPS_PROXY` on its own loopback. Its calls pass the same gate; its tunnels are decided by
 * host and port, recorded before they are dialled, and marked as not inspected. It gets everything but replay.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createProxy, type Proxy, type ProxyEvent } from "../egress/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { GuestMessage, HostMessage } from "../foundation/protocol.ts";
import { listenUnix, privateDirectory, resolveHost, type UnixListener } from "../host/index.ts";
import type {
  Ending,
  Execution,
  IsolationProvider,
  SandboxBind,
  SandboxFile,
  SandboxSpec,
  Session,
  Usage,
} from "../isolation/index.ts";
import { decide } from "../policy/index.ts";
import {
  CALLS_OVER_MAX,
  type Conducted,
  closeBooks,
  endingOutcome,
  type ProgramOutcome,
  settleCalls,
  startData,
} from "./conduct.ts";
import { createGate, type Gate, type GateEvent } from "./gate.ts";
import { converse } from "./guest-link.ts";
import type { LiveStage } from "./live.ts";
import type { PreparedRun } from "./prepare.ts";
import type { RunDirectory } from "./run-directory.ts";
import { guestFile, sandboxLimits, type World } from "./world.ts";

/** Where the program's streams go. */
export interface Terminal {
  readonly stdin: Readable | null;
  readonly out: (chunk: Uint8Array) => void;
  readonly error: (chunk: Uint8Array) => void;
}

export interface StagedContent {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface CommandRoom {
  readonly wall: IsolationProvider;
  readonly stage: LiveStage;
  readonly directory: RunDirectory;
  readonly terminal: Terminal;
  readonly staged: readonly StagedContent[];
  readonly observe: (event: GateEvent) => void;
  readonly signal: AbortSignal;
}

const CONNECTIONS_MAX = 16;
const CALLS_IN_FLIGHT_MAX = 64;

export async function conductCommand(
  world: World,
  prepared: PreparedRun,
  room: CommandRoom,
): Promise<Conducted> {
  const { chain } = room.stage;
  const argv = prepared.inputs.command ?? [];
  const counter = { declared: 0, violations: 0 };
  chain.append({
    type: "RunStarted",
    data: { ...startData(prepared, ""), argv: digestArgv(argv) },
    facts: room.stage.startFacts,
  });
  const gate = createGate({
    ...room.stage.room,
    chain,
    policy: prepared.policy,
    registry: prepared.registry,
    callsMax: prepared.config.limits.calls,
    observe: room.observe,
  });
  const sockets = await privateDirectory({}, undefined);
  const broken = new AbortController();
  const session = randomBytes(32).toString("hex");
  const capability = await serveCapabilities(join(sockets.path, "capability.sock"), session, {
    gate,
    counter,
    callsMax: prepared.config.limits.calls,
    broken,
    chain,
  });
  const proxy = await openProxy(prepared, room, { path: join(sockets.path, "proxy.sock"), gate });
  try {
    const spec = await specOf(world, prepared, room, {
      session,
      capability: capability.path,
      proxy: proxy?.path ?? null,
    });
    await chain.commit();
    const walls = await room.wall.open(spec);
    const { ending, usage } = await runInside(walls, {
      command: proxy === null ? argv : forwarded(argv),
      room,
      broken,
    });
    await capability.close();
    if (broken.signal.aborted) throw broken.signal.reason;
    await settleCalls(room.stage, gate);
    await proxy?.proxy.close();
    const tunnels = proxy?.proxy.counters ?? { requested: 0, intended: 0 };
    const stage = {
      ...room.stage,
      egressStarted: () => room.stage.egressStarted() + tunnels.intended,
    };
    return await closeBooks(
      stage,
      gate,
      { declared: counter.declared + tunnels.requested, usage },
      outcomeOf(ending, chain),
    );
  } finally {
    await proxy?.proxy.close();
    await capability.close();
    sockets.remove();
  }
}

function forwarded(argv: readonly string[]): readonly string[] {
  return ["/ccos/node", "/ccos/forward.cjs", "--", ...argv];
}

interface Inside {
  readonly command: readonly string[];
  readonly room: CommandRoom;
  readonly broken: AbortController;
}

/** The program from its start to the wall's close: nothing of it is left when this resolves. */
async function runInside(
  walls: Session,
  { command, room, broken }: Inside,
): Promise<{ readonly ending: Ending; readonly usage: Usage | null }> {
  try {
    const signal = AbortSignal.any([room.signal, broken.signal]);
    const execution = await walls.execute(
      { kind: "external", argv: command, channel: false },
      signal,
    );
    const ending = await watch(execution, room.terminal);
    return { ending, usage: execution.usage() };
  } finally {
    await walls.close();
  }
}

function outcomeOf(ending: Ending, chain: LiveStage["chain"]): ProgramOutcome {
  if (ending.kind === "exited") return { kind: "exited", status: ending.status };
  if (ending.kind === "signaled") return { kind: "signaled", signal: ending.signal };
  return endingOutcome(ending, chain);
}

/** argv may carry what must not be recorded; its digest says whether two runs were the same. */
function digestArgv(argv: readonly string[]): string {
  return `sha256:${createHash("sha256").update(JSON.stringify(argv)).digest("hex")}`;
}

interface CapabilityRoom {
  readonly gate: Gate;
  readonly counter: { declared: number; violations: number };
  readonly chain: LiveStage["chain"];
  readonly callsMax: number;
  /** Aborted when the host itself cannot go on: the program is ended, the cause rethrown. */
  readonly broken: AbortController;
}

async function serveCapabilities(
  path: string,
  session: string,
  room: CapabilityRoom,
): Promise<UnixListener> {
  return await listenUnix({
    path,
    connectionsMax: CONNECTIONS_MAX,
    onConnection: (socket) => {
      const options = { session, image: "", execute: null, callsInFlightMax: CALLS_IN_FLIGHT_MAX };
      void converse({ readable: socket, writable: socket }, options, {
        onMessage: (message, send) => onClientMessage(message, send, room),
      }).then((conversation) => {
        socket.destroy();
        if (conversation.kind === "broken") room.broken.abort(conversation.cause);
        if (conversation.kind === "violation") recordViolation(room, conversation.reason);
      });
    },
  });
}

/** The first ones are told; a program that goes on only repeats itself. */
const VIOLATIONS_MAX = 100;

function recordViolation(room: CapabilityRoom, reason: string): void {
  if (room.broken.signal.aborted || ++room.counter.violations > VIOLATIONS_MAX) return;
  try {
    room.chain.append({ type: "SecurityViolation", data: { reason: reason.toWellFormed() } });
  } catch (cause) {
    room.broken.abort(cause);
  }
}

async function onClientMessage(
  message: GuestMessage,
  send: (message: HostMessage) => void,
  room: CapabilityRoom,
): Promise<string | null> {
  if (message.type !== "call") return `a program sends calls, not ${message.type}`;
  if (room.counter.declared >= room.callsMax + CALLS_OVER_MAX)
    return `calls go on after limits.calls (${room.callsMax})`;
  room.counter.declared++;
  const { id, capability, args } = message;
  const answer = await room.gate.pass({ step: null, capability, args });
  send(
    answer.ok
      ? { type: "result", id, ok: true, value: answer.value }
      : { type: "result", id, ok: false, error: answer.error },
  );
  return null;
}

interface ProxyRoom {
  readonly path: string;
  readonly gate: Gate;
}

/** Null when no rule grants a tunnel: then the program has no proxy, and no route at all. */
async function openProxy(
  prepared: PreparedRun,
  room: CommandRoom,
  at: ProxyRoom,
): Promise<{ proxy: Proxy; path: string } | null> {
  if (!prepared.policy.egress.some((rule) => rule.tunnel)) return null;
  const proxy = await createProxy({
    socketPath: at.path,
    resolve: resolveHost,
    rules: prepared.policy.egress,
    decideConnect: (host, port) =>
      decide(prepared.policy, {
        capability: "ccos.network.connect",
        resource: { kind: "connect", host, port },
      }),
    record: (event) => recordTunnel(event, room, at),
  });
  return { proxy, path: at.path };
}

const TUNNEL_RECORDS = {
  intended: "EgressConnected",
  denied: "EgressDenied",
  closed: "EgressClosed",
} as const;

/** Durable before the dial: the proxy waits for this promise. */
async function recordTunnel(event: ProxyEvent, room: CommandRoom, at: ProxyRoom): Promise<void> {
  const { chain } = room.stage;
  const target = `${event.host}:${event.port}`;
  const line = {
    number: event.number,
    step: null,
    capability: "ccos.network.connect",
    target: `CONNECT ${target}`,
  };
  const facts: JsonObject =
    event.kind === "closed"
      ? { sent: event.sentBytes, received: event.receivedBytes, reason: event.reason }
      : {};
  chain.append({
    type: TUNNEL_RECORDS[event.kind],
    data: {
      tunnel: event.number,
      target,
      rule: event.rule,
      inspected: false,
      ...(event.kind === "denied" ? { code: event.code, reason: event.reason } : {}),
    },
    facts,
  });
  if (event.kind === "intended") {
    at.gate.counts.intended++;
    at.gate.counts.network++;
    await chain.commit();
  } else if (event.kind === "denied") {
    at.gate.counts.denied++;
    room.observe({
      kind: "denied",
      call: line,
      code: event.code,
      rule: event.rule,
      reason: event.reason,
      fix: event.fix,
    });
  } else {
    room.observe({
      kind: "done",
      call: line,
      rule: event.rule,
      facts: { responseBytes: event.receivedBytes },
    });
  }
}

interface Reach {
  readonly session: string;
  readonly capability: string;
  readonly proxy: string | null;
}

async function specOf(
  world: World,
  prepared: PreparedRun,
  room: CommandRoom,
  reach: Reach,
): Promise<SandboxSpec> {
  const { config } = prepared;
  const files: SandboxFile[] = room.staged.map(({ path, content }) => ({
    path,
    content,
    executable: true,
  }));
  if (room.wall.sockets)
    files.push({
      path: "/ccos/ccos_client.py",
      content: await guestFile(world, "ccos_client.py"),
      executable: false,
    });
  if (reach.proxy !== null)
    files.push({
      path: "/ccos/forward.cjs",
      content: await guestFile(world, "forward.cjs"),
      executable: false,
    });
  const { sockets } = room.wall;
  const binds: SandboxBind[] = sockets
    ? [{ source: reach.capability, target: "/ccos/capability.sock", kind: "socket" }]
    : [];
  if (reach.proxy !== null)
    binds.push({ source: reach.proxy, target: "/ccos/proxy.sock", kind: "socket" });
  for (const [name, mount] of config.orchestrator.isolation.fs.mounts) {
    if (mount.source === null) continue;
    if (mount.mode === "rw") throw writableMount(name);
    binds.push({ source: mount.source, target: `/mnt/${name}`, kind: "directory" });
  }
  const placeholders = room.stage.room.placeholders.map(
    ({ name, value }) => [name, value] as const,
  );
  const proxied = reach.proxy === null ? {} : proxyVariables();
  const channel = sockets
    ? { CCOS_CAPABILITY: "/ccos/capability.sock", CCOS_SESSION: reach.session, PYTHONPATH: "/ccos" }
    : {};
  const environment = {
    ...Object.fromEntries([...config.env, ...placeholders]),
    ...proxied,
    ...channel,
  };
  return { limits: sandboxLimits(config), files, binds, environment, sockets };
}

function proxyVariables(): Readonly<Record<string, string>> {
  const proxy = "http://127.0.0.1:3128";
  return { HTTPS_PROXY: proxy, https_proxy: proxy, NODE_USE_ENV_PROXY: "1" };
}

function writableMount(name: string): CcosError {
  return new CcosError("UNENFORCEABLE", {
    what: `Cannot mount "${name}"`,
    why: "a directory of this host that a program may write can be turned against the host; this version has no copy-out",
    fix: "Use :mode :ro and write through the capability socket",
  });
}

/** Pump the streams to the terminal and wait for the end. */
async function watch(execution: Execution, terminal: Terminal): Promise<Ending> {
  execution.stdout.on("data", (chunk: Uint8Array) => terminal.out(chunk));
  execution.stderr.on("data", (chunk: Uint8Array) => terminal.error(chunk));
  execution.stdin.on("error", () => undefined);
  if (terminal.stdin === null) execution.stdin.end();
  else terminal.stdin.pipe(execution.stdin);
  const ending = await execution.ending;
  terminal.stdin?.unpipe(execution.stdin);
  return ending;
}
