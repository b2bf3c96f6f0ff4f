import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compileProgram,
  type Diagnostic,
  expandFormOnce,
  expandForms,
  type Form,
  formToValue,
  MacroRegistry,
  outlinePlan,
  printValue,
  readForms,
  runProgram,
  valueToForm,
} from "../index.ts";

function read(source: string): readonly Form[] {
  const forms = readForms(source, { file: "f.rtfs" });
  if (!forms.ok) throw new Error(forms.error[0]?.message);
  return forms.value;
}

function expanded(source: string, registry = new MacroRegistry()): readonly string[] {
  const linked = expandForms(read(source), { registry });
  if (!linked.ok) throw new Error(linked.error[0]?.message);
  return linked.value.forms.map((form) => printValue(formToValue(form)));
}

function problems(source: string): readonly Diagnostic[] {
  const linked = expandForms(read(source));
  return linked.ok ? [] : linked.error;
}

function run(source: string, registry = new MacroRegistry()): string {
  const program = compileProgram(read(source), { registry });
  if (!program.ok) return program.error.map(({ message }) => message).join("\n");
  const outcome = runProgram(program.value, { fuel: 1_000_000, depthMax: 500 });
  return outcome.ok ? printValue(outcome.value) : outcome.error.message;
}

const UNLESS =
  "(defmacro unless [c & b] (quasiquote (if (unquote c) nil (do (unquote-splicing b)))))";

describe("expandForms", () => {
  test("leaves no macro, template or definition of one", () => {
    expect(expanded(`${UNLESS} (unless a (quasiquote (b (unquote c))))`)).toEqual([
      "nil",
      "(if a nil (do (template/list (quote b) c)))",
    ]);
  });

  test("returns forms without macros as they are", () => {
    const forms = read("(defn f [x] (-> x (+ 1))) (let [{:keys [a] :or {a 1}} m] (f a))");
    const plain = expandForms(forms);
    expect(plain.ok && plain.value.forms).toBe(forms);
    const registry = new MacroRegistry();
    expanded("(defmacro zz [] 1)", registry);
    const beside = expandForms(forms, { registry });
    expect(beside.ok && beside.value.forms.every((form, at) => form === forms[at])).toBe(true);
  });

  test("keeps the registry between inputs, and only those that expanded", () => {
    const registry = new MacroRegistry();
    expect(run(UNLESS, registry)).toBe("nil");
    expect(run("(unless false 5)", registry)).toBe("5");
    expect(run("(defmacro half [] 1) (unless)", registry)).toBe(
      "`unless` takes at least 1 forms, got 0",
    );
    expect(registry.names()).toEqual(["unless"]);
    expect(run("(defn unless [x] [:fn x]) (unless 1)", registry)).toBe("[:fn 1]");
    expect(registry.names()).toEqual([]);
  });

  test("functions of earlier inputs can be used by later macros", () => {
    const registry = new MacroRegistry();
    run("(defn twice [x] [x x])", registry);
    expect(run("(defmacro m [x] (twice x)) (m 4)", registry)).toBe("[4 4]");
  });

  test("fresh names go on counting between inputs", () => {
    const registry = new MacroRegistry();
    expect(run("(quasiquote x#)", registry)).toBe("x__1__auto");
    expect(run("(quasiquote x#)", registry)).toBe("x__2__auto");
  });

  test("reports one problem for each form of the top level", () => {
    const found = problems("(defmacro m [x] x) (m) (m 1 2) (m 1) (unquote 3)");
    expect(found.map(({ span, kind, message }) => `${span.column} ${kind} ${message}`)).toEqual([
      "20 MacroError `m` takes 1 forms, got 0",
      "24 MacroError `m` takes 1 forms, got 2",
      "38 MacroError `~` stands outside a quasiquote",
    ]);
  });

  test("says by which calls an error came about, innermost first", () => {
    const found = problems(
      "(defmacro inner [x] (/ 1 0))\n(defmacro outer [x] (quasiquote [(inner (unquote x))]))\n(outer 1)",
    );
    expect(found[0]?.message).toBe("`inner` failed: DivisionByZero: /: division by zero");
    expect(found[0]?.related?.map(({ message, span }) => `${span.line} ${message}`)).toEqual([
      "1 in the macro's body",
      "3 in expansion of `inner`",
      "3 in expansion of `outer`",
    ]);
  });

  test("names ten calls of a long stack and counts the others", () => {
    const [found] = problems("(defmacro m [] (quote (m))) (m)");
    expect(found?.message).toBe("Macros expand into macros more than 256 times");
    expect(found?.related).toHaveLength(11);
    expect(found?.related?.at(-1)?.message).toBe("and 247 more around it");
  });

  test("places of arguments survive, other parts stand at the call", () => {
    const linked = expandForms(read("(defmacro m [x] [:k x])\n  (m (f\n y))"));
    const form = linked.ok ? linked.value.forms[1]! : null;
    const [inserted, argument] = form?.kind === "vector" ? form.items : [];
    expect([form?.span.line, form?.span.column]).toEqual([2, 3]);
    expect([inserted?.span.line, inserted?.span.column]).toEqual([2, 3]);
    expect([argument?.span.line, argument?.span.column]).toEqual([2, 6]);
    const head = argument?.kind === "list" ? argument.items[1] : null;
    expect([head?.span.line, head?.span.column]).toEqual([3, 2]);
  });

  test("a plan is judged after expansion", () => {
    const outline = outlinePlan(
      read('(defmacro echo [x] (quasiquote (call :ccos.echo (unquote x)))) (step "s" (echo "hi"))'),
    );
    const [step] = outline.ok ? outline.value.steps : [];
    expect(step?.calls).toMatchObject([{ capability: "ccos.echo", args: ["hi"], step: "s" }]);
  });
});

