/** Every special form, written wrong: told where and how it is written. */
import { describe, expect, test } from "vitest";
import { type CompileOptions, compileProgram, type Diagnostic, readForms } from "../index.ts";
import { SEED_FORMS, SOFT_FORMS, SPECIAL_FORMS } from "./special-forms.ts";
import { USAGE } from "./usage.ts";

function problems(source: string, options: CompileOptions = {}): readonly Diagnostic[] {
  const forms = readForms(source, { file: "f" });
  if (!forms.ok) throw new Error(forms.error[0]?.message);
  const program = compileProgram(forms.value, options);
  return program.ok ? [] : program.error;
}

/** Source, and the column of the first problem. */
const MALFORMED: readonly (readonly [string, number])[] = [
  ["(quote)", 1],
  ["(quote a b)", 1],
  ["(if)", 1],
  ["(if 1 2 3 4)", 1],
  ["(when)", 1],
  ["(when-not)", 1],
  ["(if-let [a 1])", 1],
  ["(if-let [a] 1 2)", 1],
  ["(if-let [[a] [1]] 1 2)", 1],
  ["(when-let x 1)", 1],
  ["(cond true)", 7],
  ["(->)", 1],
  ["(->>)", 1],
  ["(def)", 1],
  ["(def x)", 1],
  ["(def 5 1)", 1],
  ["(def x 1 2 3)", 1],
  ["(let)", 1],
  ["(let [a])", 6],
  ["(let [a 1])", 1],
  ["(let {} 1)", 6],
  ["(let [5 1] 1)", 6],
  ["(let [[a & ] [1]] a)", 10],
  ["(let [[a & b c] [1]] a)", 14],
  ["(let [[a :as] [1]] a)", 10],
  ["(let [{:keys [:a]} {}] 1)", 15],
  ["(let [[a 5] [1]] a)", 10],
  ["(let [(a) 1] a)", 6],
  ["(let [x : [:vector int string] 1] x)", 11],
  ["(let [x : [:vectr int] 1] x)", 11],
  ["(fn)", 1],
  ["(fn 5 1)", 5],
  ["(fn [a])", 1],
  ["(fn [a & b c] 1)", 5],
  ["(fn [& [a]] 1)", 5],
  ["(fn [5] 1)", 5],
  ["(fn [a b a] 1)", 10],
  ["(fn [a [b a]] 1)", 11],
  ["(lambda)", 1],
  ["(λ)", 1],
  ["(defn)", 1],
  ["(defn 5 [] 1)", 1],
  ["(defn f)", 1],
  ["(defn f [] )", 1],
  ["(defn if [] 1)", 1],
  ["(match)", 1],
  ["(match 1 2)", 10],
  ["(match 1 a when)", 10],
  ["(match 1 (a b) 2)", 10],
  ["(match 1 (:nope a) 2)", 10],
  ["(match [1 1] [a a] 2)", 17],
  ["(try 1 (finally 2) (catch e 3))", 20],
  ["(try 1 (catch e 2) 3)", 20],
  ["(try 1 (catch))", 8],
  ["(try 1 (catch e))", 8],
  ["(try 1 (catch 5 e 1))", 8],
  ["(for)", 1],
  ["(for [] 1)", 1],
  ["(for [x] 1)", 1],
  ["(for [x [1]])", 1],
  ["(for [x [1]] 1 2)", 1],
  ["(for [[a] [[1]]] a)", 7],
  ["(dotimes)", 1],
  ["(dotimes [i] 1)", 1],
  ["(dotimes [i 3])", 1],
  ["(dotimes [[i] 3] 1)", 1],
  ["(loop)", 1],
  ["(loop 5 1)", 7],
  ["(loop [a] 1)", 7],
  ["(loop [a 1])", 1],
  ["(loop [a 1 a 2] 1)", 12],
  ["(recur 1)", 1],
  ["(fn [x] (recur x))", 9],
  ["(loop [a 1] (recur))", 13],
  ["(loop [a 1] (recur 1 2))", 13],
  ["(loop [a 1] (+ 1 (recur 1)))", 18],
  ["(loop [a 1] (do (recur 1) 2))", 17],
  ["(loop [a 1] (try (recur 1) (catch e 2)))", 18],
  ['(loop [a 1] (step "s" (recur 1)))', 23],
  ["(loop [a 1] (fn [] (recur 1)))", 20],
  ["(loop [a 1] (for [x [1]] (recur 1)))", 26],
  ["(call)", 1],
  ["(step)", 1],
  ["(step x)", 7],
  ['(step "")', 7],
  ['(step "a" :params 5 1)', 19],
  ['(step "a" :params {:k 1} 1)', 20],
  ['(step "a" :context-keys [1] 1)', 25],
  ['(step "a" :expose-context "yes" 1)', 27],
  ['(do (step "a" 1) (step "a" 2))', 24],
  ["(step-if)", 1],
  ["(step-if 1)", 1],
  ["(step-if 1 2 3 4)", 1],
  ["(step-loop)", 1],
  ["(step-loop 1)", 1],
  ["(step-loop 1 2 3)", 1],
  ["(step-parallel)", 1],
  ["(step-parallel :merge-policy :best 1)", 30],
  ["(step-parallel :merge-policy 5 1)", 30],
  ["(get 5)", 1],
  ['(get "k")', 1],
  ["(context-ref)", 1],
  ["(context-ref 5)", 1],
  ["(context/get)", 1],
  ["(context/get :a :b)", 1],
  ["(resource:ref)", 1],
  ["(resource:ref [1])", 1],
  ["(metadata)", 1],
  ["(metadata {} 1 2)", 1],
  ["(metadata 5 1)", 1],
  ["(metadata {:delegation :elsewhere} (fn [x] x))", 24],
  ["(metadata {:delegation [:remote 5]} (fn [x] x))", 24],
  ['(metadata {:delegation [:remote "m"]} (fn [& x] x))', 43],
  ["(defstruct)", 1],
  ["(defstruct P :x)", 1],
  ["(defstruct P x int)", 14],
  ["(defstruct P :x int :x int)", 21],
  ["(defstruct P :x nope)", 17],
  ["(defstruct int :x int)", 12],
  ["(do (defstruct P :x int) (defstruct P :y int))", 37],
  ["(deftype)", 1],
  ["(deftype T)", 1],
  ["(deftype int string)", 10],
  ["(deftype T nope)", 12],
  ["(deftype T T)", 12],
  ["(capability)", 1],
  ["(capability 5)", 1],
  ['(capability "c" :k)', 1],
  ['(capability "c" 5 1)', 17],
  ['(capability "c" :k 1 "k" 2)', 22],
  ["(resource)", 1],
  ["(resource r (prop :a 1))", 13],
  ["(resource r (property :a))", 13],
  ["(resource r (property 5 1))", 23],
  ["(llm-execute)", 1],
  ['(llm-execute "m")', 1],
  ['(llm-execute "m" "p" "s")', 1],
  ['(llm-execute :model "m")', 1],
  ["(llm-execute :model)", 14],
  ['(llm-execute :model "m" :model "m")', 25],
  ["(llm-execute :temperature 1)", 14],
  ["(mcp-stream)", 1],
  ['(mcp-stream "u")', 1],
  ['(mcp-stream "u" (fn [] 1))', 17],
  ['(mcp-stream "u" "f" 1 2)', 1],
  ["(stream-source)", 1],
  ["(stream-sink)", 1],
  ["(stream-produce 1)", 1],
  ["(stream-consume 1)", 1],
  ["(stream-consume 1 {:on-item 5})", 29],
  ['(stream-consume 1 {"on-item" "f"})', 20],
  ["(stream-consume 1 {} 5)", 1],
];

