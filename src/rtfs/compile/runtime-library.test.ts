import { expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  type Host,
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

function observed(
  program: Program,
  engine: Engine,
  args: readonly Value[],
  host: Host | null = null,
): string {
  const options = { engine, fuel: 100_000_000, depthMax: 100, args };
  const outcome = runProgram(program, host === null ? options : { ...options, host });
  const shown = outcome.ok ? printValue(outcome.value) : outcome.error.message;
  return `${shown} ${outcome.fuelUsed}`;
}

test("operators do what they do on the reference engine, whatever the numbers", () => {
  const numbers: readonly Value[] = [
    0,
    -1,
    0.5,
    -2.5,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 52 + 1,
    2 ** 53 - 1,
    -(2 ** 53 - 1),
    2n ** 53n,
    -(2n ** 63n),
    2n ** 63n - 1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "x",
  ];
  const programs = ["+", "-", "*", "/", "mod"].map((name) => programOf(`(${name} arg0 arg1)`));
  for (const a of numbers) {
    for (const b of numbers) {
      for (const program of programs) {
        const expected = observed(program, referenceEngine, [a, b]);
        expect(observed(program, compiledEngine, [a, b])).toBe(expected);
      }
    }
  }
});

test.each([":c", '"c"', '""', `"${"c".repeat(256)}"`, `"${"c".repeat(257)}"`, "5", "nil", "'c"])(
  "the capability %s is called alike whether it is written or computed",
  (id) => {
    for (const source of [`(call ${id} 1)`, `((fn [id] (call id 1)) ${id})`]) {
      const program = programOf(source);
      for (const host of [null, { call: (name: string) => name, step: () => undefined }]) {
        const expected = observed(program, referenceEngine, [], host);
        expect(observed(program, compiledEngine, [], host)).toBe(expected);
      }
    }
  },
);

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
