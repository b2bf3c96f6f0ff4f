import { describe, expect, test, vi } from "vitest";
import type { Engine } from "../engine.ts";
import {
  compiledEngine,
  compileProgram,
  printValue,
  readForms,
  referenceEngine,
  runProgram,
} from "../index.ts";
import { optimise } from "../ir/optimise.ts";
import { BUILTINS } from "../stdlib/index.ts";
import { instantiate } from "./instantiate.ts";
import { emit } from "./run.ts";
import { Unit } from "./unit.ts";

function programOf(source: string) {
  const forms = readForms(source, { file: "program" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return program.value;
}

function run(source: string, engine: Engine = compiledEngine, depthMax = 1000): string {
  const outcome = runProgram(programOf(source), { engine, fuel: 1_000_000_000, depthMax });
  return outcome.ok ? printValue(outcome.value) : outcome.error.kind;
}

/** The text that a program becomes. */
function textOf(source: string): string {
  const options = { builtins: BUILTINS, args: [], depthMax: 1000, globals: [], reportsMaps: false };
  return emit(optimise(programOf(source).analysed), new Unit(options));
}

/** Words of JavaScript and of the runtime that may stand in emitted text. */
const WORDS =
  /^(?:[vfgktLwp]v?\d+|[dMKabefiknrsx]|let|const|function|return|if|else|for|of|continue|break|try|catch|finally|throw|typeof|instanceof|new|null|true|false|undefined|use|strict|number)$/;

test("what is bound and never read is not made", () => {
  expect(textOf("(let [x 1] 2)")).not.toContain("=1");
  expect(textOf("(defn f [] (do (def x 1)) x)")).toContain("=1");
});

describe("nothing a program says becomes code", () => {
  const HOSTILE = [
    "constructor",
    "__proto__",
    "hasOwnProperty",
    "process",
    "globalThis",
    "M",
    "K",
    "d",
    "v0",
    "this",
    "eval",
    "a$b",
    "x.y/z",
  ];

  const naming = (name: string): string =>
    `(defn safe [${name}] (let [g (fn [x] (+ x ${name}))] (g ${name}))) (def ${name} 20) (safe (+ ${name} 1))`;

  test.each(HOSTILE)("a name spelled %s is only a name", (name) => {
    expect(run(naming(name))).toBe("42");
    expect(textOf(naming(name))).toBe(textOf(naming("innocent")));
  });

  test.each([
    '"*/ throw 1 /*"',
    '"\\u{2028}\\u{2029}"',
    '"`${process.exit(1)}`"',
    '"\\"];process.exit(1);//"',
    ":constructor",
    "'__proto__",
    "1e300",
    "##NaN",
    "-0.0",
    "9223372036854775807",
    "2026-01-31T10:00:00Z",
  ])("the constant %s is in the pool, not in the text", (constant) => {
    expect(run(constant)).toBe(printValue(valueOf(constant)));
    expect(textOf(`(def x ${constant}) (= x [x {:k x}])`)).toBe(
      textOf('(def x "quiet") (= x [x {:k x}])'),
    );
  });

  test("every word of emitted text is generated or one of a closed list", () => {
    const source = `(defn hostile-name [a & more] (for [x more y [1 2]] (try (step "evil()" (/ x a y)) (catch :evil e (:evil e)) (finally (str "evil" x)))))
      (match (hostile-name 1 2 {"evil" 3}) {:evil [p & q]} p (:as evil _) evil)
      (dotimes [evil 3] (call :evil.name evil)) (let [{:keys [evil] :or {evil 1}} {:evil 2}] ((fn [% loop] (if (< % 9) (loop (+ % evil) loop) %)) 1 inc))
      (loop [evil 0] (if (< evil 3) (recur (+ evil (* evil evil) 1)) evil))`;
    const runtime = new Set(textWordsOfRuntime());
    const words = textOf(source).match(/[A-Za-z_$][\w$]*/g)!;
    const strange = words.filter((word) => !WORDS.test(word) && !runtime.has(word));
    expect(strange).toEqual([]);
    expect(words.length).toBeGreaterThan(200);
  });
});

function valueOf(source: string) {
  const outcome = runProgram(programOf(source), { fuel: 1000, depthMax: 10 });
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

/** Functions of the runtime and fields of the machine and of values that the writers name. */
function textWordsOfRuntime(): readonly string[] {
  return (
    "begin firstOf sum run1 run2 Array push Fn Vec Lst MapV TAIL add sub inc dec mul div mod lt gt le ge eq settle lib libCount any anyLast count tail key " +
    "keyCall unset noArgument check map record text1 text2 text3 itemsOf itemAt takenItems takenMap restOf without fits same noMatch caught " +
    "accepts integer turnsOf gather enterStep leaveStep failStep context host effect fuel refuel stop site code arity " +
    "length get toValue tailCode tailCount tail0 tail1 tail2 tail3 tailRest metadata Map set Number isSafeInteger Math abs"
  ).split(" ");
}

describe("the compiled engine", () => {
  test("makes a million tail calls of each other without stack", () => {
    const source = `(defn ev [n] (if (= n 0) true (od (- n 1)))) (defn od [n] (if (= n 0) false (ev (- n 1)))) (ev 1000000)`;
    expect(run(source)).toBe("true");
  });

  test("makes a million tail calls of functions it does not know without stack", () => {
    const source = `(defn go [f g n] (if (= n 0) :done (f g f (- n 1)))) (go go go 1000000)`;
    expect(run(source)).toBe(":done");
  });

  test("reports the end of the machine's stack as StackOverflow, which a program catches", () => {
    const deep = "(defn deep [n] (+ 1 (deep (+ n 1))))";
    expect(run(`${deep} (deep 0)`, compiledEngine, 2 ** 29)).toBe("StackOverflow");
    expect(
      run(`${deep} (try (deep 0) (catch StackOverflow e :caught))`, compiledEngine, 2 ** 29),
    ).toBe(":caught");
  });

  test("leaves a fast loop for exact integers beyond the safe range", () => {
    const source =
      "(loop [i 0 acc 9007199254740000] (if (< i 2000) (recur (+ i 1) (+ acc 1)) acc))";
    expect(run(source)).toBe("9007199254742000");
    const power = "(loop [i 0 x 1] (if (< i 63) (recur (+ i 1) (* x 2)) x))";
    expect(run(power)).toBe("ArithmeticOverflow");
    expect(run(power.replace("63", "62"))).toBe("4611686018427387904");
  });

  test("counts turns as the evaluator does, whatever the count is", () => {
    for (const count of ["0", "-1", "-3000000000", "3", "(- 9223372036854775807)", "nil", "1.5"]) {
      const source = `(def n ${count}) (dotimes [i n] (+ i 1))`;
      expect(run(source)).toBe(run(source, referenceEngine));
    }
  });

  test.each([
    [
      "a sum of small integers may be of more bits",
      "(dotimes [i 3] (+ i 2147483647))",
      "2147483649",
    ],
    [
      "a difference too",
      "(loop [i -2147483640 r 0] (if (> i -2147483648) (recur (- i 1) (- i 2147483647)) r))",
      "-4294967294",
    ],
    [
      "a product of small integers may be unsafe",
      "(loop [i 2147483640 r 0] (if (< i 2147483647) (recur (+ i 1) (* i i)) r))",
      "4611686009837453316",
    ],
    [
      "a counter ends at 32 bits",
      "(loop [i 2147483646] (if (< i 2147483650) (recur (+ i 1)) i))",
      "2147483650",
    ],
  ])("in a fast loop, %s", (_, source, expected) => {
    expect(run(source, referenceEngine)).toBe(expected);
    expect(run(source)).toBe(expected);
    expect(textOf(source)).toContain("f=M.fuel|0");
  });

  test("in a fast loop, a remainder is no negative zero", () => {
    const source = "(loop [i -6 r 1] (if (< i -4) (recur (+ i 1) (mod i 5)) r))";
    const outcome = runProgram(programOf(source), {
      engine: compiledEngine,
      fuel: 100,
      depthMax: 9,
    });
    expect(outcome).toEqual({ ok: true, value: 0, fuelUsed: 3 });
  });

  test("gives each turn variables of its own", () => {
    const source =
      "(defn fs [i acc] (if (< i 3) (fs (+ i 1) (conj acc (fn [] i))) (map (fn [f] (f)) acc))) (fs 0 [])";
    expect(run(source)).toBe("[0 1 2]");
    expect(run("(map (fn [f] (f)) (for [x [1 2] y [10 20]] (fn [] (+ x y))))")).toBe(
      "[11 21 12 22]",
    );
  });

  test("says it when the process forbids code from text", () => {
    const forbidden = vi.spyOn(globalThis, "Function").mockImplementation(function refuse() {
      throw new EvalError("Code generation from strings disallowed for this context");
    });
    try {
      expect(() => instantiate([], "return 1")).toThrow("forbids to make code from text");
    } finally {
      forbidden.mockRestore();
    }
  });
});
