/**
 * The stage of a run that goes on: the recorded chain as far as it reaches, the live one behind it.
 *
 * The program runs again from its begin. Until the last record its effects are answered from the record and each
 * record that it makes is compared; nothing is written. Behind the last record everything is live, and the first
 * thing written says so: `RunResumed`, with what the outside said and how a call in doubt was settled.
 *
 * Read in this order: Resumption, resumeStage, effectsAgain, ResumedChain.
 *
 * @module
 */
import type { ChainRecord, ChainWriter, PayloadStore, RecordInput } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { SecretFinding } from "../policy/index.ts";
import { NOTHING_SPENT } from "../governance/index.ts";
import { bytesOf } from "./gate.ts";
import type { AdmittedCall, Executed, GateGuard } from "./gate-guard.ts";
import {
  govern,
  type Governed,
  type GovernanceEvent,
  type Outside,
  recordedOutside,
} from "./govern.ts";
import type { LiveStage } from "./live.ts";
import type { PreparedRun } from "./prepare.ts";
import { Divergence, isOutsideEnd, RecordedChain, recordedAnswer } from "./recorded-chain.ts";
import { type Assumption, settleDoubt } from "./resume-doubt.ts";

export interface Resumption {
  readonly run: string;
  /** At least one; verified. */
  readonly recorded: readonly ChainRecord[];
  /** Given only when a call is in doubt. */
  readonly assumption: Assumption | null;
  readonly prepared: PreparedRun;
  readonly notice: (event: GovernanceEvent) => void;
}

export interface ResumedStage extends LiveStage {
  /** What happens now did not happen before the run was killed. */
  readonly isLive: () => boolean;
}

/**
 * @param live - Opened behind the last record.
 * @param past - The payloads of the recorded part.
 */
export function resumeStage(
  live: LiveStage,
  past: PayloadStore,
  resumption: Resumption,
): ResumedStage {
  const cursor = new RecordedChain(resumption.recorded);
  const chain = new ResumedChain(cursor, live, resumption);
  const isLive = (): boolean => cursor.upcoming() === undefined;
  const { room } = live;
  const governed = govern({
    prepared: resumption.prepared,
    chain,
    run: resumption.run,
    outside: outsideOf(cursor, live.outside),
    observe: (event) => {
      if (isLive()) resumption.notice(event);
    },
  });
  const { chargeAgain } = governed;
  const { execute, before } = effectsAgain(live, past, { cursor, chain, resumption, chargeAgain });
  /** What is answered from the record has no effect to stop. */
  const haltWhenLive: GateGuard = { admit: () => (isLive() ? live.halt.admit() : null) };
  return {
    ...live,
    isLive,
    chain,
    admitStart: governed.admitStart,
    observed: (usage) => {
      const now = live.observed(usage);
      return {
        ...now,
        network: before.network + now.network,
        sentBytes: before.sentBytes + now.sentBytes,
        receivedBytes: before.receivedBytes + now.receivedBytes,
      };
    },
    room: {
      ...room,
      execute,
      guards: [...governed.guards, haltWhenLive],
      matchSecrets: (parts) => {
        const recorded = cursor.upcomingDecision();
        if (recorded === undefined) return room.matchSecrets(parts);
        return (recorded.body.facts["knownSecrets"] ?? []) as unknown as readonly SecretFinding[];
      },
      keepResult: (digest, value) => {
        if (isLive()) room.keepResult(digest, value);
      },
    },
    // What broke before anything was written leaves the chain as it was, to be resumed again.
    abandon: (code) => (chain.hasBegun ? live.abandon(code) : Promise.resolve()),
    close: async () => {
      await governed.close();
      await live.close();
      await past.close();
    },
  };
}

/** Who was asked and what was spent is known from the record, as far as it reaches. */
function outsideOf(cursor: RecordedChain, live: Outside): Outside {
  const recorded = recordedOutside(() => cursor.upcoming());
  const now = (): Outside => (cursor.upcoming() === undefined ? live : recorded);
  // What was reserved before the crash is not given back twice: the call in doubt keeps its reservation spent.
  let holder = recorded;
  return {
    desk: {
      open: (...asked) => now().desk.open(...asked),
      wait: (...asked) => now().desk.wait(...asked),
      stands: (...asked) => now().desk.stands(...asked),
    },
    ledger: {
      reserve: (...asked) => {
        holder = now();
        return holder.ledger.reserve(...asked);
      },
      settle: (reserved, actual) =>
        (reserved === NOTHING_SPENT ? live : holder).ledger.settle(reserved, actual),
    },
  };
}

