/**
 * What a detector is, and the bounded reading that all of them share.
 *
 * A detector is tried only where its prefix stands, and reads at most a fixed number of units from
 * there, so a scan is linear in the content. No detector uses a regular expression on content.
 *
 * @module
 */
import type { Meter } from "./views.ts";

export interface Detector {
  /** `dlp.github-token`: what a verdict names as its rule. */
  readonly name: string;
  readonly kind: "secret" | "pii";
  /** `high`: self-identifying or checksummed. `medium`: well formed. `low`: only looks like it. */
  readonly confidence: "high" | "medium" | "low";
  /** Texts that start a match; the first units select the detector. */
  readonly prefixes: readonly string[];
  /** Whether the data at `at` (where a prefix stands) is a match. */
  matches(text: string, at: number, meter: Meter): boolean;
}

/** A set of units, by code. */
export type UnitClass = Uint8Array;

/** Build a class from single units and ranges: `a-z0-9_`. A final `-` stands for itself. */
export function unitClass(spec: string): UnitClass {
  const units = new Uint8Array(256);
  for (let at = 0; at < spec.length; at += 1) {
    const from = spec.charCodeAt(at);
    const isRange = spec[at + 1] === "-" && at + 2 < spec.length;
    const to = isRange ? spec.charCodeAt(at + 2) : from;
    for (let code = from; code <= to; code += 1) units[code] = 1;
    if (isRange) at += 2;
  }
  return units;
}

export const ALNUM: UnitClass = unitClass("A-Za-z0-9");
export const TOKEN: UnitClass = unitClass("A-Za-z0-9_-");
export const DIGIT: UnitClass = unitClass("0-9");

/** Whether the unit at `at` exists and is in the class. */
export function isAt(text: string, at: number, units: UnitClass): boolean {
  return at >= 0 && at < text.length && units[text.charCodeAt(at)] === 1;
}

/** The end of the run of `units` that starts at `from`, at most `max` units on. */
export function runEnd(
  text: string,
  from: number,
  reach: { readonly units: UnitClass; readonly max: number },
  meter: Meter,
): number {
  const stop = Math.min(text.length, from + reach.max);
  let at = from;
  while (at < stop && reach.units[text.charCodeAt(at)] === 1) at += 1;
  meter.add(at - from + 1);
  return at;
}

/** Units that {@link isVaried} looks at. */
export const VARIED_MAX = 64;

/** For each unit, the last question in which it was seen: nothing to clear between questions. */
const seenIn = new Float64Array(256);
let question = 0;

/** Whether a token is varied enough to be random: placeholders such as `xxxx…` are not. */
export function isVaried(text: string, from: number, to: number): boolean {
  const enough = Math.min(8, (to - from) / 2);
  const end = Math.min(to, from + VARIED_MAX);
  let different = 0;
  question += 1;
  for (let at = from; at < end && different < enough; at += 1) {
    const unit = text.charCodeAt(at);
    if (seenIn[unit] === question) continue;
    seenIn[unit] = question;
    different += 1;
  }
  return different >= enough;
}
