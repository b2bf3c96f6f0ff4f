import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallGraph } from "../analysis/call-graph.ts";
import type { Node } from "../analysis/node.ts";
import { outlineProgram } from "../analysis/outline.ts";
import { PLAIN_BUILTINS } from "../analysis/plain-builtins.ts";
import {
  asRequirement,
  compileProgram,
  containsRow,
  type EffectContracts,
  type EffectMatchers,
  inferEffects,
  outlinePlan,
  type PlanEffects,
  printRow,
  readDeclaration,
  readForms,
  runProgram,
} from "../index.ts";
import { CALLED_ARGUMENTS } from "../stdlib/index.ts";
import { keyword, type Value } from "../values/value.ts";

const FACTS = { calls: CALLED_ARGUMENTS, plain: PLAIN_BUILTINS };
const matchers: EffectMatchers = {
  domain: (outer, inner) => outer.startsWith("*.") && inner.endsWith(outer.slice(1)),
  range: (outer, inner) => outer === inner,
};

/** `f`: a file whose path is the first argument; `c`: the clock; `p`: nothing. */
const contracts: EffectContracts = (capability, { args: [path] }) => {
  if (capability.startsWith("p")) return { effects: row("[]") };
  if (capability.startsWith("c")) return { effects: row("[:clock]") };
  if (!capability.startsWith("f")) return null;
  const isKnown = typeof path === "string" && path.startsWith("/");
  return {
    effects: row(
      isKnown ? `[[:fs {:paths ["${path}"] :modes [read]}]]` : "[[:fs {:modes [read]}]]",
    ),
  };
};

function row(text: string) {
  const forms = readForms(text, { file: "row" });
  const read = readDeclaration(forms.ok ? forms.value[0]! : (undefined as never));
  if (!read.ok) throw new Error(read.error.message);
  return asRequirement(read.value, matchers);
}

function formsOf(source: string) {
  const forms = readForms(source, { file: "plan" });
  if (!forms.ok) throw new Error(forms.error[0]!.message);
  return forms.value;
}

function infer(source: string): PlanEffects {
  const outline = outlinePlan(formsOf(source));
  if (!outline.ok) throw new Error(outline.error[0]!.message);
  return inferEffects(outline.value, contracts, matchers);
}

/** `step: row`, and every refusal. */
function shown(source: string): string[] {
  const plan = infer(source);
  return [
    ...plan.steps
      .filter(({ calls }) => calls.length > 0)
      .map(({ step, effects }) => `${step ?? "-"}: ${printRow(effects)}`),
    ...plan.refusals.map(
      ({ code, span, step, reason }) => `${span.line}:${span.column} ${code} ${step}: ${reason}`,
    ),
  ];
}

describe("inferEffects", () => {
  test.each([
    ["no call is pure", "(+ 1 2)", []],
    [
      "a literal argument narrows, an unknown one does not",
      '(step "a" (call :f "/x")) (step "b" (call :f (str "/" (call :p))))',
      ['a: [[:fs {:paths ["/x"] :modes ["read"]}]]', 'b: [[:fs {:paths :any :modes ["read"]}]]'],
    ],
    [
      "a step has the union of its calls",
      '(defn g [] (call :c)) (step "a" (call :f "/x") (call :f "/y") (g))',
      ['a: [[:fs {:paths ["/x" "/y"] :modes ["read"]}] [:clock]]'],
    ],
    [
      "both branches, catch and finally count",
      '(step "a" (if (call :p) (call :f "/x") (try 1 (catch e (call :f "/y")) (finally (call :c)))))',
      ['a: [[:fs {:paths ["/x" "/y"] :modes ["read"]}] [:clock]]'],
    ],
    [
      "a computed id is refused",
      '(step "a" (call (str "f" (count [1])) "/x"))',
      [
        "1:11 CAPABILITY_ID_COMPUTED a: the capability id is computed at run time, so its effects cannot be known before it runs",
      ],
    ],
    [
      "an unknown capability is refused",
      '(step "a" (call :x.y))',
      ['1:11 UNKNOWN_CAPABILITY a: no capability is called "x.y"'],
    ],
  ])("%s", (_law, source, expected) => {
    expect(shown(source)).toEqual(expected);
  });

  test("the plan's row is the union of its steps' rows", () => {
    const plan = infer('(call :c) (step "a" (call :f "/x")) (step "b" (call :f "/y"))');
    expect(printRow(plan.effects)).toBe('[[:fs {:paths ["/x" "/y"] :modes ["read"]}] [:clock]]');
  });
});