describe("expandFormOnce", () => {
  test("makes the call at the head and no other", () => {
    const registry = new MacroRegistry();
    run("(defmacro a [x] (quasiquote (b (unquote x)))) (defmacro b [x] x)", registry);
    const once = (source: string): string => {
      const form = expandFormOnce(read(source)[0]!, registry);
      return form.ok ? printValue(formToValue(form.value)) : form.error[0]!.message;
    };
    expect(once("(a (a 1))")).toBe("(b (a 1))");
    expect(once("(b (a 1))")).toBe("(a 1)");
    expect(once("(+ (a 1))")).toBe("(+ (a 1))");
    expect(once("a")).toBe("a");
    expect(once("(a)")).toBe("`a` takes 1 forms, got 0");
  });

  test("does not change the registry", () => {
    const registry = new MacroRegistry();
    run("(defmacro m [] (gensym))", registry);
    const first = expandFormOnce(read("(m)")[0]!, registry);
    expect(expandFormOnce(read("(m)")[0]!, registry)).toEqual(first);
  });
});

describe("valueToForm", () => {
  const span = { file: "f", start: 0, end: 0, line: 1, column: 1 };
  const source = fc.letrec((tie) => ({
    form: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("nil", "true", "7", "-9007199254740993", "1.5", "2.0", '"a\\nb"', ":k/w"),
      fc.constantFrom("sym", "a.b/c", "2026-01-31T10:00:00Z", "resource://x"),
      fc.array(tie("form"), { maxLength: 4 }).map((items) => `(${items.join(" ")})`),
      fc.array(tie("form"), { maxLength: 4 }).map((items) => `[${items.join(" ")}]`),
      fc.tuple(tie("form"), tie("form")).map(([a, b]) => `{:a ${String(a)} "b" ${String(b)}}`),
    ),
  })).form as fc.Arbitrary<string>;

  test("is the inverse of formToValue", () => {
    fc.assert(
      fc.property(source, (text) => {
        const value = formToValue(read(text)[0]!);
        const form = valueToForm(value, span);
        if (!form.ok) throw new Error(form.error);
        expect(printValue(formToValue(form.value))).toBe(printValue(value));
      }),
    );
  });

  test("programs without macros expand to themselves, quoted data always", () => {
    fc.assert(
      fc.property(source, (text) => {
        const registry = new MacroRegistry();
        expanded("(defmacro zz [x] x)", registry);
        const forms = read(`(let [a (quote ${text})] (f ${text}))`);
        const linked = expandForms(forms, { registry });
        expect(linked.ok && linked.value.forms[0] === forms[0]).toBe(true);
      }),
    );
  });

  test("a template without unquotes is what quote gives", () => {
    fc.assert(
      fc.property(source, (text) => {
        expect(run(`(quasiquote ${text})`)).toBe(run(`(quote ${text})`));
      }),
    );
  });

  test("expansion is deterministic", () => {
    fc.assert(
      fc.property(fc.array(source, { maxLength: 3 }), (texts) => {
        const program = `(defmacro m [& xs] (quasiquote (let [t# (gensym-free)] [t# (unquote-splicing xs)]))) (m ${texts.map((text) => `(quote ${text})`).join(" ")})`;
        expect(expanded(program)).toEqual(expanded(program));
      }),
    );
  });
});

