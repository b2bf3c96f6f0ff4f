import { expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  type Program,
  printValue,
  readForms,
  referenceEngine,
  runProgram,
} from "../index.ts";

function programOf(source: string): Program {
  const forms = readForms(source, { file: "program" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return program.value;
}

/** Value or error with its place, calls of the host, and the fuel; where fuel ends is not told. */
function observed(program: Program, engine: Engine, fuel: number): string {
  const calls: string[] = [];
  const host = {
    call: (id: string, [first = null]: readonly Parameters<typeof printValue>[0][]) => {
      calls.push(`${id} ${printValue(first)}`);
      return first;
    },
    step: () => undefined,
  };
  const outcome = runProgram(program, { engine, host, fuel, depthMax: 6 });
  if (outcome.ok) return `${calls.join()} ${printValue(outcome.value)} ${outcome.fuelUsed}`;
  const { kind, message, span } = outcome.error;
  return `${calls.join()} ${kind === "FuelExhausted" ? kind : `${message} ${span?.line}:${span?.column}`}`;
}

const ONE =
  "inc dec even? odd? not pos? str count first :k (fn_[x]_(+_x_1)) (fn_[x]_(call_:c_x)) (fn_[x]_(/_6_x)) " +
  "(fn_[x_&_more]_more) (fn_[]_1) named late nest(3) deep 7 max (fn_[x]_(named_x)) (fn_[x]_(map_inc_[x_out]))";
const TWO =
  "+ - * / max str conj vector :k (fn_[a_b]_(+_a_(*_2_b))) (fn_[a_b]_(call_:c_b)) (fn_[a]_a) two inc apply";
const ITEMS = [
  "[]",
  "[1 2 3]",
  "'(0 5)",
  '"ab"',
  "nil",
  "{:k 1}",
  "[{:k 1} {}]",
  "[[1] [2 3]]",
  "[9007199254740990 1 1 -2]",
  "[9223372036854775807 1]",
  "[1 1.5 2]",
  '[1 "x" 2]',
  "[true nil false]",
  "(range 40)",
];
const NAMES = `(defn named [x] (if (= x 2) (late x) x)) (defn two [a b] (if (= b 2) (two a 3) (+ a b)))
(defn nest [n] (fn [x] (if (= n 0) x ((nest (- n 1)) x)))) (defn deep [x] (+ 1 (deep x)))
(defn late [x] (if (= x 2) (named 3) x))`;

const callbacks = (texts: string): readonly string[] =>
  texts.split(" ").map((text) => text.replaceAll("_", " ").replace(/^nest\(3\)$/, "(nest 3)"));
const WALKS = callbacks(ONE).flatMap((f) => [`(map ${f} xs)`, `(filter ${f} xs)`]);
const SUMS = [
  ...callbacks(TWO).flatMap((f) => [`(reduce ${f} xs)`, `(reduce ${f} 10 xs)`]),
  "(map inc)",
  "(reduce +)",
  "(reduce + 1 xs 2)",
  "(reduce + [] xs)",
  "(reduce + 0.5 xs)",
];

test.each([
  ["map and filter", WALKS],
  ["reduce", SUMS],
])("%s do what they do on the reference engine, whatever they are given", (_, calls) => {
  const sources = calls.flatMap((call) =>
    ITEMS.map(
      (items) =>
        `${NAMES} (defn run [xs out] [(try ${call} (catch _ e (:message e)))\n ${call}]) (run ${items} 4)`,
    ),
  );
  let values = 0;
  for (const source of sources) {
    const program = programOf(source);
    for (const fuel of [1000, 30]) {
      const expected = observed(program, referenceEngine, fuel);
      if (/ \d+$/.test(expected)) values++;
      expect(observed(program, compiledEngine, fuel), source).toBe(expected);
    }
  }
  expect(values).toBeGreaterThan(100);
});
