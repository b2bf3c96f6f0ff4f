import { expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  keyword,
  printValue,
  type Program,
  readForms,
  referenceEngine,
  runProgram,
  type Value,
  Vector,
} from "../index.ts";

function programOf(source: string): Program {
  const forms = readForms(source, { file: "program" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return program.value;
}

function observed(program: Program, engine: Engine, args: readonly Value[]): string {
  const outcome = runProgram(program, { engine, fuel: 100_000_000, depthMax: 100, args });
  const shown = outcome.ok ? printValue(outcome.value) : outcome.error.message;
  return `${shown} ${outcome.fuelUsed}`;
}

test("str of up to three values is the same text for the same fuel on all engines", () => {
  const values: readonly Value[] = [
    "",
    "a longer text",
    0,
    -123_456_789,
    1.5,
    2n ** 60n,
    true,
    null,
    keyword("key"),
    new Vector([1, "x"]),
  ];
  const programs = ["arg0", "arg0 arg1", "arg0 arg1 arg2"].map((args) =>
    programOf(`(str ${args})`),
  );
  for (const first of values) {
    for (const second of values) {
      for (const third of values) {
        const args = [first, second, third];
        for (const program of programs) {
          const expected = observed(program, referenceEngine, args);
          expect(observed(program, compiledEngine, args)).toBe(expected);
        }
      }
    }
  }
});

test.each(["(str s s)", '(str "x" s s)', "(str s s 1.5)", "(str s 1.5 s)", "(str 12 s s)"])(
  "%s over the limit of a text fails alike and costs the same",
  (call) => {
    const half = "x".repeat(6_000_000);
    const program = programOf(
      `(let [s arg0] [(try ${call} (catch LimitExceeded e (:message e))) (count s)])`,
    );
    const expected = observed(program, referenceEngine, [half]);
    expect(expected).toMatch(/str: 1\d{7} items or characters are over/);
    expect(observed(program, compiledEngine, [half])).toBe(expected);
  },
);
