import { describe, expect, test } from "vitest";
import { checkTypes, compileProgram, readForms } from "../index.ts";
import type { Ir, IrProgram } from "./ir.ts";
import { optimise } from "./optimise.ts";
import { eachPart } from "./parts.ts";

function optimised(source: string): IrProgram {
  const forms = readForms(source, { file: "program" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return optimise(program.value.analysed);
}

const last = (source: string): Ir => optimised(source).nodes.at(-1)!;

/** How often each kind of node stands in the program's own forms and in what runs in place there. */
function operations(source: string): readonly string[] {
  return operationsOf(optimised(source));
}

function operationsOf(program: IrProgram): readonly string[] {
  const found: string[] = [];
  const down = (node: Ir): void => {
    found.push(node.op);
    eachPart(node, down);
  };
  for (const node of program.nodes) down(node);
  return found;
}

describe("folding", () => {
  test.each([
    ["(+ 1 (* 2 3))", 7],
    ["(< 1 2)", true],
    ["(= 1 1.0)", false],
    ["(not nil)", true],
    ["(+ 9007199254740991 1)", 9007199254740992n],
    ['(if (> 2 1) "yes" (throw "no"))', "yes"],
    ["(and true (or false 5))", 5],
    ["(do 1 2 (do 3 4))", 4],
  ])("%s is a constant", (source, value) => {
    expect(last(source)).toEqual({ op: "const", value });
  });

  test.each(["(/ 1 0)", "(+ 9223372036854775807 1)", '(+ 1 "a")', "(inc 1)", "(max 1 2)"])(
    "%s is left: it raises, or it costs fuel",
    (source) => {
      expect(last(source).op).toBe("call");
    },
  );

  test("a clause after one that takes everything is left out", () => {
    const node = last('(match (range 3) 1 :a _ :b 2 (throw "never"))');
    expect(node.op === "match" && node.clauses.length).toBe(2);
  });

  test("what may have an effect stays", () => {
    expect(operations("(let [x (call :a)] 1)")).toContain("host-call");
    expect(operations("(do (range 3) 1)")).toContain("call");
  });
});

test.each([
  ["(let [x :int (call :a) y :int x] y)", 1],
  ["(let [x :int? (call :a) y :int? x] y)", 1],
  ["(let [x : [:vector :int] (call :a) y : [:vector :int] x] y)", 2],
])("%s: of two checks, the second always succeeds, %i stay", (source, count) => {
  const forms = readForms(source, { file: "program" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  const { verified } = checkTypes(program.value);
  expect(verified.size).toBe(1);
  const checks = (proven: typeof verified): number =>
    operationsOf(optimise(program.value.analysed, proven)).filter((op) => op === "check").length;
  expect([checks(new Set()), checks(verified)]).toEqual([2, count]);
});

describe("functions with one call", () => {
  test.each([
    "(loop [i 0] (if (< i 9) (recur (+ i 1)) i))",
    "(let [lp (fn [i] (if (< i 9) (lp (+ i 1)) i))] (lp 0))",
    "((fn [x] (+ x x)) (range 3))",
  ])("%s runs in place", (source) => {
    const found = operations(source);
    expect(found).toContain("inline");
    expect(found).not.toContain("fn");
  });

  test.each([
    ["called twice", "(let [f (fn [x] (range x))] [(f 1) (f 2)])"],
    ["used as a value", "(let [f (fn [x] x)] (do (f 1) f))"],
    ["calls itself deeply", "(let [f (fn [x] (if (< x 1) 0 (+ 1 (f (- x 1)))))] (f 3))"],
    ["called from another function", "(let [f (fn [x] x)] (map (fn [y] (f y)) [1]))"],
    ["takes a rest", "((fn [& xs] xs) 1 2)"],
  ])("a function that is %s stays one", (_why, source) => {
    expect(operations(source)).not.toContain("inline");
  });
});

describe("tail calls", () => {
  const facts = (source: string): readonly string[] =>
    optimised(source).lambdas.map(
      ({ name, isLoop, mayBounce }) =>
        `${name}${isLoop ? " loop" : ""}${mayBounce ? " bounce" : ""}`,
    );

  test("of itself are a loop, of a known function plain, of each other and of values pending", () => {
    expect(facts("(defn f [n] (if (< n 1) 0 (f (- n 1))))")).toEqual(["f loop"]);
    expect(facts("(defn f [n] n) (defn g [n] (f n))")).toEqual(["f", "g"]);
    expect(facts("(defn f [n] (g n)) (defn g [n] (f n)) (defn h [n] (g n))")).toEqual([
      "f bounce",
      "g bounce",
      "h bounce",
    ]);
    expect(facts("(defn f [g] (g 1))")).toEqual(["f bounce"]);
  });
});
