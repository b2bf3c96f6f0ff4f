/**
 * What a policy's own words add to the built-in detectors: canaries and dictionaries.
 *
 * Built once for as long as the policy's DLP settings live.
 *
 * @module
 */
import type { DlpPolicy } from "../types.ts";
import { ALNUM, type Detector, isAt } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";
import { INJECTION_DETECTORS } from "./injection-detectors.ts";
import type { KnownSecret } from "./known-secrets.ts";

export interface HouseRules {
  /** For what leaves: the built-in detectors and the dictionaries. */
  readonly outbound: readonly Detector[];
  /** For what comes in: those, and the ones of text that speaks to a model. */
  readonly inbound: readonly Detector[];
  /** Searched for as secrets are, in every form. */
  readonly canaries: readonly KnownSecret[];
}

const built = new WeakMap<DlpPolicy, HouseRules>();

/** The detectors and canaries of these settings. */
export function houseRulesOf(dlp: DlpPolicy): HouseRules {
  const known = built.get(dlp);
  if (known !== undefined) return known;
  const dictionaries = (dlp.dictionaries ?? []).map(dictionaryDetector);
  const outbound = [...DETECTORS, ...dictionaries];
  const rules: HouseRules = {
    outbound,
    inbound: [...outbound, ...INJECTION_DETECTORS],
    canaries: (dlp.canaries ?? []).map(({ rule, text }) => ({ name: rule, value: text })),
  };
  built.set(dlp, rules);
  return rules;
}

/** One look-up for each length of word, wherever one may begin: not one for each word. */
function dictionaryDetector(dictionary: {
  readonly name: string;
  readonly words: readonly string[];
}): Detector {
  const words = new Set(dictionary.words.map((word) => bytesOf(word.toLowerCase())));
  const lengths = [...new Set([...words].map((word) => word.length))];
  const starts = [...words].flatMap((word) => casesOf(word.slice(0, 2)));
  return {
    name: `dlp.dictionary.${dictionary.name}`,
    kind: "secret",
    confidence: "high",
    prefixes: [...new Set(starts)],
    match(text, at, meter) {
      if (isAt(text, at - 1, ALNUM)) return null;
      for (const length of lengths) {
        const to = at + length;
        meter.add(length);
        if (isAt(text, to, ALNUM) || !words.has(lowerCase(text.slice(at, to)))) continue;
        return { from: at, to };
      }
      return null;
    },
  };
}

function bytesOf(word: string): string {
  return Buffer.from(word, "utf8").toString("latin1");
}

/** ASCII only: the units are bytes, not letters. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function casesOf(start: string): readonly string[] {
  const [first = [], second = []] = start
    .split("")
    .map((unit) => (/[a-z]/.test(unit) ? [unit, unit.toUpperCase()] : [unit]));
  return first.flatMap((one) => second.map((two) => one + two));
}
