/**
 * Expansion and linking against programs at random: a program written with macros that stand for its
 * special forms, or inside a module, does what the plain program does: the same value, calls, steps,
 * fuel and kinds of errors, and with macros the same places.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compileProgram,
  type Form,
  type Host,
  MacroRegistry,
  printValue,
  type Program,
  readForms,
  runProgram,
} from "../../src/rtfs/index.ts";
import { programSource } from "./program-source.ts";

const RUNS = Number(process.env["DIFFERENTIAL_RUNS"] ?? 400);

/** Heads that get a macro of the same length, so that every place stays where it is. */
const HEADS = [
  ..."if let fn match try for do step dotimes if-let cond and or call defn def".split(" "),
  ..."inc dec count map filter reduce str conj assoc not range nth".split(" "),
];
const macroName = (head: string): string => head.slice(0, -1) + head.at(-1)!.toUpperCase();
const MACROS = HEADS.map(
  (head) => `(defmacro ${macroName(head)} [& parts] \`(${head} ~@parts))`,
).join(" ");

function formsOf(source: string): readonly Form[] {
  const forms = readForms(source, { file: "program" });
  if (!forms.ok) throw new Error(`${forms.error[0]?.message}\n${source}`);
  return forms.value;
}

function programOf(source: string, registry = new MacroRegistry()): Program | null {
  const program = compileProgram(formsOf(source), { registry });
  return program.ok ? program.value : null;
}

function observed(program: Program, fuel: number): { events: string; place: string } {
  const events: string[] = [];
  const host: Host = {
    call: (id, args) => {
      events.push(`call ${id} ${args.map(printValue).join(" ")}`);
      return args[0] ?? null;
    },
    step: (event, name) => void events.push(`${event} ${name}`),
  };
  const outcome = runProgram(program, { host, fuel, depthMax: 60 });
  const end = outcome.ok ? printValue(outcome.value) : outcome.error.kind;
  const { span } = outcome.ok ? { span: null } : outcome.error;
  return {
    events: [...events, end, `fuel ${outcome.fuelUsed}`].join("\n"),
    place: `${span?.line}:${span?.column}`,
  };
}

describe("programs at random", () => {
  test("do the same when macros stand for their special forms", () => {
    const registry = new MacroRegistry();
    expect(programOf(MACROS, registry)).not.toBeNull();
    const heads = new RegExp(`(?<=\\()(${HEADS.join("|")})(?= )`, "g");
    let compared = 0;
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 6 }), (seed, size) => {
        const source = programSource(seed, size);
        const plain = programOf(source);
        const used = programOf(source.replaceAll(heads, macroName), registry.copy());
        expect(used === null).toBe(plain === null);
        if (plain === null || used === null) return;
        compared++;
        expect(observed(used, 50_000)).toEqual(observed(plain, 50_000));
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS / 2);
  });

  test("do the same inside a module", () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 6 }), (seed, size) => {
        const lines = programSource(seed, size).split("\n");
        const body = `${lines.slice(0, -1).join("\n")} (defn main [] ${lines.at(-1)})`;
        const value = '{"name" "zz" "docstring" nil "exports" ["main"]}';
        const plain = programOf(`${body} ${value} (main)`);
        const linked = programOf(`(module zz (:exports [main]) ${body}) (zz/main)`);
        expect(linked === null).toBe(plain === null);
        if (plain === null || linked === null) return;
        compared++;
        const inside = observed(linked, 50_000).events.replaceAll("zz/", "");
        expect(inside).toBe(observed(plain, 50_000).events);
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS / 2);
  });
});
