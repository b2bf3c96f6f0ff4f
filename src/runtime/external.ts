/**
 * Any program that is no plan behind the same walls: its calls, the proxy, and the chain.
 *
 * A command, a script in Python or a shell script gets `/ccos/capability.sock` (guest protocol; session key in
 * CCOS_SESSION); a script in JavaScript and a module make their calls over descriptor 3. Where a rule has
 * `:inspect` or `:tunnel`, a program has `HTTPS_PROXY` on its own loopback. Its calls pass the same gate; what it
 * sends itself is decided by the same rules and recorded before it is dialled; a tunnel that passes through unread
 * is marked as not inspected. It gets everything but replay.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Readable } from "node:stream";
import {
  createCertificateAuthority,
  createProxy,
  proveProxy,
  type Proxy,
  type ProxyEvent,
} from "../egress/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { privateDirectory, publicAuthorities, resolveHost } from "../host/index.ts";
import {
  commandOf,
  type Ending,
  type Execution,
  type IsolationProvider,
  type SandboxBind,
  type SandboxFile,
  type SandboxProgram,
  type SandboxSpec,
  type Session,
  type Usage,
} from "../isolation/index.ts";
import { compileDecide, type HttpTarget } from "../policy/index.ts";
import {
  barStart,
  type Conducted,
  closeBooks,
  conversationOutcome,
  endingOutcome,
  type ProgramOutcome,
  settleCalls,
  startData,
} from "./conduct.ts";
import { createGate, type Gate, type GateEvent } from "./gate.ts";
import type { Observed } from "./books.ts";
import type { Conversation } from "./guest-link.ts";
import type { LiveStage } from "./live.ts";
import { type PreparedRun, wantsProxy } from "./prepare.ts";
import { type CallRoom, judgeEnd, serveCapabilities, talkTo } from "./program-calls.ts";
import { programOf, speaksOverChannel, type StagedContent } from "./program-file.ts";
import type { RunDirectory } from "./run-directory.ts";
import { guestFile, mountsOf, sandboxLimits, type World } from "./world.ts";

/** Where the program's streams go. */
export interface Terminal {
  readonly stdin: Readable | null;
  readonly out: (chunk: Uint8Array) => void;
  readonly error: (chunk: Uint8Array) => void;
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
    data: { ...startData(prepared, ""), argv: digestArgv(argv), ...fileData(prepared) },
    facts: room.stage.startFacts,
  });
  const barred = await barStart(room.stage);
  const gate = createGate({
    ...room.stage.room,
    chain,
    policy: prepared.policy,
    registry: prepared.registry,
    callsMax: prepared.config.limits.calls,
    observe: room.observe,
  });
  if (barred !== null)
    return await closeBooks(room.stage, gate, { declared: 0, usage: null }, barred);
  const sockets = await privateDirectory({}, undefined);
  const broken = new AbortController();
  const session = randomBytes(32).toString("hex");
  const callsMax = prepared.config.limits.calls;
  const calls: CallRoom = { gate, counter, callsMax, broken, chain };
  const path = join(sockets.path, "capability.sock");
  const capability = await serveCapabilities(path, session, calls);
  const program = await programOf(world, prepared.inputs, room.staged);
  const leave = async (): Promise<void> => {
    await capability.close();
    sockets.remove();
  };
  const at = { path: join(sockets.path, "proxy.sock"), gate, program };
  const proxy = await openProxy(world, { prepared, room }, at).catch(async (cause: unknown) => {
    await leave();
    throw cause;
  });
  try {
    const launch = proxy === null ? { program, files: [] } : forwarded(program);
    const spec = await specOf(world, prepared, room, {
      session,
      capability: capability.path,
      proxy,
      program,
      files: launch.files,
    });
    await chain.commit();
    const walls = await room.wall.open(spec);
    const { outcome, usage } = await runInside(walls, launch.program, { room, calls, session });
    await capability.close();
    if (broken.signal.aborted) throw broken.signal.reason;
    await settleCalls(room.stage, gate);
    await proxy?.proxy.close();
    const tunnels = proxy?.proxy.counters ?? NO_TUNNELS;
    const stage = {
      ...room.stage,
      observed: (used: Usage | null) => withTunnels(room.stage.observed(used), tunnels),
    };
    const declared = counter.declared + tunnels.requested;
    return await closeBooks(stage, gate, { declared, usage }, outcome);
  } finally {
    await proxy?.proxy.close();
    await leave();
  }
}

const NO_TUNNELS = { requested: 0, intended: 0, sentBytes: 0, receivedBytes: 0 };

function withTunnels(seen: Observed, tunnels: typeof NO_TUNNELS): Observed {
  const { intended, sentBytes, receivedBytes } = tunnels;
  return {
    ...seen,
    network: seen.network + intended,
    sentBytes: seen.sentBytes + sentBytes,
    receivedBytes: seen.receivedBytes + receivedBytes,
  };
}

