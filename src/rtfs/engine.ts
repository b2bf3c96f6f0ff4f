/**
 * What an engine is: it takes a checked program and is ready to run it once.
 *
 * Both engines give the same outcome, held so by the conformance suite and by programs at random.
 * `referenceEngine` is the meaning of the language, written to be read; `compiledEngine` makes
 * JavaScript, and belongs inside the walls only: whoever does not name it does not carry it.
 *
 * @module
 */
import type { Analysed } from "./analysis/analyser.ts";
import type { Node } from "./analysis/node.ts";
import type { Machine, MachineOptions } from "./eval/machine.ts";
import type { Builtin } from "./stdlib/builtin.ts";
import type { Value } from "./values/value.ts";

/** What a run starts with. */
export interface EngineGlobals {
  /** Values from the embedding, at the index of their cell; the program writes its own there. */
  readonly cells: (Value | undefined)[];
  readonly builtins: ReadonlyMap<string, Builtin>;
  readonly args: readonly Value[];
  /** As `RunOptions.proven`. */
  readonly proven: ReadonlySet<Node>;
}

export interface StartedRun {
  readonly machine: Machine;
  /** Once. @throws what the program raises. */
  readonly evaluate: () => Value;
}

export type Engine = (
  analysed: Analysed,
  limits: MachineOptions,
  globals: EngineGlobals,
) => StartedRun;
