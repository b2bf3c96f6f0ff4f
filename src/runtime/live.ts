/**
 * The live stage of a run: chain and payloads on disk, secrets loaded, the broker and the ports of every
 * capability. This is the wiring; what is decided with it is in gate.ts.
 *
 * @module
 */
import { join } from "node:path";
import type { CapabilityPorts, HttpCall, HttpReply, PortAnswer } from "../capability/index.ts";
import {
  appendingStore,
  type ChainRecord,
  type ChainWriter,
  continuePayloads,
  type HostKey,
  hostLog,
  loadOrCreateHostKey,
  newStore,
  openChain,
  openPayloads,
  type PayloadStore,
  sealChain,
  type SignedHead,
} from "../chain/index.ts";
import { type Broker, type BrokerOptions, createBroker } from "../egress/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import {
  type ClientIdentity,
  createFileAccess,
  type FileAccess,
  resolveHost,
  sleep,
} from "../host/index.ts";
import {
  decide,
  type EgressRule,
  findKnownSecrets,
  type HttpTarget,
  type KnownSecret,
  matchCapability,
  type Verdict,
} from "../policy/index.ts";
import { anchorAtSeal } from "./anchor-seal.ts";
import type { Usage } from "../isolation/index.ts";
import type { Observed } from "./books.ts";
import type { Stage } from "./conduct.ts";
import { executedOf } from "./gate.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import type { HaltWatch } from "./halt.ts";
import { govern, type GovernanceEvent, liveOutside, type Outside } from "./govern.ts";
import { type IdempotencyTable, openIdempotencyTable } from "./idempotency-table.ts";
import type { PreparedRun } from "./prepare.ts";
import type { RunDirectory } from "./run-directory.ts";
import { sourcesOf } from "./determinism.ts";
import { placeholdersOf } from "./secrets.ts";
import { type TermedExecution, termedExecution } from "./termed-execution.ts";
import type { World } from "./world.ts";

/** What the egress puts into requests at the edge. Only here are secrets in the clear. */
type EdgeMaterial = Pick<BrokerOptions, "secrets" | "bindings" | "identity">;

export interface LiveStage extends Stage {
  readonly broker: Broker;
  readonly halt: HaltWatch;
  readonly edge: EdgeMaterial;
  readonly outside: Outside;
  /** Sign the head and keep it; the chain is closed. */
  seal(): Promise<SignedHead>;
  /** The run broke before its program ended: its ending and its head, where they can be written. */
  abandon(code: ErrorCode): Promise<void>;
  close(): Promise<void>;
}

export interface LiveOptions {
  readonly prepared: PreparedRun;
  /** Loaded before the run exists: without one that it declares, it does not start. */
  readonly secrets: readonly KnownSecret[];
  /** Shown to hosts that ask for a certificate. Null: none is. */
  readonly identity: ClientIdentity | null;
  readonly directory: RunDirectory;
  readonly startFacts: JsonObject;
  readonly signal: AbortSignal;
  readonly halt: HaltWatch;
  /** The agent's log lines, already redacted. */
  readonly log: CapabilityPorts["log"];
  readonly notice: (event: GovernanceEvent) => void;
  /** The records that stand there already, verified; the chain goes on behind them. Absent: it begins. */
  readonly past?: readonly ChainRecord[];
}

export async function openLiveStage(world: World, options: LiveOptions): Promise<LiveStage> {
  const { prepared, directory, secrets } = options;
  const placeholders = placeholdersOf(directory.id, prepared.config);
  const { chain, payloads, key } = await openChainFiles(world, options);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const edge: EdgeMaterial = {
    secrets: secrets.map((secret, index) => ({
      ...secret,
      placeholder: placeholders[index]?.value ?? "",
    })),
    bindings: prepared.policy.secrets,
    ...(options.identity === null ? {} : { identity: options.identity }),
  };
  const broker = createBroker({
    resolve: resolveHost,
    redecide: (target, method) => redecide(prepared, target, method),
    ...edge,
  });
  const run = directory.id;
  const outside = liveOutside(world, { prepared, run, signal });
  // A run that goes on is governed by its record too: see resume-stage.ts.
  const governed =
    options.past === undefined
      ? govern({ prepared, chain, run, outside, observe: options.notice })
      : null;
  const table = lazyTable(world);
  const terms = termedExecution({
    run,
    agent: prepared.config.agentId,
    plan: prepared.digests.plan,
    chain,
    placeholders,
    table: table.open,
  });
  const files = createFileAccess({ roots: fileRoots(prepared, directory) });
  const ports = livePorts(world, options, { broker, files, placeholders, terms });
  return {
    chain,
    broker,
    halt: options.halt,
    edge,
    startFacts: options.startFacts,
    outside,
    ...(governed === null ? {} : { admitStart: governed.admitStart }),
    observed: (usage) => observedOf({ broker, files, terms }, usage),
    endEffects: () => stop.abort(),
    room: {
      execute: (call) => executeLive(call, ports, { prepared, signal, terms }),
      matchSecrets: (parts) => findKnownSecrets(parts, secrets),
      placeholders,
      keepResult: keepInto(payloads, directory.id),
      guards: [...(governed?.guards ?? []), options.halt],
    },
    seal: () => seal(world, options, chain, key),
    abandon: async (code) => {
      chain.append({ type: "RunFailed", data: { code } });
      await seal(world, options, chain, key);
    },
    close: () =>
      closeAll([
        async () => governed?.close(),
        () => chain.close(),
        () => payloads.close(),
        () => table.close(),
      ]),
  };
}

