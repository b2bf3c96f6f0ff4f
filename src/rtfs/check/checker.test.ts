import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Checked } from "./checker.ts";
import {
  checkTypes,
  compiledEngine,
  compileProgram,
  compileType,
  type Engine,
  printValue,
  readForms,
  referenceEngine,
  runProgram,
  type Value,
} from "../index.ts";

function compiled(source: string) {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(`${program.error[0]!.message}: ${source}`);
  return program.value;
}

const type = (source: string) => {
  const made = compileType(source);
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
};
const CONTRACTS = new Map([
  ["x.add", { input: type("[:tuple :int :int]"), output: type(":int") }],
  ["x.name", { input: type("[:tuple]"), output: type("[:union :string :nil]") }],
]);

function check(source: string) {
  return checkTypes(compiled(source), (id) => CONTRACTS.get(id) ?? null);
}

/** `severity line:column kind: message`. */
function found(source: string): string[] {
  return check(source).findings.map(
    ({ severity, span, kind, message }) =>
      `${severity} ${span.line}:${span.column} ${kind}: ${message}`,
  );
}

describe("checkTypes finds", () => {
  test.each([
    [
      "(defn f [] : [:map [:a :int]] (call :c)) (defn g [x : [:map [:a :string]]] x) (g (f))",
      "error 1:82 bad-argument: argument 1 of `g` cannot have the type [:map [:a :string]]",
    ],
    [
      "(let [x : [:tuple :int :string] (call :c) y : [:tuple :string :int] x] y)",
      "error 1:43 mismatch: let has the type [:tuple :string :int], and the value cannot have it",
    ],
    ['(+ 1 "s")', "error 1:1 bad-argument: argument 2 of `+` must be number, and is string"],
    [
      '(let [x "a"] (inc x))',
      "error 1:19 bad-argument: argument 1 of `inc` must be number, and is string",
    ],
    [
      "(def x :k) (count x)",
      "error 1:19 bad-argument: argument 1 of `count` must be string or vector or list or map, and is keyword",
    ],
    [
      '(< 1 "a")',
      "error 1:1 bad-argument: `<` compares two numbers or two strings, not int with string",
    ],
    [
      "(str-len 1) (defn str-len [s :string] :int (count s))",
      "error 1:1 bad-argument: argument 1 of `str-len` must be string, and is int",
    ],
    [
      '(defn f [x] (+ x 1)) (f "s")',
      "error 1:22 bad-argument: argument 1 of `f` must be number, and is string",
    ],
    [
      '(defn g [y] (f y)) (defn f [x] (+ x 1)) (g "s")',
      "error 1:41 bad-argument: argument 1 of `g` must be number, and is string",
    ],
    [
      "(defn f [] :string (str 1)) (defn g [x :int] x) (g (f))",
      "error 1:52 bad-argument: argument 1 of `g` must be int, and is string",
    ],
    ["(defn f [x] 1) (f)", "error 1:16 arity: `f` takes 1 argument, and gets 0"],
    ["(defn f [x & y] 1) (f)", "error 1:20 arity: `f` takes at least 1 argument, and gets 0"],
    ["(inc 1 2)", "error 1:1 arity: `inc` takes 1 argument, and gets 2"],
    ["((fn [] 1) 2)", "error 1:1 arity: `fn` takes 0 arguments, and gets 1"],
    ["(1 2)", "error 1:1 not-a-function: int is called, and is no function"],
    ["({:a 1} :a)", "error 1:1 not-a-function: map is called, and is no function"],
    ['(:k "s")', "error 1:1 not-a-map: `:k` looks into a map, and this is string"],
    ["(:k {} 1 2)", "error 1:1 arity: `:k` takes 1 to 2 arguments, and gets 3"],
    ['(let [x :int "a"] x)', 'error 1:7 mismatch: let has the type :int, and the value is "a"'],
    [
      "(let [x : [:and :int [:> 0]] -1] x)",
      "error 1:7 mismatch: let has the type [:and :int [:> 0]], and the value is -1",
    ],
    [
      "(let [x : [:vector :int] [1 :a]] x)",
      "error 1:7 mismatch: let has the type [:vector :int], and the value is [1 :a]",
    ],
    [
      "(defn f [] :int (str (count []))) (f)",
      "error 1:1 mismatch: result of f has the type :int, and the value is string",
    ],
    [
      "(let [[a] 5] a)",
      "error 1:7 mismatch: this pattern takes apart vector or list, and the value is int",
    ],
    [
      "(let [{:keys [a]} [1]] a)",
      "error 1:7 mismatch: this pattern takes apart nil or map, and the value is vector",
    ],
    [
      "(for [x 5] x)",
      "warning 1:1 not-a-collection: `for` takes a vector or a list, and this is int",
    ],
    [
      "(dotimes [i :k] i)",
      "error 1:1 bad-argument: `dotimes` takes an integer, and this is keyword",
    ],
    ["(call 5)", "error 1:1 bad-argument: a capability id is a keyword or a string, not int"],
    [
      "(call :x.add 1 :a)",
      "error 1:1 mismatch: the arguments of x.add do not fit its contract: [1] must be int, not keyword",
    ],
    [
      "(inc (call :x.name))",
      "error 1:6 bad-argument: argument 1 of `inc` must be number, and is nil or string",
    ],
    [
      "(string-upper (call :x.add 1 2))",
      "error 1:15 bad-argument: argument 1 of `string-upper` must be string, and is int",
    ],
    [
      '(step "s" (+ 1 :a))',
      "error 1:11 bad-argument: argument 2 of `+` must be number, and is keyword",
    ],
    [
      "(try (+ 1 :a) (finally 1))",
      "error 1:6 bad-argument: argument 2 of `+` must be number, and is keyword",
    ],
    [
      "(if [1] (inc :a) 2)",
      "error 1:9 bad-argument: argument 1 of `inc` must be number, and is keyword",
    ],
    [
      "(if nil 1 (inc :a))",
      "error 1:11 bad-argument: argument 1 of `inc` must be number, and is keyword",
    ],
  ])("%s", (source, expected) => {
    expect(found(source)).toContain(expected);
  });
});

