import { describe, expect, test } from "vitest";
import { outlinePlan, printValue, readForms } from "../index.ts";

/** `step: capability(args) …` lines; `-` is outside any step. */
function outline(source: string): string[] {
  const forms = readForms(source, { file: "f" });
  const plan = forms.ok ? outlinePlan(forms.value) : forms;
  if (!plan.ok)
    return plan.error.map(({ span, message }) => `${span.line}:${span.column} ${message}`);
  const line = (name: string, calls: typeof plan.value.topCalls): string => {
    const sites = calls.map(({ capability, args }) => {
      const shown = args.map((arg) => (arg === undefined ? "?" : printValue(arg)));
      return `${capability ?? "?"}(${shown.join(" ")})`;
    });
    return [`${name}:`, ...sites].join(" ");
  };
  return [
    line("-", plan.value.topCalls),
    ...plan.value.steps.map(({ name, calls, parent }) =>
      line(parent === null ? name : `${parent}/${name}`, calls),
    ),
  ];
}

describe("outlinePlan", () => {
  test.each([
    [
      "a call belongs to the innermost step around it",
      '(call :a) (step "s" (call :b 1) (step "t" (call "c")))',
      ["-: a()", "s: b(1)", "s/t: c()"],
    ],
    [
      "a call in a function belongs to every step that calls it",
      '(defn f [] (call :x)) (step "s" (f)) (step "t" (f)) (step "u" 1)',
      ["-:", "s: x()", "t: x()", "u:"],
    ],
    [
      "reach is transitive and knows the top",
      '(defn a [] (call :x)) (defn b [] (a)) (step "s" 1) (b)',
      ["-: x()", "s:"],
    ],
    [
      "forward references and mutual recursion are followed",
      '(defn a [n] (b n)) (defn b [n] (do (call :x) (a n))) (step "s" (a 1))',
      ["-:", "s: x()"],
    ],
    [
      "reach goes through any number of functions, in any order",
      '(defn d [] (c)) (defn a [] (call :x)) (defn c [] (b)) (defn b [] (a)) (step "s" (d)) (step "t" (b))',
      ["-:", "s: x()", "t: x()"],
    ],
    [
      "a function that nothing reaches has no place",
      '(defn f [] (call :x)) (step "s" 1)',
      ["-:", "s:"],
    ],
    [
      "a function given to map is called there",
      '(step "s" (map (fn [u] (call :x u)) [1])) (step "t" 1)',
      ["-:", "s: x(?)", "t:"],
    ],
    [
      "so is a named one, and #()",
      '(defn f [u] (call :x u)) (step "s" (map f [1])) (step "t" (map #(call :y %) [1]))',
      ["-:", "s: x(?)", "t: y(?)"],
    ],
    [
      "a function kept in data belongs to who takes it out and calls it",
      '(defn f [] (call :x)) (def g [f]) (step "s" ((first g))) (step "t" (first g))',
      ["-:", "s: x()", "t:"],
    ],
    [
      "a function returned from a function belongs to who calls it",
      '(defn mk [] (defn in [] (call :x))) (step "s" ((mk))) (step "t" (mk))',
      ["-:", "s: x()", "t:"],
    ],
    [
      "a function given to a function belongs to every step that reaches the call",
      '(defn run [g] (g)) (step "s" (run (fn [] (call :x)))) (step "t" (run (fn [] (call :y)))) (step "u" 1)',
      ["-:", "s: x() y()", "t: x() y()", "u:"],
    ],
    [
      "a function chosen at run time belongs where it is called",
      '(defn a [] (call :x)) (defn b [] (call :y)) (step "s" ((if true a b)))',
      ["-:", "s: x() y()"],
    ],
    [
      "what a function is given, keeps or raises is followed to its call",
      `(defn f [] (call :x))
       (def m {:h {:k f}})
       (step "map" ((:k (get m :h))))
       (step "map-of-keyword" (map (fn [g] (g)) (map :k (vals m))))
       (step "rest" ((fn [& fs] ((first fs))) f))
       (step "apply" (apply (fn [a b] (b)) [1 f]))
       (step "reduce" (reduce (fn [acc g] (g)) nil [f]))
       (step "builtin" ((first (map identity-of [f]))))
       (step "raise" (try (throw {:g f}) (catch e ((:g e)))))
       (step "match" (match [f] [g] (g)))
       (step "let" (let [{:keys [k]} (:h m) [a & r] [k]] (a)))
       (step "unmatched" (try (match {:g f} 1 2) (catch e ((:g (:value e))))))
       (step "for" (for [g [f]] (g)))
       (step "params" :params {"f" f} ((get %params "f")))
       (step "none" [f m])
       (defn identity-of [x] x)`,
      [
        "-:",
        ...[
          "map",
          "map-of-keyword",
          "rest",
          "apply",
          "reduce",
          "builtin",
          "raise",
          "match",
          "let",
          "unmatched",
        ].map((step) => `${step}: x()`),
        "for: x()",
        "params: x()",
        "none:",
      ],
    ],
    [
      "a library function as a value calls what it is given",
      '(defn f [u] (call :x)) (step "s" (let [m (first [map])] (m f [1]))) (step "t" (apply map [f [1]])) (step "u" (f 1))',
      ["-:", "s: x()", "t: x()", "u: x()"],
    ],
    [
      "what is put into the context comes out of it anywhere",
      '(defn f [] (call :x)) (context/set :k f) (step "s" ((context/get :k))) (step "t" ((first (map context/get [:k])))) (step "u" ((context-ref k)))',
      ["-:", "s: x()", "t: x()", "u: x()"],
    ],
    [
      "one of several definitions gives its result",
      '(defn f [] (call :x)) (defn g [] nil) (if (= 1 1) (defn g [] f)) (step "s" ((g)))',
      ["-:", "s: x()"],
    ],
    [
      "what the host answers is never a function of the plan, unless the plan gave it away",
      '(defn f [] (call :x)) (step "s" ((call :y))) (step "t" ((call :z f)))',
      ["-:", "s: x() y()", "t: x() z(?)"],
    ],
    [
      "a conditional redefinition counts with the first",
      '(defn f [] (call :x)) (if (= 1 2) (defn f [] (call :y))) (step "s" (f))',
      ["-:", "s: x() y()"],
    ],
    [
      "a step inside a function keeps its calls",
      '(defn f [] (step "in" (call :x))) (step "s" (f))',
      ["-:", "s/in: x()", "s:"],
    ],
    [
      "let-bound functions are followed",
      '(step "s" (let [f (fn [] (call :x)) g (fn [] (f))] (g)))',
      ["-:", "s: x()"],
    ],
    [
      "catch, finally, guards and defaults count",
      "(try (call :a) (catch e (call :b)) (finally (call :c))) (match 1 n when (call :d) 1) (let [{:keys [k] :or {k (call :e)}} {}] k)",
      ["-: a() b() c() d() e()"],
    ],
    ["a local that is called call is no call", "(let [call (fn [x] x)] (call :x))", ["-:"]],
  ])("%s", (_law, source, expected) => {
    expect(outline(source)).toEqual(expected);
  });

  test.each([
    [
      "literals and nested literals",
      '(call :x {:url "u" :n [1 :k nil]} 2.0)',
      ['-: x({:url "u" :n [1 :k nil]} 2.0)'],
    ],
    [
      "names bound to scalars, and str of them",
      '(def h "https://a") (let [p "/x"] (call :x (str h p 1)))',
      ['-: x("https://a/x1")'],
    ],
    [
      "a redefined name is the one in force",
      '(def h "a") (call :x h) (def h "b") (call :x h)',
      ['-: x("a") x("b")'],
    ],
    ["an id bound to a name", "(def id :a.b) (call id)", ["-: a.b()"]],
    ["parameters are not known", "(defn f [x] (call :x x)) (f 1)", ["-: x(?)"]],
    ["names bound to calls are not known", "(def r (call :a)) (call :x r)", ["-: a() x(?)"]],
    [
      "a conditional redefinition is not known",
      '(def h "a") (if (= 1 2) (def h "b")) (call :x h)',
      ["-: x(?)"],
    ],
    ["a computed id", '(call (str "a" (count [1])))', ["-: ?()"]],
    ["a name defined by itself", "(def x x) (call x)", ["-: ?()"]],
    [
      "a pattern's name shadows a known one",
      '(def h "a") (let [[h] ["b"]] (call :x h))',
      ["-: x(?)"],
    ],
    ["a str of one's own is no str", '(defn str [x] "evil") (call :x (str "a"))', ["-: x(?)"]],
  ])("knows before the run: %s", (_law, source, expected) => {
    expect(outline(source)).toEqual(expected);
  });

  test.each([
    ['(step (str "a") 1)', ["1:7 A step's name is a literal string"]],
    ['(step "a" 1)\n(step "a" 2)', ['2:7 Two steps are called "a"']],
    ["(map call [1])", ["1:6 `call` is no value"]],
    ["(let [f call] (f :x))", ["1:9 `call` is no value"]],
    ["(call)", ["1:1 `call` needs a capability id"]],
    ["(f 1)", ["1:2 `f` is not defined"]],
  ])("refuses %j", (source, expected) => {
    expect(outline(source)).toEqual(expected);
  });

  test("values of exponential size are not built", () => {
    const lines = Array.from(
      { length: 60 },
      (_, index) => `(def v${index + 1} [v${index} v${index}])`,
    );
    expect(outline(`(def v0 [1]) ${lines.join(" ")} (call :x v60)`)).toEqual(["-: x(?)"]);
    const texts = Array.from(
      { length: 60 },
      (_, index) => `(def s${index + 1} (str s${index} s${index}))`,
    );
    expect(outline(`(def s0 "ab") ${texts.join(" ")} (call :x s60)`)).toEqual(["-: x(?)"]);
  });

  test("a plan whose attribution explodes is refused", () => {
    const steps = Array.from({ length: 1000 }, (_, index) => `(step "s${index}" (f))`).join(" ");
    const calls = "(call :x)".repeat(200);
    expect(outline(`(defn f [] ${calls}) ${steps}`)).toEqual([
      expect.stringContaining("The plan's calls stand in more than 100000 places"),
    ]);
    expect(outline(`(defn f [] 1) ${steps} (step "one-more" 1)`)).toEqual([
      expect.stringContaining("A plan has at most 1000 steps"),
    ]);
  });
});
