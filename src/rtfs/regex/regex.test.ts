import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { compilePattern, type Pattern } from "./index.ts";

const free = (): void => {};

function pattern(source: string): Pattern {
  const compiled = compilePattern(source);
  if (!compiled.ok) throw new Error(`${source}: ${compiled.error}`);
  return compiled.value;
}

function fault(source: string): string {
  const compiled = compilePattern(source);
  return compiled.ok ? "compiles" : compiled.error;
}

/** Units that a use of the pattern pays. */
function cost(source: string, text: string): number {
  let units = 0;
  pattern(source).find(text, (more) => (units += more));
  return units;
}

describe("Pattern", () => {
  test.each([
    ["abc", "xabcx", "abc"],
    ["a|ab", "ab", "a"],
    ["ab|a", "ab", "ab"],
    ["a+?", "aaa", "a"],
    ["(?U)a+", "aaa", "a"],
    ["(?U)a+?", "aaa", "aaa"],
    ["a*", "baaa", ""],
    ["^b|a$", "aba", "a"],
    ["(?m)^b$", "a\nb\nc", "b"],
    ["a.c", "a\nc", null],
    ["(?s)a.c", "a\nc", "a\nc"],
    ["\\bfoo\\b", "a foo.", "foo"],
    ["\\Boo\\b", "foo", "oo"],
    ["[^a-z]+", "abcXYZdef", "XYZ"],
    ["[]a]+", "]a]", "]a]"],
    ["[a-]+", "-a", "-a"],
    ["[\\d\\-.]+", "x1-2.3", "1-2.3"],
    ["[[:alpha:]]+", "12ab", "ab"],
    ["[[:^alpha:]]+", "12ab", "12"],
    ["\\pL+", "12äЖ", "äЖ"],
    ["\\p{Greek}+", "aλμ", "λμ"],
    ["\\P{Lu}+", "ABcD", "c"],
    ["\\p{^Lu}+", "ABcD", "c"],
    ["(?i)straße", "STRAßE", "STRAßE"],
    ["(?i)k", "\u212a", "\u212a"],
    ["(?i)[^k]", "\u212a", null],
    ["(?i)a(?-i)b", "AB", null],
    ["(?i:a)b", "Ab", "Ab"],
    ["(?P<year>\\d{4})-(?<month>\\d\\d)", "on 2026-01", "2026-01"],
    ["a{2,3}", "aaaa", "aaa"],
    ["a{2,}?", "aaaa", "aa"],
    ["a{,2}", "a{,2}", "a{,2}"],
    ["x{2}{", "xx{", "xx{"],
    ["\\Qa.b\\E+", "a.bb", "a.bb"],
    ["\\x41\\x{1F600}\\n", "A😀\n", "A😀\n"],
    [".", "😀", "😀"],
    ["(|a)*", "aa", ""],
    ["(|a)+", "aa", ""],
    ["(a|b)*?c", "ababc", "ababc"],
    ["\\012", "\n", "\n"],
    ["", "", ""],
  ])("%s finds in %j %j", (source, text, found) => {
    expect(pattern(source).find(text, free)).toBe(found);
    expect(pattern(source).test(text, free)).toBe(found !== null);
  });

  test.each([
    ["a|ab", "ab", "ab"],
    ["a+?", "aaa", "aaa"],
    ["\\d+", "12a", null],
    ["", "a", null],
    ["a\\z", "a", "a"],
    ["(?:a|b)*", "", ""],
  ])("%s matches all of %j: %j", (source, text, matched) => {
    expect(pattern(source).match(text, free)).toBe(matched);
  });

  test.each([
    ["\\d+", "a1b22", ["1", "22"]],
    ["a*", "baac", ["", "aa", ""]],
    ["", "😀a", ["", "", ""]],
    ["\\b", "ab", ["", ""]],
    ["z", "abc", []],
  ])("%s has in %j the matches %j", (source, text, all) => {
    expect(pattern(source).all(text, free)).toEqual(all);
  });

  test.each([
    ["a(?=b)", "Look-ahead is not part of this dialect (at character 2)"],
    ["a(?!b)", "Look-ahead is not part of this dialect (at character 2)"],
    ["(?<=a)b", "Look-behind is not part of this dialect (at character 1)"],
    ["(?<!a)b", "Look-behind is not part of this dialect (at character 1)"],
    ["(?>a)", "An atomic group is not part of this dialect (at character 1)"],
    ["(a)\\1", "Back-references are not part of this dialect (at character 4)"],
    ["(?P<a>x)(?P=a)", "A back-reference is not part of this dialect (at character 9)"],
    ["(?<a>x)\\k<a>", "Back-references are not part of this dialect (at character 8)"],
    ["a*+", "Possessive repetition is not part of this dialect (at character 3)"],
    ["a**", "A repetition of a repetition needs a group (at character 2)"],
    ["*a", "A repetition has nothing to repeat (at character 1)"],
    ["a|{2}", "A repetition has nothing to repeat (at character 3)"],
    ["(a", "`(` is never closed (at character 1)"],
    ["a)", "`)` closes nothing (at character 2)"],
    ["[a", "`[` is never closed (at character 1)"],
    ["[]", "`[` is never closed (at character 1)"],
    ["[z-a]", "A range in `[…]` goes from a lower to a higher character (at character 2)"],
    ["[a-\\d]", "A range in `[…]` goes from a lower to a higher character (at character 2)"],
    ["[[:nope:]]", "No such class in `[: :]` (at character 2)"],
    ["\\p{Nope}", "`Nope` is no general category and no script (at character 1)"],
    ["\\p{Lu", "`\\p{` is never closed (at character 1)"],
    ["\\y", "`\\y` is no escape (at character 1)"],
    ["\\", "The pattern ends in a lone `\\` (at character 1)"],
    ["\\x{110000}", "An `\\x` escape is two hex digits or a code point in braces (at character 1)"],
    ["\\xg", "An `\\x` escape is two hex digits or a code point in braces (at character 1)"],
    ["\\xA", "An `\\x` escape is two hex digits or a code point in braces (at character 1)"],
    ["a{1001}", "A repetition counts to at most 1000 (at character 2)"],
    ["a{3,2}", "A repetition's least count is above its most (at character 2)"],
    ["(?i", "`(?` begins no group of this dialect (at character 1)"],
    ["(?<a-b>x)", "A group's name is letters, digits and `_` (at character 1)"],
    ["((a{100}){100}){100}", "The pattern is too large: its repetitions make over 10000 steps"],
    [
      "((((){1000}){1000}){1000}){1000}",
      "The pattern is too large: its repetitions make over 10000 steps",
    ],
    ["(".repeat(200), "Groups nest deeper than 100 (at character 102)"],
    ["a".repeat(5000), "The pattern is over 4096 characters (at character 4097)"],
  ])("refuses %s", (source, message) => {
    expect(fault(source)).toBe(message);
  });

  test("one use leaves nothing behind for the next", () => {
    const digits = pattern("\\d+");
    expect([digits.find("a1", free), digits.find("b", free), digits.find("22", free)]).toEqual([
      "1",
      null,
      "22",
    ]);
  });
});

