import type { Program } from "../program.ts";
import { LIBRARY } from "../stdlib/index.ts";
import { type Checked, checkProgram, type CheckOptions } from "./checker.ts";

const ARITIES = new Map(LIBRARY.map(({ name, arity }) => [name, arity]));

/**
 * Find what is certain to fail in a program, without running it.
 *
 * @param capability - Contracts of capabilities by id; null: not known.
 * @returns Findings of severity `error` (no run can end with a value) and `warning` (fails where it is
 *   reached), and the annotations' checks that always succeed.
 */
export function checkTypes(program: Program, capability?: CheckOptions["capability"]): Checked {
  return checkProgram(program.analysed, {
    arities: ARITIES,
    ...(capability === undefined ? {} : { capability }),
  });
}
