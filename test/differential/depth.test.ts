/**
 * Nesting without an end, through every way that nests: each engine gives the language's own error with
 * its place, and a program that catches it goes on.
 */
import { describe, expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  type Outcome,
  printValue,
  readForms,
  referenceEngine,
  runProgram,
} from "../../src/rtfs/index.ts";

const ENGINES: readonly (readonly [string, Engine])[] = [
  ["reference", referenceEngine],
  ["compiled", compiledEngine],
];

/** How `f` calls itself, not in tail position. */
const WAYS: readonly (readonly [string, string])[] = [
  ["a call", "(+ 1 (f (- n 1)))"],
  ["for", "(first (for [x [(- n 1)]] (f x)))"],
  ["try", "(try (+ 1 (f (- n 1))) (catch TypeError e 1))"],
  ["a step", '(step "s" (+ 1 (f (- n 1))))'],
  ["map", "(first (map (fn [x] (f x)) [(- n 1)]))"],
  ["reduce", "(reduce (fn [a x] (f x)) 0 [(- n 1)])"],
  ["some", "(some (fn [x] (f x)) [(- n 1)])"],
  ["sort-by", "(count (sort-by (fn [x] (f (- n 1))) [1]))"],
  ["update", "(:a (update {:a n} :a (fn [x] (f (- x 1)))))"],
  ["apply", "(+ 1 (apply f [(- n 1)]))"],
];

function run(engine: Engine, source: string, depthMax: number): Outcome {
  const forms = readForms(source, { file: "deep" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  const host = { call: () => null, step: () => {} };
  return runProgram(program.value, { engine, host, fuel: 10_000_000, depthMax });
}

describe.each(ENGINES)("the %s engine", (_, engine) => {
  test.each(WAYS)("stops nesting through %s where the machine ends", (_way, body) => {
    const f = `(defn f [n] (if (= n 0) 0 ${body}))`;
    const outcome = run(engine, `${f} (f 1000000)`, 1_000_000);
    expect(outcome).toMatchObject({ ok: false, error: { kind: "StackOverflow" } });
    if (!outcome.ok) expect(outcome.error.span).toMatchObject({ file: "deep", line: 1 });
    const handled = `${f} [(try (f 1000000) (catch StackOverflow e :deep)) (f 20)]`;
    const after = run(engine, handled, 1_000_000);
    expect(after.ok && printValue(after.value)).toMatch(/^\[:deep (0|1|20|true)\]$/);
  });

  test.each(WAYS)("stops nesting through %s at the given depth", (_way, body) => {
    const f = `(defn f [n] (if (= n 0) 0 ${body}))`;
    const outcome = run(engine, `${f} (f 1000)`, 100);
    const error = { kind: "StackOverflow", message: "Calls nest deeper than 100" };
    expect(outcome).toMatchObject({ ok: false, error });
  });
});
