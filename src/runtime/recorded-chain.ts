/**
 * A chain that was recorded, as a program that runs again sees it: a writer that writes nothing, and the effects'
 * answers.
 *
 * Each record is built as live, with the recorded time and facts, and compared; the first that differs is a
 * {@link Divergence}. Records that say that the run was resumed were made by nobody inside: they are stepped over.
 *
 * Read in this order: RecordedChain, recordedAnswer. Shared by replay.ts and resume.ts.
 *
 * @module
 */
import {
  type ChainRecord,
  type ChainWriter,
  linkRecord,
  type PayloadStore,
  readRecords,
} from "../chain/index.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { AdmittedCall, Executed } from "./gate-guard.ts";
import type { RunDirectory } from "./run-directory.ts";

export interface RecordGist {
  readonly type: string;
  readonly data: JsonObject;
}

/** More records than a run with the default limit on calls can write; keeps the memory of a replay bounded. */
const RECORDS_MAX = 500_000;

const DECISIONS: ReadonlySet<string> = new Set(["CallIntended", "CallDenied", "CallFailed"]);

/** @returns Null when there are more than 500 000. @throws {CcosError} as `readRecords`. */
export async function loadRecords(run: RunDirectory): Promise<readonly ChainRecord[] | null> {
  const records: ChainRecord[] = [];
  for await (const record of readRecords(run.chain)) {
    if (records.push(record) > RECORDS_MAX) return null;
  }
  return records;
}

export class RecordedChain implements ChainWriter {
  readonly #recorded: readonly ChainRecord[];
  #next = 0;

  constructor(recorded: readonly ChainRecord[]) {
    this.#recorded = recorded;
  }

  get head(): { readonly seq: number; readonly hash: string } {
    const last = this.#recorded[this.#next - 1];
    return { seq: this.#next - 1, hash: last?.hash ?? "" };
  }

  /** The next record that the program makes; undefined behind the last. */
  upcoming(): ChainRecord | undefined {
    for (; ; this.#next++) {
      const record = this.#recorded[this.#next];
      if (record?.body.type !== "RunResumed") return record;
      if (record.body.data["records"] !== record.body.seq) return record;
    }
  }

  /** @throws {Divergence | OutsideEnd} */
  /** The record of the next call's decision, behind what is recorded while it is waited for; undefined: none stands. */
  upcomingDecision(): ChainRecord | undefined {
    for (let at = this.#next; at < this.#recorded.length; at++) {
      const record = this.#recorded[at]!;
      if (DECISIONS.has(record.body.type)) return record;
    }
    return undefined;
  }

  append(input: Parameters<ChainWriter["append"]>[0]): ChainRecord {
    const expected = this.upcoming();
    const gist = { type: input.type, data: input.data };
    if (
      expected !== undefined &&
      expected.body.type !== input.type &&
      isOutsideEnd(expected.body.type)
    ) {
      throw new OutsideEnd(textOf(expected.body.facts["by"]));
    }
    if (expected === undefined)
      throw new Divergence(this.#next, { type: "(the chain ended)", data: {} }, gist);
    const { type, data } = input;
    const record = linkRecord({ ...expected.body, type, data });
    if (record.hash !== expected.hash)
      throw new Divergence(expected.body.seq, gistOf(expected), gist);
    this.#next++;
    return record;
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** `cut`: there is no outcome. `erased`: its value is not in the payload store. */
export type RecordedAnswer =
  | { readonly kind: "answer"; readonly executed: Executed }
  | { readonly kind: "cut" }
  | { readonly kind: "erased"; readonly digest: string };

/**
 * The recorded outcome of the call whose intent was just passed.
 *
 * @throws {Divergence | OutsideEnd}
 */
export async function recordedAnswer(
  cursor: RecordedChain,
  payloads: PayloadStore,
  call: AdmittedCall,
): Promise<RecordedAnswer> {
  let next = cursor.upcoming();
  while (next?.body.type === "CallRetried") {
    cursor.append({ type: "CallRetried", data: { call: call.number } });
    next = cursor.upcoming();
  }
  if (next === undefined) return { kind: "cut" };
  const { type, data, facts, seq } = next.body;
  if (isOutsideEnd(type)) throw new OutsideEnd(textOf(facts["by"]));
  if (type === "CallFailed" && data["call"] === call.number) {
    const code = data["code"] as Extract<Executed, { ok: false }>["code"];
    const message = textOf(data["message"]);
    return { kind: "answer", executed: { ok: false, code, message, facts } };
  }
  if (type !== "CallCompleted" || data["call"] !== call.number)
    throw new Divergence(seq, gistOf(next), { type: "CallCompleted", data: { call: call.number } });
  const digest = textOf(data["result"]);
  const payload = await payloads.get(digest);
  if (payload === null) return { kind: "erased", digest };
  const value = JSON.parse(new TextDecoder().decode(payload)) as JsonValue;
  return { kind: "answer", executed: { ok: true, value, facts } };
}

export function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

const OUTSIDE_ENDS: ReadonlySet<string> = new Set([
  "LimitReached",
  "RunCancelled",
  "EmergencyStopped",
]);

/** A limit, a cancel, an emergency stop: the outside ended the program at a point that no replay can find again. */
export function isOutsideEnd(type: string): boolean {
  return OUTSIDE_ENDS.has(type);
}

export function gistOf(record: ChainRecord): RecordGist {
  return { type: record.body.type, data: record.body.data };
}

/** Leaves the conduct at the first record that differs. */
export class Divergence extends Error {
  readonly difference: {
    readonly seq: number;
    readonly recorded: RecordGist;
    readonly replayed: RecordGist;
  };

  constructor(seq: number, recorded: RecordGist, replayed: RecordGist) {
    super(`record ${seq} differs`);
    this.difference = { seq, recorded, replayed };
  }
}

/** Leaves the conduct where the outside ended the run. */
export class OutsideEnd extends Error {
  readonly by: string;

  constructor(by: string) {
    super(`ended by ${by}`);
    this.by = by;
  }
}
