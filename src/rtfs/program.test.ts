import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Host,
  type Outcome,
  type RunOptions,
  compiledEngine,
  compileProgram,
  FunctionValue,
  isInt,
  keyword,
  MapValue,
  outlinePlan,
  printValue,
  readForms,
  referenceEngine,
  RtfsError,
  runProgram,
  type Value,
  Vector,
} from "./index.ts";

function run(
  source: string,
  options: Partial<RunOptions> = {},
  globals: readonly string[] = [],
): Outcome {
  const forms = readForms(source, { file: "f.rtfs" });
  const program = forms.ok ? compileProgram(forms.value, { globals }) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return runProgram(program.value, { fuel: 20_000_000, depthMax: 1000, ...options });
}

function show(outcome: Outcome): string {
  return outcome.ok ? printValue(outcome.value) : `${outcome.error.kind}: ${outcome.error.message}`;
}

function diagnostics(source: string): readonly string[] {
  const forms = readForms(source, { file: "f.rtfs" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  return program.ok
    ? []
    : program.error.map(({ span, message }) => `${span.line}:${span.column} ${message}`);
}

/** Records what the program did; `answers` by capability. */
function recorder(answers: Record<string, Value | RtfsError> = {}): { host: Host; log: string[] } {
  const log: string[] = [];
  const host: Host = {
    call(capability, args) {
      log.push(`call ${capability} ${args.map(printValue).join(" ")}`.trimEnd());
      const answer = answers[capability] ?? null;
      if (answer instanceof RtfsError) throw answer;
      return answer;
    },
    step: (event, name) => void log.push(`${event} ${name}`),
  };
  return { host, log };
}

describe("compileProgram", () => {
  test("reports every problem with its place, and suggests near names", () => {
    expect(diagnostics("(if)\n(fooo 1)\n(let [x] x)")).toEqual([
      "1:1 `if` is (if test then) or (if test then else)",
      "3:6 `let` needs a vector of names and values in pairs",
      "2:2 `fooo` is not defined",
    ]);
    const forms = readForms("(cuont [1])", { file: "f" });
    const program = forms.ok ? compileProgram(forms.value) : forms;
    expect(program).toMatchObject({ ok: false, error: [{ hint: "Did you mean `count`?" }] });
  });

  test("refuses a program that nests too deep after expansion, as a diagnostic", () => {
    const long = `(-> 1 ${"inc ".repeat(5000)})`;
    expect(diagnostics(long)).toEqual([
      expect.stringContaining("The program nests deeper than 800 after expansion"),
    ]);
    expect(diagnostics(`${"(do ".repeat(500)}1${")".repeat(500)}`)).toEqual([]);
  });

  test("takes globals from the embedding, and lets the program shadow them", () => {
    const builtins = new Map([["twice", ([x]: readonly Value[]): Value => new Vector([x!, x!])]]);
    expect(show(run("(map twice [1])", { builtins }, ["twice"]))).toBe("[[1 1]]");
    expect(show(run("(defn twice [x] x) (twice 1)", { builtins }, ["twice"]))).toBe("1");
    expect(show(run("(twice 1)", {}, ["twice"]))).toBe(
      "UndefinedSymbol: `twice` is used before it is defined",
    );
  });
});

describe("runProgram", () => {
  test("binds arguments; one that was not given is an error with its place", () => {
    expect(show(run("[arg1 (count args)]", { args: [1, 2, 3] }))).toBe("[2 3]");
    expect(run("\n arg3", { args: [] })).toMatchObject({
      ok: false,
      error: { kind: "UndefinedSymbol", span: { line: 2, column: 2 } },
    });
  });

  test("gives the same outcome and fuel each time it runs", () => {
    const source = "(reduce + (map (fn [x] (* x x)) (range 100)))";
    const [first, second] = [run(source), run(source)];
    expect(first).toEqual(second);
    expect(first.fuelUsed).toBeGreaterThan(300);
  });

  test("passes each evaluated map literal to onMapLiteral with its form", () => {
    const seen: string[] = [];
    run("(def a {:x 1}) (map (fn [i] {:i i}) [1 2])", {
      onMapLiteral: (map, form) => void seen.push(`${printValue(map)} ${form.span.column}`),
    });
    expect(seen).toEqual(["{:x 1} 8", "{:i 1} 29", "{:i 2} 29"]);
  });

  test("nests 5 000 calls that are not in tail position", () => {
    expect(
      show(run("(defn d [n] (if (= n 0) 0 (+ 1 (d (- n 1))))) (d 1500)", { depthMax: 5000 })),
    ).toBe("1500");
  });

  test("makes the end of the JS stack a StackOverflow that the program can catch", () => {
    const source = "(defn d [n] (+ 1 (d n)))";
    expect(run(`${source} (d 1)`, { depthMax: 1e9 })).toMatchObject({
      ok: false,
      error: { kind: "StackOverflow" },
    });
    expect(
      show(run(`${source} (try (d 1) (catch StackOverflow e :caught))`, { depthMax: 1e9 })),
    ).toBe(":caught");
  });

  test("restores the depth after a caught error", () => {
    const source =
      "(defn d [n] (if (= n 0) (/ 1 0) (+ 1 (d (- n 1))))) (defn again [k] (if (= k 0) :done (do (try (d 900) (catch DivisionByZero e 0)) (again (- k 1))))) (again 20)";
    expect(show(run(source))).toBe(":done");
  });

  test("a deeply nested value prints, and comparing it ends in a language error, never in a JS one", () => {
    const source = "(defn nest [n v] (if (= n 0) v (nest (- n 1) [v]))) (def deep (nest 200000 1))";
    expect(show(run(`${source} (count (str deep))`))).toBe("400001");
    expect(
      show(run(`${source} (try (= deep (nest 200000 1)) (catch StackOverflow e :caught))`)),
    ).toBe("true");
  });
});

describe("fuel", () => {
  test.each([
    "(defn f [n] (f n)) (f 1)",
    "(defn f [n] (do (try (f n) (catch _ e (f n)) (finally (f n))))) (f 1)",
    "(dotimes [i 9000000000] nil)",
    "(for [a (range 10000) b (range 10000)] nil)",
    "(defn f [v] (f (sort v))) (f (range 1000))",
    "(defn f [m i] (f (assoc m i i) (+ i 1))) (f {} 0)",
    '(defn f [s] (f (join "," (split s ",")))) (f "a,b,c")',
    "(defn f [v] (f (conj v 1))) (f [])",
    '(defn f [s] (do (parse-json s) (f s))) (f "[1,2,3]")',
  ])("ends %s, and nothing catches it", (source) => {
    const outcome = run(source, { fuel: 200_000 });
    expect(outcome).toMatchObject({
      ok: false,
      error: { kind: "FuelExhausted" },
      fuelUsed: 200_000,
    });
  });

  test.each([
    "(= (nest 60) (nest 60))",
    "(str (nest 60))",
    "(sort [(nest 60) (nest 60)])",
    "(contains? [(nest 60)] (nest 60))",
    "(distinct [(nest 60) (nest 60)])",
    "(serialize-json (nest 60))",
    "((fn [x : TYPE] x) (nest 60))",
    "(match (nest 60) 1 2 _ (not= (nest 60) (nest 60)))",
  ])("a value that shares its parts is walked on fuel: %s", (walk) => {
    const source =
      "(defn grow [n v] (if (= n 0) v (grow (- n 1) [v v]))) (defn nest [n] (grow n 1))";
    const type = `${"[:vector ".repeat(60)}:int${"]".repeat(60)}`;
    const tried = walk.replace("TYPE", type);
    const outcome = run(`${source} (try ${tried} (catch LimitExceeded e 1))`, { fuel: 100_000 });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "FuelExhausted" } });
  });

  test.each([
    ["(range 10000)", 10_000],
    ["(numbers 1 10000)", 9_999],
    ["(repeat 10000 1)", 10_000],
    ["(reverse arg0)", 10_000],
    ["(filter nil? arg0)", 20_000],
    ["(map inc arg0)", 20_000],
    ["(reduce + arg0)", 19_999],
    ["(sort arg0)", 100_000],
    ["(concat arg0 arg0)", 10_000],
    ["(distinct arg0)", 10_000],
    ["(contains? arg0 -1)", 10_000],
    ["(frequencies arg0)", 10_000],
    ["(= arg0 (map identity-of arg0))", 10_000],
    ["(apply + arg0)", 10_000],
    ["(str arg1 arg1)", 2_500],
    ["(count arg1)", 1_250],
    ['(split arg1 ",")', 10_000],
    ["(string-upper arg1)", 1_250],
    ["(serialize-json arg0)", 10_000],
    ["(parse-json (serialize-json arg0))", 40_000],
    ["(str arg0)", 10_000],
  ])("%s pays for its work", (source, least) => {
    const args = [
      new Vector(Array.from({ length: 10_000 }, (_, index) => index)),
      "x".repeat(10_000),
    ];
    const program = `(defn identity-of [x] x) ${source}`;
    expect(run(program, { args }).fuelUsed).toBeGreaterThanOrEqual(least);
  });

  test("budgets beyond 2^30 are counted exactly", () => {
    const fuel = 2 ** 31;
    const { fuelUsed } = run("(dotimes [i 1000] nil)", { fuel });
    expect(fuelUsed).toBe(1000);
  });
});