/** The plan with a map of metadata on its last form. */
function underAnnotation(metadata: string, source: string): string[] {
  const program = compileProgram(formsOf(source));
  const map = formsOf(metadata)[0]!;
  if (!program.ok || map.kind !== "map") throw new Error("not a plan with metadata");
  const { analysed } = program.value;
  const entries = map.entries.map(({ key, value }) => {
    if (key.kind !== "keyword") throw new Error("a keyword");
    return [keyword(key.name), value] as const;
  });
  const body = analysed.nodes.at(-1)!;
  const meta: Node = { op: "meta", entries, runtime: [], body, span: map.span };
  const nodes = [...analysed.nodes.slice(0, -1), meta];
  const outline = outlineProgram({ ...analysed, nodes }, FACTS);
  if (!outline.ok) {
    return outline.error.map(({ span, message }) => `${span.line}:${span.column} ${message}`);
  }
  const plan = inferEffects(outline.value, contracts, matchers);
  return [
    ...plan.steps.flatMap(({ step, calls }) =>
      calls.map(({ capability, effects }) => `${step ?? "-"} ${capability} ${printRow(effects)}`),
    ),
    ...plan.refusals.map(({ code, reason }) => `${code}: ${reason}`),
  ];
}

describe("annotations", () => {
  const READ = (path: string) => `[[:fs {:paths ["${path}"] :modes ["read"]}]]`;
  test.each([
    [
      "one that says as much is believed",
      '{:effects [[:fs {:paths ["/x"] :modes [read]}]]}',
      '(step "a" (call :f "/x/y"))',
      [`a f ${READ("/x/y")}`],
    ],
    [
      "one that names a smaller path is refused",
      '{:effects [[:fs {:paths ["/x"] :modes [read]}]]}',
      '(step "a" (call :f "/y"))',
      [
        `a f ${READ("/y")}`,
        "EFFECT_UNDERDECLARED: the annotation on line 1 says less than f can do: fs paths: /y is not within /x",
      ],
    ],
    [
      "one that says pure is refused over any effect",
      "{:effects []}",
      '(step "a" (call :c))',
      [
        "a c [[:clock]]",
        "EFFECT_UNDERDECLARED: the annotation on line 1 says less than c can do: the effect clock is not among nothing",
      ],
    ],
    [
      "an unknown argument needs :any, or the kind alone",
      "{:effects [:fs]}",
      '(step "a" (call :f (call :p)))',
      ['a f [[:fs {:paths :any :modes ["read"]}]]', "a p []"],
    ],
    [
      "it holds for functions that the step calls, and for steps inside",
      "{:effects []}",
      '(defn g [] (step "in" (call :c))) (step "a" (g))',
      [
        "in c [[:clock]]",
        "EFFECT_UNDERDECLARED: the annotation on line 1 says less than c can do: the effect clock is not among nothing",
      ],
    ],
    [
      "it says nothing of other steps",
      "{:effects []}",
      '(step "b" (call :c)) (step "a" (call :p))',
      ["b c [[:clock]]", "a p []"],
    ],
    [
      "ids that are not listed are refused",
      "{:capabilities [:c :p1]}",
      '(step "a" (call :c) (call :p))',
      [
        "a c [[:clock]]",
        "a p []",
        "EFFECT_UNDERDECLARED: the annotation on line 1 does not list the capability p",
      ],
    ],
    [
      "a computed id is each of the listed ones",
      '{:capabilities [:c "f"] :effects [:clock :fs]}',
      '(step "a" (call (str "c" (count [])) "/x"))',
      ["a c [[:clock]]", `a f ${READ("/x")}`],
    ],
    [
      "a computed id needs ids and effects",
      "{:capabilities [:c]}",
      '(step "a" (call (str "c" (count []))))',
      [
        "CAPABILITY_ID_COMPUTED: the capability id is computed at run time, so its effects cannot be known before it runs",
      ],
    ],
    [
      "a listed id is judged like a literal one",
      "{:capabilities [:c :q] :effects []}",
      '(step "a" (call (str "c" (count []))))',
      [
        "a c [[:clock]]",
        "EFFECT_UNDERDECLARED: the annotation on line 1 says less than c can do: the effect clock is not among nothing",
        'UNKNOWN_CAPABILITY: no capability is called "q"',
      ],
    ],
    ["other metadata is no bound", "{:doc [1]}", '(step "a" (call :c))', ["a c [[:clock]]"]],
    [
      "effects must be known",
      "{:effects [:compute]}",
      '(step "a" (call :c))',
      ["1:12 No effect is called `compute`"],
    ],
    [
      "ids must be ids",
      "{:capabilities [1]}",
      '(step "a" (call :c))',
      ["1:17 A capability id is a keyword or a string"],
    ],
    [
      "ids are a vector",
      "{:capabilities :c}",
      '(step "a" (call :c))',
      ["1:16 `:capabilities` is a vector of at most 256 ids"],
    ],
  ])("%s", (_law, metadata, source, expected) => {
    expect(underAnnotation(metadata, source)).toEqual(expected);
  });
});

