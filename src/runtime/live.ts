/**
 * The live stage of a run: chain and payloads on disk, secrets loaded, the broker and the ports of every
 * capability. This is the wiring; what is decided with it is in gate.ts.
 *
 * @module
 */
import { join } from "node:path";
import type { CapabilityPorts, HttpCall, HttpReply, PortAnswer } from "../capability/index.ts";
import {
  type ChainWriter,
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
import type { Stage } from "./conduct.ts";
import { executedOf } from "./gate.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import type { HaltWatch } from "./halt.ts";
import { govern, type GovernanceEvent, liveOutside } from "./govern.ts";
import type { PreparedRun } from "./prepare.ts";
import type { RunDirectory } from "./run-directory.ts";
import { placeholdersOf } from "./secrets.ts";
import type { World } from "./world.ts";

/** What the egress puts into requests at the edge. Only here are secrets in the clear. */
type EdgeMaterial = Pick<BrokerOptions, "secrets" | "bindings" | "identity">;

export interface LiveStage extends Stage {
  readonly broker: Broker;
  readonly halt: HaltWatch;
  readonly edge: EdgeMaterial;
  /** Sign the head and keep it; the chain is closed. */
  seal(): Promise<SignedHead>;
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
}

export async function openLiveStage(world: World, options: LiveOptions): Promise<LiveStage> {
  const { prepared, directory, secrets } = options;
  const placeholders = placeholdersOf(directory.id, prepared.config);
  const [payloads, store, key] = await Promise.all([
    openPayloads(directory.payloads, directory.payloadKey),
    newStore(directory.chain),
    loadOrCreateHostKey(join(world.stateDir, "keys")),
  ]);
  const chain = openChain({
    store,
    chainId: directory.id,
    configDigest: prepared.digests.config,
    nowMs: world.nowMs,
    before: () => payloads.sync(),
  });
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
  const governed = govern({
    prepared,
    chain,
    run,
    outside: liveOutside(world, { prepared, run, signal }),
    observe: options.notice,
  });
  const files = createFileAccess({ roots: fileRoots(prepared, directory) });
  const ports = livePorts(world, options, { broker, files, placeholders });
  return {
    chain,
    broker,
    halt: options.halt,
    edge,
    startFacts: options.startFacts,
    admitStart: governed.admitStart,
    observed: (usage) => ({
      network: broker.counters.started,
      sentBytes: broker.counters.sentBytes,
      receivedBytes: broker.counters.receivedBytes,
      files: files.begun,
      strayBytes: usage?.strayBytes ?? null,
    }),
    endEffects: () => stop.abort(),
    room: {
      execute: (call) => executeLive(call, ports, prepared, signal),
      matchSecrets: (parts) => findKnownSecrets(parts, secrets),
      placeholders,
      keepResult: keepInto(payloads, directory.id),
      guards: [...governed.guards, options.halt],
    },
    seal: () => seal(world, options, chain, key),
    close: () => closeAll([() => governed.close(), () => chain.close(), () => payloads.close()]),
  };
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
}

type PortsFor = (call: AdmittedCall) => CapabilityPorts;

function livePorts(
  world: World,
  options: LiveOptions,
  { broker, files, placeholders }: PortRoom,
): PortsFor {
  const { prepared } = options;
  const { env } = prepared.config;
  return (call) => ({
    nowMs: world.nowMs,
    sleep,
    environment: (name) => placeholders.find((each) => each.name === name)?.value ?? env.get(name),
    log: options.log,
    http: (request, signal) => brokered(broker, prepared, { call, request, signal }),
    files,
  });
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

async function executeLive(
  call: AdmittedCall,
  portsFor: PortsFor,
  prepared: PreparedRun,
  signal: AbortSignal,
): Promise<Executed> {
  const ms = callMsOf(prepared, call.capability.manifest.id);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  try {
    return executedOf(await call.capability.invoke(call.args, portsFor(call), deadline));
  } catch (cause) {
    if (deadline.aborted) {
      return {
        ok: false,
        code: signal.aborted ? "CANCELLED" : "LIMIT_TIME",
        message: `the call took longer than ${ms} ms`,
        facts: {},
      };
    }
    const message = cause instanceof Error ? cause.message : "the provider failed";
    return { ok: false, code: "INTERNAL", message, facts: {} };
  }
}

/** The wall clock of one call: the config's, and the operator's for this capability. */
function callMsOf({ config, inputs }: PreparedRun, capability: string): number {
  const bounds = (inputs.bounds?.calls ?? [])
    .filter((each) => matchCapability(each.capability, capability))
    .map((each) => each.value);
  return Math.min(config.limits.callMs, ...bounds);
}

async function seal(
  world: World,
  { directory, prepared, log: say }: LiveOptions,
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
