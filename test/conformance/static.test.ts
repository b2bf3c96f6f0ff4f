/**
 * The laws judged without running them: a law that ends with a value is never refused by the static
 * checker, what the checker refuses does fail, and every law has an outline.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkTypes, compileProgram, outlinePlan, readForms } from "../../src/rtfs/index.ts";
import { lawsOf, optionsOf } from "./law.ts";

const files = globSync("**/*.rtfs", { cwd: import.meta.dirname }).toSorted();

test("every law is judged as it runs", () => {
  const seen = { judged: 0, refused: 0 };
  for (const file of files) {
    const text = readFileSync(join(import.meta.dirname, file), "utf8");
    const { compile } = optionsOf(text);
    for (const { line, source, expected, notes } of lawsOf(text)) {
      const forms = readForms(source, { file: "case" });
      const program = forms.ok ? compileProgram(forms.value, compile) : forms;
      if (!forms.ok || !program.ok) continue;
      seen.judged++;
      const { findings } = checkTypes(program.value);
      const refused = findings.find(({ severity }) => severity === "error");
      const law = `${file}:${line}`;
      if (refused !== undefined) {
        seen.refused++;
        expect([law, refused.message, expected]).toEqual([
          law,
          refused.message,
          expect.stringMatching(/^error /),
        ]);
      }
      if (notes.some(({ key }) => key === "judged")) continue;
      const outline = outlinePlan(forms.value, compile);
      expect([law, outline.ok ? [] : outline.error]).toEqual([law, []]);
    }
  }
  expect(seen.judged).toBeGreaterThan(600);
  expect(seen.refused).toBeGreaterThan(40);
});
