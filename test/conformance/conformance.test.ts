/** Runs every law below this folder on every engine; see law.ts for what a law looks like. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ENGINES, lawsOf, optionsOf, runLaw } from "./law.ts";

const clauses = new Set(
  readFileSync(join(import.meta.dirname, "../../docs/rtfs/semantics.md"), "utf8").match(
    /(?<=^- )\d+\.\d+/gm,
  ),
);
const files = globSync("**/*.rtfs", { cwd: import.meta.dirname })
  .toSorted()
  .map((name) => ({ name, text: readFileSync(join(import.meta.dirname, name), "utf8") }));

test("the suite has at least 1400 laws", () => {
  expect(files.flatMap(({ text }) => lawsOf(text)).length).toBeGreaterThanOrEqual(1400);
});

describe.each(files)("$name", ({ text }) => {
  const options = optionsOf(text);
  test("cites a clause that exists", () => {
    expect(clauses).toContain(/^;; spec: semantics (\d+\.\d+)$/m.exec(text)?.[1]);
  });
  test.each(lawsOf(text))("line $line gives $expected", (law) => {
    const costs = [...ENGINES].map(([engine, run]) => {
      const { outcome, calls, fuelUsed } = runLaw(law, options, run);
      expect(`${engine}: ${outcome}`).toBe(`${engine}: ${law.expected}`);
      if (law.calls !== null) expect(`${engine}: ${calls}`).toBe(`${engine}: ${law.calls}`);
      return fuelUsed;
    });
    expect(new Set(costs).size).toBe(1);
  });
});
