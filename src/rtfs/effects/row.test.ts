import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readForms } from "../syntax/reader.ts";
import {
  asGrant,
  asRequirement,
  printRow,
  readDeclaration,
  rowOfKinds,
  rowToJson,
} from "./declare.ts";
import {
  containsRow,
  type DroppedEffect,
  type EffectMatchers,
  type EffectRow,
  explainGap,
  makeRow,
  meetRows,
  openParameters,
  PURE,
  unionRows,
} from "./row.ts";
import { EFFECT_KINDS, parametersOf } from "./vocabulary.ts";

const matchers: EffectMatchers = {
  domain: (outer, inner) => outer.startsWith("*.") && inner.endsWith(outer.slice(1)),
  range: (outer, inner) => outer === "0.0.0.0/0" && inner !== "::/0",
};

function declaration(text: string) {
  const forms = readForms(text, { file: "f" });
  if (!forms.ok) throw new Error(forms.error[0]!.message);
  return readDeclaration(forms.value[0]!);
}

function declared(text: string) {
  const read = declaration(text);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

const grant = (text: string): EffectRow => asGrant(declared(text), matchers);
const need = (text: string): EffectRow => asRequirement(declared(text), matchers);

const POOLS: Readonly<Record<string, readonly string[]>> = {
  domains: ["a.com", "*.a.com", "x.a.com", "*.x.a.com", "y.x.a.com", "b.com"],
  paths: ["/", "/a", "/a/b", "/ab", "/c/d"],
  ip_ranges: ["0.0.0.0/0", "10.0.0.0/8", "::/0"],
  modes: ["read", "write", "append"],
  methods: ["GET", "POST", "PUT"],
  signals: ["TERM", "KILL"],
};
const pool = (name: string): readonly string[] => POOLS[name] ?? ["one", "two", "three"];

/** Rows of a few kinds, so that pairs often have kinds in common. */
const rows: fc.Arbitrary<EffectRow> = fc
  .record(
    Object.fromEntries(
      (["network", "fs", "llm", "process", "clock"] as const).map((kind) => [
        kind,
        fc.option(
          fc.record(
            Object.fromEntries(
              parametersOf(kind).map((spec) => {
                if (spec.shape === "limit") {
                  return [spec.name, fc.oneof(fc.nat(3), fc.constant("any" as const))];
                }
                if (spec.shape !== "set") return [spec.name, fc.boolean()];
                const items = fc.subarray([...pool(spec.name)]);
                return [
                  spec.name,
                  fc.oneof(
                    { weight: 4, arbitrary: items },
                    { weight: 1, arbitrary: fc.constant("any" as const) },
                  ),
                ];
              }),
            ),
          ),
          { nil: undefined, freq: 3 },
        ),
      ]),
    ),
  )
  .map((kinds) =>
    makeRow(
      EFFECT_KINDS.flatMap((kind) => {
        const values = kinds[kind];
        return values === undefined ? [] : [[kind, new Map(Object.entries(values))] as const];
      }),
      matchers,
    ),
  );

const join = (...all: readonly EffectRow[]): EffectRow => unionRows(all, matchers);
const meet = (one: EffectRow, other: EffectRow): EffectRow => meetRows(one, other, matchers);
const within = (inner: EffectRow, outer: EffectRow): boolean =>
  containsRow(outer, inner, matchers) === null;

function law(name: string, holds: (a: EffectRow, b: EffectRow, c: EffectRow) => boolean): void {
  test(name, () => {
    fc.assert(fc.property(rows, rows, rows, holds), { numRuns: 1500 });
  });
}

const same = (one: EffectRow, other: EffectRow): boolean => printRow(one) === printRow(other);

describe("effect rows are a lattice", () => {
  law("union is commutative", (a, b) => same(join(a, b), join(b, a)));
  law("union is associative", (a, b, c) => same(join(join(a, b), c), join(a, join(b, c))));
  law("union is idempotent", (a) => same(join(a, a), a) && same(join(a, makeRow(a, matchers)), a));
  law("meet is commutative", (a, b) => same(meet(a, b), meet(b, a)));
  law("meet is associative", (a, b, c) => same(meet(meet(a, b), c), meet(a, meet(b, c))));
  law("meet is idempotent", (a) => same(meet(a, a), a));
  law("meet is within both sides", (a, b) => within(meet(a, b), a) && within(meet(a, b), b));
  law(
    "both sides are within their union",
    (a, b) => within(a, join(a, b)) && within(b, join(a, b)),
  );
  law("what is within both is within the meet", (a, b, c) => {
    const common = meet(meet(a, b), c);
    return within(common, meet(a, b));
  });
  law("containment is reflexive", (a) => within(a, a));
  law("containment is transitive", (a, b, c) => !(within(a, b) && within(b, c)) || within(a, c));
  law("containment is what union and meet say it is", (a, b) => {
    const inside = within(a, b);
    return inside === same(join(a, b), b) && inside === same(meet(a, b), a);
  });
  law("union and meet are monotone", (a, b, c) => {
    const more = join(a, b);
    return within(join(a, c), join(more, c)) && within(meet(a, c), meet(more, c));
  });
  law(
    "pure is least",
    (a) => within(PURE, a) && same(join(a, PURE), a) && meet(a, PURE).size === 0,
  );
  law(
    "a printed row reads as itself",
    (a) => same(need(printRow(a)), a) && same(grant(printRow(a)), a),
  );
});

describe("what is not said", () => {
  test("a grant without a parameter grants none of it, but for the stated defaults", () => {
    expect(
      printRow(grant('[[:network {:domains ["a.com"]}] [:fs {:paths ["/a"]}] [:llm {}]]')),
    ).toBe(
      '[[:network {:domains ["a.com"] :methods ["GET" "HEAD"] :ports ["443"] :protocols ["https"] :ip_ranges [] :mTLS false}]]',
    );
  });
  test("a requirement without a parameter may need any", () => {
    expect(printRow(need('[[:fs {:paths ["/a"]}]]'))).toBe('[[:fs {:paths ["/a"] :modes :any}]]');
  });
  test("an unknown need is within no grant but :any", () => {
    const wanted = need("[[:llm {:models [m] :max_tokens 5}]]");
    const gap = containsRow(grant("[[:llm {:models [m] :max-tokens 9}]]"), wanted, matchers);
    expect(gap).toEqual({ kind: "llm", parameter: "tool_use", wanted: "true", allowed: "false" });
    expect(within(need("[:clock]"), grant("[:clock]"))).toBe(true);
    expect(within(need("[[:device {}]]"), grant("[[:device {:kinds [cam]}]]"))).toBe(false);
    expect(within(need("[[:device {}]]"), grant("[[:device {:kinds :any}]]"))).toBe(true);
  });
  test("a kind written bare bounds only the kind", () => {
    expect(same(grant("[:fs]"), rowOfKinds(["fs"])!)).toBe(true);
  });
  test("mTLS asked for is not met without it", () => {
    const grants = grant('[[:network {:domains ["a.com"] :mTLS true}]]');
    const needs = grant('[[:network {:domains ["a.com"]}]]');
    expect(containsRow(grants, needs, matchers)).toMatchObject({ parameter: "mTLS" });
    expect(containsRow(needs, grants, matchers)).toBeNull();
  });
});

describe("containsRow names kind, parameter and item", () => {
  test.each([
    ["[:clock]", "[:fs]", "the effect fs is not among clock"],
    ["[]", "[:fs]", "the effect fs is not among nothing"],
    [
      '[[:fs {:paths ["/a"] :modes [read]}]]',
      '[[:fs {:paths ["/ab"] :modes [read]}]]',
      "fs paths: /ab is not within /a",
    ],
    [
      '[[:fs {:paths ["/a"] :modes [read]}]]',
      '[[:fs {:paths ["/a/b"] :modes [write]}]]',
      "fs modes: write is not within read",
    ],
    [
      '[[:network {:domains ["*.a.com"]}]]',
      '[[:network {:domains ["a.com"] :methods [get] :ports [443] :protocols [https] :ip_ranges []}]]',
      "network domains: a.com is not within *.a.com",
    ],
    [
      '[[:network {:domains ["*.a.com"]}]]',
      '[[:network {:domains ["x.a.com"] :methods [post] :ports [443] :protocols [https] :ip_ranges []}]]',
      "network methods: POST is not within GET, HEAD",
    ],
    [
      "[[:llm {:models [m] :max_tokens 10}]]",
      "[[:llm {:models [m] :max_tokens 11 :tool_use false}]]",
      "llm max_tokens: 11 is not within 10",
    ],
    ["[[:fs {:paths :any :modes [read]}]]", "[[:fs {:modes [read]}]]", null],
    [
      '[[:fs {:paths ["/"] :modes [read]}]]',
      "[[:fs {:modes [read]}]]",
      "fs paths: anything is not within /",
    ],
  ])("%s against %s", (outer, inner, reason) => {
    const gap = containsRow(grant(outer), need(inner), matchers);
    expect(gap === null ? null : explainGap(gap)).toBe(reason);
  });
});

test("meetRows reports each kind that fell away, and the parameter that emptied it", () => {
  const dropped: DroppedEffect[] = [];
  const one = grant('[[:fs {:paths ["/a"] :modes [read]}] [:clock] [:random]]');
  const other = grant('[[:fs {:paths ["/b"] :modes [read]}] [:random]]');
  expect(printRow(meetRows(one, other, matchers, dropped))).toBe("[[:random]]");
  expect(dropped).toEqual([
    { kind: "clock", parameter: null },
    { kind: "fs", parameter: "paths" },
  ]);
});

test("openParameters names what is granted without bound", () => {
  expect(openParameters(grant("[[:fs {:paths :any :modes [read]}] [:clock]]"))).toEqual([
    "fs paths",
  ]);
});

test("rowToJson is plain data", () => {
  expect(rowToJson(grant('[[:fs {:paths ["/a"] :modes [read]}] [:clock]]'))).toEqual([
    { kind: "fs", paths: ["/a"], modes: ["read"] },
    { kind: "clock" },
  ]);
});

describe("readDeclaration refuses with a place", () => {
  test.each([
    ["[:compute]", "1:2 No effect is called `compute`"],
    ["[:__proto__]", "1:2 No effect is called `__proto__`"],
    ["[:clock :clock]", "1:9 The effect `clock` stands twice"],
    ["[[:fs {:path []}]]", "1:8 fs has no parameter `path`"],
    ["[[:fs {:constructor []}]]", "1:8 fs has no parameter `constructor`"],
    ['[[:fs {:paths ["a"]}]]', "1:16 A path is absolute, without empty, `.` or `..` parts"],
    ['[[:fs {:paths ["/a/../b"]}]]', "1:16 A path is absolute, without empty, `.` or `..` parts"],
    ["[[:fs {:modes [chmod]}]]", "1:16 `modes` has no `chmod`"],
    ["[[:fs {:modes :all}]]", "1:15 `modes` is a vector of names, or :any"],
    ["[[:llm {:max_tokens -1}]]", "1:21 `max_tokens` is an amount of 0 or more, or :any"],
    ["[[:llm {:max_tokens 1 :max-tokens 2}]]", "1:23 `max_tokens` stands twice"],
    ["[[:process {:spawn :any}]]", "1:20 `spawn` is true or false"],
    ["{:fs {}}", "1:1 Effects are a vector of kinds"],
    ["[[:fs {} {}]]", "1:2 An effect is :kind or [:kind {:parameter …}]"],
  ])("%s", (text, expected) => {
    const read = declaration(text);
    const { span, message } = read.ok ? { span: null, message: "" } : read.error;
    expect(`${span?.line}:${span?.column} ${message}`).toBe(expected);
  });
  test("rowOfKinds knows no other kind", () => {
    expect(rowOfKinds(["fs", "compute"])).toBeNull();
  });
});
