import type { Analysed } from "../analysis/analyser.ts";
import type { Engine, EngineGlobals } from "../engine.ts";
import type { MachineOptions } from "../eval/machine.ts";
import type { Value } from "../values/value.ts";
import { Environment } from "./environment.ts";
import { Interpreter } from "./interpreter.ts";

/** A program on the reference evaluator. */
class ReferenceRun {
  readonly machine: Interpreter["machine"];
  readonly #interpreter: Interpreter;

  /** @param globals - Its cells are written by the program. */
  constructor(options: MachineOptions, globals: EngineGlobals) {
    this.#interpreter = new Interpreter(options, globals);
    this.machine = this.#interpreter.machine;
  }

  /** @throws what the program's evaluation throws. */
  evaluate({ nodes }: Analysed): Value {
    const environment = new Environment(null);
    let value: Value = null;
    for (const node of nodes) value = this.#interpreter.run(node, environment);
    return value;
  }
}

/** The meaning of the language, written to be read. */
export const referenceEngine: Engine = (analysed, limits, globals) => {
  const run = new ReferenceRun(limits, globals);
  return { machine: run.machine, evaluate: () => run.evaluate(analysed) };
};
