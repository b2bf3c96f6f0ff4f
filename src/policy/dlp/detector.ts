/**
 * What a detector is, and the bounded reading that all of them share.
 *
 * A detector is tried only where one of its prefixes stands, and reads at most a fixed number of
 * units around it, so a scan is linear in the content. No detector runs a regular expression over
 * content, only over the few units that it has read.
 *
 * @module
 */
import type { Meter } from "./meter.ts";

/** Where a match stands in its text; `to` is exclusive. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Detector {
  /** `dlp.github-token`: what a verdict names as its rule. */
  readonly name: string;
  /** `injection`: text that speaks to a model. Looked for in what comes in only. */
  readonly kind: "secret" | "pii" | "injection";
  /** `high`: self-identifying or checksummed. `medium`: well formed. `low`: only looks like it. */
  readonly confidence: "high" | "medium" | "low";
  /** Texts of two units or more that stand in every match. */
  readonly prefixes: readonly string[];
  /** The match around `at` (where a prefix stands); null when there is none. */
  match(text: string, at: number, meter: Meter): Span | null;
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

/** Each unit of the first text before each unit of the second. */
export function pairsOf(firsts: string, seconds: string): readonly string[] {
  return firsts.split("").flatMap((first) => seconds.split("").map((second) => first + second));
}

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

/** The start of the run of `units` that ends at `to`, at most `max` units back. */
export function runStart(
  text: string,
  to: number,
  reach: { readonly units: UnitClass; readonly max: number },
  meter: Meter,
): number {
  let at = to;
  while (to - at < reach.max && isAt(text, at - 1, reach.units)) at -= 1;
  meter.add(to - at + 1);
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
