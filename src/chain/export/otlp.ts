/**
 * A chain as one trace in OTLP's JSON: the run, its steps, their calls. Identifiers follow from the chain's, so the same chain gives
 * the same trace; enums are numbers, 64-bit integers text, identifiers hex, as the protocol's JSON has them.
 *
 * @module
 */
import { hash } from "node:crypto";
import type { JsonObject } from "../../foundation/json.ts";
import type { ChainBody, ChainRecord } from "../record.ts";
import { activitiesOf, type Activity, factsOf, textOf } from "./activity.ts";

const INTERNAL = 1;
const CLIENT = 3;
const OK = 1;
const ERROR = 2;

/** Parts of one JSON document. */
export async function* otlpParts(
  records: AsyncIterable<ChainRecord>,
): AsyncGenerator<string, void, undefined> {
  const trace = new Trace();
  let separator = "";
  for await (const activity of activitiesOf(trace.watch(records))) {
    if (separator === "") {
      yield `{"resourceSpans":[{"resource":{"attributes":${JSON.stringify(trace.resource())}},"scopeSpans":[{"scope":{"name":"ccos"},"spans":[`;
      separator = "\n";
    }
    const span = trace.spanOf(activity);
    if (span === null) continue;
    yield `${separator}${JSON.stringify(span)}`;
    separator = ",\n";
  }
  if (separator === "") return yield '{"resourceSpans":[]}\n';
  yield `${separator}${JSON.stringify(trace.run())}\n]}]}]}\n`;
}

class Trace {
  #first: ChainBody | null = null;
  #endMs = 0;
  #ended: ChainBody | null = null;
  /** Where steps that are under way began; calls belong to them. */
  readonly #steps = new Map<string, ChainBody>();

  async *watch(records: AsyncIterable<ChainRecord>): AsyncGenerator<ChainRecord, void, undefined> {
    for await (const record of records) {
      const { body } = record;
      this.#first ??= body;
      this.#endMs = Math.max(this.#endMs, body.ts);
      if (body.type === "StepStarted") this.#steps.set(textOf(body.data["step"]), body);
      if (/^Run(?:Completed|Failed|Cancelled)$/.test(body.type)) this.#ended = body;
      yield record;
    }
  }

  resource(): readonly JsonObject[] {
    const { chain = "", data = {} } = this.#first ?? {};
    return attributes({
      "service.name": "ccos",
      "ccos.chain": chain,
      "ccos.agent": textOf(data["agent"]),
      "ccos.config": textOf(data["config"]),
    });
  }

  spanOf(activity: Activity): JsonObject | null {
    if (activity.kind === "record" || activity.kind === "begun") return null;
    if (activity.kind === "step") {
      const { name, begun, ended } = activity;
      const code = ended?.type === "StepFailed" ? ERROR : OK;
      const endMs = ended?.ts ?? this.#endMs;
      return this.#span(`step ${begun.seq}`, "run", {
        name,
        kind: INTERNAL,
        beginMs: begun.ts,
        endMs,
        code,
      });
    }
    const facts = factsOf(activity);
    const { capability, beginMs, endMs, step, resource, rule, code, reason } = facts;
    const parent = this.#steps.get(step);
    return this.#span(
      `${activity.kind} ${activity.number}`,
      parent === undefined ? "run" : `step ${parent.seq}`,
      {
        name: capability,
        kind: resource === "" ? INTERNAL : CLIENT,
        beginMs,
        endMs,
        code: activity.state === "done" ? OK : ERROR,
        message: code === "" ? "" : `${code}: ${reason}`,
        attributes: {
          "ccos.resource": resource,
          "ccos.rule": rule,
          "ccos.state": activity.state,
          "ccos.seq": (activity.outcome ?? activity.intent)?.seq ?? 0,
        },
      },
    );
  }

  /** The span of the whole chain; its end is known last. */
  run(): JsonObject {
    const first = this.#first!;
    const code = this.#ended === null || this.#ended.type !== "RunCompleted" ? ERROR : OK;
    const message =
      this.#ended === null ? "the run has no ending" : textOf(this.#ended.data["code"]);
    const span = { name: first.chain, kind: INTERNAL, beginMs: first.ts, endMs: this.#endMs };
    return this.#span("run", null, { ...span, code, message });
  }

  #span(id: string, parent: string | null, told: SpanTold): JsonObject {
    const { name, kind, beginMs, endMs, code, message = "" } = told;
    const chain = this.#first?.chain ?? "";
    return {
      traceId: hash("sha256", chain).slice(0, 32),
      spanId: spanId(chain, id),
      ...(parent === null ? {} : { parentSpanId: spanId(chain, parent) }),
      name: name === "" ? "step" : name,
      kind,
      startTimeUnixNano: nanos(beginMs),
      endTimeUnixNano: nanos(Math.max(beginMs, endMs)),
      attributes: attributes(told.attributes ?? {}),
      status: message === "" ? { code } : { code, message },
    };
  }
}

interface SpanTold {
  readonly name: string;
  readonly kind: number;
  readonly beginMs: number;
  readonly endMs: number;
  readonly code: number;
  readonly message?: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

function spanId(chain: string, id: string): string {
  return hash("sha256", `${chain} ${id}`).slice(0, 16);
}

function nanos(ms: number): string {
  return ms === 0 ? "0" : `${ms}000000`;
}

function attributes(values: Readonly<Record<string, string | number>>): JsonObject[] {
  return Object.entries(values)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
    }));
}
