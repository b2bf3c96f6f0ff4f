/**
 * What a plan says when it runs is a path of its flow: on programs at random, whatever its calls answer, wherever its
 * fuel ends. A flow that admitted less would stop honest plans.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compiledEngine,
  compileProgram,
  type PlanOutline,
  readForms,
  RtfsError,
  runProgram,
  type Program,
} from "../../src/rtfs/index.ts";
import { followed, type Follower, outlineOf } from "./plan-follower.ts";
import { programSource } from "./program-source.ts";

const RUNS = Number(process.env["DIFFERENTIAL_RUNS"] ?? 300);

/** What was said that the flow does not have. Every `failing`-th call fails. */
function follow(
  { program, outline }: { program: Program; outline: PlanOutline },
  { fuel, failing }: { fuel: number; failing: number },
): Pick<Follower, "events"> & { refused: string | null } {
  let calls = 0;
  const follower = followed(outline, {
    call: (_id, args) => {
      if (++calls % failing === 0) throw new RtfsError("NetworkError", "unreachable");
      return args[0] ?? null;
    },
    step: () => undefined,
  });
  const { host, events } = follower;
  const outcome = runProgram(program, { engine: compiledEngine, host, fuel, depthMax: 40 });
  return { events, refused: follower.refused(outcome.ok) };
}

describe("the flow of a plan", () => {
  test("has every path that programs at random take", () => {
    let said = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 7 }), (seed, size) => {
        const source = programSource(seed, size);
        const forms = readForms(source, { file: "program" });
        const program = forms.ok ? compileProgram(forms.value) : forms;
        const outline = outlineOf(source);
        if (!program.ok || outline === null) return;
        for (const fuel of [20_000, 300]) {
          for (const failing of [Number.POSITIVE_INFINITY, 2, 1]) {
            const { events, refused } = follow(
              { program: program.value, outline },
              { fuel, failing },
            );
            said += events.length;
            expect(refused, `${source}\n${events.join("\n")}`).toBeNull();
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(said).toBeGreaterThan(RUNS * 3);
  });
});
