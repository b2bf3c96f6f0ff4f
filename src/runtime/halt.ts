/**
 * What ends an agent from outside, whatever it does: the emergency stop, and the end of its validity.
 *
 * An order is a file below `CCOS_HOME/halt`, where no guest can write. The gate looks before each intent, so what comes
 * after the order is refused at once; a run under way looks every {@link LOOK_MS} ms besides, records the order and
 * ends. An order that cannot be read is an order. Outside of `validity` it is the same. Read in this order: HaltOrder,
 * giveOrder, HaltWatch.
 *
 * @module
 */
import { join } from "node:path";
import type { ChainWriter, RecordInput } from "../chain/index.ts";
import { type AgentConfig, compileValidity } from "../config/index.ts";
import { ERROR_CODES } from "../foundation/error-codes.ts";
import { CcosError } from "../foundation/errors.ts";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";
import {
  ensurePrivateDir,
  listDirectory,
  readBoundedNow,
  removeFile,
  writeAtomic,
} from "../host/index.ts";
import { outsideValidity, type Validity, type Verdict } from "../policy/index.ts";
import type { GateGuard, Refusal } from "./gate-guard.ts";
import type { World } from "./world.ts";

export interface HaltOrder {
  /** Null: every agent. */
  readonly agent: string | null;
  readonly reason: string;
  /** Who gave it, as the host names its user. */
  readonly by: string;
  /** Milliseconds since the epoch; null: the order cannot be read. */
  readonly at: number | null;
}

/** How soon a run sees an order that it makes no call after. */
const LOOK_MS = 200;
const ORDER_BYTES_MAX = 64 * 1024;
/** Longest reason, characters. */
export const REASON_LENGTH_MAX = 1_000;
const EVERY = "every-agent.json";
const AGENT_FILE = /^agent-([a-z0-9][a-z0-9._-]{0,127})\.json$/;

function directoryOf(stateDir: string): string {
  return join(stateDir, "halt");
}

function fileOf(agent: string | null): string {
  return agent === null ? EVERY : `agent-${agent}.json`;
}

/** Give an order; it is in force, and durable, when this resolves. An order that stands is replaced. */
export async function giveOrder(stateDir: string, order: HaltOrder): Promise<void> {
  await ensurePrivateDir(stateDir);
  await ensurePrivateDir(directoryOf(stateDir));
  const text = `${JSON.stringify(order)}\n`;
  const path = join(directoryOf(stateDir), fileOf(order.agent));
  await writeAtomic(path, new TextEncoder().encode(text), 0o600);
}

/** @returns False when there was no such order. */
export function liftOrder(stateDir: string, agent: string | null): Promise<boolean> {
  return removeFile(join(directoryOf(stateDir), fileOf(agent)));
}

/** Every order in force, by name. */
export async function standingOrders(stateDir: string): Promise<readonly HaltOrder[]> {
  const names = await listDirectory(directoryOf(stateDir));
  return names
    .filter((name) => name === EVERY || AGENT_FILE.test(name))
    .toSorted()
    .map((name) => readOrder(stateDir, AGENT_FILE.exec(name)?.[1] ?? null))
    .filter((order) => order !== null);
}

/** Null: there is none. */
function readOrder(stateDir: string, agent: string | null): HaltOrder | null {
  const path = join(directoryOf(stateDir), fileOf(agent));
  const read = readBoundedNow(path, ORDER_BYTES_MAX);
  if (!read.ok && read.error === "absent") return null;
  const order = read.ok ? orderOf(new TextDecoder().decode(read.value)) : null;
  if (order !== null) return { ...order, agent };
  return { agent, reason: `${path} cannot be read as an order`, by: "", at: null };
}

