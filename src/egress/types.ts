import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { Result } from "../foundation/result.ts";
import type { HttpTarget } from "../policy/index.ts";

/** As HttpCall, HttpReply and PortAnswer of src/capability/types.ts: these rooms do not know each other. */
export interface BrokerCall {
  /** Upper case. */
  readonly method: string;
  readonly target: HttpTarget;
  /** Names in lower case, each once. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
}

export interface BrokerReply {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Decoded, with every secret masked. */
  readonly body: Uint8Array;
}

export type BrokerAnswer =
  | { readonly ok: true; readonly value: BrokerReply; readonly facts: JsonObject }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: JsonObject;
    };

/** Why a request ended without an answer. Never holds a secret or a payload. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** One lookup: every address of a name, or the resolver's code. */
export type Resolve = (
  host: string,
  signal: AbortSignal,
) => Promise<Result<readonly string[], string>>;

/** A secret of the run. `placeholder` is what the agent holds. */
export interface EdgeSecret {
  readonly name: string;
  readonly value: string;
  readonly placeholder: string;
}
