/**
 * Macro calls to what they stand for, outermost first, until none is left.
 *
 * Read in this order: Expander.top, head (where a call becomes its result), special. A macro's name
 * means the macro wherever no local has that name; quoted data is never expanded. What an expansion
 * may cost is bounded by a Budget and by the nesting of expansions.
 *
 * @module
 */
import type { Diagnostic } from "../diagnostic.ts";
import { type Form, headName, type ListForm, type SymbolForm } from "../syntax/form.ts";
import { List } from "../values/value.ts";
import { type Budget, OutOfBudget } from "./budget.ts";
import { compileMacro, readDefinition, usableDefinition } from "./define.ts";
import { formToArgument, type Origins, valueToForm } from "./form-value.ts";
import { bodyGlobals, FRESH, freshName, isPrefix } from "./fresh.ts";
import { Block, type Expansion, type Place, topPlace } from "./place.ts";
import { type MacroProblem, macroProblem } from "./problem.ts";
import { callForm, lowerTemplate, TemplateProblem } from "./quasiquote.ts";
import type { Macro, MacroEvaluator, MacroRegistry } from "./registry.ts";
import { ScopeWalker, WALK_DEPTH_MAX } from "./scope-walker.ts";
import type { Placed } from "./walker.ts";

/** Deepest nesting of expansions: a macro call in the result of another is one deeper. */
export const EXPANSION_DEPTH_MAX = 256;

/** Special forms of this stage; none is left after it. */
export const MACRO_FORMS: readonly string[] = [
  "defmacro",
  "quasiquote",
  "unquote",
  "unquote-splicing",
];

export interface ExpanderOptions {
  readonly registry: MacroRegistry;
  readonly evaluate: MacroEvaluator;
  /** Special forms of the language. */
  readonly specials: ReadonlySet<string>;
  /** Special forms whose names a program may define itself. */
  readonly softs: ReadonlySet<string>;
  readonly budget: Budget;
}

export class Expander extends ScopeWalker {
  readonly #registry: MacroRegistry;
  readonly #evaluate: MacroEvaluator;
  readonly #budget: Budget;
  readonly #reserved: ReadonlySet<string>;
  readonly #softs: ReadonlySet<string>;
  /** In a macro's body: there templates make new names at each expansion. */
  #isInBody = false;

  constructor({ registry, evaluate, specials, softs, budget }: ExpanderOptions) {
    super([...specials, ...softs, ...MACRO_FORMS]);
    this.#reserved = new Set([...specials, ...MACRO_FORMS]);
    this.#softs = softs;
    this.#registry = registry;
    this.#evaluate = evaluate;
    this.#budget = budget;
  }

  /** A form of the top level, expanded. @throws {MacroProblem} */
  top(form: Form): Form {
    return this.#guarded(form, () => this.walk(form, topPlace()));
  }

