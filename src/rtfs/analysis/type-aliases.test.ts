import { expect, test } from "vitest";
import { compileProgram, readForms } from "../index.ts";

function firstProblem(source: string): string | undefined {
  const forms = readForms(source, { file: "f" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  return program.ok ? undefined : program.error[0]?.message;
}

test("large types used often are refused before they take long", () => {
  const fields = Array.from({ length: 5000 }, (_, index) => `:f${index} int`).join(" ");
  const uses = (count: number): string => "(fn [x : [:vector Big]] x) ".repeat(count);
  expect(firstProblem(`(defstruct Big ${fields}) ${uses(20)}`)).toBeUndefined();
  expect(firstProblem(`(defstruct Big ${fields}) ${uses(5000)}`)).toBe(
    "The program's types are too large together",
  );
});

test("types that double each other stay as large as their text", () => {
  const levels = Array.from({ length: 60 }, (_, index) => {
    const next = index === 59 ? "int" : `T${index + 1}`;
    return `(deftype T${index} [:tuple ${next} ${next}])`;
  });
  expect(firstProblem(`${levels.join(" ")} (fn [x : T0] x)`)).toBeUndefined();
});

test("a chain of types that has no end, or is too long, is a problem with a place", () => {
  expect(firstProblem("(deftype A B) (deftype B A) 1")).toContain("is only itself");
  const chain = Array.from({ length: 5000 }, (_, at) => `(deftype T${at} [:vector T${at + 1}])`);
  expect(firstProblem(`${chain.join(" ")} (deftype T5000 int) (fn [x : T0] x)`)).toContain(
    "types are built on each other",
  );
});

test("names of host objects are names of types like any other", () => {
  expect(firstProblem("(fn [x : __proto__] x)")).toContain("No type is called");
  expect(firstProblem("(deftype constructor int) (fn [x : constructor] x)")).toBeUndefined();
});