const SEED_MALFORMED: readonly (readonly [string, number])[] = [
  ["(parallel)", 1],
  ["(parallel 5)", 11],
  ["(parallel [a])", 11],
  ["(parallel [a 1 b 2])", 11],
  ["(parallel [a 1] [a 2])", 18],
  ["(with-resource)", 1],
  ["(with-resource [h])", 1],
  ["(with-resource [h T 1])", 1],
  ["(with-resource [5 T 1] 2)", 1],
  ["(discover-agents)", 1],
];

describe("a malformed special form", () => {
  test.each(MALFORMED)("%s is refused at column %d with a hint", (source, column) => {
    const [first] = problems(source);
    expect({ column: first?.span.column, hasHint: (first?.hint ?? "") !== "" }).toEqual({
      column,
      hasHint: true,
    });
  });

  test.each(SEED_MALFORMED)("%s is refused at column %d with a hint", (source, column) => {
    const [first] = problems(source, { compat: "seed" });
    expect(first).toMatchObject({ span: { column }, hint: expect.stringMatching(/./) });
  });

  test("is known for each head, and each head has a usage", () => {
    const heads = [...SPECIAL_FORMS.keys(), ...SOFT_FORMS.keys(), ...SEED_FORMS.keys()];
    const tried = new Set(
      [...MALFORMED, ...SEED_MALFORMED].map(([source]) => /^\(([^ )]*)/.exec(source)?.[1]),
    );
    // These take anything.
    const free = new Set(["do", "and", "or", "log-step"]);
    expect(heads.filter((head) => !["and", "or"].includes(head) && !USAGE.has(head))).toEqual([]);
    expect(heads.filter((head) => !free.has(head) && !tried.has(head))).toEqual([]);
  });

  test("is no value", () => {
    for (const head of [...SPECIAL_FORMS.keys(), ...SOFT_FORMS.keys()]) {
      if (["and", "or", "get", "context/get", "call"].includes(head)) continue;
      expect(problems(`[${head}]`)[0]?.message).toContain("is a special form, not a value");
    }
  });
});
