/**
 * What an execution did, read from the records that the gate wrote.
 *
 * @module
 */
import { readRecords } from "../chain/index.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import type { Value } from "../rtfs/index.ts";

/** One request or tunnel that was let out. */
export interface NetworkRequest {
  /** Without the values of its query; `host:port` of a tunnel. */
  readonly url: string;
  readonly method: string;
  /** Absent: there was no answer, or it was not seen. */
  readonly statusCode?: number;
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  /** The config's line that allowed it. */
  readonly rule: string;
}

export interface FileOperation {
  readonly path: string;
  readonly operation: "read" | "write" | "delete";
  /** Absent: it failed, or has no size. */
  readonly bytesProcessed?: number;
  readonly rule: string;
}

/** Figures are the host's. Absent: nobody metered it. */
export interface ExecutionMetadata {
  /** The context's. */
  readonly executionId: string;
  readonly run: string;
  /** `process/bubblewrap`, …, `mock`, or `native`: no wall. */
  readonly provider: string;
  readonly durationMs: number;
  readonly cpuMs?: number;
  readonly memoryBytesPeak?: number;
  /** Where the two figures above come from. */
  readonly meter?: "control-group" | "process-tree";
  readonly networkRequests: readonly NetworkRequest[];
  readonly fileOperations: readonly FileOperation[];
  readonly exitStatus?: number;
  readonly signal?: string;
  /** Output went over its limit; what came later was dropped, and the program ended. */
  readonly truncated: boolean;
}

export interface ExecutionFailure {
  readonly code: string;
  /** A kind of docs/rtfs: `SecurityViolation`, `NetworkError`, … */
  readonly kind: string;
  readonly message: string;
}

export type ExecutionResult =
  | { readonly ok: true; readonly value: Value; readonly metadata: ExecutionMetadata }
  | {
      readonly ok: false;
      readonly error: ExecutionFailure;
      readonly metadata: ExecutionMetadata;
    };

type Effects = Pick<ExecutionMetadata, "networkRequests" | "fileOperations">;

interface Intent {
  readonly verb: string;
  readonly target: string;
  readonly rule: string;
}

/** @param chain - Path of the run's chain, sealed or not. */
export async function readEffects(chain: string): Promise<Effects> {
  const intents = new Map<string, Intent>();
  const outcomes = new Map<string, JsonObject>();
  for await (const { body } of readRecords(chain)) {
    const { type, data, facts } = body;
    if (type === "CallIntended") {
      const intent = intentOf(data["resource"], data["rule"]);
      if (intent !== null) intents.set(keyOf("call", data["call"]), intent);
    } else if (type === "EgressConnected") {
      const rule = textOf(data["rule"]);
      intents.set(keyOf("tunnel", data["tunnel"]), {
        verb: "CONNECT",
        target: textOf(data["target"]),
        rule,
      });
    } else if (type === "CallCompleted" || type === "CallFailed")
      outcomes.set(keyOf("call", data["call"]), facts);
    else if (type === "EgressClosed") outcomes.set(keyOf("tunnel", data["tunnel"]), facts);
  }
  return effectsOf(intents, outcomes);
}

/** Calls and tunnels are numbered each by itself. */
function keyOf(kind: "call" | "tunnel", number: JsonValue | undefined): string {
  return `${kind} ${typeof number === "number" ? number : "?"}`;
}

function effectsOf(
  intents: ReadonlyMap<string, Intent>,
  outcomes: ReadonlyMap<string, JsonObject>,
): Effects {
  const networkRequests: NetworkRequest[] = [];
  const fileOperations: FileOperation[] = [];
  for (const [key, { verb, target, rule }] of intents) {
    const facts = outcomes.get(key) ?? {};
    if (verb === "read" || verb === "write" || verb === "delete")
      fileOperations.push({
        path: target,
        operation: verb,
        ...figure("bytesProcessed", facts["bytes"]),
        rule,
      });
    else
      networkRequests.push({
        url: target,
        method: verb,
        ...figure("statusCode", facts["status"]),
        ...figure("bytesSent", facts["requestBytes"] ?? facts["sent"]),
        ...figure("bytesReceived", facts["responseBytes"] ?? facts["received"]),
        rule,
      });
  }
  return { networkRequests, fileOperations };
}

/** A record names a resource as `GET https://…`, `read /path`; variables of the environment are neither. */
function intentOf(resource: JsonValue | undefined, rule: JsonValue | undefined): Intent | null {
  const text = textOf(resource);
  const space = text.indexOf(" ");
  if (space < 0) return null;
  return { verb: text.slice(0, space), target: text.slice(space + 1), rule: textOf(rule) };
}

function figure<K extends string>(
  key: K,
  value: JsonValue | undefined,
): { readonly [key in K]?: number } {
  return typeof value === "number" ? ({ [key]: value } as { readonly [key in K]?: number }) : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
