/**
 * How a call is made that its plan says more of: once for its key, and again when what failed may be over.
 *
 * Between the gate's durable intent and the capability, live only: a replay and the past of a resumed run take the
 * outcome from the record. Read `execute` as the list it is: claim the key → answer what was made before → make it →
 * while that fails for a time: record, wait, make it again → keep what it gave.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { type ChainWriter, digestOf } from "../chain/index.ts";
import { canonicalJson } from "../foundation/canonical-json.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import { unreachable } from "../foundation/result.ts";
import { sleep } from "../host/index.ts";
import type { KnownSecret } from "../policy/index.ts";
import { toWire } from "../rtfs/index.ts";
import type { Idempotency, Transient } from "./call-terms.ts";
import { bytesOf } from "./gate.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import { effectId, type IdempotencyTable, type KeptResult } from "./idempotency-table.ts";
import { repeatable } from "./repeatable.ts";

export interface TermedRoom {
  readonly run: string;
  readonly agent: string;
  /** Digest of the plan. */
  readonly plan: string;
  readonly chain: ChainWriter;
  /** Differ from run to run: for an effect's name they are the secret's name. */
  readonly placeholders: readonly KnownSecret[];
  /** Opened when the first call with a key comes. */
  readonly table: () => Promise<IdempotencyTable>;
}

/** One call's time: its signal fires when that is over. */
export interface CallTime {
  readonly signal: AbortSignal;
  readonly msLeft: () => number;
}

export interface TermedExecution {
  execute(call: AdmittedCall, time: CallTime, make: () => Promise<Executed>): Promise<Executed>;
  /** What the other side is told of a call with a key; null: it has none. */
  keyOf(call: AdmittedCall): string | null;
  /** What was made again, less what was answered without being made: no intent and no outcome has it. */
  readonly beyond: Readonly<Beyond>;
}

interface Beyond {
  network: number;
  sentBytes: number;
  receivedBytes: number;
}

const BUSY_POLL_MS = 25;

export function termedExecution(room: TermedRoom): TermedExecution {
  const beyond: Beyond = { network: 0, sentBytes: 0, receivedBytes: 0 };
  const isNetwork = (call: AdmittedCall): boolean => call.request.resource?.kind === "http";
  const keyOf = (call: AdmittedCall): string | null => {
    const idempotency = call.terms?.idempotency ?? null;
    return idempotency === null ? null : idOf(room, call, idempotency);
  };
  const attempts: Attempts = async (call, time, make) => {
    for (let attempt = 1; ; attempt++) {
      // An emergency stop may have come while it waited.
      time.signal.throwIfAborted();
      if (attempt > 1 && isNetwork(call)) beyond.network++;
      const executed = await make();
      const delayMs = retryDelay(room, { call, attempt, executed });
      if (delayMs === null || delayMs >= time.msLeft()) return counted(call, executed, attempt);
      const facts = { attempt, delayMs, failure: transientOf(executed) };
      room.chain.append({ type: "CallRetried", data: { call: call.number }, facts });
      await room.chain.commit();
      beyond.sentBytes += bytesOf(executed.facts["requestBytes"]);
      beyond.receivedBytes += bytesOf(executed.facts["responseBytes"]);
      await sleep(delayMs, time.signal);
    }
  };
  return {
    keyOf,
    beyond,
    execute: async (call, time, make) => {
      const id = keyOf(call);
      if (id === null) return await attempts(call, time, make);
      let isMade = false;
      try {
        const table = await room.table();
        const claimed = await claim(room, table, { call, id, time });
        if (claimed.kind === "answered") return claimed.executed;
        isMade = true;
        return await kept(table, id, () => attempts(call, time, make));
      } finally {
        if (!isMade && isNetwork(call)) beyond.network--;
      }
    },
  };
}

type Attempts = TermedExecution["execute"];

function idOf({ run, agent, plan }: TermedRoom, call: AdmittedCall, terms: Idempotency): string {
  const scopes = {
    intent: ["intent", run],
    plan: ["plan", agent, plan],
    global: ["global", agent],
  } as const;
  const capability = call.capability.manifest.id;
  return effectId({ scope: scopes[terms.scope], capability, key: terms.key });
}

type Claimed =
  | { readonly kind: "mine" }
  | { readonly kind: "answered"; readonly executed: Executed };

interface Claiming {
  readonly call: AdmittedCall;
  readonly id: string;
  readonly time: CallTime;
}