const names = ["f0", "f1", "f2", "d0"];
const CAPABILITIES = ["f1", "f2", "c1", "c2", "p1", "p2"];

/** Expressions that move functions about: through data, parameters, results, errors. */
const { expression } = fc.letrec<{ expression: string; deep: string }>((tie) => {
  const part = tie("expression");
  const two = (shape: (a: string, b: string) => string) =>
    fc.tuple(part, part).map(([a, b]) => shape(a, b));
  const one = (shape: (a: string) => string) => part.map(shape);
  return {
    expression: fc.oneof(
      { maxDepth: 5, depthIdentifier: "e", depthSize: "medium" },
      fc.constantFrom("1", "nil", ":k", "a", "b", "[]", "first", "map", "identity", ...names),
      tie("deep"),
    ),
    deep: fc.oneof(
      fc.tuple(fc.constantFrom(...CAPABILITIES), part).map(([id, arg]) => `(call :${id} ${arg})`),
      fc
        .tuple(fc.constantFrom(...CAPABILITIES), fc.constantFrom("/x", "/y"))
        .map(([id, path]) => `(call :${id} "${path}")`),
      two((a, b) => `(${a} ${b})`),
      fc.tuple(fc.constantFrom(...names), part).map(([name, arg]) => `(${name} ${arg})`),
      one((a) => `(fn [a] ${a})`),
      one((a) => `(fn [& a] ${a})`),
      two((a, b) => `[${a} ${b}]`),
      one((a) => `{:k ${a}}`),
      one((a) => `(:k ${a})`),
      one((a) => `(first ${a})`),
      one((a) => `(get ${a} :k)`),
      two((a, b) => `(assoc {} :k ${a} :l ${b})`),
      two((a, b) => `(map ${a} [${b}])`),
      two((a, b) => `(reduce ${a} ${b} [1])`),
      two((a, b) => `(apply ${a} [${b}])`),
      two((a, b) => `(update {:k ${a}} :k ${b})`),
      two((a, b) => `(if ${a} ${b} ${a})`),
      two((a, b) => `(let [b ${a}] ${b})`),
      two((a, b) => `(let [{:keys [b] :or {b ${a}}} ${b}] (b 1))`),
      two((a, b) => `(let [[a b] ${a}] ${b})`),
      two((a, b) => `(try ${a} (catch b ${b}))`),
      one((a) => `(throw {:k ${a}})`),
      one((a) => `(context/set :k ${a})`),
      one((a) => `((context/get :k) ${a})`),
      two((a, b) => `(loop [a ${a} b 2] (if (= b 0) ${b} (recur a (dec b))))`),
      two((a, b) => `(step-parallel ${a} ${b})`),
      one((a) => `(step "?" ${a})`),
      two((a, b) => `(step "?" :params {"p" ${a}} (do (get %params "p") ${b}))`),
      two((a, b) => `(for [b [${a}]] ${b})`),
      two((a, b) => `(match ${a} [b] ${b} {:k b} (b 1) b ${b})`),
      two((a, b) => `(or ${a} ${b})`),
      two((a, b) => `(do (defn f1 [a] ${a}) ${b})`),
    ),
  };
});

