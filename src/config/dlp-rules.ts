/**
 * Rules of DLP: entries that say what they are about, canaries and words that can be found.
 *
 * @module
 */
import { DLP_RULE_NAMES, parseHostPattern, parseJsonPath } from "../policy/index.ts";
import { quoted, segmentOf } from "./display.ts";
import { nearest } from "./nearest.ts";
import type { RuleContext } from "./rule-context.ts";
import type { DlpRuleConfig } from "./types.ts";

const DLP = "orchestrator.dlp";
/** Shorter texts stand somewhere by chance, and block a run for nothing. */
const CANARY_MIN = 12;
const CANARY_MAX = 512;
const WORD_MIN = 3;
const WORD_MAX = 128;
const WORDS_MAX = 10_000;

export function checkDlp(context: RuleContext): void {
  const { rules, canaries, dictionaries } = context.config.orchestrator.dlp;
  const names = [...dictionaries.keys()].map((name) => `dlp.dictionary.${name}`);
  for (const [index, rule] of rules.entries()) {
    checkRule(context, `${DLP}.rules[${index}]`, rule, [...DLP_RULE_NAMES, ...names]);
  }
  for (const [index, text] of canaries.entries()) {
    if (text.length >= CANARY_MIN && text.length <= CANARY_MAX) continue;
    const message = `a canary has ${CANARY_MIN} to ${CANARY_MAX} characters, this one ${text.length}`;
    context.complain("INVALID_DLP_RULE", `${DLP}.canaries[${index}]`, message);
  }
  for (const [name, words] of dictionaries) {
    checkWords(context, `${DLP}.dictionaries.${segmentOf(name)}`, words);
  }
}

function checkRule(
  { complain }: RuleContext,
  path: string,
  rule: DlpRuleConfig,
  names: readonly string[],
): void {
  const refuse = (key: string, message: string) =>
    complain("INVALID_DLP_RULE", `${path}${key}`, message);
  const about = [rule.rule, rule.path, rule.field].filter((each) => each !== null);
  if (about.length !== 1) refuse("", "an entry has exactly one of :rule, :path and :field");
  if (rule.rule !== null && !names.includes(rule.rule)) {
    const meant = nearest(rule.rule, names);
    const hint = meant === null ? "" : `; did you mean ${quoted(meant)}?`;
    refuse(".rule", `no rule is called ${quoted(rule.rule)}${hint}`);
  }
  const steps = rule.path === null ? null : parseJsonPath(rule.path);
  if (steps?.ok === false) refuse(".path", `${quoted(rule.path ?? "")}: ${steps.error}`);
  for (const [index, host] of rule.hosts.entries()) {
    const pattern = parseHostPattern(host);
    const trouble = pattern.ok
      ? pattern.value.port !== null && "a port says nothing here"
      : pattern.error;
    if (trouble !== false) refuse(`.hosts[${index}]`, `${quoted(host)}: ${trouble}`);
  }
}

function checkWords({ complain }: RuleContext, path: string, words: readonly string[]): void {
  if (words.length > WORDS_MAX) {
    complain("INVALID_DLP_RULE", path, `a dictionary has at most ${WORDS_MAX} words`);
  }
  for (const [index, word] of words.entries()) {
    if (word.length >= WORD_MIN && word.length <= WORD_MAX) continue;
    const message = `a word has ${WORD_MIN} to ${WORD_MAX} characters, this one ${word.length}`;
    complain("INVALID_DLP_RULE", `${path}[${index}]`, message);
    return;
  }
}
