import { Builtin, lookUp, Machine, type MachineOptions } from "../eval/machine.ts";
import { kindOf } from "../values/kind-of.ts";
import { RtfsError, typeError } from "../values/rtfs-error.ts";
import { Keyword, type Value } from "../values/value.ts";
import { ReferenceClosure } from "./environment.ts";

/** The state of a run as library functions see it; functions of the program run on the evaluator. */
export class ReferenceMachine extends Machine {
  readonly #enter: (closure: ReferenceClosure, args: readonly Value[]) => Value;

  /** @param enter - Runs a function of the program to its end. */
  constructor(
    options: MachineOptions,
    enter: (closure: ReferenceClosure, args: readonly Value[]) => Value,
  ) {
    super(options);
    this.#enter = enter;
  }

  override apply(callee: Value, args: readonly Value[]): Value {
    if (callee instanceof ReferenceClosure) return this.#enter(callee, args);
    if (callee instanceof Builtin) return super.apply(callee, args);
    if (callee instanceof Keyword) return lookUp(callee, args);
    throw typeError("a function", kindOf(callee), "call");
  }

  /** One more nested call. @throws {RtfsError} StackOverflow. */
  deepen(): void {
    if (++this.depth <= this.depthMax) return;
    const message = `Calls nest deeper than ${this.depthMax}`;
    throw new RtfsError("StackOverflow", message, { depth: this.depthMax });
  }
}
