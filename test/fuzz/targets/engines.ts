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

/** What is done in which order shows only where each part does something. */
const TWO = "(call :a 1) (call :b 2)";
const ORDERS = [
  ..."+ - * / < > = mod <= >= max str and or do".split(" ").map((head) => `(${head} ${TWO})`),
  `[${TWO}]`,
  `{:b (call :a 1) :a (call :b 2)}`,
  `((do (call :f 1) +) ${TWO})`,
  `(or 1 ${TWO})`,
  `(and nil ${TWO})`,
  `(or nil false ${TWO})`,
  "(if (not (call :a 1)) 1 2)",
  `(defn f [a b] [b a]) (f ${TWO})`,
  "(defn f [a b n] (if (= n 0) [a b] (f b a (- n 1)))) (f 1 2 3)",
  "(defn f [a n] (if (= n 0) a (+ (call :a n) (f (call :b a) (- n 1))))) (f 1 3)",
  `(loop [i 3 s 0] (if (= i 0) s (recur (- i (call :a 1)) (+ s (call :b i)))))`,
  `(match [${TWO}] [x y] when (call :c x) y [x y] (- (call :d x) (call :e y)))`,
];

export const engines: Target = {
  name: "rtfs-engines",
  lengthMax: 4000,
  seeds: () => [...ORDERS, ...lawTexts(), ...fileTexts().filter((text) => text.length < 2000)],
  fresh: freshProgram,
  check,
};
