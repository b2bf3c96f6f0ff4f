/**
 * Information-flow labels: what data is, told by where it came from, and where it may go.
 *
 * A program is an attacker that can copy anything it has received into anything it sends, so labels
 * belong to the run and not to its values: whoever has received a label has it until the end. A sink
 * takes data only when it accepts every label of the run. The rule is sound whatever the program
 * does; its price is that a run which reads first and sends later is refused more than it would need
 * to be, and the cure is an order of steps, or two runs.
 *
 * @module
 */
import { matchCapability } from "./capability-pattern.ts";
import { coversPath } from "./file-match.ts";
import { matchHost } from "./host.ts";
import { quote } from "./display.ts";
import type { AccessRequest, FlowPlace, FlowPolicy, Verdict } from "./types.ts";

/** Data that may go anywhere; it is never denied. */
export const PUBLIC_LABEL = "public";

/** The call that takes labels off its run; never allowed without somebody's approval. */
export const DECLASSIFY = "ccos.label.declassify";

export interface Received {
  readonly request: AccessRequest;
  /** Every host that had a part in the answer, the asked one too when it is known. */
  readonly hosts: readonly string[];
  /** The answer held text that speaks to a model. */
  readonly isInjection: boolean;
}

/** The labels that a run gains by an answer: those of every source that had a part in it. Sorted. */
export function receivedLabels(flow: FlowPolicy, received: Received): readonly string[] {
  const labels = flow.sources
    .filter(({ place }) => isSource(place, received))
    .flatMap((source) => source.labels);
  return [...new Set(labels)].filter((label) => label !== PUBLIC_LABEL).sort();
}

function isSource(place: FlowPlace, { request, hosts, isInjection }: Received): boolean {
  switch (place.kind) {
    case "injection":
      return isInjection;
    case "host":
      return hosts.some((host) => matchHost(place.host, host)) || isAt(place, request);
    case "path":
      // What is written or deleted gives nothing back.
      return (
        request.resource?.kind === "file" &&
        request.resource.operation === "read" &&
        isAt(place, request)
      );
    case "env":
    case "capability":
      return isAt(place, request);
  }
}

/** Whether the request is about the place. */
function isAt(place: FlowPlace, { capability, resource }: AccessRequest): boolean {
  switch (place.kind) {
    case "host":
      if (resource?.kind === "http") return matchHost(place.host, resource.target.host);
      return resource?.kind === "connect" && matchHost(place.host, resource.host);
    case "path":
      return resource?.kind === "file" && coversPath(place.path, resource.path);
    case "env":
      return resource?.kind === "environment" && resource.name === place.name;
    case "capability":
      return matchCapability(place.capability, capability);
    case "injection":
      return false;
  }
}

/**
 * Whether a run that has these labels may make the call. Null: it may.
 *
 * @param isEffect - The call reaches beyond the run: what touches no resource is a sink only then.
 */
export function decideFlow(
  flow: FlowPolicy,
  request: AccessRequest,
  labels: ReadonlySet<string>,
  isEffect: boolean,
): Extract<Verdict, { kind: "deny" }> | null {
  if (labels.size === 0 || !isSink(request, isEffect)) return null;
  const sinks = flow.sinks.filter(({ place }) => isAt(place, request));
  // Where several are about it, each must accept: a wider one never opens a narrower one.
  const missing = [...labels].filter(
    (label) => sinks.length === 0 || sinks.some(({ accepts }) => !accepts.includes(label)),
  );
  if (missing.length === 0) return null;
  const list = missing.sort().map(quote).join(", ");
  return {
    kind: "deny",
    rule: sinks[0]?.rule ?? null,
    code: "LABEL_DENIED",
    reason: `this run has received data labelled ${list}, and this place does not accept it`,
    fix: `Add ${list} to :accepts of a sink of :labels for it, or send before reading`,
  };
}

/** Reading a file or a variable sends nothing; a request sends its address. */
function isSink({ resource }: AccessRequest, isEffect: boolean): boolean {
  switch (resource?.kind) {
    case "http":
    case "connect":
      return true;
    case "file":
      return resource.operation !== "read";
    case "environment":
      return false;
    case undefined:
      return isEffect;
  }
}
