/**
 * What the expansion of one program may cost. Forms bound the size of its result, steps the work.
 *
 * @module
 */

/** Forms that macros may make for one program; a form inserted twice counts twice. */
export const FORMS_MAX = 200_000;
/** Units of fuel for all macro bodies of one program, their arguments and their compilation. */
const STEPS_MAX = 500_000;

/** Too many forms, or too much work. */
export class OutOfBudget extends Error {}

export class Budget {
  readonly #formsMax: number;
  #forms: number;
  #steps = STEPS_MAX;

  constructor(formsMax: number) {
    this.#formsMax = formsMax;
    this.#forms = formsMax;
  }

  get stepsLeft(): number {
    return this.#steps;
  }

  /** @throws {OutOfBudget} */
  payForms(count: number): void {
    this.#forms -= count;
    if (this.#forms >= 0) return;
    throw new OutOfBudget(`Macros make more than ${this.#formsMax} forms`);
  }

  /** @throws {OutOfBudget} */
  paySteps(count: number): void {
    this.#steps -= count;
    if (this.#steps >= 0) return;
    throw new OutOfBudget(`Macros need more than ${STEPS_MAX} steps to expand`);
  }
}
