/**
 * The table of signatures against the library: what a signature refuses, the library refuses with a
 * TypeError; what the library returns is of a kind that the signature gives.
 */
import { describe, expect, test } from "vitest";
import { compileProgram, readForms, runProgram } from "../index.ts";
import { LIBRARY } from "../stdlib/index.ts";
import { ANY, type Kinds, kinds, kindsOfValue, kindsText } from "./kinds.ts";
import { parameterOf, SIGNATURES } from "./signatures.ts";

/** Two sources of values for each kind, so that results of both sizes are seen. */
const SAMPLES: readonly (readonly [string, string])[] = [
  ["nil", "nil"],
  ["bool", "true"],
  ["int", "1"],
  ["int", "0"],
  ["float", "1.5"],
  ["float", "2.0"],
  ["string", '""'],
  ["string", '"a1"'],
  ["keyword", ":k"],
  ["symbol", "'s"],
  ["vector", "[]"],
  ["vector", "[1 2]"],
  ["vector", '["a"]'],
  ["vector", "[[1 2]]"],
  ["list", "'(1 2)"],
  ["map", "{:k 1}"],
  ["fn", "(fn [& x] 1)"],
  ["fn", "str"],
  ["error", '(Exception. "m")'],
  ["timestamp", "2026-01-31T10:00:00Z"],
];

function run(source: string) {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(`${source}: ${program.error[0]!.message}`);
  return runProgram(program.value, { fuel: 100_000, depthMax: 50 });
}

const judged = LIBRARY.filter(({ name }) => SIGNATURES.has(name));

test("the table is about the library", () => {
  expect(judged.length).toBeGreaterThan(90);
});

describe.each(judged.map(({ name, arity }) => ({ name, arity })))("$name", ({ name, arity }) => {
  const signature = SIGNATURES.get(name)!;
  test("accepts no more than its signature says, and returns no other kind", () => {
    const most = Math.min(3, arity[1]);
    for (let count = arity[0]; count <= most; count++) {
      for (const combination of combinations(count)) {
        const text = `(${name} ${combination.map(([, source]) => source).join(" ")})`;
        const given = combination.map(([kind]): Kinds => kinds(kind));
        const outcome = run(text);
        if (!outcome.ok) continue;
        const refused = given.findIndex((set, at) => (set & parameterOf(signature, at)) === 0);
        expect([text, refused]).toEqual([text, -1]);
        const result = kindsOfValue(outcome.value);
        expect([text, kindsText(result & signature.result(given))]).toEqual([
          text,
          kindsText(result),
        ]);
        expect([text, result & signature.result(given.map(() => ANY))]).toEqual([text, result]);
      }
    }
  });
});

/** Every choice of `count` samples; of three, the first two vary most. */
function combinations(count: number): (readonly (readonly [string, string])[])[] {
  if (count === 0) return [[]];
  const fewer = combinations(count - 1);
  const pool = count < 3 ? SAMPLES : SAMPLES.filter((_, index) => index % 5 === 2);
  return fewer.flatMap((each) => pool.map((sample) => [...each, sample]));
}