/** The program behind its loopback door; a script's files are then the wall's, not its own. */
function forwarded(program: SandboxProgram): {
  readonly program: SandboxProgram;
  readonly files: readonly SandboxFile[];
} {
  const files = program.kind === "script" ? [program.source, ...program.beside] : [];
  const channel = speaksOverChannel(program);
  const door = ["/ccos/node", "/ccos/forward.cjs", ...(channel ? ["channel"] : []), "--"];
  const argv = [...door, ...commandOf(program)];
  return { program: { kind: "external", argv, channel }, files };
}

interface Inside {
  readonly room: CommandRoom;
  readonly calls: CallRoom;
  readonly session: string;
}

/** The program from its start to the wall's close: nothing of it is left when this resolves. */
async function runInside(
  walls: Session,
  program: SandboxProgram,
  { room, calls, session }: Inside,
): Promise<{ readonly outcome: ProgramOutcome; readonly usage: Usage | null }> {
  try {
    const signal = AbortSignal.any([room.signal, calls.broken.signal]);
    const execution = await walls.execute(program, signal);
    const { channel } = execution;
    const talk = channel === null ? null : talkTo(channel, session, calls);
    if (program.kind === "bytecode" && talk !== null) {
      const outcome = await moduleOutcome(execution, talk, room);
      return { outcome, usage: execution.usage() };
    }
    void talk?.then((conversation) => {
      channel?.readable.destroy();
      judgeEnd(conversation, calls);
    });
    const outcome = outcomeOf(await watch(execution, room.terminal), room.stage.chain);
    return { outcome, usage: execution.usage() };
  } finally {
    await walls.close();
  }
}

/** A module ends with a value. */
async function moduleOutcome(
  execution: Execution,
  talk: Promise<Conversation>,
  { terminal, stage }: CommandRoom,
): Promise<ProgramOutcome> {
  const ending = watch(execution, terminal);
  const conversation = await talk;
  const isOver = conversation.kind === "closed" || conversation.kind === "result";
  return conversationOutcome(conversation, isOver ? await ending : null, stage.chain);
}

function outcomeOf(ending: Ending, chain: LiveStage["chain"]): ProgramOutcome {
  if (ending.kind === "exited") return { kind: "exited", status: ending.status };
  if (ending.kind === "signaled") return { kind: "signaled", signal: ending.signal };
  return endingOutcome(ending, chain);
}

/** What a program file is: its content, as sha256sum tells it, and who runs it. */
function fileData({ inputs }: PreparedRun): JsonObject {
  if (inputs.program === undefined) return {};
  const file = inputs.staged.map(({ digest }) => digest)[0] ?? "";
  return inputs.program.kind === "script" ? { file, language: inputs.program.language } : { file };
}

/** argv may carry what must not be recorded; its digest says whether two runs were the same. */
function digestArgv(argv: readonly string[]): string {
  return `sha256:${createHash("sha256").update(JSON.stringify(argv)).digest("hex")}`;
}

interface OpenProxy {
  readonly proxy: Proxy;
  readonly path: string;
  /** PEM: what the program must trust to be read where a tunnel is opened. */
  readonly authority: string;
}

interface ProxyRoom {
  readonly path: string;
  readonly gate: Gate;
  readonly program: SandboxProgram;
}

/** Null when no rule lets a program speak for itself, and for a module: then the program has no proxy, and no route at all. */
async function openProxy(
  world: World,
  { prepared, room }: { readonly prepared: PreparedRun; readonly room: CommandRoom },
  at: ProxyRoom,
): Promise<OpenProxy | null> {
  if (!wantsProxy(prepared.policy) || at.program.kind === "bytecode") return null;
  const authority = createCertificateAuthority(world.nowMs());
  const decided = compileDecide(prepared.policy);
  const decisions = {
    authority,
    decideConnect: (host: string, port: number) =>
      room.stage.halt.verdict() ??
      decided({
        capability: "ccos.network.connect",
        resource: { kind: "connect", host, port },
      }),
    decideRequest: (target: HttpTarget, method: string) =>
      room.stage.halt.verdict() ??
      decided({
        capability: "ccos.network.http-fetch",
        resource: { kind: "http", method, target },
      }),
  };
  await proveProxy(at.path, decisions);
  const proxy = await createProxy({
    ...decisions,
    socketPath: at.path,
    resolve: resolveHost,
    rules: prepared.policy.egress,
    edge: room.stage.edge,
    ...(room.stage.edge.identity === undefined ? {} : { identity: room.stage.edge.identity }),
    record: (event) => recordEgress(event, room, at),
  });
  return { proxy, path: at.path, authority: authority.certificate };
}

const EGRESS_RECORDS = {
  intended: "EgressConnected",
  denied: "EgressDenied",
  closed: "EgressClosed",
} as const;

