import { describe, expect, test } from "vitest";
import { cursorOf, outlineOf } from "../../../test/differential/plan-follower.ts";
import { PlanCursor } from "../index.ts";
import type { PlanOutline } from "./outline.ts";

function outline(source: string): PlanOutline {
  const known = outlineOf(source);
  if (known === null) throw new Error(`not judged: ${source}`);
  return known;
}

const EVENTS: ReadonlyMap<string, "enter" | "leave" | "fail"> = new Map([
  [">", "enter"],
  ["<", "leave"],
  ["!", "fail"],
]);

/** Follow words, `>a` `<a` `!a` for steps and ids for calls; the first that is impossible, or null. */
function strays(source: string, said: string): string | null {
  const cursor = cursorOf(outline(source));
  for (const word of said.split(" ").filter((each) => each !== "")) {
    const event = EVENTS.get(word[0]!);
    const went =
      event === undefined ? cursor.call(word).length > 0 : cursor.step(event, word.slice(1));
    if (!went) return word;
  }
  return cursor.canEnd ? null : "the end";
}

describe("PlanCursor", () => {
  test.each<[string, string]>([
    ['(step "a" (call :x)) (step "b" 1)', ">a x <a >b <b"],
    ['(if (get args 0) (step "a" 1) (call :x))', "x"],
    ['(if (get args 0) (step "a" 1) (call :x))', ">a <a"],
    ["(and (call :x) (call :y) (call :z))", "x y"],
    ['(dotimes [n 3] (step "a" (call :x)))', ">a x <a >a x <a"],
    ["(map (fn [u] (call :x u)) args)", "x x x x"],
    ["(defn f [g h] (fn [u] (g (h u)))) ((f (fn [u] (call :x u)) (fn [u] (call :y u))) 1)", "y x"],
    [
      '(try (step "a" (call :x)) (catch _ e (step "b" (call :y))) (finally (call :z)))',
      ">a x !a >b y <b z",
    ],
    ['(try (step "a" (call :x)) (finally (call :z)))', ">a x <a z"],
    ["(defn f [n] (if (< n 3) (do (call :x) (f (+ n 1))) (call :y))) (f 0) (call :z)", "x x y z"],
    ["(defn f [n] (do (call :x) (if (< n 3) (f (+ n 1)) 0) (call :y))) (f 0)", "x x y y"],
    ["(match (call :a) {:k v} (call :b) _ (call :c))", "a c"],
    ['(step "a" :params {"k" (call :p)} (call :x))', "p >a x <a"],
    ["(for [u args v (call :q)] (call :x u v))", "q x x q x"],
  ])("%s can say %j", (source, said) => {
    expect(strays(source, said)).toBeNull();
  });

  test.each<[string, string, string]>([
    ['(step "a" (call :x)) (step "b" 1)', ">a <a", "<a"],
    ['(step "a" (call :x)) (step "b" 1)', ">a x <a >a", ">a"],
    ['(if (get args 0) (step "a" 1) (call :x))', "x >a", ">a"],
    ["(and (call :x) (call :y) (call :z))", "x z", "z"],
    ["(defn f [] (call :x)) (f) (call :y) (f)", "x x", "x"],
    ["(defn f [] (call :x)) (f) (call :y) (f)", "x y", "the end"],
    ["(defn f [n] (do (call :x) (if (< n 3) (f (+ n 1)) 0) (call :y))) (f 0)", "x x y x", "x"],
    ['(try (step "a" (call :x)) (catch _ e (call :y))) (call :z)', ">a x <a z y", "y"],
    ["(try (call :x) (finally (call :z)))", "x", "the end"],
    ['(step "a" :params {"k" (call :p)} (call :x))', ">a", ">a"],
    ["(match (call :a) {:k v} (call :b) _ (call :c))", "a b c", "c"],
  ])("%s cannot say %j: it stops at %s", (source, said, stop) => {
    expect(strays(source, said)).toBe(stop);
  });

  test("functions that double at each turn are followed, though no longer from each place apart", () => {
    const double = (turn: number): string => {
      const body = turn === 0 ? "(call :x)" : `(do (f${turn - 1}) (f${turn - 1}))`;
      return `(defn f${turn} [] ${body})`;
    };
    const functions = Array.from({ length: 40 }, (_, turn) => double(turn)).join(" ");
    const plan = `${functions} (f39) (call :y)`;
    expect(outline(plan).flow.points.length).toBeLessThan(25_000);
    expect(strays(plan, "x ".repeat(5000))).toBe("the end");
    expect(strays(plan, "y")).toBe("y");
  });

  test("a flow that is too wide to follow is stopped, not believed", () => {
    const clauses = Array.from({ length: 200 }, (_, at) => `${at} (call :x)`).join(" ");
    const { flow } = outline(`(dotimes [n 9] (match n ${clauses}))`);
    const cursor = new PlanCursor(flow, () => true, 300);
    let steps = 0;
    while (cursor.call("x").length > 0 && steps < 100) steps++;
    expect(cursor.isSpent).toBe(true);
    expect([cursor.call("x"), cursor.canEnd]).toEqual([[], false]);
  });
});