/** Waits while another process makes the same effect. */
async function claim(
  room: TermedRoom,
  table: IdempotencyTable,
  { call, id, time }: Claiming,
): Promise<Claimed> {
  const capability = call.capability.manifest.id;
  const input = inputDigest(room, call);
  for (;;) {
    const begun = table.begin({ id, capability, input, run: room.run });
    switch (begun.kind) {
      case "mine":
        if (!begun.isDoubtful || call.isKnownUndone || repeatable(call) !== null)
          return { kind: "mine" };
        table.leave(id);
        return failed(
          "IDEMPOTENCY_IN_DOUBT",
          `${begun.run} began the effect with this key and died; nobody knows whether it took place`,
        );
      case "done":
        return begun.value === null
          ? failed(
              "IDEMPOTENCY_UNAVAILABLE",
              `the effect was made by ${begun.run}; its result was not kept`,
            )
          : answered(begun.value, begun.run);
      case "conflict":
        return failed(
          "IDEMPOTENCY_CONFLICT",
          `the key was used by ${begun.run} for a call with other arguments`,
        );
      case "full":
        return failed("IDEMPOTENCY_UNAVAILABLE", "the table of effects with keys is full");
      case "busy":
        await sleep(BUSY_POLL_MS, time.signal);
        time.signal.throwIfAborted();
        break;
      default:
        return unreachable(begun);
    }
  }
}

/** The hosts on its way stay with it: the labels of who is answered come from them. */
function answered({ json: value, hops }: KeptResult, by: string): Claimed {
  const facts = hops === undefined ? { madeBy: by } : { madeBy: by, hops };
  return { kind: "answered", executed: { ok: true, value, facts } };
}

/** How often it was made, where it may be made more than once: budgets are charged for each. */
function counted(call: AdmittedCall, executed: Executed, attempts: number): Executed {
  if ((call.terms?.retry ?? null) === null) return executed;
  return { ...executed, facts: { ...executed.facts, attempts } };
}

function failed(code: ErrorCode, message: string): Claimed {
  return { kind: "answered", executed: { ok: false, code, message, facts: {} } };
}

/** The arguments, with secrets by their names. */
function inputDigest({ placeholders }: TermedRoom, { args }: AdmittedCall): string {
  const text = canonicalJson(args.map((arg) => toWire(arg)));
  return digestOf(
    placeholders.reduce(
      (named, { name, value }) => named.replaceAll(value, `ccos-secret:${name}`),
      text,
    ),
  );
}

/** The outcome is in the table before anybody is told it. */
async function kept(
  table: IdempotencyTable,
  id: string,
  make: () => Promise<Executed>,
): Promise<Executed> {
  let executed: Executed;
  try {
    executed = await make();
  } catch (cause) {
    table.leave(id);
    throw cause;
  }
  if (executed.ok && isSuccess(executed.facts)) table.finish(id, resultOf(executed));
  else if (executed.ok) table.finish(id, undefined);
  // It may have been taken: the same key asks again.
  else table.leave(id);
  return executed;
}

function resultOf({ value: json, facts: { hops } }: Extract<Executed, { ok: true }>): KeptResult {
  return hops === undefined ? { json } : { json, hops };
}

/** Answers that say no are no results to give to who asks again. */
function isSuccess({ status }: JsonObject): boolean {
  return typeof status !== "number" || status < 400;
}

const TRANSIENT_STATUS: ReadonlyMap<number, Transient> = new Map([
  [429, "status-429"],
  [502, "status-502"],
  [503, "status-503"],
  [504, "status-504"],
]);

function transientOf(executed: Executed): Transient | null {
  if (!executed.ok) return executed.code === "NETWORK_ERROR" ? "network-error" : null;
  const { status } = executed.facts;
  return typeof status === "number" ? (TRANSIENT_STATUS.get(status) ?? null) : null;
}

interface Attempted {
  readonly call: AdmittedCall;
  /** The first is 1. */
  readonly attempt: number;
  readonly executed: Executed;
}

/** Milliseconds to wait before the next attempt; null: there is none. */
function retryDelay(room: TermedRoom, { call, attempt, executed }: Attempted): number | null {
  const retry = call.terms?.retry ?? null;
  const failure = transientOf(executed);
  if (retry === null || failure === null) return null;
  if (attempt > retry.max || !retry.retryOn.has(failure)) return null;
  const base = retry.backoffMs[Math.min(attempt, retry.backoffMs.length) - 1] ?? 0;
  return Math.round(base * (1 + jitter(room.run, call.number, attempt)));
}

/** From 0 to a half, and the same whenever the run is looked at: who failed together does not ask again together. */
function jitter(run: string, call: number, attempt: number): number {
  const mac = createHmac("sha256", run).update(`retry\0${call}\0${attempt}`).digest();
  return mac.readUInt32BE() / 2 ** 33;
}