function orderOf(text: string): Omit<HaltOrder, "agent"> | null {
  let said: JsonValue;
  try {
    said = JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
  if (!isJsonObject(said)) return null;
  const { reason, by, at } = said;
  if (typeof reason !== "string" || typeof by !== "string" || typeof at !== "number") return null;
  return { reason: reason.slice(0, REASON_LENGTH_MAX), by: by.slice(0, REASON_LENGTH_MAX), at };
}

/** One run under the orders of its host. */
export class HaltWatch implements GateGuard {
  readonly #stateDir: string;
  readonly #nowMs: () => number;
  readonly #agent: string;
  readonly #validity: Validity;
  readonly #stop = new AbortController();
  #chain: ChainWriter | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped: Stop | null = null;

  constructor({ stateDir, nowMs }: Pick<World, "stateDir" | "nowMs">, config: AgentConfig) {
    this.#stateDir = stateDir;
    this.#nowMs = nowMs;
    this.#agent = config.agentId;
    this.#validity = compileValidity(config);
  }

  /** Fires when the run must end. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** What ended this run; null: none of this did. */
  get stopped(): StopCode | null {
    return this.#stopped?.code ?? null;
  }

  /** @throws {CcosError} `AGENT_HALTED`, `OUTSIDE_VALIDITY`. */
  refuseStart(): void {
    const stop = this.#look();
    if (stop === null) return;
    throw new CcosError(stop.code, {
      what: `Cannot start agent "${this.#agent}"`,
      why: stop.reason,
      fix: ERROR_CODES[stop.code].fix,
    });
  }

  /** Look from now on, and record in this chain what ends the run. */
  begin(chain: ChainWriter): void {
    this.#chain = chain;
    this.#timer = setInterval(() => this.#lookAside(), LOOK_MS).unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  admit(): Refusal | null {
    const stop = this.#look();
    return stop === null ? null : { ...denialOf(stop), how: "denied", facts: {} };
  }

  /** What a tunnel is answered; null: it may pass. */
  verdict(): Verdict | null {
    const stop = this.#look();
    return stop === null ? null : { ...denialOf(stop), kind: "deny" };
  }

  /** A chain that cannot be written ends the run by itself; here it must not end the process. */
  #lookAside(): void {
    try {
      this.#look();
    } catch {
      this.#stop.abort();
    }
  }

  #look(): Stop | null {
    if (this.#stopped !== null) return this.#stopped;
    const order = readOrder(this.#stateDir, null) ?? readOrder(this.#stateDir, this.#agent);
    const stop = order === null ? this.#outside() : stopBy(order);
    if (stop === null || this.#chain === null) return stop;
    // A chain that has not begun cannot say so: the next look records it.
    if (this.#chain.head.seq < 0) return stop;
    this.#stopped = stop;
    this.#chain.append(stop.record);
    this.#stop.abort();
    return stop;
  }

  #outside(): Stop | null {
    const reason = outsideValidity(this.#validity, this.#nowMs());
    if (reason === null) return null;
    const record: RecordInput = {
      type: "LimitReached",
      data: {},
      facts: { by: "validity", reason },
    };
    return { code: "OUTSIDE_VALIDITY", rule: "validity", reason, record };
  }
}

type StopCode = "AGENT_HALTED" | "OUTSIDE_VALIDITY";

interface Stop {
  readonly code: StopCode;
  readonly rule: string;
  readonly reason: string;
  readonly record: RecordInput;
}

function stopBy({ agent, reason, by, at }: HaltOrder): Stop {
  const whom = agent === null ? "every agent" : "this agent";
  const given = { agent, reason: reason.toWellFormed(), by: by.toWellFormed(), at };
  return {
    code: "AGENT_HALTED",
    rule: "halt",
    reason: `${whom} was stopped${by === "" ? "" : ` by ${by}`}: ${reason}`,
    record: { type: "EmergencyStopped", data: {}, facts: given },
  };
}

function denialOf({ code, rule, reason }: Stop): Pick<Refusal, "code" | "rule" | "reason" | "fix"> {
  return { code, rule, reason, fix: ERROR_CODES[code].fix };
}
