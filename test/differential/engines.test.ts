/**
 * The engines against each other, on programs at random: the same value, the same calls
 * and steps in the same order, the same fuel, the same error with the same place.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type Engine,
  type Host,
  type Outcome,
  printValue,
  type Program,
  readForms,
  referenceEngine,
  runProgram,
} from "../../src/rtfs/index.ts";
import { programSource } from "./program-source.ts";

/** Programs of one run of this test; the nightly run makes more. */
const RUNS = Number(process.env["DIFFERENTIAL_RUNS"] ?? 300);

function programOf(source: string): Program | null {
  const forms = readForms(source, { file: "program" });
  if (!forms.ok) throw new Error(`${forms.error[0]?.message}\n${source}`);
  const program = compileProgram(forms.value);
  return program.ok ? program.value : null;
}

/** All that a run shows. `fuel`: small enough that some programs use it up. */
function observed(engine: Engine, program: Program, fuel: number): string {
  const events: string[] = [];
  const host: Host = {
    call: (id, args) => {
      events.push(`call ${id} ${args.map(printValue).join(" ")}`);
      return args[0] ?? null;
    },
    step: (event, name) => {
      events.push(`${event} ${name}`);
    },
  };
  const outcome = runProgram(program, { engine, host, fuel, depthMax: 40 });
  return [...events, shown(outcome)].join("\n");
}

function shown(outcome: Outcome): string {
  if (outcome.ok) return `${printValue(outcome.value)}, fuel ${outcome.fuelUsed}`;
  const { kind, span } = outcome.error;
  // Where fuel ends inside library work or a literal, engines may note another operation.
  if (kind === "FuelExhausted") return kind;
  return `${kind} at ${span?.line}:${span?.column}`;
}

describe("all engines do the same", () => {
  test("on programs at random", () => {
    let compared = 0;
    let values = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 7 }), (seed, size) => {
        const source = programSource(seed, size);
        const program = programOf(source);
        if (program === null) return;
        compared++;
        for (const fuel of [20_000, 300]) {
          const expected = observed(referenceEngine, program, fuel);
          if (/, fuel \d+$/.test(expected)) values++;
          expect(observed(compiledEngine, program, fuel), source).toBe(expected);
        }
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS * 0.9);
    expect(values).toBeGreaterThan(RUNS * 0.3);
  });
});