/** Durable before the dial: the proxy waits for this promise. */
async function recordEgress(event: ProxyEvent, room: CommandRoom, at: ProxyRoom): Promise<void> {
  const { chain } = room.stage;
  const { request } = event;
  const target = request === null ? `${event.host}:${event.port}` : request.url;
  const line = {
    number: event.number,
    step: null,
    capability: request === null ? "ccos.network.connect" : "ccos.network.http-fetch",
    target: `${request?.method ?? "CONNECT"} ${target}`,
  };
  if (event.kind === "closed") {
    at.gate.counts.sentBytes += event.sentBytes;
    at.gate.counts.receivedBytes += event.receivedBytes;
  }
  chain.append({
    type: EGRESS_RECORDS[event.kind],
    data: {
      tunnel: event.number,
      target,
      rule: event.rule,
      inspected: request !== null,
      ...(request === null ? {} : { method: request.method }),
      ...(event.kind === "denied" ? { code: event.code, reason: event.reason } : {}),
    },
    facts: event.kind === "closed" ? endFacts(event) : {},
  });
  if (event.kind === "intended") {
    at.gate.counts.intended++;
    at.gate.counts.settled++;
    at.gate.counts.network++;
    await chain.commit();
  } else if (event.kind === "denied") {
    at.gate.counts.denied++;
    const { code, rule, reason, fix } = event;
    room.observe({ kind: "denied", call: line, code, rule, reason, fix });
  } else {
    const facts = { responseBytes: event.receivedBytes };
    room.observe({ kind: "done", call: line, rule: event.rule, facts });
  }
}

function endFacts(event: ProxyEvent & { readonly kind: "closed" }): JsonObject {
  const { sentBytes: sent, receivedBytes: received, reason, status } = event;
  return { sent, received, reason, ...(status === undefined ? {} : { status }) };
}

interface Reach {
  readonly session: string;
  readonly capability: string;
  readonly proxy: OpenProxy | null;
  readonly program: SandboxProgram;
  readonly files: readonly SandboxFile[];
}

async function specOf(
  world: World,
  prepared: PreparedRun,
  room: CommandRoom,
  reach: Reach,
): Promise<SandboxSpec> {
  const { config } = prepared;
  const { program } = reach;
  const staged = program.kind === "external" ? room.staged : [];
  const files: SandboxFile[] = [
    ...staged.map((each) => ({ ...each, executable: true })),
    ...reach.files,
  ];
  const sockets = room.wall.sockets && (!speaksOverChannel(program) || reach.proxy !== null);
  if (sockets)
    files.push({
      path: "/ccos/ccos_client.py",
      content: await guestFile(world, "ccos_client.py"),
      executable: false,
    });
  if (reach.proxy !== null) {
    const content = await guestFile(world, "forward.cjs");
    files.push(
      { path: "/ccos/forward.cjs", content, executable: false },
      trustFile(reach.proxy, prepared),
    );
  }
  const binds: SandboxBind[] = sockets
    ? [{ source: reach.capability, target: "/ccos/capability.sock", kind: "socket" }]
    : [];
  if (reach.proxy !== null)
    binds.push({ source: reach.proxy.path, target: "/ccos/proxy.sock", kind: "socket" });
  binds.push(...mountsOf(config));
  const placeholders = room.stage.room.placeholders.map(
    ({ name, value }) => [name, value] as const,
  );
  const proxied = reach.proxy === null ? {} : PROXY_VARIABLES;
  const reached = sockets ? { CCOS_CAPABILITY: "/ccos/capability.sock", PYTHONPATH: "/ccos" } : {};
  const key = sockets || speaksOverChannel(program) ? { CCOS_SESSION: reach.session } : {};
  const environment = {
    ...Object.fromEntries([...config.env, ...placeholders]),
    ...proxied,
    ...reached,
    ...key,
  };
  return { limits: sandboxLimits(config), files, binds, environment, sockets };
}

const DOOR = "http://127.0.0.1:3128";
const TRUST_FILE = "/ccos/trust.pem";

/** Names that the usual clients read: where the proxy is, and whom to trust there. */
const PROXY_VARIABLES: Readonly<Record<string, string>> = {
  HTTPS_PROXY: DOOR,
  https_proxy: DOOR,
  HTTP_PROXY: DOOR,
  http_proxy: DOOR,
  NODE_USE_ENV_PROXY: "1",
  SSL_CERT_FILE: TRUST_FILE,
  NODE_EXTRA_CA_CERTS: TRUST_FILE,
  REQUESTS_CA_BUNDLE: TRUST_FILE,
  CURL_CA_BUNDLE: TRUST_FILE,
};

/** The run's own authority, and those that a tunnel which passes through needs. */
function trustFile({ authority }: OpenProxy, { policy }: PreparedRun): SandboxFile {
  const passes = policy.egress.some((rule) => rule.tunnel);
  const text = [authority, ...(passes ? publicAuthorities() : [])].join("\n");
  return { path: TRUST_FILE, content: new TextEncoder().encode(text), executable: false };
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
