import { describe, expect, test } from "vitest";
import { Assistant, describeBuiltin } from "./assistant.ts";

/** The text without its `|`, and where that stood. */
function at(text: string): { assistant: Assistant; offset: number } {
  const offset = text.indexOf("|");
  const source = text.slice(0, offset) + text.slice(offset + 1);
  return { assistant: new Assistant(source, "t"), offset };
}

/** Line and column of what the name at `|` means; null for none. */
function meaning(text: string): string | null {
  const { assistant, offset } = at(text);
  const definition = assistant.useAt(offset)?.definition;
  if (definition === undefined || definition === null) return null;
  return `${definition.kind} ${definition.span.line}:${definition.span.column}`;
}

describe("Assistant.useAt", () => {
  test.each([
    ["a global value", "(def x 1) (+ |x 1)", "value 1:6"],
    ["a function used before it is defined", "(defn f [] (|g)) (defn g [] 1)", "function 1:23"],
    ["the name itself", "(defn |f [] 1)", "function 1:7"],
    ["a parameter", "(defn f [a b] (+ |b a))", "parameter 1:12"],
    ["a parameter that shadows a global", "(def a 1) (fn [a] |a)", "parameter 1:16"],
    ["an annotated parameter", "(fn [a : int b :string] |b)", "parameter 1:14"],
    ["a joined annotation", "(fn [a:int] |a)", "parameter 1:6"],
    ["a rest parameter", "(fn [a & more] |more)", "parameter 1:10"],
    ["a keys pattern", "(fn [{:keys [a b] :as all}] |b)", "parameter 1:16"],
    ["an :as name", "(let [{:keys [a] :as all} {}] |all)", "local 1:22"],
    ["the later of two locals", "(let [x 1 x (+ x 1)] |x)", "local 1:11"],
    ["the earlier one inside the second value", "(let [x 1 x (+ |x 1)] x)", "local 1:7"],
    ["the outer one inside its own value", "(def x 1) (let [x |x] x)", "value 1:6"],
    ["a let-bound function in itself", "(let [f (fn [n] (|f n))] f)", "local 1:7"],
    ["a named fn in itself", "(fn go [n] (|go n))", "function 1:5"],
    ["a loop variable", "(for [i [1 2]] |i)", "local 1:7"],
    ["a match binding", "(match 1 n when (> |n 0) n _ 0)", "local 1:10"],
    ["a caught error", "(try 1 (catch TypeError e (:message |e)))", "local 1:25"],
    ["a parameter under metadata", "(fn ^:a [p] |p)", "parameter 1:10"],
    ["a named fn under metadata", "(fn ^:a ^:b go [n] (|go n))", "function 1:13"],
    ["a function whose name has metadata", "(defn ^:a f ^:b [] 1) (|f)", "function 1:11"],
    ["a macro", "(defmacro m [x] x) (|m 1)", "macro 1:11"],
    [
      "what is unquoted in a template",
      "(defmacro m [x] (quasiquote (+ (unquote |x) 1)))",
      "parameter 1:14",
    ],
    ["a name of a module", "(module util (defn id [x] x)) (util/|id 1)", "function 1:20"],
  ])("finds %s", (_what, text, expected) => {
    expect(meaning(text)).toBe(expected);
  });

  test.each([
    ["a library function", "(|map inc [1])"],
    ["quoted data", "(def x 1) '(|x)"],
    ["a local outside of its form", "(do (let [x 1] x) |x)"],
    ["a catch name outside", "(do (try 1 (catch e e)) |e)"],
    ["`:` and `_`", "(fn [_ x] |_)"],
  ])("does not take %s for a definition", (_what, text) => {
    expect(meaning(text)).toBe(null);
  });
});

