/** docs/rtfs/capabilities.md is the contracts of the built-ins, in words; each example fits the contract it stands under. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtinProviders, createRegistry } from "../../src/capability/index.ts";
import {
  compileProgram,
  compileType,
  readForms,
  runProgram,
  type Value,
} from "../../src/rtfs/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(ROOT, "docs", "rtfs", "capabilities.md"), "utf8");
const registry = createRegistry(builtinProviders());

test("the page is what the script writes", () => {
  const directory = mkdtempSync(join(tmpdir(), "ccos-capabilities-"));
  const file = join(directory, "capabilities.md");
  execFileSync(process.execPath, ["scripts/capabilities-doc.mjs", file], { cwd: ROOT });
  expect(page).toBe(readFileSync(file, "utf8"));
  rmSync(directory, { recursive: true });
});

const EXAMPLES = [...page.matchAll(/^## `([^`]+)`$[\s\S]*?^```clojure\n([\s\S]*?)\n```$/gm)].map(
  ([, id = "", code = ""]) => ({ id, code }),
);

test("every capability has its section", () => {
  expect(EXAMPLES.map(({ id }) => id)).toEqual(registry.list().map(({ manifest }) => manifest.id));
});

/** What the example's one call asks. */
function asked(code: string): { capability: string; args: readonly Value[] }[] {
  const calls: { capability: string; args: readonly Value[] }[] = [];
  const forms = readForms(code, { file: "example" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  const host = {
    call: (capability: string, args: readonly Value[]) => {
      calls.push({ capability, args });
      return null;
    },
    step: () => undefined,
  };
  expect(runProgram(program.value, { host, fuel: 1000, depthMax: 10 }).ok).toBe(true);
  return calls;
}

describe("the example of", () => {
  test.each(EXAMPLES)("$id fits its contract", ({ id, code }) => {
    const [call, ...more] = asked(code);
    expect(more).toEqual([]);
    expect(call?.capability).toBe(id);
    const type = compileType(registry.find(id)!.manifest.input);
    if (!type.ok) throw new Error(type.error.message);
    expect(type.value.check((asked(code)[0]?.args ?? []) as never)).toBeNull();
  });
});
