import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readForms } from "../syntax/reader.ts";
import type { Host } from "../eval/machine.ts";
import { compileProgram, type Outcome, runProgram } from "../program.ts";
import { printValue } from "../values/print.ts";
import { isErrorKind } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import { libraryDocument } from "./document.ts";
import { LIBRARY } from "./index.ts";

function run(source: string): Outcome {
  const forms = readForms(source, { file: "test" });
  if (!forms.ok) throw new Error(`${source}: ${forms.error[0]!.message}`);
  const program = compileProgram(forms.value);
  if (!program.ok) throw new Error(`${source}: ${program.error[0]!.message}`);
  return runProgram(program.value, { fuel: 1_000_000, depthMax: 1000 });
}

function shown(source: string): string {
  const outcome = run(source);
  return outcome.ok ? `=> ${printValue(outcome.value)}` : `error ${outcome.error.kind}`;
}

test("docs/rtfs/stdlib.md is the table: run `node scripts/stdlib-doc.mjs`", () => {
  const path = join(import.meta.dirname, "../../../docs/rtfs/stdlib.md");
  expect(readFileSync(path, "utf8")).toBe(libraryDocument());
});

test("no name stands twice, and every kind of error exists", () => {
  const names = LIBRARY.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  const kinds = LIBRARY.flatMap(({ errors }) => errors?.split(" ") ?? []);
  expect(kinds.filter((kind) => !isErrorKind(kind))).toEqual([]);
});

describe("the example of", () => {
  test.each(LIBRARY)("$name", ({ name, example }) => {
    const [source, expected] = example.split(" ;; ") as [string, string];
    expect(source).toContain(name);
    expect(shown(source)).toBe(expected);
  });
});

/** A value of each kind, none of them much of an argument. */
const ODD = ["nil", "true", "1", "1.5", '"s"', ":k", "'s", "[]", "'()", "{}", "inc", "##NaN"];
const KNOWN_WITHOUT_ERRORS = /^(TypeError|LimitExceeded)$/;

describe("with any argument, only the kinds it names come out of", () => {
  test.each(LIBRARY)("$name", ({ name, arity: [least, most], errors }) => {
    const known = new Set(errors?.split(" "));
    for (let count = least; count <= Math.min(most, 2); count++) {
      for (const first of ODD) {
        for (const second of count < 2 ? [""] : ODD) {
          const outcome = run(`(${name} ${count > 0 ? first : ""} ${second})`);
          if (outcome.ok) continue;
          const { kind } = outcome.error;
          // A callback raises what it raises: `inc` a TypeError, a call of too many ArityMismatch.
          const isKnown = known.has(kind) || kind === "ArityMismatch";
          expect(isKnown || KNOWN_WITHOUT_ERRORS.test(kind), `(${name} ${first} ${second})`).toBe(
            true,
          );
          if (kind === "TypeError") expect(known).toContain("TypeError");
        }
      }
    }
  });
});

/** The function whose name an error's message begins with. */
function namedBy(message: string): string | undefined {
  return LIBRARY.find(({ name }) => message.startsWith(`${name}: `))?.name;
}

describe("an error tells the name it was called by", () => {
  test.each(LIBRARY)("$name", ({ name, arity: [least, most] }) => {
    for (let count = least; count <= Math.min(most, 2); count++) {
      for (const first of ODD) {
        for (const second of count < 2 ? [""] : ODD) {
          const source = `(${name} ${count > 0 ? first : ""} ${second})`;
          const outcome = run(source);
          const told = outcome.ok ? undefined : namedBy(outcome.error.message);
          // A callback tells its own.
          if (told !== "inc") expect([source, told ?? name]).toEqual([source, name]);
        }
      }
    }
  });
});

describe("arity", () => {
  test.each(LIBRARY)("of $name", ({ name, arity }) => {
    const [least, most] = arity;
    const wrong = [least - 1, most + 1].filter((count) => count >= 0 && Number.isFinite(count));
    for (const count of wrong) {
      const outcome = run(`(apply ${name} [${"1 ".repeat(count)}])`);
      expect(outcome.ok ? outcome.value : outcome.error.kind).toBe("ArityMismatch");
    }
  });
});

describe("callbacks", () => {
  const host = (log: string[]): Host => ({
    call: (id: string, args: readonly Value[]) => {
      log.push(`${id} ${args.map(printValue).join(" ")}`);
      return args[0]!;
    },
    step: () => undefined,
  });
  test.each([
    ["(map (fn [x] (call :a.b x)) [1 2])", "=> [1 2]"],
    ["(filter (fn [x] (call :a.b x)) [1 2])", "=> [1 2]"],
    ["(reduce (fn [a x] (call :a.b x)) 0 [1 2])", "=> 2"],
    ["(sort-by (fn [x] (call :a.b x)) [1 2])", "=> [1 2]"],
    ["(group-by (fn [x] (call :a.b x)) [1 2])", "=> {1 [1] 2 [2]}"],
    ["(every? (fn [x] (call :a.b x)) [1 2])", "=> true"],
    ["(mapcat (fn [x] [(call :a.b x)]) [1 2])", "=> [1 2]"],
  ])("of %s call the host", (source, expected) => {
    const forms = readForms(source, { file: "test" });
    const program = forms.ok ? compileProgram(forms.value) : forms;
    if (!program.ok) throw new Error(source);
    const log: string[] = [];
    const outcome = runProgram(program.value, { fuel: 1000, depthMax: 100, host: host(log) });
    expect(outcome.ok && `=> ${printValue(outcome.value)}`).toBe(expected);
    expect(log).toEqual(["a.b 1", "a.b 2"]);
  });
});
