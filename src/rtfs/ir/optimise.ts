/**
 * A program in the optimiser's form, ready to be written as code: the passes, in order.
 *
 * @module
 */
import type { Analysed } from "../analysis/analyser.ts";
import type { Node } from "../analysis/node.ts";
import { dropNeedlessChecks } from "./assigned.ts";
import { countUses } from "./facts.ts";
import { inlineOnce } from "./inline.ts";
import type { IrProgram } from "./ir.ts";
import { lowerProgram } from "./lower.ts";
import { settleTailCalls } from "./tail-calls.ts";

/** @param proven - Checks of these nodes that always succeed. */
export function optimise(analysed: Analysed, proven: ReadonlySet<Node> = new Set()): IrProgram {
  const program = lowerProgram(analysed, proven);
  dropNeedlessChecks(program);
  inlineOnce(program);
  countUses(program);
  settleTailCalls(program);
  return program;
}
