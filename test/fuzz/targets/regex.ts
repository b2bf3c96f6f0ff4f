/**
 * Patterns: the linear engine against two others. `js` cases are patterns that JavaScript means the
 * same way; `re2` cases are compared with a port of RE2; of any other pattern only the work is bounded.
 * A case is a kind, a pattern and texts, one a line.
 */
import { RE2JS } from "re2js";
import { compilePattern } from "../../../src/rtfs/index.ts";
import { parsePattern } from "../../../src/rtfs/regex/parse.ts";
import { compileTree } from "../../../src/rtfs/regex/program.ts";
import { pick } from "../mutate.ts";
import { holds, same, type Random, type Target } from "../target.ts";

interface Piece {
  readonly text: string;
  readonly canBeEmpty: boolean;
}

const ATOMS = "a b c [ab] [^a] [b-z0] \\d \\w \\W [^\\n] é 😀 [é-ü] \\. [\\]a] \\x41 \\t".split(
  " ",
);

/** A pattern that both dialects know; `isLoose`: one that JavaScript reads in another way. */
function piece(random: Random, depth: number, isLoose: boolean): Piece {
  const choice = depth === 0 ? 0 : random();
  const inner = (): Piece => piece(random, depth - 1, isLoose);
  if (choice < 0.3) return { text: pick(ATOMS, random), canBeEmpty: false };
  if (choice < 0.55) {
    const parts = [inner(), inner()];
    const text = parts.map((part) => part.text).join("");
    return { text, canBeEmpty: parts.every((part) => part.canBeEmpty) };
  }
  if (choice < 0.7) {
    const [one, two] = [inner(), inner()];
    const group = pick(["(", "(?:"], random);
    return {
      text: `${group}${one.text}|${two.text})`,
      canBeEmpty: one.canBeEmpty || two.canBeEmpty,
    };
  }
  if (choice < 0.93) {
    const repeated = inner();
    if (repeated.canBeEmpty && !isLoose) return repeated;
    const [operator, canBeEmpty] = pick(
      [
        ["*", true],
        ["+", false],
        ["?", true],
        ["{2}", false],
        ["{1,3}", false],
        ["{0,2}", true],
        ["{2,}", false],
      ] as const,
      random,
    );
    const lazy = random() < 0.3 ? "?" : "";
    const text = `(?:${repeated.text})${operator}${lazy}`;
    return { text, canBeEmpty: canBeEmpty || repeated.canBeEmpty };
  }
  return { text: pick(["^", "$", "\\b", "\\B", "(?:)"], random), canBeEmpty: true };
}

const LETTERS = [
  ...Array.from("aabbccxyz019 .A_-]\n\t"),
  "é",
  "ü",
  "😀",
  "aaaa",
  "abab",
  "ab ".repeat(20),
];

function textLine(random: Random): string {
  const size = Math.floor(random() ** 2 * 24);
  return Array.from({ length: size }, () => pick(LETTERS, random))
    .join("")
    .replaceAll("\n", "\\n");
}

function fresh(random: Random): string {
  const isLoose = random() < 0.4;
  const { text } = piece(random, 5, isLoose);
  return [isLoose ? "re2" : "js", text, textLine(random), textLine(random)].join("\n");
}

function change(text: string, donor: string, random: Random): string {
  if (random() < 0.5) return fresh(random);
  const [, pattern = "", ...texts] = text.split("\n");
  const [, other = ""] = donor.split("\n");
  const at = Math.floor(random() * (pattern.length + 1));
  const cut = Math.floor(random() ** 2 * 5);
  const put =
    random() < 0.5 ? other : pick(Array.from("()[]{}|*+?\\^$.-,:<>=!123aiUsmQEpPLxdbz"), random);
  const mutant = pattern.slice(0, at) + put + pattern.slice(at + cut);
  return ["any", mutant.replaceAll("\n", ""), ...texts].join("\n");
}

/** Matches as the language finds them: none that is empty directly behind another. */
function allOf(found: Iterable<{ readonly index: number; readonly 0: string }>): string[] {
  const matches: string[] = [];
  let lastEnd = -1;
  for (const { index, 0: text } of found) {
    if (text !== "" || index !== lastEnd) matches.push(text);
    lastEnd = index + text.length;
  }
  return matches;
}

function check(text: string): readonly string[] {
  const [kind = "", pattern = "", ...lines] = text.split("\n");
  const compiled = compilePattern(pattern);
  if (!compiled.ok) return [compiled.error.replaceAll(/`.*`|\d+/g, "").slice(0, 60)];
  const size = compileTree(parsePattern(pattern)).code.length;
  for (const line of lines) {
    const subject = line.replaceAll("\\n", "\n");
    let units = 0;
    const pay = (more: number): void => void (units += more);
    const found = compiled.value.find(subject, pay);
    // Each instruction is entered once a character, and tried from at most two others.
    const most = Math.ceil(((subject.length + 2) * (3 * size + 2)) / 4) + Math.ceil(size / 32) + 1;
    holds(
      "a search costs at most its steps times its characters",
      units <= most,
      `${units} > ${most}`,
    );
    holds(
      "a search costs something for each character",
      units * 4 + 4 >= (found === null ? subject.length / 2 : 0),
    );
    const whole = compiled.value.match(subject, pay);
    const all = compiled.value.all(subject, pay);
    same("test says whether find finds", compiled.value.test(subject, pay), found !== null);
    same("the first of all matches is the found one", all[0] ?? null, found);
    // V8 finds a `\\B` inside a surrogate pair, and no match of `[^a]$` that is one.
    const isAlike = !/\\B|\$/.test(pattern) || !/[\ud800-\udfff]/.test(subject);
    // JavaScript searches by trial, so repetitions of repetitions or of choices meet short texts only.
    const isQuick = subject.length <= 10 || !/(?:\)[*+?{]|\|).*\)[*+?{]/.test(pattern);
    if (kind === "js" && isAlike && isQuick) {
      const peer = new RegExp(pattern, "gu");
      same(
        "JavaScript finds the same",
        found,
        subject.match(new RegExp(pattern, "u"))?.[0] ?? null,
      );
      same("JavaScript finds all the same", all, allOf(subject.matchAll(peer)));
      const wholePeer = new RegExp(`^(?:${pattern})$`, "u");
      same("JavaScript matches the same", whole !== null, wholePeer.test(subject));
    } else if (kind === "re2") {
      const matcher = RE2JS.compile(pattern).matcher(subject);
      same("RE2 finds the same", found, matcher.find() ? matcher.group() : null);
      same("RE2 matches the same", whole !== null, RE2JS.compile(pattern).matches(subject));
    }
  }
  return [`size ${Math.round(Math.log2(size))}`];
}

export const regex: Target = {
  name: "rtfs-regex",
  lengthMax: 1500,
  seeds: () => [
    "js\na|ab\nab",
    "re2\n(|a)*\naa",
    "any\n(?i)[[:alpha:]]+\\pL\naé",
    "any\n(?P<a>x{1000}){10}\nxx",
  ],
  fresh,
  mutate: change,
  check,
};
