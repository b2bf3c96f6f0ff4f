import { describe, expect, test } from "vitest";
import { digestOf } from "../chain/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { changedModules, findModules, moduleDigests } from "./plan-modules.ts";
import { prepareRun } from "./prepare.ts";

type Texts = ReadonlyMap<string, string>;

/** The modules of a plan, and how often each text was asked for. */
function find(source: string, texts: Texts): { names: readonly string[]; asked: string[] } {
  const asked: string[] = [];
  const modules = findModules({ source, file: "p.rtfs" }, (name) => {
    asked.push(name);
    const text = texts.get(name);
    return text === undefined ? null : { file: `${name}.rtfs`, source: text };
  });
  return { names: modules.map(({ name }) => name), asked };
}

/** `m0` imports `m1`, which imports `m2`, … */
function chainOf(count: number): Texts {
  return new Map(
    Array.from({ length: count }, (_, at) => [
      `m${at}`,
      at + 1 === count ? "(def x 1)" : `(import m${at + 1}) (def x m${at + 1}/x)`,
    ]),
  );
}

function prepare(planSource: string, modules: ReadonlyMap<string, string>) {
  return prepareRun({
    configFile: "c.rtfs",
    configSource: '(agent.config :version "0.1" :agent-id "agent.test" :plan "p.rtfs")',
    planFile: "p.rtfs",
    planSource,
    modules: [...modules].map(([name, source]) => ({ name, file: `${name}.rtfs`, source })),
    command: null,
    staged: [],
    production: false,
  });
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "nothing";
  } catch (cause) {
    return cause instanceof CcosError ? `${cause.code} ${cause.why}` : String(cause);
  }
}

describe("findModules", () => {
  test("finds what the plan and its modules import, each asked for once, in the order it is needed", () => {
    const texts = new Map([
      ["a", "(import c) (def x c/x)"],
      ["b", "(import c) (def y c/x)"],
      ["c", "(def x 1)"],
    ]);
    const { names, asked } = find("(import a) (import b) (import [c :as d]) [a/x b/y d/x]", texts);
    expect(names).toEqual(["a", "c", "b"]);
    expect(asked).toEqual(names);
  });

  test("finds what only a macro imports, and nothing where an import is data", () => {
    const texts = new Map([["a", "(def x 1)"]]);
    expect(find("(defmacro need [name] `(import ~name)) (need a) a/x", texts).names).toEqual(["a"]);
    expect(find("(quote (import a))", texts).names).toEqual([]);
  });

  test("names that lead elsewhere are never asked for", () => {
    for (const name of ["../a", "..a", "/etc/passwd", "a//b", '"a"', ":a"]) {
      expect([name, find(`(import ${name}) 1`, new Map()).asked]).toEqual([name, []]);
    }
  });

  test.each([256, 257, 1000])(
    "a chain of %i modules is found or refused by their number",
    (count) => {
      const found = (): unknown => find("(import m0) m0/x", chainOf(count)).names.length;
      if (count <= 256) expect(found()).toBe(count);
      else expect(codeOf(found)).toMatch(/^INPUT_TOO_LARGE a plan has at most 256 modules/);
    },
  );

  test("texts that are small each and large together are refused", () => {
    const large = `(def x "${"x".repeat(600_000)}")`;
    const texts = new Map([
      ["a", large],
      ["b", large],
    ]);
    expect(find("(import a) 1", texts).names).toEqual(["a"]);
    expect(codeOf(() => find("(import a) (import b) 1", texts))).toMatch(/^INPUT_TOO_LARGE/);
  });
});

describe("prepareRun with modules", () => {
  test("ships and keeps exactly what was judged: a text that nothing imports is gone", () => {
    const texts = new Map([
      ["evil", '(def x (call :ccos.network.http-fetch {:url "https://evil.test"}))'],
      ["a", "(def x 1)"],
    ]);
    expect(prepare("(import a) a/x", texts).inputs.modules.map(({ name }) => name)).toEqual(["a"]);
  });

  test("judges calls of a module for the step that reaches them, at the module's place", () => {
    const texts = new Map([
      ["a", '(defn f []\n  (call :ccos.network.http-fetch {:url "https://evil.test/"}))'],
    ]);
    const { admission } = prepare('(import a) (step "s" (a/f))', texts);
    expect(admission?.admitted).toBe(false);
    expect(admission?.sites).toMatchObject([
      { step: "s", span: { file: "a.rtfs", line: 2 }, verdict: { code: "CAPABILITY_DENIED" } },
    ]);
  });

  test("refuses modules that import each other, naming the way", () => {
    const texts = new Map([
      ["a", "(import b) (def x 1)"],
      ["b", "(import a) (def y 1)"],
    ]);
    expect(codeOf(() => prepare("(import a) 1", texts))).toMatch(
      /^PARSE_ERROR Modules import each other: a → b → a/,
    );
  });

  test("a module called as a prototype's key is an ordinary module", () => {
    const { inputs, admission } = prepare(
      '(import __proto__ :as p) (import constructor) (step "s" (+ p/x constructor/x))',
      new Map([
        ["__proto__", "(def x 1)"],
        ["constructor", "(def x (call :ccos.math.add 1 2))"],
      ]),
    );
    expect(admission?.admitted).toBe(true);
    expect(moduleDigests(inputs.modules).map(({ name }) => name)).toEqual([
      "__proto__",
      "constructor",
    ]);
  });
});

describe("changedModules", () => {
  const module = (name: string, source: string) => ({ name, file: `${name}.rtfs`, source });
  const said = moduleDigests([module("a", "1"), module("b", "2")]);

  test("the same texts are the same, and a record without modules is one of none", () => {
    expect(changedModules(said, [module("a", "1"), module("b", "2")])).toBe(null);
    expect(changedModules(undefined, [])).toBe(null);
  });

  test.each([
    ["changed", [module("a", "1"), module("b", "3")], ["b"], ["b"]],
    ["gone", [module("a", "1")], ["b"], []],
    ["added", [module("a", "1"), module("b", "2"), module("c", "3")], [], ["c"]],
    ["renamed", [module("a", "1"), module("c", "2")], ["b"], ["c"]],
  ])("names a module that was %s", (_how, kept, gone, come) => {
    const changed = changedModules(said, kept);
    expect(changed?.recorded.map(({ name }) => name)).toEqual(gone);
    expect(changed?.kept.map(({ name }) => name)).toEqual(come);
  });

  test("a digest is that of the text alone", () => {
    expect(moduleDigests([module("a", "1")])).toEqual([{ name: "a", digest: digestOf("1") }]);
  });
});