describe("Assistant.describe", () => {
  function hover(text: string): unknown {
    const { assistant, offset } = at(text);
    const entity = assistant.describe(assistant.useAt(offset)!);
    if (entity === null) return null;
    const { definition: _, ...told } = entity;
    return told;
  }

  test("tells a function's parameters, type, comment and calls", () => {
    const text = `; Says hello.
; To one person.
(defn greet [name : string] :string (do (call :ccos.io.println name) (other) name))
(defn other [] (call "ccos.echo" 1))
(|greet "a")`;
    expect(hover(text)).toEqual({
      name: "greet",
      kind: "function",
      signature: "(greet [name : string]) : string",
      doc: "Says hello.\nTo one person.",
      calls: ["ccos.echo", "ccos.io.println"],
    });
  });

  test("a pure function calls nothing, a computed id is told as such", () => {
    expect(hover("(defn |f [x] x)")).toMatchObject({ calls: [] });
    expect(hover("(defn |f [x] (call x))")).toMatchObject({ calls: ["?"] });
  });

  test("a docstring wins over a comment", () => {
    expect(hover('; above\n(defn |f [x] "inside" x)')).toMatchObject({ doc: "inside" });
  });

  test("a comment with an empty line below belongs to nothing", () => {
    expect(hover("; far\n\n(def |x 1)")).toMatchObject({ doc: null });
  });

  test("tells the library and the special forms", () => {
    expect(describeBuiltin("get-in")).toMatchObject({
      kind: "library",
      signature: "(get-in a b c?)",
    });
    expect(describeBuiltin("+")?.signature).toBe("(+ a…)");
    expect(describeBuiltin("let")?.kind).toBe("special form");
    expect(describeBuiltin("no-such")).toBe(null);
  });
});

describe("Assistant.completions", () => {
  function names(text: string): readonly string[] {
    const { assistant, offset } = at(text);
    return assistant.completions(offset).entities.map(({ name }) => name);
  }

  test("gives locals first, then globals, the language and the library", () => {
    expect(names("(def strange 1) (let [string 2] (s|))").slice(0, 2)).toEqual([
      "string",
      "strange",
    ]);
    expect(names("(s|)")).toContain("str");
    expect(names("(s|)")).toContain("step");
  });

  test("does not give a local outside of its form", () => {
    expect(names("(let [inside 1] 1) (in|)")).not.toContain("inside");
  });

  test("completes only what is written", () => {
    expect(names("(get-i|)")).toEqual(["get-in"]);
  });

  test("names of the object prototype are no names", () => {
    expect(names("(__pro|)")).toEqual([]);
    expect(meaning("(|constructor 1)")).toBe(null);
  });
});

describe("Assistant.importedName", () => {
  const assistant = new Assistant(
    "(import a.b :as ab :only [f g]) (import [c :as d]) (module m (import e)) (import) (import 1)",
    "t",
  );
  test.each([
    ["ab/x", { module: "a.b", name: "x" }],
    ["a.b/x", { module: "a.b", name: "x" }],
    ["f", { module: "a.b", name: "f" }],
    ["d/y", { module: "c", name: "y" }],
    ["e/z", { module: "e", name: "z" }],
    ["h", null],
    ["nope/x", null],
    ["/", null],
  ])("%s", (name, expected) => {
    expect(assistant.importedName(name)).toEqual(expected);
  });
});

describe("Assistant.callAround", () => {
  test.each([
    ["(f |1 2)", "f 0"],
    ["(f 1 |2)", "f 1"],
    ["(f 1 2 |)", "f 2"],
    ["(f (g 1 |) 2)", "g 1"],
    ["(f [{:k (h |)}])", "h 0"],
    ["(f (g 1) |)", "f 1"],
    ["(f 1)|", null],
    ["(|f 1)", null],
    ["(f| 1)", null],
    ["(1 |2)", null],
    ["(f (g 1) |", "f 1"],
  ])("%s", (text, expected) => {
    const { assistant, offset } = at(text);
    const call = assistant.callAround(offset);
    expect(call === null ? null : `${call.use.name} ${call.argument}`).toBe(expected);
  });
});
