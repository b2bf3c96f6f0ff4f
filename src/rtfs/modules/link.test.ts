import { describe, expect, test } from "vitest";
import {
  compileProgram,
  type Diagnostic,
  expandForms,
  isModuleName,
  modulePath,
  type ModuleResolver,
  outlinePlan,
  printValue,
  readForms,
  runProgram,
} from "../index.ts";

/** Modules by name; counts how often each was asked for. */
function resolverOf(texts: Readonly<Record<string, string>>): {
  resolver: ModuleResolver;
  asked: string[];
} {
  const asked: string[] = [];
  const known = new Map(Object.entries(texts));
  const resolver: ModuleResolver = (name) => {
    asked.push(name);
    const source = known.get(name);
    return source === undefined ? null : { source, file: modulePath(name) };
  };
  return { resolver, asked };
}

function run(source: string, texts: Readonly<Record<string, string>> = {}): string {
  const { resolver } = resolverOf(texts);
  const forms = readForms(source, { file: "main.rtfs" });
  const program = forms.ok ? compileProgram(forms.value, { resolver }) : forms;
  if (!program.ok) return program.error.map(shown).join("\n");
  const outcome = runProgram(program.value, { fuel: 1_000_000, depthMax: 500 });
  if (outcome.ok) return printValue(outcome.value);
  const { span, kind } = outcome.error;
  return `${span?.file}:${span?.line}:${span?.column} ${kind}`;
}

function shown({ span, kind, message }: Diagnostic): string {
  return `${span.file}:${span.line}:${span.column} ${kind ?? "ParseError"} ${message}`;
}

const MATH =
  "(module math (:exports [sq])\n  (defn sq [x] (times x x))\n  (defn times [a b] (* a b)))";

