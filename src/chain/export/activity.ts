/**
 * The records of a chain as what they tell of: steps, calls, tunnels, and whatever stands for itself.
 *
 * An intent and its outcome are two records; here they are one activity, told when it is over. Memory is that of the
 * activities under way.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../foundation/json.ts";
import type { ChainBody, ChainRecord } from "../record.ts";

export type Activity =
  /** A step begins; it is told again when it ends. */
  | { readonly kind: "begun"; readonly name: string; readonly body: ChainBody }
  | {
      readonly kind: "step";
      readonly name: string;
      readonly begun: ChainBody;
      readonly ended: ChainBody | null;
    }
  | {
      readonly kind: "call" | "tunnel";
      readonly number: number;
      /** What it was allowed to do; null: it never was. */
      readonly intent: ChainBody | null;
      /** How it ended; null: the chain ends before. */
      readonly outcome: ChainBody | null;
      readonly state: "done" | "failed" | "denied" | "open";
    }
  | { readonly kind: "record"; readonly body: ChainBody };

const CALL_STATES: Readonly<Partial<Record<string, "done" | "failed" | "denied">>> = {
  CallCompleted: "done",
  CallFailed: "failed",
  CallDenied: "denied",
  EgressClosed: "done",
  EgressDenied: "denied",
};

const STEP_ENDS: ReadonlySet<string> = new Set(["StepCompleted", "StepFailed"]);

/** A chain's activities in the order in which they end; those that never do come last. */
export async function* activitiesOf(
  records: AsyncIterable<ChainRecord>,
): AsyncGenerator<Activity, void, undefined> {
  const open = new Map<string, ChainBody>();
  for await (const { body } of records) {
    const { type, data } = body;
    const key = keyOf(body);
    if (type === "StepStarted" || type === "CallIntended" || type === "EgressConnected") {
      open.set(key, body);
      if (type === "StepStarted") yield { kind: "begun", name: textOf(data["step"]), body };
      continue;
    }
    const begun = open.get(key) ?? null;
    const state = CALL_STATES[type];
    if (state !== undefined) {
      open.delete(key);
      yield { ...callOf(body), intent: begun, outcome: body, state };
    } else if (STEP_ENDS.has(type) && begun !== null) {
      open.delete(key);
      yield { kind: "step", name: textOf(data["step"]), begun, ended: body };
    } else yield { kind: "record", body };
  }
  for (const body of open.values()) {
    if (body.type === "StepStarted") {
      yield { kind: "step", name: textOf(body.data["step"]), begun: body, ended: null };
    } else yield { ...callOf(body), intent: body, outcome: null, state: "open" };
  }
}

/** What the two records of one activity have in common. */
function keyOf({ type, data }: ChainBody): string {
  if (type.startsWith("Step")) return `step ${textOf(data["step"])} ${textOf(data["branch"])}`;
  return type.startsWith("Call")
    ? `call ${textOf(data["call"])}`
    : `tunnel ${textOf(data["tunnel"])}`;
}

function callOf({ type, data }: ChainBody): { kind: "call" | "tunnel"; number: number } {
  const kind = type.startsWith("Call") ? "call" : "tunnel";
  const number = data[kind];
  return { kind, number: typeof number === "number" ? number : 0 };
}

/** What a call was about, from whichever record says it. */
export interface CallFacts {
  readonly capability: string;
  /** `GET https://…`, `write /path`, a name; empty when it has none. */
  readonly resource: string;
  readonly rule: string;
  readonly step: string;
  readonly code: string;
  readonly reason: string;
  readonly beginMs: number;
  readonly endMs: number;
  /** What the outside world said. */
  readonly facts: JsonObject;
}

export function factsOf({
  kind,
  intent,
  outcome,
}: Activity & { kind: "call" | "tunnel" }): CallFacts {
  const said = { ...outcome?.data, ...intent?.data };
  const ended = outcome?.data ?? {};
  const beginMs = intent?.ts ?? outcome?.ts ?? 0;
  const target = kind === "call" ? said["resource"] : `CONNECT ${textOf(said["target"])}`;
  return {
    capability: kind === "call" ? textOf(said["capability"]) : "egress.tunnel",
    resource: textOf(target),
    rule: textOf(said["rule"]),
    step: textOf(said["step"]),
    code: textOf(ended["code"]),
    reason: textOf(ended["reason"] ?? ended["message"]),
    beginMs,
    // The host's clock may go back; time does not.
    endMs: Math.max(beginMs, outcome?.ts ?? beginMs),
    facts: { ...intent?.facts, ...outcome?.facts },
  };
}

/** A scalar as text; null and what is absent is empty. */
export function textOf(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
