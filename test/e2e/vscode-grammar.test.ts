/** The TextMate grammar, run by the library that editors use, and the folder's own consistency. */
import { createRequire } from "node:module";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import oniguruma from "vscode-oniguruma";
import textmate, { type IGrammar } from "vscode-textmate";
import { BUILTIN_NAMES } from "../../src/rtfs/stdlib/index.ts";
import { ROOT } from "./ccos.ts";

const FOLDER = join(ROOT, "editors/vscode");
const GRAMMAR = join(FOLDER, "syntaxes/rtfs.tmLanguage.json");
let grammar: IGrammar;

beforeAll(async () => {
  const wasm = createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm");
  await oniguruma.loadWASM(readFileSync(wasm));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync(GRAMMAR, "utf8"), GRAMMAR),
  });
  grammar = (await registry.loadGrammar("source.rtfs"))!;
});

/** Innermost scope of each token that is no white space, as `text scope`. */
function tokens(text: string): readonly string[] {
  let state = textmate.INITIAL;
  return text.split("\n").flatMap((line) => {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    return result.tokens.flatMap(({ startIndex, endIndex, scopes }) => {
      const shown = line.slice(startIndex, endIndex).trim();
      return shown === "" ? [] : [`${shown} ${scopes.at(-1)!.replace(/\.rtfs$/, "")}`];
    });
  });
}

describe("the grammar", () => {
  test.each([
    ["42", ["42 constant.numeric.integer"]],
    ["-1.5e3", ["-1.5e3 constant.numeric.float"]],
    ["##-Inf", ["##-Inf constant.numeric.special"]],
    ["nil nilly", ["nil constant.language", "nilly variable.other"]],
    [":a/b", [":a/b constant.other.keyword"]],
    ["2026-01-31T10:00:00Z", ["2026-01-31T10:00:00Z constant.other.timestamp"]],
    ["x2 -", ["x2 variable.other", "- variable.other"]],
    ["; (a", ["; (a comment.line.semicolon"]],
    ["@plan-id", ["@plan-id variable.other.context"]],
    ["%1", ["%1 variable.parameter.positional"]],
    [")", [") invalid.illegal.stray-bracket"]],
  ])("%s", (text, expected) => {
    expect(tokens(text)).toEqual(expected);
  });

  test("a definition has its keyword and its name", () => {
    expect(tokens("(defn area [w : int] 1)").slice(1, 3)).toEqual([
      "defn keyword.declaration.function",
      "area entity.name.function",
    ]);
  });

  test("a head that begins like a special form is a call", () => {
    expect(tokens("(do-it 1)")[1]).toBe("do-it entity.name.function.call");
    expect(tokens("(iffy)")[1]).toBe("iffy entity.name.function.call");
    expect(tokens("(if a b)")[1]).toBe("if keyword.control");
    expect(tokens("(call :x)")[1]).toBe("call keyword.control.effect");
  });

  test("strings and block comments hide what is in them, over lines too", () => {
    expect(tokens('"a (\n b" 1').at(-1)).toBe("1 constant.numeric.integer");
    expect(tokens("#| (\n) |# 1").at(-1)).toBe("1 constant.numeric.integer");
    expect(tokens(String.raw`"\n\q"`)).toContain(String.raw`\q invalid.illegal.escape`);
  });

  test("no example has a stray bracket, and every name of the library is one token", () => {
    const files = globSync("examples/**/*.rtfs", { cwd: ROOT });
    expect(files.length).toBeGreaterThan(4);
    const strays = files.filter((file) =>
      tokens(readFileSync(join(ROOT, file), "utf8")).some((each) => each.endsWith("stray-bracket")),
    );
    expect(strays).toEqual([]);
    for (const name of BUILTIN_NAMES) expect(tokens(`(x ${name})`)).toHaveLength(4);
  });
});

test("the extension's files are there and say the same", () => {
  const manifest = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8")) as {
    main: string;
    contributes: {
      languages: { configuration: string }[];
      grammars: { path: string; scopeName: string }[];
    };
  };
  const { languages, grammars } = manifest.contributes;
  const named = [manifest.main, languages[0]!.configuration, grammars[0]!.path];
  for (const file of named) expect(existsSync(join(FOLDER, file))).toBe(true);
  expect(JSON.parse(readFileSync(GRAMMAR, "utf8"))).toMatchObject({
    scopeName: grammars[0]!.scopeName,
  });
  const configuration = readFileSync(join(FOLDER, languages[0]!.configuration), "utf8");
  expect(JSON.parse(configuration)).toHaveProperty("brackets");
});
