/** Runs every law below this folder on every engine; see law.ts for what a law looks like. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { judge } from "./judgement.ts";
import { ENGINES, lawsOf, optionsOf, runLaw } from "./law.ts";

function clausesOf(text: string): readonly string[] {
  return [...text.matchAll(/^;; spec: semantics (\d+\.\d+)$/gm)].map((found) => found[1]!);
}

const clauses = new Set(
  readFileSync(join(import.meta.dirname, "../../docs/rtfs/semantics.md"), "utf8").match(
    /(?<=^- )\d+\.\d+/gm,
  ),
);
const files = globSync("**/*.rtfs", { cwd: import.meta.dirname })
  .toSorted()
  .map((name) => ({ name, text: readFileSync(join(import.meta.dirname, name), "utf8") }));

test("every clause has a law", () => {
  const cited = new Set(
    files.flatMap(({ text }) => (lawsOf(text).length > 0 ? clausesOf(text) : [])),
  );
  expect([...clauses].filter((clause) => !cited.has(clause))).toEqual([]);
});

test("the suite has at least 1400 laws", () => {
  expect(files.flatMap(({ text }) => lawsOf(text)).length).toBeGreaterThanOrEqual(1400);
});

describe.each(files)("$name", ({ text }) => {
  const options = optionsOf(text);
  test("cites a clause that exists", () => {
    expect(clausesOf(text)).toHaveLength(1);
    expect(clauses).toContain(clausesOf(text)[0]);
  });
  test.each(lawsOf(text))("line $line gives $expected", (law) => {
    const costs = [...ENGINES].map(([engine, run]) => {
      const { outcome, calls, fuelUsed } = runLaw(law, options, run);
      expect(`${engine}: ${outcome}`).toBe(`${engine}: ${law.expected}`);
      for (const { key, text: said } of law.notes)
        if (key === "calls") expect(`${engine}: ${calls}`).toBe(`${engine}: ${said}`);
      return fuelUsed;
    });
    expect(new Set(costs).size).toBe(1);
  });
  const judged = lawsOf(text).flatMap((law) =>
    law.notes.filter(({ key }) => key !== "calls").map((note) => ({ law, note })),
  );
  if (judged.length === 0) return;
  test.each(judged)("line $law.line is judged as it says: $note.key", ({ law, note }) => {
    expect(judge(law, note, options)).toBe(note.text);
  });
});