describe("compileProgram with modules", () => {
  test("runs what was imported, under the module's name and its alias", () => {
    expect(run("(import math :as m) [(m/sq 3) (math/sq 4)]", { math: MATH })).toBe("[9 16]");
  });

  test("an error inside a module has the module's file and place", () => {
    expect(run('(import math) (math/sq "a")', { math: MATH })).toBe("math.rtfs:3:21 TypeError");
    expect(run("(import bad) 1", { bad: "(module bad\n (defn f [] (nothing)))" })).toBe(
      "bad.rtfs:2:14 UndefinedSymbol `nothing` is not defined",
    );
    expect(run("(import bad) 1", { bad: "(module bad\n (def x 1" })).toMatch(/^bad\.rtfs:2:2 /);
  });

  test("a text of bare definitions is a module that exports them all", () => {
    expect(run("(import a.b) (a.b/f 1)", { "a.b": "(defn f [x] (g x)) (defn g [x] [x])" })).toBe(
      "[1]",
    );
  });

  test("slashes and dots are one name", () => {
    expect(run("(import a/b) [(a/b/f) (a.b/f)]", { "a.b": "(defn f [] 1)" })).toBe("[1 1]");
  });

  test("a module's text must be the module that was asked for", () => {
    expect(run("(import a) 1", { a: "(module b (def x 1))" })).toBe(
      "a.rtfs:1:9 ModuleError This text was imported as `a` but defines `b`",
    );
    expect(run("(import a) 1", { a: "(module a (def x 1)) (def y 2)" })).toBe(
      "a.rtfs:1:9 ModuleError A module's text is one `module` form, or definitions only",
    );
  });

  test("a broken module is reported once, and its names cause nothing more", () => {
    expect(run("(import a) [(a/x) (a/y)]", { a: "(module a (+ 1 2))" })).toBe(
      "a.rtfs:1:11 ModuleError This form defines nothing",
    );
    expect(run("(import a) (import a) [(a/x) (a/y)]")).toBe(
      "main.rtfs:1:9 ModuleNotFound There is no module `a`",
    );
  });

  test("a missing module says where its text would be, or what is near", () => {
    const hints = (source: string, texts: Readonly<Record<string, string>>): unknown => {
      const forms = readForms(source, { file: "f" });
      const linked = forms.ok ? expandForms(forms.value, resolverOf(texts)) : forms;
      return linked.ok ? null : linked.error.map(({ hint }) => hint);
    };
    expect(hints("(import billing.tax) 1", {})).toEqual(["Its text would be billing/tax.rtfs"]);
    expect(hints("(import math) (import maths) 1", { math: MATH })).toEqual([
      "Did you mean `math`?",
    ]);
  });

  test("a cycle is named with every step", () => {
    const texts = { a: "(import b)", b: "(import c)", c: "(import a)" };
    expect(run("(import a) 1", texts)).toBe(
      "c.rtfs:1:9 ModuleError Modules import each other: a → b → c → a",
    );
  });

  test("each module is loaded once, before those that need it", () => {
    const { resolver, asked } = resolverOf({
      top: "(import left) (import right) (def x [left/x right/x])",
      left: "(import base) (def x [:l base/x])",
      right: "(import base) (def x [:r base/x])",
      base: "(def x 1)",
    });
    const forms = readForms("(import top) top/x", { file: "f" });
    const program = forms.ok ? compileProgram(forms.value, { resolver }) : forms;
    if (!program.ok) throw new Error(program.error[0]?.message);
    expect(asked).toEqual(["top", "left", "base", "right"]);
    expect(program.value.modules.map(({ name, file }) => `${name} ${file}`)).toEqual([
      "top top.rtfs",
      "left left.rtfs",
      "base base.rtfs",
      "right right.rtfs",
    ]);
    const outcome = runProgram(program.value, { fuel: 1000, depthMax: 100 });
    expect(outcome.ok && printValue(outcome.value)).toBe("[[:l 1] [:r 1]]");
  });

  test("what a plan can call is known through its modules", () => {
    const { resolver } = resolverOf({ io: "(defn say [x] (call :ccos.echo x))" });
    const forms = readForms('(import io) (step "s" (io/say 1))', { file: "f" });
    const outline = forms.ok ? outlinePlan(forms.value, { resolver }) : forms;
    expect(outline.ok && outline.value.topCalls).toEqual([]);
    expect(outline.ok && outline.value.steps[0]?.calls).toMatchObject([
      { capability: "ccos.echo", span: { file: "io.rtfs" } },
    ]);
  });

  test("a program's later definitions do not reach into modules", () => {
    const texts = { m: "(defn size [x] (count x))" };
    expect(run("(defn count [x] :mine) (import m) (m/size [1 2])", texts)).toBe("2");
    expect(run("(import m) (defn count [x] :mine) [(m/size [1 2]) (count 1)]", texts)).toBe(
      "[2 :mine]",
    );
  });

  test("linking gives the same forms for the same inputs", () => {
    const link = (): unknown => {
      const forms = readForms("(import math :only [sq]) (sq 2)", { file: "f" });
      return forms.ok ? expandForms(forms.value, resolverOf({ math: MATH })) : null;
    };
    expect(link()).toEqual(link());
  });
});

describe("modulePath", () => {
  test("is below the module path for every name there can be", () => {
    expect(modulePath("a.b")).toBe("a/b.rtfs");
    expect(modulePath("a/b")).toBe("a/b.rtfs");
    expect(modulePath("a.b:v1.2")).toBe("a/b@v1.2.rtfs");
  });

  test.each([
    "../../etc/passwd",
    "..",
    ".",
    "/etc/passwd",
    "a/../b",
    "a//b",
    "a..b",
    "a/",
    ".a",
    "a\\b",
    "C:/x",
    "a:v",
    "a:v1..2",
    "a%2fb",
    "",
    "a".repeat(129),
  ])("%s is no name", (name) => {
    expect(isModuleName(name)).toBe(false);
  });
});