/** Patterns of the dialect, so that most texts over the small alphabet nearly match. */
const sources: fc.Arbitrary<string> = fc.letrec<{ tree: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("a", "b", "c", "ä", "K", ".", "[ab]", "[^a]") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("\\w", "\\d", "\\b", "^", "$", "\\pL", "\\B", "[^\\s]", "\\S"),
    },
    { weight: 3, arbitrary: tie("tree").map((tree) => `(${tree})`) },
    { weight: 1, arbitrary: tie("tree").map((tree) => `(?i:${tree})`) },
    { weight: 1, arbitrary: tie("tree").map((tree) => `(?ms:${tree})`) },
  ),
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("atom"),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => a + b),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `${a}|${b}`),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(
        tie("atom"),
        fc.constantFrom("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"),
      )
      .map(([a, times]) => `(?:${a})${times}`),
  ),
})).tree;
const texts = fc.string({
  unit: fc.constantFrom("a", "b", "c", "A", "ä", "Ä", "k", "K", "\u212a", "1", " ", "\n", "😀"),
  maxLength: 12,
});

function compiledThere(source: string): RE2JS | null {
  try {
    return RE2JS.compile(source);
  } catch {
    return null;
  }
}

describe("against re2js", () => {
  test("find, match and all agree", () => {
    fc.assert(
      fc.property(sources, texts, (source, text) => {
        const ours = pattern(source);
        const theirs = RE2JS.compile(source);
        const first = theirs.matcher(text);
        expect(ours.find(text, free)).toBe(first.find() ? first.group() : null);
        expect(ours.match(text, free)).toBe(theirs.matches(text) ? text : null);
      }),
      { numRuns: 2000 },
    );
  });

  test("a text that is a pattern to both means the same; none of them breaks the parser", () => {
    const pieces = fc.constantFrom(
      ...Array.from("ab0^$.*+?()[]{}|\\-,:<>=!PQEAzbBdDsSwWpLxnr_1😀ä"),
      "(?i)",
      "(?s:",
      "[^",
      "[[:alpha:]]",
      "{2}",
      "{1,}",
      "\\x{61}",
      "\\pL",
      "(?P<n>",
    );
    const soups = fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join(""));
    let agreed = 0;
    fc.assert(
      fc.property(soups, texts, (source, text) => {
        const ours = compilePattern(source);
        const found = ours.ok ? ours.value.find(text, free) : null;
        const theirs = compiledThere(source);
        if (!ours.ok || theirs === null) return;
        agreed++;
        const matcher = theirs.matcher(text);
        expect([source, text, found]).toEqual([
          source,
          text,
          matcher.find() ? matcher.group() : null,
        ]);
      }),
      { numRuns: 5000 },
    );
    expect(agreed).toBeGreaterThan(500);
  });

  test("a set has the characters it has there", () => {
    const sets = fc.constantFrom(
      "\\p{Lu}",
      "(?i)\\p{Lu}",
      "(?i)[k-m]",
      "(?i)[^k-m]",
      "(?i)ß",
      "[[:punct:]]",
      "(?i)[[:upper:]]",
      "\\p{Cyrillic}",
      "\\PN",
      "\\s",
      "\\W",
      "(?s).",
    );
    const points = fc
      .oneof(fc.nat(0x2fff), fc.nat(0x10ffff))
      .filter((point) => point < 0xd800 || point > 0xdfff);
    fc.assert(
      fc.property(sets, points, (source, point) => {
        const text = String.fromCodePoint(point);
        // Characters younger than a table are in none of its classes.
        fc.pre(!/\p{Cn}/u.test(text));
        expect(pattern(source).test(text, free)).toBe(RE2JS.compile(source).matches(text));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("attacks", () => {
  /** Patterns and texts that make a backtracking engine run for years. */
  const attacks: readonly (readonly [string, (size: number) => string])[] = [
    ["(a+)+$", (size) => `${"a".repeat(size)}!`],
    ["([a-zA-Z]+)*$", (size) => `${"a".repeat(size)}!`],
    ["(a|aa)+$", (size) => `${"a".repeat(size)}!`],
    ["(a|a?)+$", (size) => `${"a".repeat(size)}!`],
    ["(.*a){12}$", (size) => `${"a".repeat(size)}!`],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", (size) => "a".repeat(size)],
    ["(\\w*\\s*)*x", (size) => "ab ".repeat(size / 3)],
    ["^(a?){50}a{50}$", (size) => "a".repeat(size)],
    ["\\s+$", (size) => `${" ".repeat(size)}x`],
    ["(x+x+)+y", (size) => "x".repeat(size)],
    ["([0-9]+\\.?)*@", (size) => "1.".repeat(size / 2)],
    ["(.*)*=(.*)*;", (size) => "=".repeat(size)],
    ["(([^<>]+)|<([^<>]*)>)*#", (size) => "<>".repeat(size / 2)],
    ["^([a-z0-9]+([-.][a-z0-9]+)*)+@", (size) => "a-".repeat(size / 2)],
  ];

  test.each(attacks)("%s costs at most twice for twice the text", (source, text) => {
    const once = cost(source, text(3000));
    const twice = cost(source, text(6000));
    expect(twice / once).toBeLessThan(2.1);
    expect(twice).toBeLessThan(6001 * 400);
  });

  test("a meter that throws ends the search", () => {
    let left = 1000;
    const meter = (units: number): void => {
      left -= units;
      if (left < 0) throw new Error("spent");
    };
    expect(() => pattern("(a|aa)+$").find(`${"a".repeat(100_000)}!`, meter)).toThrow("spent");
    expect(left).toBeGreaterThan(-400);
  });

  test("a text nobody looks at is paid for", () => {
    expect(cost("zz", "a".repeat(100_000))).toBeGreaterThan(100_000 / 16);
  });
});