function observedOf(
  { broker: { counters }, files, terms: { beyond } }: Omit<PortRoom, "placeholders">,
  usage: Usage | null,
): Observed {
  return {
    network: counters.started - beyond.network,
    sentBytes: counters.sentBytes - beyond.sentBytes,
    receivedBytes: counters.receivedBytes - beyond.receivedBytes,
    files: files.begun,
    strayBytes: usage?.strayBytes ?? null,
  };
}

/** Most runs have no effect with a key. */
function lazyTable(world: World): {
  readonly open: () => Promise<IdempotencyTable>;
  readonly close: () => Promise<void>;
} {
  let opening: Promise<IdempotencyTable> | null = null;
  return {
    open: () => (opening ??= openIdempotencyTable(world.stateDir, world.nowMs)),
    close: async () => (await opening?.catch(() => null))?.close(),
  };
}

interface ChainFiles {
  readonly chain: ChainWriter;
  readonly payloads: PayloadStore;
  readonly key: HostKey;
}

/** New files for a run that begins; those that are there for one that goes on. */
export async function openChainFiles(
  world: World,
  { directory, prepared, past }: Pick<LiveOptions, "directory" | "prepared" | "past">,
): Promise<ChainFiles> {
  const { payloads: path, payloadKey } = directory;
  const last = past?.at(-1);
  const isNamed = past?.some(({ body }) => body.type === "CallCompleted") ?? false;
  const [payloads, store, key] = await Promise.all([
    last === undefined
      ? openPayloads(path, payloadKey)
      : continuePayloads(path, payloadKey, isNamed),
    last === undefined ? newStore(directory.chain) : appendingStore(directory.chain),
    loadOrCreateHostKey(join(world.stateDir, "keys")),
  ]);
  const chain = openChain({
    store,
    chainId: directory.id,
    configDigest: prepared.digests.config,
    nowMs: world.nowMs,
    before: () => payloads.sync(),
    ...(last === undefined ? {} : { after: { seq: last.body.seq, hash: last.hash } }),
  });
  return { chain, payloads, key };
}

/** All results of one run together, bytes. */
const RESULTS_BYTES_MAX = 1024 * 1024 * 1024;

function keepInto(payloads: PayloadStore, run: string): Stage["room"]["keepResult"] {
  let kept = 0;
  return (digest, value) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    kept += bytes.length;
    if (kept > RESULTS_BYTES_MAX) {
      throw new CcosError("CHAIN_UNWRITABLE", {
        what: `Cannot keep another result of ${run}`,
        why: `its results are over ${RESULTS_BYTES_MAX} bytes`,
        fix: "Lower :limits :calls or the rules' :max-response-bytes",
      });
    }
    payloads.put(digest, bytes);
  };
}

interface PortRoom {
  readonly broker: Broker;
  readonly files: FileAccess;
  readonly placeholders: readonly KnownSecret[];
  readonly terms: TermedExecution;
}

type PortsFor = (call: AdmittedCall) => CapabilityPorts;

function livePorts(
  world: World,
  options: LiveOptions,
  { broker, files, placeholders, terms }: PortRoom,
): PortsFor {
  const { prepared } = options;
  const { env } = prepared.config;
  const beganMs = options.past?.[0]?.body.ts ?? Math.trunc(world.nowMs());
  const sources = sourcesOf(prepared.config, { plan: prepared.digests.plan, beganMs }, world);
  return (call) => ({
    nowMs: () => sources.nowMs(call),
    randomBytes: (length) => sources.randomBytes(call, length),
    sleep,
    environment: (name) => placeholders.find((each) => each.name === name)?.value ?? env.get(name),
    log: options.log,
    http: (request, signal) => {
      const keyed = withKey(request, terms.keyOf(call));
      return brokered(broker, prepared, { call, request: keyed, signal });
    },
    files,
  });
}

const KEY_HEADER = "idempotency-key";

