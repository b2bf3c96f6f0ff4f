/**
 * What stands in the gate beside the policy: checks that remember (budgets, plan order), ask (approvals) or end everything.
 *
 * A guard is asked after the policy allowed and the arguments were found fit, before the intent is recorded; it is
 * told the outcome of every call it let through. It writes its own records to the run's chain. In a replay the same
 * guards run: what they know of the outside they take from recorded facts.
 *
 * @module
 */
import type { Capability } from "../capability/index.ts";
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { AccessRequest } from "../policy/index.ts";
import type { Value } from "../rtfs/index.ts";
import type { CallTerms } from "./call-terms.ts";

/** What an effect gave back; `facts` go into the record, `value` beside it. */
export type Executed =
  | { readonly ok: true; readonly value: JsonValue; readonly facts: JsonObject }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: JsonObject;
    };

/** A call that passed every check; `rule` is the config path that allowed it. */
export interface AdmittedCall {
  readonly number: number;
  readonly step: string | null;
  readonly capability: Capability;
  readonly request: AccessRequest;
  readonly rule: string;
  /** What a rule asks somebody first; null: nobody is asked. */
  readonly question: string | null;
  readonly args: readonly Value[];
  /** Of the arguments as they were sent: `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** What leaves as the body, where the policy redacts it. Absent: the capability's own. */
  readonly redactedBody?: Uint8Array;
  /** What the plan says of how it may be made. Absent: nothing. */
  readonly terms?: CallTerms;
  /** A person said that the attempt before the crash did not take place. */
  readonly isKnownUndone?: boolean;
}

/** A refusal on the way: `denied` when a rule said no, `refused` when the call itself is malformed. */
export interface Refusal {
  readonly how: "denied" | "refused";
  readonly code: ErrorCode;
  readonly rule: string | null;
  readonly reason: string;
  readonly fix: string;
  readonly facts: JsonObject;
}

export interface GateGuard {
  /** It has the questions of rules answered. A call with a question that no guard answers is denied. */
  readonly answersQuestions?: true;
  /** Null lets the call pass. What it throws ends the run. */
  admit(call: AdmittedCall): Refusal | null | Promise<Refusal | null>;
  /** The recorded outcome of a call that every guard let pass; once for each. */
  settle?(call: AdmittedCall, outcome: Executed): void;
}