describe("host", () => {
  test("calls and steps happen in program order, and a failure is told", () => {
    const { host, log } = recorder({
      "a.b": 7,
      no: new RtfsError("SecurityViolation", "denied", { code: "EGRESS_DENIED" }),
    });
    const source =
      '(step "one" (call :a.b {:x 1})) (try (step "two" (step "in" (call "no"))) (catch SecurityViolation e (:code e)))';
    expect(show(run(source, { host }))).toBe('"EGRESS_DENIED"');
    expect(log).toEqual([
      "enter one",
      "call a.b {:x 1}",
      "leave one",
      "enter two",
      "enter in",
      "call no",
      "fail in",
      "fail two",
    ]);
  });

  test("an error that is none of the language passes try and finally and leaves runProgram", () => {
    const log: string[] = [];
    const host: Host = {
      call() {
        throw new TypeError("the channel broke");
      },
      step: (event, name) => void log.push(`${event} ${name}`),
    };
    expect(() =>
      run('(step "s" (try (call :x) (catch _ e 1) (finally (call :y))))', { host }),
    ).toThrow("the channel broke");
    expect(log).toEqual(["enter s"]);
  });

  test("an error of the host has the place of its call", () => {
    const { host } = recorder({ no: new RtfsError("IoError", "gone") });
    expect(run("(let [x 1]\n  (call :no (+ x 1)))", { host })).toMatchObject({
      ok: false,
      error: { kind: "IoError", span: { line: 2, column: 3 } },
    });
  });

  test("a call inside a callback comes back inside it", () => {
    const { host, log } = recorder({ f: 2 });
    expect(show(run("(reduce (fn [a x] (+ a (call :f x))) 0 [1 2 3])", { host }))).toBe("6");
    expect(log).toEqual(["call f 1", "call f 2", "call f 3"]);
  });

  test("a capability id that is no name is a TypeError", () => {
    expect(run("(call 1)", recorder())).toMatchObject({ ok: false, error: { kind: "TypeError" } });
  });
});

