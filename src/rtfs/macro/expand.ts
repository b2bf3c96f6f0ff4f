/**
 * Macro expansion of whole programs: the front of this folder.
 *
 * Read in this order: expandProgram, then expander.ts (calls), quasiquote.ts (templates), define.ts
 * (`defmacro`), scope-walker.ts (what is local). Expansion is deterministic: it depends on the forms and the
 * registry alone, so host and guest see the same program.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, DIAGNOSTICS_MAX } from "../diagnostic.ts";
import type { Form } from "../syntax/form.ts";
import { Budget, FORMS_MAX } from "./budget.ts";
import { usableDefinition } from "./define.ts";
import { Expander, MACRO_FORMS } from "./expander.ts";
import { mentionsAny } from "./form-value.ts";
import { MacroProblem } from "./problem.ts";
import type { MacroEvaluator, MacroRegistry } from "./registry.ts";

const STAGE: ReadonlySet<string> = new Set(MACRO_FORMS);

export interface ExpandOptions {
  /** What is known before; gets what the program defines when all of it expanded. */
  readonly registry: MacroRegistry;
  readonly evaluate: MacroEvaluator;
  /** Special forms of the language. */
  readonly specials: ReadonlySet<string>;
  /** Special forms whose names a program may define itself; default: none. */
  readonly softs?: ReadonlySet<string>;
  /** Forms that macros may make in all; default 200 000. */
  readonly fuel?: number;
  /** Shared by the texts of one program; default: a new one of `fuel` forms. */
  readonly budget?: Budget;
}

/**
 * The program without macro calls, templates and macro definitions (each of which becomes nil). Forms
 * that contain none are returned as they are.
 */
export function expandProgram(
  forms: readonly Form[],
  options: ExpandOptions,
): Result<readonly Form[], readonly Diagnostic[]> {
  if (options.registry.size === 0 && !mentionsAny(forms, STAGE)) {
    rememberFunctions(forms, options.registry);
    return ok(forms);
  }
  const registry = options.registry.copy();
  const expander = expanderOf(options, registry);
  const problems: Diagnostic[] = [];
  const expanded: Form[] = [];
  for (const form of forms) {
    try {
      expanded.push(expander.top(form));
    } catch (error) {
      if (!(error instanceof MacroProblem)) throw error;
      problems.push(...error.diagnostics);
      if (error.isFinal || problems.length >= DIAGNOSTICS_MAX) break;
    }
  }
  if (problems.length > 0) return err(problems.slice(0, DIAGNOSTICS_MAX));
  options.registry.adopt(registry);
  return ok(expanded);
}

/** One expansion of the macro call at the form's head; the form itself when there is none. */
export function expandOnce(
  form: Form,
  options: ExpandOptions,
): Result<Form, readonly Diagnostic[]> {
  try {
    return ok(expanderOf(options, options.registry.copy()).once(form));
  } catch (error) {
    if (error instanceof MacroProblem) return err(error.diagnostics);
    throw error;
  }
}

function expanderOf(options: ExpandOptions, registry: MacroRegistry): Expander {
  const { evaluate, specials, softs = new Set<string>() } = options;
  const budget = options.budget ?? new Budget(options.fuel ?? FORMS_MAX);
  return new Expander({ registry, evaluate, budget, specials, softs });
}

/** Programs without macros define functions that later macros may use. */
export function rememberFunctions(forms: readonly Form[], registry: MacroRegistry): void {
  for (const form of forms) {
    const usable = usableDefinition(form);
    if (usable !== null) registry.remember(usable.name, usable.form);
  }
}
