/**
 * Detectors of text that speaks to a model instead of a reader.
 *
 * They label what comes in; they never change it, and they promise nothing: an instruction can be
 * written in any words. What can be matched exactly are the means of hiding: units that no reader sees.
 *
 * @module
 */
import { ALNUM, type Detector, isAt } from "./detector.ts";

/** Units of a sentence that are looked at from the first word of a phrase on. */
const PHRASE_REACH = 120;
/** At most so many words between those of a phrase, so that matching is bounded. */
const GAP = '(?:[\\s"*_,:]+[a-z\']{1,16}){0,4}[\\s"*_,:]+';

interface Phrase {
  /** First words; two units or more. */
  readonly starts: readonly string[];
  readonly form: RegExp;
}

const PHRASES: readonly Phrase[] = [
  {
    starts: ["ignore", "disregard", "forget", "override", "bypass"],
    form: new RegExp(
      `^(?:ignore|disregard|forget|override|bypass)${GAP}(?:instructions?|prompts?|rules|directions|guidelines|guardrails|context)\\b`,
    ),
  },
  {
    starts: ["you are now", "from now on", "new instructions", "system prompt", "your new task"],
    form: /^(?:you are now (?:a |an |in |the |no longer )|from now on,? you |new instructions? ?:|system prompt ?:|your new task is)/,
  },
  {
    starts: ["do not tell", "don't tell", "without telling", "do not mention", "do not inform"],
    form: /^(?:do not|don't|without) (?:tell|telling|mention|mentioning|inform|informing) (?:this to )?(?:the |your )?(?:user|human|operator|owner)\b/,
  },
  {
    starts: ["reveal", "print your", "repeat your", "send the contents", "exfiltrate"],
    form: /^(?:(?:reveal|print|repeat) your (?:system |hidden |initial )*(?:prompt|instructions)|send the contents of |exfiltrate )/,
  },
  { starts: ["<|im_start|>", "<|system|>", "[inst]", "<<sys>>"], form: /^./ },
];

const phrase: Detector = {
  name: "injection.instruction-phrase",
  kind: "injection",
  confidence: "medium",
  prefixes: PHRASES.flatMap(({ starts }) => starts.flatMap(writtenCases)),
  match(text, at, meter) {
    if (isAt(text, at - 1, ALNUM)) return null;
    meter.add(PHRASE_REACH);
    const written = text.slice(at, at + PHRASE_REACH).toLowerCase();
    const isPhrase = PHRASES.some(
      ({ starts, form }) => starts.some((start) => written.startsWith(start)) && form.test(written),
    );
    return isPhrase ? { from: at, to: Math.min(at + PHRASE_REACH, text.length) } : null;
  },
};

/** Small, capital at the start, all capitals. */
function writtenCases(start: string): readonly string[] {
  const capital = start.replace(/[a-z]/, (letter) => letter.toUpperCase());
  return [...new Set([start, capital, start.toUpperCase()])];
}

/** UTF-8 as byte text. */
function units(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** `count` of `marks` in the next units, nothing else between them. */
function hiddenRun(name: string, marks: readonly string[], count: number): Detector {
  const written = marks.map(units);
  return {
    name,
    kind: "injection",
    confidence: "high",
    prefixes: written,
    match(text, at, meter) {
      let to = at;
      for (let seen = 0; seen < count; seen += 1) {
        meter.add(1);
        const mark = written.find((each) => text.startsWith(each, to));
        if (mark === undefined) return null;
        to += mark.length;
      }
      return { from: at, to };
    },
  };
}

/** U+E0020..U+E007F, an invisible alphabet; three of them, as flags of regions are longer and rare. */
const tags: Detector = {
  name: "injection.unicode-tags",
  kind: "injection",
  confidence: "high",
  prefixes: [units("\u{e0020}").slice(0, 3), units("\u{e0040}").slice(0, 3)],
  match(text, at, meter) {
    meter.add(12);
    return /^(?:\xf3\xa0[\x80\x81][\x80-\xbf]){3}/.test(text.slice(at, at + 12))
      ? { from: at, to: at + 12 }
      : null;
  },
};

const COMMENT_REACH = 512;

/** A comment of HTML in which something is asked for. */
const comment: Detector = {
  name: "injection.hidden-comment",
  kind: "injection",
  confidence: "medium",
  prefixes: ["<!--"],
  match(text, at, meter) {
    const end = text.slice(at, at + COMMENT_REACH).indexOf("-->");
    const inner = text.slice(at + 4, end === -1 ? at + COMMENT_REACH : at + end).toLowerCase();
    meter.add(inner.length);
    const asks =
      /\b(?:assistant|ai agent|language model|llm|chatbot|system prompt|ignore (?:all|any|the|your|previous))\b/;
    return asks.test(inner) ? { from: at, to: at + 4 + inner.length } : null;
  },
};

export const INJECTION_DETECTORS: readonly Detector[] = [
  phrase,
  tags,
  hiddenRun(
    "injection.bidi-control",
    ["\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068"],
    1,
  ),
  hiddenRun("injection.zero-width-run", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"], 3),
  comment,
];
