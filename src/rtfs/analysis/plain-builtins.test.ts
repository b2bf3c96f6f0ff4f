/**
 * The two facts of the library that the outline believes, held against the library itself: which
 * arguments are called, and which results never hold a function.
 */
import { describe, expect, test } from "vitest";
import { compileProgram, readForms, runProgram } from "../index.ts";
import { CALLED_ARGUMENTS, LIBRARY } from "../stdlib/index.ts";
import { PLAIN_BUILTINS } from "./plain-builtins.ts";

const OTHERS = ["1", '"a"', ":k", "[1 2]", "{:k 1}", "nil", "(fn [& x] 1)", "[[:k 1]]", "2.5"];

/** Whether a function given at `place` is called by `(name …)`, with any other arguments. */
function isCalled(name: string, place: number, count: number): boolean {
  for (const other of OTHERS) {
    for (const last of OTHERS) {
      const args = Array.from({ length: count }, (_, index) =>
        index === place ? "(fn [& x] (call :called))" : index === count - 1 ? last : other,
      );
      if (hostCalls(`(${name} ${args.join(" ")})`) > 0) return true;
    }
  }
  return false;
}

function hostCalls(source: string): number {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]!.message);
  let calls = 0;
  const call = () => {
    calls++;
    return null;
  };
  runProgram(program.value, { fuel: 5000, depthMax: 20, host: { call, step() {} } });
  return calls;
}

describe.each(LIBRARY.map(({ name, arity }) => ({ name, arity })))("$name", ({ name, arity }) => {
  const most = Math.min(arity[1], arity[0] + 1, 4);
  test("calls no argument that is not listed", () => {
    const listed = CALLED_ARGUMENTS.get(name) ?? [];
    for (let count = Math.max(1, arity[0]); count <= most; count++) {
      for (let place = 0; place < count; place++) {
        if (!listed.includes(place))
          expect([place, isCalled(name, place, count)]).toEqual([place, false]);
      }
    }
  });
});

describe.each(
  LIBRARY.filter(({ name }) => PLAIN_BUILTINS.has(name)).map(({ name, arity }) => ({
    name,
    arity,
  })),
)("$name", ({ name, arity }) => {
  const most = Math.min(arity[1], arity[0] + 1, 4);
  test("gives no function back", () => {
    for (let count = Math.max(1, arity[0]); count <= most; count++) {
      for (const other of OTHERS) {
        for (const given of ["f", "[f]", "{:k f}"]) {
          const args = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? given : other));
          const held = `(defn f [] (call :called)) (defn try-all [v] (if (fn? v) (v) (if (or (vector? v) (list? v)) (map try-all v) (if (map? v) (try-all (vals v)) nil)))) (try-all (${name} ${args.join(" ")}))`;
          expect(hostCalls(held), held).toBe(0);
        }
      }
    }
  });
});

test("the facts are about functions that exist", () => {
  const names = new Set(LIBRARY.map(({ name }) => name));
  expect([...PLAIN_BUILTINS].filter((name) => !names.has(name))).toEqual([]);
});