describe("purity", () => {
  const before = Reflect.ownKeys(Object.prototype).length;

  test("hostile names are ordinary names, keys and fields", () => {
    for (const name of ["constructor", "__proto__", "prototype", "toString"]) {
      expect(
        show(
          run(
            `[(:${name} {}) (get {} "${name}") (get-in {} ["${name}" "x"]) (:${name} {:${name} 1})]`,
          ),
        ),
      ).toBe("[nil nil nil 1]");
      expect(show(run(`(try (throw "m") (catch e (:${name} e)))`))).toBe("nil");
      expect(show(run(`(let [${name} 5] ${name})`))).toBe("5");
      expect(diagnostics(name)).toEqual([`1:1 \`${name}\` is not defined`]);
      expect(diagnostics(`(.${name} 1)`)).toEqual([`1:2 \`${name}\` is not defined`]);
      expect(show(run(`(parse-json "{\\"${name}\\":{\\"polluted\\":true}}")`))).toBe(
        `{"${name}" {"polluted" true}}`,
      );
    }
    expect(Reflect.ownKeys(Object.prototype)).toHaveLength(before);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("random programs end in a value, a diagnostic or a language error, and change nothing outside", () => {
    const word = fc.constantFrom(
      "let",
      "fn",
      "if",
      "def",
      "defn",
      "match",
      "try",
      "catch",
      "finally",
      "throw",
      "for",
      "dotimes",
      "step",
      "call",
      "->",
      "and",
      "cond",
      "str",
      "map",
      "reduce",
      "apply",
      "assoc-in",
      "update",
      "sort",
      "range",
      "x",
      "y",
      "&",
      "_",
      ":a",
      ":as",
      ":keys",
      ":",
      "1",
      "-1",
      "2.5",
      '"s"',
      "nil",
      "true",
      "args",
      "when",
      "constructor",
      "x:int",
      "quote",
      "loop",
      "recur",
      "step-if",
      "step-loop",
      "step-parallel",
      "defstruct",
      "deftype",
      "context-ref",
      "context/get",
      "metadata",
      "^:k",
      "@x",
      "stream-consume",
      "llm-execute",
      "capability",
      "parallel",
      "with-resource",
      "kv/assoc!",
    );
    const { form } = fc.letrec<{ form: string }>((tie) => ({
      form: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        word,
        fc.array(tie("form"), { maxLength: 5 }).map((each) => `(${each.join(" ")})`),
        fc.array(tie("form"), { maxLength: 4 }).map((each) => `[${each.join(" ")}]`),
        fc.array(tie("form"), { maxLength: 2 }).map((each) => `{:k ${each.join(" :l ") || "1"}}`),
      ),
    }));
    fc.assert(
      fc.property(fc.array(form, { maxLength: 4 }), fc.boolean(), (forms, isSeed) => {
        const read = readForms(forms.join(" "), { file: "f" });
        if (!read.ok) return;
        expect(typeof outlinePlan(read.value).ok).toBe("boolean");
        const program = compileProgram(read.value, isSeed ? { compat: "seed" } : {});
        if (!program.ok) return;
        for (const engine of [referenceEngine, compiledEngine]) {
          const outcome = runProgram(program.value, { engine, fuel: 100_000, depthMax: 200 });
          if (outcome.ok) expectValue(outcome.value);
          else expect(outcome.error).toBeInstanceOf(RtfsError);
        }
      }),
      { numRuns: 3000 },
    );
    expect(Reflect.ownKeys(Object.prototype)).toHaveLength(before);
  });
});

/** No JS undefined, no plain object, no raw -0 may ever be a value. */
function expectValue(value: Value): void {
  expect(value).not.toBeUndefined();
  expect(Object.is(value, -0)).toBe(false);
  if (value instanceof Vector) value.items.forEach(expectValue);
  if (value instanceof MapValue) for (const each of value.values()) expectValue(each);
  if (typeof value === "object" && value !== null)
    expect(Object.getPrototypeOf(value)).not.toBe(Object.prototype);
  if (typeof value === "bigint")
    expect(
      isInt(value) && (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER),
    ).toBe(true);
  expect(typeof value === "function").toBe(false);
  if (value instanceof FunctionValue) expect(value.name).not.toBe("tail call");
}

test("keywords of one name are one object", () => {
  expect(keyword("a")).toBe(keyword("a"));
});
