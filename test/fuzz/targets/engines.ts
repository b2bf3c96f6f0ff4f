/** Both engines on any program: the same calls and steps, value, error, place and fuel. */
import type { Program } from "../../../src/rtfs/index.ts";
import { ENGINES, FUEL, observe, programOf } from "../observe.ts";
import { fileTexts, freshProgram, lawTexts } from "../start.ts";
import { same, type Target } from "../target.ts";

/** @returns the fuel that was used. */
function compare(program: Program, fuel: number): { readonly used: number; readonly end: string } {
  const [reference, ...others] = ENGINES.map(([, engine]) => observe(program, { engine, fuel }));
  for (const other of others) {
    same(`engines make the same calls and steps`, other.trace, reference!.trace);
    same("engines end the same", other.end, reference!.end);
  }
  const { outcome } = reference!;
  return { used: outcome.fuelUsed, end: outcome.ok ? "value" : outcome.error.kind };
}

function check(text: string): readonly string[] {
  const compiled = programOf(text);
  if (compiled.program === null) return [compiled.refusal];
  const { used, end } = compare(compiled.program, FUEL);
  // Also where fuel ends on the way: what was done until then is the same.
  if (used > 1) compare(compiled.program, used - 1);
  if (used > 8) compare(compiled.program, Math.floor(used / 3));
  return [end];
}

export const engines: Target = {
  name: "rtfs-engines",
  lengthMax: 4000,
  seeds: () => [...lawTexts(), ...fileTexts().filter((text) => text.length < 2000)],
  fresh: freshProgram,
  check,
};