/** By its key the other side takes the request once. What the program wrote itself stands. */
function withKey(request: HttpCall, key: string | null): HttpCall {
  if (key === null || request.headers.some(([name]) => name === KEY_HEADER)) return request;
  return { ...request, headers: [...request.headers, [KEY_HEADER, key]] };
}

/** `/workspace` is the run's own directory; every other granted path is the host path of the same name. */
function fileRoots(prepared: PreparedRun, directory: RunDirectory): ReadonlyMap<string, string> {
  const roots = new Map<string, string>();
  for (const { path } of prepared.policy.files) {
    const inWorkspace = path === "/workspace" || path.startsWith("/workspace/");
    roots.set(
      path,
      inWorkspace ? join(directory.workspace, path.slice("/workspace".length)) : path,
    );
  }
  return roots;
}

interface BrokeredCall {
  readonly call: AdmittedCall;
  readonly request: HttpCall;
  readonly signal: AbortSignal;
}

/** Only under the rule that the gate's verdict named; a capability cannot pick another target. */
async function brokered(
  broker: Broker,
  prepared: PreparedRun,
  { call, request, signal }: BrokeredCall,
): Promise<PortAnswer<HttpReply>> {
  const asked = call.request.resource;
  const rule = prepared.policy.egress.find((each) => each.rule === call.rule);
  if (
    rule === undefined ||
    asked?.kind !== "http" ||
    asked.target.url !== request.target.url ||
    asked.method !== request.method
  ) {
    return {
      ok: false,
      code: "EGRESS_DENIED",
      message: "the capability asked for another target than was decided",
      facts: {},
    };
  }
  const { redactedBody } = call;
  const sent = redactedBody === undefined ? request : { ...request, body: redactedBody };
  return await broker.fetch(sent, rule, signal);
}

function redecide(
  prepared: PreparedRun,
  target: HttpTarget,
  method: string,
): { verdict: Verdict; rule: EgressRule | null } {
  const verdict = decide(prepared.policy, {
    capability: "ccos.network.http-fetch",
    resource: { kind: "http", method, target },
  });
  const rule =
    verdict.kind === "allow"
      ? prepared.policy.egress.find((each) => each.rule === verdict.rule)
      : undefined;
  return { verdict, rule: rule ?? null };
}

interface Executing {
  readonly prepared: PreparedRun;
  readonly signal: AbortSignal;
  readonly terms: TermedExecution;
}

async function executeLive(
  call: AdmittedCall,
  portsFor: PortsFor,
  { prepared, signal, terms }: Executing,
): Promise<Executed> {
  const ms = callMsOf(prepared, call.capability.manifest.id);
  const endMs = performance.now() + ms;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const time = { signal: deadline, msLeft: () => endMs - performance.now() };
  const make = async (): Promise<Executed> =>
    executedOf(await call.capability.invoke(call.args, portsFor(call), deadline));
  try {
    return await (call.terms === undefined ? make() : terms.execute(call, time, make));
  } catch (cause) {
    if (deadline.aborted) {
      return {
        ok: false,
        code: signal.aborted ? "CANCELLED" : "LIMIT_TIME",
        message: `the call took longer than ${ms} ms`,
        facts: {},
      };
    }
    if (cause instanceof CcosError && cause.code === "CHAIN_UNWRITABLE") throw cause;
    const code = cause instanceof CcosError ? cause.code : "INTERNAL";
    const message = cause instanceof Error ? cause.message : "the provider failed";
    return { ok: false, code, message, facts: {} };
  }
}

/** The wall clock of one call: the config's, and the operator's for this capability. */
function callMsOf({ config, inputs }: PreparedRun, capability: string): number {
  const bounds = (inputs.bounds?.calls ?? [])
    .filter((each) => matchCapability(each.capability, capability))
    .map((each) => each.value);
  return Math.min(config.limits.callMs, ...bounds);
}

/** Sign the head of what is durable, log it, and keep it. */
export async function seal(
  world: World,
  { directory, prepared, log: say }: Pick<LiveOptions, "directory" | "prepared" | "log">,
  chain: ChainWriter,
  key: HostKey,
): Promise<SignedHead> {
  await chain.commit();
  const { id, chain: path, head: headPath } = directory;
  const log = hostLog(world.stateDir);
  const anchor = anchorAtSeal(world, prepared.config.causalChain.anchor, (text) =>
    say("warn", text),
  );
  return await sealChain({ chain: id, path, headPath, last: chain.head, key, log, anchor });
}

/** Each is closed, whatever became of those before it. */
async function closeAll([first, ...rest]: readonly (() => Promise<void>)[]): Promise<void> {
  try {
    await first?.();
  } finally {
    if (rest.length > 0) await closeAll(rest);
  }
}
