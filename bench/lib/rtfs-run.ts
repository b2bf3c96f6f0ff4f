/**
 * One program of bench/rtfs-programs.ts on the compiled engine, beside native JavaScript where there is any.
 *
 * @module
 */
import {
  compiledEngine,
  compileProgram,
  type Host,
  type Program,
  printValue,
  readForms,
  runProgram,
} from "../../src/rtfs/index.ts";
import type { BenchProgram } from "../rtfs-programs.ts";

/** The V8 flag of the guest. */
export const GUEST_FLAG = "--no-additive-safe-int-feedback";

export interface Row {
  readonly name: string;
  readonly nativeMs: number | null;
  readonly compiledMs: number;
  readonly limit: number;
}

export function lowerQuartile(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}

export function programOf(source: string): Program {
  const forms = readForms(source, { file: "bench" });
  const program = forms.ok ? compileProgram(forms.value) : forms;
  if (!program.ok) throw new Error(program.error[0]?.message);
  return program.value;
}

export function measure({ name, rtfs, native, limit }: BenchProgram, rounds: number): Row {
  const main = native === null ? null : (new Function(native)() as () => unknown);
  const times: { readonly native: number[]; readonly compiled: number[] } = {
    native: [],
    compiled: [],
  };
  let started = 0;
  let expected: string | null = null;
  const host: Host = {
    call(id, args) {
      if (id === "begin") {
        const before = performance.now();
        const value = main?.();
        times.native.push(performance.now() - before);
        if (main !== null) expected = String(value);
        started = performance.now();
      } else if (id === "end") {
        times.compiled.push(performance.now() - started);
        const got = printValue(args[0] ?? null).replaceAll('"', "");
        if (expected !== null && got !== expected)
          throw new Error(`${name}: ${got}, not ${expected}`);
        return null;
      }
      return args[0] ?? null;
    },
    step: () => undefined,
  };
  const program = programOf(
    `${rtfs} (dotimes [_ ${rounds}] (do (call :begin) (call :end (main))))`,
  );
  const outcome = runProgram(program, { engine: compiledEngine, host, fuel: 1e15, depthMax: 5000 });
  if (!outcome.ok) throw outcome.error;
  const nativeMs = main === null ? null : lowerQuartile(times.native);
  return { name, nativeMs, compiledMs: lowerQuartile(times.compiled), limit };
}
