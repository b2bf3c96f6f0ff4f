import fc from "fast-check";
import { expect, test } from "vitest";
import { checkTrial } from "../trial/tests.ts";
import { ModuleShelf } from "../trial/modules.ts";
import { runTrial } from "../trial/run.ts";
import type { TrialRequest } from "../trial/request.ts";
import { Assistant } from "./assistant.ts";

/** Texts that look like programs and mostly are not. */
const words = fc.constantFrom(
  ..."( ) [ ] { } ' ` ~ ~@ ^ @ #( \" ; #| |# : & . / % , \n".split(" "),
  ..."let fn defn def defmacro match try catch for loop if do call step module import".split(" "),
  ...'x y :as :keys :or when _ 1 2.5 nil true :k "s" int x:int a/b deftest is = throws'.split(" "),
);
const text = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(" "));

test("an assistant answers about any text at any place", () => {
  fc.assert(
    fc.property(text, (source) => {
      const assistant = new Assistant(source, "t");
      for (let offset = 0; offset <= source.length; offset += 3) {
        const use = assistant.useAt(offset);
        if (use !== null) {
          assistant.describe(use);
          expect(use.span.start).toBeLessThanOrEqual(offset);
          expect(use.span.end).toBeGreaterThanOrEqual(offset);
        }
        assistant.completions(offset);
      }
      for (const definition of assistant.index.definitions) {
        expect(assistant.usesOf(definition).length).toBeGreaterThan(0);
        expect(definition.from).toBeLessThanOrEqual(definition.to);
      }
    }),
    { numRuns: 200 },
  );
});

function requestOf(source: string): TrialRequest {
  return {
    id: 1,
    texts: [{ file: "t", source }],
    rights: { level: "full", allow: new Set(), stubs: new Map() },
    compat: null,
    strict: false,
    modules: new ModuleShelf(new Map()),
  };
}

test("checking and running any text is an answer, never an exception", () => {
  const limits = { fuel: 20_000, depthMax: 200, valueLengthMax: 10_000 };
  fc.assert(
    fc.property(text, (source) => {
      const problems = checkTrial(requestOf(source));
      const answer = runTrial(requestOf(source), limits);
      const isTestFile = source.includes("deftest");
      const isRefused = problems.some(({ severity = "error" }) => severity === "error");
      // What the check lets pass was read and compiled; what it refuses does not end with a value.
      if (isRefused && !isTestFile) expect(answer.ok).toBe(false);
      if (!answer.ok && answer.error.code === "ParseError" && !isTestFile)
        expect(isRefused).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("indexing is linear in the text", () => {
  const program = (count: number): string =>
    Array.from(
      { length: count },
      (_, i) => `(defn f${i} [a b] (let [c (+ a b)] (f${i} c a)))`,
    ).join("\n");
  const uses = (count: number): number => new Assistant(program(count), "t").index.uses.length;
  expect(uses(400)).toBe(2 * uses(200));
});
