/**
 * What a capability is: a contract, the access a call asks for, and the doing of it.
 *
 * A provider never opens a socket or a file of its own choice: `invoke` is handed ports that already
 * carry the decision (src/runtime/gate.ts). `access` is pure and is what policy decides on, for the
 * gate, for `ccos plan` and for `ccos why` alike.
 *
 * @module
 */
import type { ErrorCode } from "../foundation/error-codes.ts";
import type { JsonObject } from "../foundation/json.ts";
import type { Result } from "../foundation/result.ts";
import type { HttpTarget, ResourceRequest } from "../policy/index.ts";
import type { KnownArguments, Value } from "../rtfs/index.ts";

export interface CapabilityManifest {
  /** Canonical id: lower-case segments joined by dots, e.g. `ccos.network.http-fetch`. */
  readonly id: string;
  readonly version: string;
  readonly summary: string;
  /** Closed vocabulary: network fs process ipc clock random llm gpu device ui. Empty: pure. */
  readonly effects: readonly string[];
  /** RTFS type expression over the argument vector, e.g. `[:tuple :string]`. */
  readonly input: string;
  /** RTFS type expression of the result. */
  readonly output: string;
  /**
   * What one call costs at most; reserved before it. Its facts say what it did cost, `costMicroUsd` and `tokens`. Absent:
   * nothing.
   */
  readonly meter?: { readonly costMicroUsdMax: number; readonly tokensMax: number };
}

/** Why arguments do not fit, with a path like `[0].url`. */
export interface InvalidInput {
  readonly path: string;
  readonly message: string;
}

export interface HttpCall {
  readonly method: string;
  readonly target: HttpTarget;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** An effect's answer. `facts` are what the outside world said and replay cannot recompute; no payloads. */
export type PortAnswer<T> =
  | { readonly ok: true; readonly value: T; readonly facts: JsonObject }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: JsonObject;
    };

/** What the host does for a capability. Wired in src/runtime/wiring.ts. */
export interface CapabilityPorts {
  /** Milliseconds since the Unix epoch: recorded as a fact, replayed from the record. */
  nowMs(): number;
  /** As many random bytes; recorded as the result, replayed from the record. */
  randomBytes(length: number): Uint8Array;
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
  /** The agent's declared variables; a secret gives its placeholder. Undefined: not declared. */
  environment(name: string): string | undefined;
  log(level: "debug" | "info" | "warn" | "error", text: string): void;
  http(call: HttpCall, signal: AbortSignal): Promise<PortAnswer<HttpReply>>;
  readonly files: FilePort;
}

/** Every method opens without following a symlink out of the granted root. Paths as in the request. */
export interface FilePort {
  exists(path: string): Promise<PortAnswer<boolean>>;
  read(path: string, bytesMax: number): Promise<PortAnswer<Uint8Array>>;
  /** Replaces the file atomically. */
  write(path: string, content: Uint8Array): Promise<PortAnswer<null>>;
  append(path: string, content: Uint8Array): Promise<PortAnswer<null>>;
  delete(path: string): Promise<PortAnswer<boolean>>;
}

/** One part of what leaves with a call: `host`, `path`, `header authorization`, `body`. */
export interface OutgoingPart {
  readonly name: string;
  readonly content: string | Uint8Array;
}

export interface Capability {
  readonly manifest: CapabilityManifest;
  /** Pure. The resource a call touches, from its arguments alone. */
  access(args: readonly Value[]): Result<ResourceRequest | null, InvalidInput>;
  /**
   * Pure. The same resource, when the arguments known before a run settle it; null when they do not.
   * Absent: only all arguments together do.
   */
  settle?(known: KnownArguments): ResourceRequest | null;
  /** Pure. What would leave this host with the call, for DLP. Absent: nothing leaves. */
  outgoing?(args: readonly Value[]): readonly OutgoingPart[];
  invoke(
    args: readonly Value[],
    ports: CapabilityPorts,
    signal: AbortSignal,
  ): Promise<PortAnswer<Value>>;
}

/** One source of capabilities. */
export interface CapabilityProvider {
  readonly name: string;
  describe(): readonly Capability[];
}
