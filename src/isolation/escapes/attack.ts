/**
 * What every attack program is told, and the one line in which it answers.
 *
 * An attack runs inside a wall with nothing but our own Node (as a replaced guest: "the evaluator is
 * already broken" is the case to measure) or perl. It prints `guarantee TAB attempt TAB through TAB
 * saw`, one line an attempt. The line is the attacker's own claim; what the host saw weighs more.
 *
 * @module
 */
import type { Canaries } from "../../host/index.ts";
import { GUARANTEES, type Guarantee } from "../provider.ts";

/** One attempt as the attack reported it. */
export interface Report {
  readonly guarantee: Guarantee;
  readonly attempt: string;
  /** `twin`: the allowed twin worked. `progress`: a count, in `saw`. */
  readonly outcome: "through" | "blocked" | "twin" | "progress";
  readonly saw: string;
}

/**
 * How long a spinning attack goes on at least, milliseconds. A kernel of the wall's own counts the time that the host
 * kept it waiting as time it ran: what it says was used is not what the host gave.
 */
export const SPIN_LEAST_MS = 4_000;

/** Where the host's canaries are, as the attack is told. Never the token itself. */
export interface AttackTargets {
  readonly network: readonly (readonly [kind: string, host: string, port: number])[];
  readonly dnsPort: number;
  readonly unix: string;
  readonly abstract: string;
  readonly files: readonly string[];
  readonly absent: readonly string[];
  readonly variable: string;
  readonly decoyPid: number;
  readonly hostPid: number;
}

export function targetsOf(canaries: Canaries): AttackTargets {
  return {
    network: canaries.endpoints.map(({ kind, host, port }) => [kind, host, port]),
    dnsPort: canaries.dnsPort,
    unix: canaries.socketPath,
    abstract: canaries.abstractName,
    files: canaries.files,
    absent: canaries.absent,
    variable: canaries.variable,
    decoyPid: canaries.decoyPid,
    hostPid: process.pid,
  };
}

const OUTCOMES = ["through", "blocked", "twin", "progress"] as const;

/** @returns Null when the line is no report: noise of an interpreter, or a lie in another shape. */
export function parseReport(line: string): Report | null {
  const [guarantee, attempt, outcome, saw] = line.split("\t");
  const known = GUARANTEES.find((each) => each === guarantee);
  const ended = OUTCOMES.find((each) => each === outcome);
  if (known === undefined || ended === undefined || attempt === undefined) return null;
  return { guarantee: known, attempt: plain(attempt), outcome: ended, saw: plain(saw ?? "") };
}

/** Printable ASCII, at most 80 characters: evidence is shown on terminals. */
export function plain(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 80);
}