describe("attacks", () => {
  test("no name that leads out of the module paths reaches the resolver", () => {
    const { resolver, asked } = resolverOf({});
    for (const name of ["../../etc/passwd", "/etc/passwd", "a/../../b", "..", "./x"]) {
      const forms = readForms(`(import ${name}) 1`, { file: "f" });
      if (forms.ok) expect(compileProgram(forms.value, { resolver }).ok).toBe(false);
    }
    expect(asked).toEqual([]);
  });

  test("names of the host language are modules like any other", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect(run(`(import ${name}) (${name}/valueOf 1)`, {})).toBe(
        `main.rtfs:1:9 ModuleNotFound There is no module \`${name}\``,
      );
      expect(run(`(module ${name} (defn valueOf [x] [x])) (${name}/valueOf 1)`)).toBe("[1]");
    }
  });

  test("a diamond of 1000 modules is loaded once each, in linear time", () => {
    const texts = (layers: number): Record<string, string> => {
      const all: Record<string, string> = {
        [`l${layers}`]: "(def x 1)",
        [`r${layers}`]: "(def x 1)",
      };
      for (let at = 0; at < layers; at++) {
        const source = `(import l${at + 1}) (import r${at + 1}) (def x (+ l${at + 1}/x r${at + 1}/x 0.5))`;
        all[`l${at}`] = source;
        all[`r${at}`] = source;
      }
      return all;
    };
    // Each module once: by paths there are 2^500, which no time would be enough for.
    const layers = 500;
    const { resolver, asked } = resolverOf(texts(layers));
    const forms = readForms("(import l0) l0/x", { file: "f" });
    const program = forms.ok ? compileProgram(forms.value, { resolver }) : forms;
    if (!program.ok) throw new Error(program.error[0]?.message);
    expect(asked).toHaveLength(2 * layers + 1);
  });

  test("a chain of imports takes no stack, and too many modules are refused", () => {
    const chain: ModuleResolver = (name) => {
      const at = Number(name.slice(1));
      return { source: at === 1900 ? "(def x 1)" : `(import m${at + 1}) (def x 2)`, file: name };
    };
    const endless: ModuleResolver = (name) => ({
      source: `(import m${Number(name.slice(1)) + 1})`,
      file: name,
    });
    const forms = readForms("(import m0) m0/x", { file: "f" });
    if (!forms.ok) throw new Error();
    expect(compileProgram(forms.value, { resolver: chain }).ok).toBe(true);
    const refused = compileProgram(forms.value, { resolver: endless });
    expect(!refused.ok && refused.error[0]?.message).toMatch(/^A program has at most 2000 modules/);
  });

  test("macros of all modules share one budget", () => {
    const many = "(defmacro w [x] [x x x x x x x x]) (def a (w (w (w (w (w 1))))))";
    const texts = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`m${at}`, many]));
    const source = Array.from({ length: 30 }, (_, at) => `(import m${at})`).join(" ");
    expect(run(source, texts)).toMatch(/MacroError Macros make more than 200000 forms/);
    expect(run("(import m0)", texts)).toBe("nil");
  });

  test("a name of a module cannot be forged", () => {
    const texts = { m: "(module m (:exports [f]) (defn f [] (secret)) (defn secret [] 1))" };
    expect(run("(import m) (let [m/secret 2] (m/f))", texts)).toMatch(/belongs to module `m`/);
    expect(run("(import m) (def m/secret 2) (m/f)", texts)).toMatch(/belongs to module `m`/);
    expect(run("(import m) (m/secret)", texts)).toMatch(/is private to module `m`/);
    const through = { ...texts, n: "(import m) (defn g [] (m/f))" };
    expect(run("(import n) (m/f)", through)).toBe(
      "main.rtfs:1:13 UndefinedSymbol `m/f` is not defined",
    );
    const splice = "(defmacro name [] (quasiquote m/secret)) (import m) (name)";
    expect(run(splice, texts)).toMatch(/is private to module `m`/);
  });
});