interface Recorded {
  readonly cursor: RecordedChain;
  readonly chain: ResumedChain;
  readonly resumption: Resumption;
  readonly chargeAgain: Governed["chargeAgain"];
}

/** Effects: what was intended before answers from the record, the one in doubt is settled, the rest is live. */
function effectsAgain(
  live: LiveStage,
  past: PayloadStore,
  { cursor, chain, chargeAgain, resumption: { run, recorded } }: Recorded,
): Pick<LiveStage["room"], "execute"> & {
  /** What was counted of effects that are not made again. */
  readonly before: { network: number; sentBytes: number; receivedBytes: number };
} {
  const intents = recorded.filter(({ body }) => body.type === "CallIntended");
  const intended = new Set(intents.map(({ body }) => body.data["call"]));
  const before = { network: 0, sentBytes: 0, receivedBytes: 0 };
  const answered = (call: AdmittedCall, executed: Executed): Executed => {
    if (call.request.resource?.kind === "http") before.network++;
    before.sentBytes += bytesOf(executed.facts["requestBytes"]);
    before.receivedBytes += bytesOf(executed.facts["responseBytes"]);
    return executed;
  };
  const execute = async (call: AdmittedCall): Promise<Executed> => {
    if (!intended.has(call.number)) return await live.room.execute(call);
    const answer = await orDiverged(run, () => recordedAnswer(cursor, past, call));
    if (answer.kind === "answer") return answered(call, answer.executed);
    if (answer.kind === "erased") {
      const why = `the result of call ${call.number} is not in the payload store (erased?)`;
      throw refused(run, why);
    }
    const { how, outcome } = settleDoubt(call, chain.takeAssumption());
    chain.begin({ doubt: { call: call.number, how } });
    await chain.commit();
    if (outcome !== null) return answered(call, outcome);
    const halted = live.halt.admit();
    if (halted !== null) return answered(call, { ...halted, ok: false, message: halted.reason });
    const isKnownUndone = how === "assumed-not-done";
    if (!isKnownUndone) await chargeAgain(call);
    return await live.room.execute({ ...call, isKnownUndone });
  };
  return { execute, before };
}

class ResumedChain implements ChainWriter {
  readonly #past: RecordedChain;
  readonly #live: LiveStage;
  readonly #run: string;
  #assumption: Assumption | null;
  #hasBegun = false;

  constructor(past: RecordedChain, live: LiveStage, { run, assumption }: Resumption) {
    this.#past = past;
    this.#live = live;
    this.#run = run;
    this.#assumption = assumption;
  }

  get head(): { readonly seq: number; readonly hash: string } {
    return this.#live.chain.head;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** What the operator said is of one call. */
  takeAssumption(): Assumption | null {
    const assumption = this.#assumption;
    this.#assumption = null;
    return assumption;
  }

  /** The first record behind the recorded ones; one more for each further call in doubt. */
  begin(facts: JsonObject): void {
    this.#hasBegun = true;
    const { chain, startFacts } = this.#live;
    const data = { records: chain.head.seq + 1 };
    chain.append({ type: "RunResumed", data, facts: { ...startFacts, ...facts } });
  }

  append(input: RecordInput): ChainRecord {
    if (this.#past.upcoming() !== undefined) return this.#again(input);
    if (!this.#hasBegun) this.begin({});
    return this.#live.chain.append(input);
  }

  #again(input: RecordInput): ChainRecord {
    if (isOutsideEnd(input.type))
      throw refused(this.#run, "it was ended before it reached the place where it was cut");
    try {
      return this.#past.append(input);
    } catch (cause) {
      throw divergedOr(this.#run, cause);
    }
  }

  commit(): Promise<void> {
    return this.#live.chain.commit();
  }

  close(): Promise<void> {
    return this.#live.chain.close();
  }
}

async function orDiverged<T>(run: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw divergedOr(run, cause);
  }
}

function divergedOr(run: string, cause: unknown): unknown {
  if (!(cause instanceof Divergence)) return cause;
  const { seq, recorded, replayed } = cause.difference;
  return new CcosError("RESUME_DIVERGED", {
    what: `Cannot resume ${run}`,
    why: `record ${seq} is ${recorded.type}, and the program now came to ${replayed.type} or to other data`,
    fix: "Nothing was changed; see `ccos chain verify RUN --replay`",
    details: {
      seq,
      recorded: { type: recorded.type, data: recorded.data },
      replayed: { type: replayed.type, data: replayed.data },
    },
  });
}

export function refused(run: string, why: string): CcosError {
  return new CcosError("RESUME_REFUSED", { what: `Cannot resume ${run}`, why });
}