const programs = fc
  .tuple(
    fc.array(expression, { minLength: 4, maxLength: 4 }),
    fc.array(expression, { minLength: 1, maxLength: 4 }),
  )
  .map(([definitions, forms]) => {
    const [f0, f1, f2, d0] = definitions;
    const source = [
      "(def a nil) (def b [])",
      "(defn identity [x] x)",
      `(defn f0 [a] ${f0})`,
      `(defn f1 [b] ${f1})`,
      `(defn f2 [& a] ${f2})`,
      `(def d0 (try ${d0} (catch e (:k e))))`,
      ...forms.map((form) => `(try ${form} (catch e (:k e)))`),
    ].join("\n");
    let count = 0;
    return source.replaceAll('"?"', () => `"s${count++}"`);
  });

test("no run makes a call that the inference does not contain", () => {
  let made = 0;
  fc.assert(
    fc.property(programs, (source) => {
      const plan = infer(source);
      const compiled = compileProgram(formsOf(source));
      if (!compiled.ok) throw new Error(compiled.error[0]!.message);
      const open: (string | null)[] = [null];
      const context = new Map<string, Value>();
      runProgram(compiled.value, {
        fuel: 20_000,
        depthMax: 60,
        host: {
          call(capability, args) {
            made++;
            const here = plan.steps.find(({ step }) => step === open.at(-1));
            expect(
              here?.calls.map((call) => call.capability),
              source,
            ).toContain(capability);
            const { effects } = contracts(capability, { args, named: null })!;
            expect(containsRow(here!.effects, effects, matchers), source).toBeNull();
            return args[0] ?? null;
          },
          context: (key) => context.get(key),
          contextSet: (key, value) => void context.set(key, value),
          step(event, name) {
            if (event === "enter") open.push(name);
            else open.pop();
          },
        },
      });
    }),
    { numRuns: 6000 },
  );
  expect(made).toBeGreaterThan(3000);
});

test("the walk is linear in the program", () => {
  const visited = (copies: number): number => {
    const source = Array.from(
      { length: copies },
      (_, index) =>
        `(defn g${index} [h] (map h [1 2])) (step "s${index}" (g${index} (fn [x] (call :f "/x"))) (let [k [g${index}]] ((first k) first)))`,
    ).join("\n");
    const program = compileProgram(formsOf(source));
    if (!program.ok) throw new Error(program.error[0]!.message);
    const { nodes, scope } = program.value.analysed;
    const graph = new CallGraph(FACTS);
    graph.program(nodes, scope);
    return graph.visited;
  };
  expect(visited(400)).toBeGreaterThan(4000);
  expect(visited(400) / visited(200)).toBeLessThanOrEqual(2.1);
});
