/**
 * The books of a run: what several parties counted, each for itself, which must agree.
 *
 * A call is declared at the channel's mouth, decided by the gate, recorded with its outcome; the broker, the proxy and the
 * file port count what they did and how many bytes it was; the wall counts what left its network by another way. A record
 * that was forged, lost or bypassed shows as a difference, and the line names it.
 *
 * @module
 */
import type { JsonObject } from "../foundation/json.ts";
import type { GateCounts } from "./gate.ts";

/** What those who do the effects counted. */
export interface Observed {
  /** Requests that the broker began, and connections of the proxy. */
  readonly network: number;
  /** Body bytes of these. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Operations on files that the host's port began. */
  readonly files: number;
  /** Bytes on the wall's own network devices but its loopback; null: nobody looked, or the wall has no network of its own. */
  readonly strayBytes: number | null;
}

export interface BookLine {
  readonly name:
    | "calls"
    | "outcomes"
    | "network"
    | "sent-bytes"
    | "received-bytes"
    | "files"
    | "stray-bytes";
  /** What the records say. */
  readonly recorded: number;
  /** What the other party counted. */
  readonly counted: number;
  /** `equal`; or the records `cover` what was counted: a call may need no operation. */
  readonly rule: "equal" | "cover";
}

export interface Books {
  /** Calls and tunnel requests that arrived from the guest. */
  readonly declared: number;
  readonly gate: { readonly intended: number; readonly denied: number; readonly refused: number };
  /** Network effects the gate let through, and those the egress began. */
  readonly network: { readonly gate: number; readonly egress: number };
  readonly observed: Observed;
  readonly lines: readonly BookLine[];
  /** Names of the lines that do not agree. */
  readonly suspect: readonly BookLine["name"][];
  readonly balanced: boolean;
}

export function balanceBooks(declared: number, gate: GateCounts, observed: Observed): Books {
  const { intended, denied, refused, network } = gate;
  const lines = linesOf(declared, gate, observed);
  const suspect = lines.filter((line) => !agrees(line)).map(({ name }) => name);
  return {
    declared,
    gate: { intended, denied, refused },
    network: { gate: network, egress: observed.network },
    observed,
    lines,
    suspect,
    balanced: suspect.length === 0,
  };
}

function linesOf(declared: number, gate: GateCounts, seen: Observed): readonly BookLine[] {
  const { intended, denied, refused, settled, network, files, sentBytes, receivedBytes } = gate;
  const equal = (name: BookLine["name"], recorded: number, counted: number): BookLine => ({
    name,
    recorded,
    counted,
    rule: "equal",
  });
  return [
    equal("calls", intended + denied + refused, declared),
    equal("outcomes", intended, settled),
    equal("network", network, seen.network),
    equal("sent-bytes", sentBytes, seen.sentBytes),
    equal("received-bytes", receivedBytes, seen.receivedBytes),
    { name: "files", recorded: files, counted: seen.files, rule: "cover" },
    ...(seen.strayBytes === null ? [] : [equal("stray-bytes", 0, seen.strayBytes)]),
  ];
}

/** A count that is no number agrees with nothing. */
function agrees({ recorded, counted, rule }: BookLine): boolean {
  return rule === "equal" ? recorded === counted : recorded >= counted;
}

/** What a replay computes again. */
export function booksData({ declared, gate, network, balanced, suspect }: Books): JsonObject {
  return {
    declared,
    gate,
    network: { gate: network.gate },
    balanced,
    ...(suspect.length === 0 ? {} : { suspect: [...suspect] }),
  };
}

/** What the outside counted. */
export function booksFacts({ observed }: Books): JsonObject {
  return { observed: { ...observed } };
}

/** Recorded facts, back; what is not a count comes back as one that agrees with nothing. */
export function observedOf(facts: JsonObject): Observed {
  const count = (name: string): number => {
    const value = facts[name];
    return typeof value === "number" ? value : Number.NaN;
  };
  return {
    network: count("network"),
    sentBytes: count("sentBytes"),
    receivedBytes: count("receivedBytes"),
    files: count("files"),
    strayBytes: facts["strayBytes"] === null ? null : count("strayBytes"),
  };
}

/** `declared 5 = gate 5 · network 3 = egress 3`, with `≠` where they differ, and whatever else does not agree. */
export function booksText({ declared, gate, network, lines }: Books): string {
  const decided = gate.intended + gate.denied + gate.refused;
  const sign = (left: number, right: number): string => (left === right ? "=" : "≠");
  const rest = lines.filter((line) => !agrees(line) && !TOLD.has(line.name));
  return [
    `declared ${declared} ${sign(declared, decided)} gate ${decided}`,
    `network ${network.gate} ${sign(network.gate, network.egress)} egress ${network.egress}`,
    ...rest.map(({ name, recorded, counted }) => `${name} ${recorded} ≠ ${counted}`),
  ].join(" · ");
}

const TOLD: ReadonlySet<string> = new Set(["calls", "network"]);