  /** The form with the macro call at its head made once; itself when there is none. */
  once(form: Form): Form {
    const place = topPlace();
    return this.#guarded(form, () => {
      const macro = this.#macroOf(form, place);
      return macro === null ? form : this.#call(form as ListForm, macro, place).form;
    });
  }

  #guarded(form: Form, work: () => Form): Form {
    try {
      return work();
    } catch (error) {
      this.#isInBody = false;
      this.reset();
      if (error instanceof RangeError) throw deep(form, null);
      if (!(error instanceof OutOfBudget)) throw error;
      throw macroProblem(form.span, error.message, null, { isFinal: true });
    }
  }

  protected override tooDeep(form: Form, { expansion }: Place): never {
    throw deep(form, expansion);
  }

  protected override head(form: Form, place: Place): Placed {
    let placed: Placed = { form, place };
    for (;;) {
      const macro = this.#macroOf(placed.form, placed.place);
      if (macro === null) return placed;
      placed = this.#call(placed.form as ListForm, macro, placed.place);
    }
  }

  #macroOf(form: Form, { block }: Place): Macro | null {
    const name = headName(form);
    if (name === null || block.binds(name)) return null;
    return this.#registry.macro(name) ?? null;
  }

  #call(form: ListForm, macro: Macro, place: Place): Placed {
    const { span } = form;
    const { name } = macro;
    const parent = place.expansion;
    const expansion: Expansion = { macro: name, span, parent, depth: (parent?.depth ?? 0) + 1 };
    if (expansion.depth > EXPANSION_DEPTH_MAX) {
      const message = `Macros expand into macros more than ${EXPANSION_DEPTH_MAX} times`;
      const hint = "A macro that calls itself must end";
      throw macroProblem(span, message, expansion, { hint, isFinal: true });
    }
    checkCount(form, macro, parent);
    try {
      return { form: this.#result(form, macro, expansion), place: { ...place, expansion } };
    } catch (error) {
      if (!(error instanceof OutOfBudget)) throw error;
      throw macroProblem(span, error.message, expansion, { isFinal: true });
    }
  }

  #result(form: ListForm, macro: Macro, expansion: Expansion): Form {
    const budget = this.#budget;
    const origins: Origins = new Map();
    const paySteps = (count: number): void => budget.paySteps(count);
    const args = form.items.slice(1).map((each) => formToArgument(each, origins, paySteps));
    const globals = bodyGlobals(new List(args), this.#registry);
    const outcome = macro.run(globals, budget.stepsLeft);
    budget.paySteps(outcome.fuelUsed);
    if (!outcome.ok) throw bodyProblem(outcome.error, macro, form, expansion);
    const payForms = (count: number): void => budget.payForms(count);
    const result = valueToForm(outcome.value, form.span, payForms, origins);
    if (result.ok) return result.value;
    const message = `The result of \`${macro.name}\` is no code: ${result.error}`;
    throw macroProblem(form.span, message, expansion);
  }

  protected override freeSymbol(form: SymbolForm, { expansion }: Place): Form {
    if (this.#registry.macro(form.name) === undefined) return form;
    throw macroProblem(form.span, `\`${form.name}\` is a macro, not a value`, expansion, {
      hint: `Wrap it in a function: (fn [x] (${form.name} x))`,
    });
  }

  protected override defined(name: SymbolForm, { expansion }: Place): string {
    if (MACRO_FORMS.includes(name.name)) {
      const message = `\`${name.name}\` is a special form and cannot be defined`;
      throw macroProblem(name.span, message, expansion);
    }
    if (this.#softs.has(name.name)) this.forgetSpecial(name.name);
    this.#registry.forget(name.name);
    this.#registry.forgetFunction(name.name);
    return name.name;
  }

  protected override special(form: ListForm, head: string, place: Place): Form | null {
    switch (head) {
      case "defmacro":
        return this.#defmacro(form, place);
      case "quasiquote":
        return this.walk(this.#template(form, place), place);
      case "unquote":
      case "unquote-splicing": {
        const sign = head === "unquote" ? "~" : "~@";
        const message = `\`${sign}\` stands outside a quasiquote`;
        throw macroProblem(form.span, message, place.expansion, {
          hint: "Put a ` before the form",
        });
      }
      case "def":
      case "defn":
        return place.isTop ? this.#definition(form, place) : null;
      default:
        return null;
    }
  }

  #definition(form: ListForm, place: Place): Form {
    const walked = this.plain(form, place);
    const usable = usableDefinition(walked);
    if (usable !== null) this.#registry.remember(usable.name, usable.form);
    return walked;
  }

  #defmacro(form: ListForm, place: Place): Form {
    if (!place.isTop) {
      const hint = "Move it out of the form it stands in";
      const message = "A macro is defined at top level only";
      throw macroProblem(form.span, message, place.expansion, { hint });
    }
    const definition = readDefinition(form, this.#reserved, place.expansion);
    const inBody: Place = { ...place, block: new Block(null), isTop: false };
    const around = this.#isInBody;
    this.#isInBody = true;
    const body = this.walk(definition.body, inBody);
    this.#isInBody = around;
    const pay = (count: number): void => this.#budget.paySteps(count);
    const shared = { registry: this.#registry, evaluate: this.#evaluate, pay };
    this.#registry.define(compileMacro({ definition, body, span: form.span, ...shared }));
    return { kind: "nil", span: form.span };
  }

  /** The code that builds a template, its fresh names bound around it. */
  #template(form: ListForm, { expansion }: Place): Form {
    try {
      const { form: lowered, autos } = lowerTemplate(form);
      if (autos.length === 0) return lowered;
      const bindings = autos.flatMap((auto) => [auto, this.#fresh(auto)]);
      const vector: Form = { kind: "vector", items: bindings, span: form.span };
      return callForm("let", [vector, lowered], form.span);
    } catch (error) {
      if (!(error instanceof TemplateProblem)) throw error;
      throw macroProblem(error.span, error.message, expansion, { hint: error.hint });
    }
  }

  #fresh({ name, span }: SymbolForm): Form {
    const prefix = name.slice(0, -1);
    if (!isPrefix(prefix)) {
      throw new TemplateProblem(span, `\`${prefix}\` cannot be made a fresh name`);
    }
    if (this.#isInBody) return callForm(FRESH, [{ kind: "string", value: prefix, span }], span);
    const fresh = freshName(prefix, this.#registry);
    return callForm("quote", [{ kind: "symbol", name: fresh, span }], span);
  }
}

function deep({ span }: Form, expansion: Expansion | null): MacroProblem {
  const message = `The program nests deeper than ${WALK_DEPTH_MAX} after expansion`;
  return macroProblem(span, message, expansion, { isFinal: true });
}

function checkCount(form: ListForm, macro: Macro, expansion: Expansion | null): void {
  const { name, arity, hasRest, span } = macro;
  const actual = form.items.length - 1;
  if (actual === arity || (hasRest && actual > arity)) return;
  const expected = hasRest ? `at least ${arity}` : `${arity}`;
  const message = `\`${name}\` takes ${expected} forms, got ${actual}`;
  const related = [{ message: `\`${name}\` is defined here`, span }];
  throw macroProblem(form.span, message, expansion, { related });
}

function bodyProblem(
  error: {
    readonly kind: string;
    readonly message: string;
    readonly span: Diagnostic["span"] | null;
  },
  { name, span }: Macro,
  form: ListForm,
  expansion: Expansion,
): MacroProblem {
  const isOwn = error.kind === "MacroError";
  const why = isOwn ? error.message : `${error.kind}: ${error.message}`;
  const related = [{ message: "in the macro's body", span: error.span ?? span }];
  const isFinal = error.kind === "FuelExhausted";
  return macroProblem(form.span, `\`${name}\` failed: ${why}`, expansion, { related, isFinal });
}
