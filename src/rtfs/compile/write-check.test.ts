import { expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  printValue,
  type Program,
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

function observed(program: Program, engine: Engine): string {
  const outcome = runProgram(program, { engine, fuel: 10_000, depthMax: 100 });
  if (outcome.ok) return `${printValue(outcome.value)} ${outcome.fuelUsed}`;
  const { message, span } = outcome.error;
  return `${message} at ${span?.line}:${span?.column}`;
}

const TYPES = [
  ":any",
  ":bool",
  ":int",
  ":int?",
  ":float",
  ":number",
  ":number?",
  ":string",
  ":vector",
  ":map",
  ":keyword",
  ": [:vector :int]",
  ": [:optional [:optional :int]]",
  ": [:and :int [:> 0]]",
];
const VALUES =
  "nil true 5 -5 2147483648 9007199254740993 1.5 2.0 ##NaN :k [1] '(1) {:a_1} inc".split(" ");

test.each(TYPES)("an annotation %s takes what it takes on the reference engine", (type) => {
  const sources = ['"s"', ...VALUES].flatMap((value) => {
    const given = value.replace("_", " ");
    return [
      `(defn f [x ${type}] [x]) (f ${given})`,
      `(defn f [x] ${type} (first [x])) (f ${given})`,
      `(defn f [x] (let [y ${type} x] y)) (f ${given})`,
      `(defn f [i x ${type}] (if (< i 5) (f (+ i 1) x) [i x])) (f 0 ${given})`,
      `(defn f [i ${type} n] (if (< n 5) (f (+ i 3) (+ n 1)) [i n])) (f ${given} 0)`,
    ];
  });
  for (const source of sources) {
    const program = programOf(source);
    expect(observed(program, compiledEngine), source).toBe(observed(program, referenceEngine));
  }
});