describe("what a run may not reach, or may catch, is a warning", () => {
  test.each([
    "(defn f [] (inc :a)) 1",
    "(if (call :c) (inc :a) 1)",
    "(try (inc :a) (catch e 1))",
    "(map (fn [x] (inc :a)) [])",
    "(defn f [] (inc :a)) (if (call :c) (f) 1)",
    "(defn f [] (inc :a)) (try (f) (catch e 1))",
    "(or true (inc :a))",
    "(match 1 2 (inc :a) _ 3)",
    "(dotimes [i 0] (inc :a))",
    "(let [{:keys [a] :or {a (inc :a)}} {:a 1}] a)",
  ])("%s", (source) => {
    expect(check(source).findings.map(({ severity }) => severity)).toEqual(["warning"]);
  });
  test("a function that every run calls through another is certain", () => {
    expect(found("(defn f [] (inc :a)) (defn g [] (f)) (g)")).toEqual([
      "error 1:12 bad-argument: argument 1 of `inc` must be number, and is keyword",
    ]);
  });
});

describe("what can succeed is not refused", () => {
  test.each([
    '(defn f [x] (if (string? x) (string-upper x) (+ x 1))) [(f 1) (f "a")]',
    '(let [x (if (call :c) 1 "a")] (+ x 1))',
    "(defn f [x :float] (+ x 1)) (f 1)",
    "(defn f [& xs :int] (count xs)) (f 1 2)",
    '(def x 1) (if (call :c) (def x "a")) (string-upper x)',
    "(let [x : [:vector :int] []] (first x))",
    "(defn f [n] (if (= n 0) nil (f (dec n)))) (+ (f 1) 1)",
    "(def m {:f inc}) ((:f m) 1)",
    "(def k :name) (k {:name 1})",
    "(:k nil)",
    "(let [{:keys [a]} nil] a)",
    "(let [str (fn [x y z] 1)] (str 1 2 3))",
    "(fwd 1) (defn fwd [x] x)",
    "(try (throw {:a 1}) (catch e (inc (:a e))))",
    "(let [xs '(1 2)] (let [[a] xs] a))",
    "(defn f [x : [:val [1]]] x) (f '(1))",
    "(defn f [x?:int] x?) (f 1)",
  ])("%s", (source) => {
    expect(check(source).findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });
});

describe("checks proven before the run", () => {
  test.each([
    ["(let [x :int 1] x)", 1],
    ["(let [x :float 1] x)", 1],
    ["(let [x :string? nil] x)", 1],
    ["(let [x : [:and :int [:> 0]] 5] x)", 1],
    ["(defn f [x :int] :int (+ x 1))", 1],
    ["(defn f [x :int] :int (/ x 2))", 0],
    ["(defn f [x :int] x)", 0],
    ["(let [x :int (call :c)] x)", 0],
    ["(let [x :int (call :x.add 1 2)] x)", 1],
    ["(let [x : [:vector :int] (vector 1)] x)", 0],
    ["(defn f [& x :int] x)", 0],
    ["(let [x :any (call :c)] x)", 1],
    ["(let [x : [:vector :int] (call :c) y : [:vector :number] x] y)", 1],
    ["(let [x : [:vector :number] (call :c) y : [:vector :int] x] y)", 0],
    ["(defn f [] : [:map [:a :int] [:b :int]] (call :c)) (let [x : [:map [:a :number]] (f)] x)", 1],
  ])("%s: %i", (source, count) => {
    expect(check(source).verified.size).toBe(count);
  });
});

const TYPES = [
  ": [:tuple :int :any]",
  ": [:map [:k :int]]",
  ": [:map [:k :number]]",
  ": [:vector :number]",
  ":int",
  ":float",
  ":string",
  ":any",
  ":string?",
  ": [:union :int :keyword]",
  ": [:vector :int]",
  ": [:and :int [:> 0]]",
  ":fn",
  ":map",
];
const annotation = fc.constantFrom(...TYPES, "", "", "");

/** Small programs where values of all kinds meet annotations, library functions and branches. */
const { expression } = fc.letrec<{ expression: string; deep: string }>((tie) => {
  const part = tie("expression");
  const two = (shape: (a: string, b: string) => string) =>
    fc.tuple(part, part).map(([a, b]) => shape(a, b));
  const one = (shape: (a: string) => string) => part.map(shape);
  return {
    expression: fc.oneof(
      { maxDepth: 4, depthIdentifier: "c", depthSize: "small" },
      fc.constantFrom(
        "1",
        "-2",
        "1.5",
        "nil",
        ":k",
        '"s"',
        "true",
        "a",
        "b",
        "[1 2]",
        "{:k 1}",
        "f0",
        "f1",
        "inc",
        "d0",
      ),
      tie("deep"),
    ),
    deep: fc.oneof(
      fc
        .tuple(
          fc.constantFrom("+", "-", "*", "/", "<", "=", "str", "conj", "get", "max", "vector"),
          part,
          part,
        )
        .map(([f, a, b]) => `(${f} ${a} ${b})`),
      fc
        .tuple(
          fc.constantFrom(
            "inc",
            "count",
            "first",
            "string-upper",
            "string?",
            "int?",
            "keys",
            "not",
            "f0",
            "f1",
            ":k",
            "throw",
            "abs",
          ),
          part,
        )
        .map(([f, a]) => `(${f} ${a})`),
      fc.tuple(annotation, part, part).map(([t, a, b]) => `(let [a ${t} ${a}] ${b})`),
      two((a, b) => `(let [[a b] ${a}] ${b})`),
      two((a, b) => `(let [{:keys [k]} ${a} b k] ${b})`),
      fc.tuple(part, part, part).map(([a, b, c]) => `(if ${a} ${b} ${c})`),
      two((a, b) => `(try ${a} (catch e ${b}))`),
      two((a, b) => `(or ${a} ${b})`),
      two((a, b) => `(do ${a} ${b})`),
      two((a, b) => `(map ${a} ${b})`),
      two((a, b) => `(for [a ${a}] ${b})`),
      two((a, b) => `(match ${a} 1 ${b} (:string b) ${b} [a & b] ${a} _ ${a})`),
      one((a) => `(dotimes [a ${a}] a)`),
      two((a, b) => `(loop [a ${a} n 2] (if (= n 0) ${b} (recur ${b} (dec n))))`),
      two((a, b) => `(step-parallel ${a} ${b})`),
      two((a, b) => `(if-let [a ${a}] ${b} a)`),
      one((a) => `(call :c ${a})`),
      two((a, b) => `(f2 ${a} ${b})`),
      two((a, b) => `((fn [a & b] ${a}) ${b})`),
    ),
  };
});

const programs = fc
  .tuple(
    fc.array(fc.tuple(annotation, annotation, expression), { minLength: 3, maxLength: 3 }),
    fc.array(expression, { minLength: 1, maxLength: 3 }),
  )
  .map(([functions, forms]) => {
    const [f0, f1, f2] = functions as [string, string, string][] as [
      [string, string, string],
      [string, string, string],
      [string, string, string],
    ];
    return [
      '(def a 1) (def b "b")',
      `(defn f0 [a ${f0[0]}] ${f0[1]} ${f0[2]})`,
      `(defn f1 [b ${f1[0]}] ${f1[1]} ${f1[2]})`,
      `(defn f2 [a ${f2[0]} b] ${f2[2]})`,
      "(def d0 (try (f0 1) (catch e e)))",
      ...forms,
    ].join("\n");
  });

describe("properties", () => {
  test("a program that ends with a value is never refused, and a proven check never fails", () => {
    const seen = { refused: 0, ended: 0, verified: 0, failed: 0 };
    fc.assert(
      fc.property(programs, fc.boolean(), (source, answer) => {
        const program = compiled(source);
        const { findings, verified } = checkTypes(program);
        const outcome = runProgram(program, {
          fuel: 20_000,
          depthMax: 60,
          host: { call: (_id, [value]) => (answer ? (value ?? null) : null), step() {} },
        });
        const isRefused = findings.some(({ severity }) => severity === "error");
        if (isRefused) seen.refused++;
        if (outcome.ok) seen.ended++;
        seen.verified += verified.size;
        expect([source, isRefused && outcome.ok]).toEqual([source, false]);
        if (outcome.ok || outcome.error.kind !== "TypeValidationError") return;
        seen.failed++;
        const failing = [...verified].filter(
          (node) => "span" in node && node.span.start === outcome.error.span?.start,
        );
        expect([source, failing.length]).toEqual([source, 0]);
      }),
      { numRuns: 8000 },
    );
    expect(seen.refused).toBeGreaterThan(500);
    expect(seen.ended).toBeGreaterThan(500);
    expect(seen.verified).toBeGreaterThan(500);
    expect(seen.failed).toBeGreaterThan(100);
  });

  test("a run without what is proven is the same run, on all engines", () => {
    const seen = { proven: 0, ended: 0, failed: 0 };
    fc.assert(
      fc.property(programs, fc.boolean(), (source, answer) => {
        const program = compiled(source);
        const { verified } = checkTypes(program);
        seen.proven += verified.size;
        const run = (engine: Engine, proven: Checked["verified"]): string => {
          const calls: string[] = [];
          const host = {
            call: (id: string, args: readonly Value[]) => {
              calls.push(`${id} ${args.map(printValue).join(" ")}`);
              return answer ? (args[0] ?? null) : null;
            },
            step() {},
          };
          const outcome = runProgram(program, { engine, host, proven, fuel: 20_000, depthMax: 60 });
          if (outcome.ok) {
            seen.ended++;
            return `${calls.join()} ${printValue(outcome.value)} ${outcome.fuelUsed}`;
          }
          seen.failed++;
          const { kind, span } = outcome.error;
          return `${calls.join()} ${kind} ${kind === "FuelExhausted" ? "" : span?.start}`;
        };
        const expected = run(referenceEngine, new Set());

        expect([source, run(compiledEngine, verified)]).toEqual([source, expected]);
        expect([source, run(referenceEngine, verified)]).toEqual([source, expected]);
      }),
      { numRuns: 1500 },
    );
    expect(seen.proven).toBeGreaterThan(200);
    expect(seen.ended).toBeGreaterThan(200);
    expect(seen.failed).toBeGreaterThan(200);
  });

  test("judging is linear in the program", () => {
    const visited = (copies: number): number => {
      const lines = Array.from(
        { length: copies },
        (_, index) =>
          `(defn g${index} [h :int] :int (if (= h 0) 1 (+ h (g${(index + 1) % copies} (dec h)))))`,
      );
      return check(lines.join("\n")).visited;
    };
    expect(visited(400)).toBeGreaterThan(4000);
    expect(visited(400) / visited(200)).toBeLessThanOrEqual(2.1);
  });

  test("a long chain of calls and a deep nest are judged without a deep stack", () => {
    const chain = Array.from(
      { length: 20_000 },
      (_, index) => `(defn h${index} [x] (h${index + 1} x))`,
    );
    const source = `${chain.join("\n")}\n(defn h20000 [x] (inc x))\n(h0 1)`;
    expect(check(source).findings).toEqual([]);
    expect(check(`${"(inc ".repeat(400)}1${")".repeat(400)}`).findings).toEqual([]);
  });
});