describe("attacks", { timeout: 60_000 }, () => {
  const ends = (source: string, ...messages: readonly RegExp[]): void => {
    const found = problems(source);
    expect(found[0]?.kind).toBe("MacroError");
    expect(messages.some((message) => message.test(found[0]!.message))).toBe(true);
  };

  test("a macro that doubles its output is stopped by the number of forms", () => {
    ends(
      "(defmacro b [n x] (if (= n 0) x (quasiquote (b (unquote (- n 1)) [(unquote x) (unquote x)])))) (b 60 1)",
      /more than 200000 forms/,
    );
  });

  test("a value that shares its parts is counted as the tree it stands for", () => {
    ends("(defmacro b [] (reduce (fn [a _] [a a]) 1 (range 0 100))) (b)", /more than 200000 forms/);
  });

  test("a splice that doubles is stopped", () => {
    ends(
      "(defmacro s [& x] (quasiquote (s (unquote-splicing x) (unquote-splicing x)))) (s 1)",
      /more than 200000 forms/,
      /steps/,
    );
  });

  test("a body that does not end is stopped", () => {
    ends("(defmacro l [] (let [f (fn [x] (f x))] (f 1))) (l)", /FuelExhausted/);
  });

  test("many small expansions share one budget", () => {
    const bodies = "(w) ".repeat(300);
    ends(
      `(defmacro w [] (let [f (fn [n] (if (= n 0) 0 (f (- n 1))))] (f 10000))) ${bodies}`,
      /FuelExhausted/,
      /steps/,
    );
  });

  test("definitions of macros by macros are bounded too", () => {
    ends(
      "(defmacro d [n] (quasiquote (do (defmacro x [] 1) (d (unquote n))))) (d 1)",
      /expand into macros/,
    );
  });

  test("deep results and deep arguments are refused, never a crash", () => {
    ends(
      "(defmacro d [] (reduce (fn [a _] [a]) 1 (range 0 100000))) (d)",
      /nests deeper/,
      /FuelExhausted/,
    );
    const deep = `${"(m ".repeat(500)}1${")".repeat(500)}`;
    ends(`(defmacro m [x] (quasiquote [[(unquote x)]])) ${deep}`, /more than|nests deeper/);
  });

  test("names of the host language mean nothing", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
      expect(run(`(defmacro ${name} [x] [x x]) (${name} 1)`)).toBe("[1 1]");
      expect(run(`(defmacro m [x] x) (${name} 1)`)).toBe(`\`${name}\` is not defined`);
      expect(run(`(defmacro m [{:keys [${name}]}] ${name}) (m {:${name} 3})`)).toBe("3");
      expect(run(`(quasiquote (${name} (unquote {:${name} 1})))`)).toBe(`(${name} {:${name} 1})`);
    }
  });

  test("a forged symbol cannot name what a body alone may call", () => {
    expect(run("(defmacro m [] (quasiquote (gensym))) (m)")).toBe("`gensym` is not defined");
    expect(problems("(defmacro m [] 1)\n(fresh)")).toEqual([]);
  });

  test("a body has no host", () => {
    const [found] = problems("(defn f [] (call :ccos.echo 1)) (defmacro m [] (f)) (m)");
    expect(found?.message).toMatch(/^`m` failed: SecurityViolation/);
  });
});
