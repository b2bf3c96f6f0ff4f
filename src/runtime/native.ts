/**
 * Handlers of the embedding program: host code, trusted like this one, called by id and never shipped into a wall.
 *
 * The call is recorded as a run without a wall: which handler, with arguments of which digest, and how it ended.
 * What a handler does beside its value is its own: the gate does not see it.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { newRunId } from "../foundation/ids.ts";
import type { JsonValue } from "../foundation/json.ts";
import { RtfsError, toWire, type Value } from "../rtfs/index.ts";
import { closeBooks, type ProgramOutcome, startData } from "./conduct.ts";
import type { ExecutionResult } from "./execution-records.ts";
import { createGate } from "./gate.ts";
import { HaltWatch } from "./halt.ts";
import { openLiveStage } from "./live.ts";
import { type PreparedRun, prepareRun } from "./prepare.ts";
import { createRunDirectory } from "./run-directory.ts";
import type { World } from "./world.ts";

/** It may throw; the signal fires at the deadline, which code that does not wait cannot notice. */
export type NativeHandler = (args: readonly Value[], signal: AbortSignal) => Value | Promise<Value>;

export interface NativeCall {
  readonly executionId: string;
  readonly handler: string;
  readonly handlers: ReadonlyMap<string, NativeHandler>;
  readonly args: readonly Value[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @throws {CcosError} `INVALID_PROGRAM` when no handler has this id. */
export async function executeNative(world: World, call: NativeCall): Promise<ExecutionResult> {
  const { executionId, handler, handlers, args } = call;
  const registered = handlers.get(handler);
  if (registered === undefined)
    throw new CcosError("INVALID_PROGRAM", {
      what: `Cannot execute the native handler ${JSON.stringify(handler.slice(0, 80))}`,
      why: "no handler is registered under this id",
    });
  const startedMs = performance.now();
  const prepared = preparedFor(handler, args.map(toWire));
  const halt = new HaltWatch(world, prepared.config);
  halt.refuseStart();
  const id = newRunId(world.nowMs(), world.randomBytes(16));
  const directory = await createRunDirectory(world.stateDir, id, prepared.inputs);
  const stage = await openLiveStage(world, {
    prepared,
    secrets: [],
    identity: null,
    directory,
    startFacts: {},
    halt,
    signal: call.signal,
    log: () => undefined,
    notice: () => undefined,
  });
  try {
    const data = { ...startData(prepared, ""), program: "native", handler };
    stage.chain.append({ type: "RunStarted", data });
    await stage.chain.commit();
    const { outcome, value } = await callHandler(registered, call);
    const { policy, registry } = prepared;
    const room = { ...stage.room, chain: stage.chain, policy, registry, callsMax: 0 };
    const gate = createGate({ ...room, observe: () => undefined });
    await closeBooks(stage, gate, { declared: 0, usage: null }, outcome);
    await stage.seal();
    const metadata = {
      executionId,
      run: id,
      provider: "native",
      durationMs: performance.now() - startedMs,
      networkRequests: [],
      fileOperations: [],
      truncated: false,
    };
    if (outcome.kind === "value") return { ok: true, value, metadata };
    const { code, errorKind: kind, message } = outcome;
    return { ok: false, error: { code, kind, message }, metadata };
  } finally {
    await stage.close();
  }
}

function preparedFor(handler: string, args: readonly JsonValue[]): PreparedRun {
  return prepareRun({
    configFile: "execution.rtfs",
    configSource: '(agent.config :agent-id "execution")',
    planFile: null,
    planSource: null,
    modules: [],
    command: [`native:${handler}`],
    staged: [],
    production: false,
    args,
  });
}

type HandlerOutcome = Extract<ProgramOutcome, { kind: "value" | "failed" }>;

async function callHandler(
  handler: NativeHandler,
  { args, timeoutMs, signal }: NativeCall,
): Promise<{ readonly outcome: HandlerOutcome; readonly value: Value }> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const value = await Promise.race([handler(args, deadline), fired(deadline)]);
    return { outcome: { kind: "value", value: toWire(value) }, value };
  } catch (cause) {
    return { outcome: failureOf(cause, deadline, signal), value: null };
  }
}

function fired(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function failureOf(cause: unknown, deadline: AbortSignal, signal: AbortSignal): HandlerOutcome {
  const failed = { kind: "failed", errorKind: "HostError", place: null } as const;
  if (signal.aborted) return { ...failed, code: "CANCELLED", message: "the call was cancelled" };
  if (deadline.aborted)
    return { ...failed, code: "LIMIT_TIME", message: "the handler took longer than its deadline" };
  if (cause instanceof RtfsError)
    return { ...failed, code: "PROGRAM_ERROR", errorKind: cause.kind, message: cause.message };
  const message = cause instanceof Error ? cause.message : "the handler failed";
  return { ...failed, code: "PROGRAM_ERROR", message: message.toWellFormed() };
}
