/**
 * Every fuzzer for a moment, with fixed seeds; `npm run soak -- rtfs-all --minutes 60` runs them long. What
 * a soak finds becomes a law of test/conformance, or a case here where no law can say it.
 */
import { describe, expect, test } from "vitest";
import { Campaign } from "./campaign.ts";
import { shrink } from "./shrink.ts";
import { Broken, type Target } from "./target.ts";
import { TARGETS } from "./targets/index.ts";

const CASES = 150;

describe.each([...TARGETS])("%s", (_, target) => {
  test.each([1, 20261121])("holds its laws on mutants, seed %i", (seed) => {
    const goesOn = (cases: number): boolean => cases < CASES;
    const { failure, cases } = new Campaign(target, { seed, goesOn, runsSeeds: false }).run();
    expect(failure).toBeNull();
    expect(cases).toBe(CASES);
  });
});

/** Each once broke a law that its target holds. */
const FOUND: readonly (readonly [string, string])[] = [
  ["rtfs-engines", "((let [x 1] /) 1 3)"],
  ["rtfs-macros", "(defmacro m [] 5) (let [^:a [x] [1]] x)"],
  ["rtfs-types", "[array nil[9007199254740992]]"],
  ["rtfs-macros", "(defstruct Q :s [enum {t 3}])"],
];

test.each(FOUND)("%s holds its laws on %j", (name, text) => {
  // A law that is broken throws.
  expect(() => TARGETS.get(name)!.check(text)).not.toThrow();
});

describe("a campaign", () => {
  const planted: Target = {
    name: "planted",
    lengthMax: 2000,
    seeds: () => ["(do (+ 1 2) [3 4])", "(f {:a 7})"],
    check: (text) => {
      if (/\[[^\]]*7/.test(text)) throw new Broken("no seven in a vector", text);
      return [text.includes("7") ? "seven" : "none"];
    },
  };

  test("finds what no seed shows, and makes it small", () => {
    const { failure } = new Campaign(planted, { seed: 3, goesOn: (cases) => cases < 5000 }).run();
    expect(failure?.fault).toBe("no seven in a vector");
    expect(failure?.smallest).toBe("[7");
  });

  test("depends on its seed alone", () => {
    const run = (seed: number): unknown =>
      new Campaign(planted, { seed, goesOn: (cases) => cases < 5000 }).run().failure?.case;
    expect(run(5)).toBe(run(5));
    expect(run(5)).not.toBe(run(6));
  });
});

test("a case is made smaller by forms and by tokens", () => {
  const text = "(do (print 1)\n  (let [a (+ 1 (f 2 3))] (g a))) ; end";
  expect(shrink(text, (next) => next.includes("f") && next.includes("3"))).toBe("f3");
});
