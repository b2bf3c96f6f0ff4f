/**
 * A program and the modules it imports to one program.
 *
 * Read in this order: linkProgram, Linker.run, #advance (imports are settled), #close (a text is renamed and
 * put out). Modules are linked by renaming: `f` of module `m` becomes the top-level definition `m/f`, so all
 * later stages need to know nothing of modules, and every form keeps its place and file. Each module is
 * loaded once and stands before the program, those it imports before it. Texts wait on a stack of their
 * own while what they import is loaded, so a long chain of imports takes no JS stack.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import { suggestName } from "../analysis/suggest.ts";
import { type Diagnostic, diagnostic, DIAGNOSTICS_MAX } from "../diagnostic.ts";
import { Budget, FORMS_MAX } from "../macro/budget.ts";
import { expandProgram, rememberFunctions } from "../macro/expand.ts";
import { MACRO_FORMS } from "../macro/expander.ts";
import { mentionsAny } from "../macro/form-value.ts";
import { callForm } from "../macro/quasiquote.ts";
import { type MacroEvaluator, MacroRegistry } from "../macro/registry.ts";
import { type Form, headName, type ListForm } from "../syntax/form.ts";
import { addImport, addView } from "./import.ts";
import { brokenModule, libraryModules } from "./library.ts";
import {
  type LinkedModule,
  linkedName,
  type Module,
  type ModuleForm,
  type ModuleResolver,
} from "./module.ts";
import { moduleError, readImport, readModule } from "./module-forms.ts";
import { NestsTooDeep, Renamer } from "./renamer.ts";
import { ModuleTexts } from "./texts.ts";
import { DefinitionCollector, type Item, strayForm, type Unit } from "./unit.ts";

/** Special forms of this stage; none is left after it. */
export const MODULE_FORMS: readonly string[] = ["module", "import"];

const STAGE: ReadonlySet<string> = new Set(MODULE_FORMS);
const STAGES: ReadonlySet<string> = new Set([...MODULE_FORMS, ...MACRO_FORMS]);

export interface LinkOptions {
  /** Absent: only modules of the same text and of the library can be imported. */
  readonly resolver?: ModuleResolver | undefined;
  /** Macros of the program; each module has its own. */
  readonly registry: MacroRegistry;
  readonly evaluate: MacroEvaluator;
  /** Special forms of the language, those of this stage among them. */
  readonly specials: ReadonlySet<string>;
  /** Special forms whose names a program may define itself. */
  readonly softs: ReadonlySet<string>;
  readonly builtins: ReadonlySet<string>;
  /** Names that the embedding provides. */
  readonly globals: readonly string[];
}

/** A program without modules, imports and macros. */
export interface LinkedProgram {
  readonly forms: readonly Form[];
  /** The texts that were loaded for it, in the order they were needed. The same inputs give the same list. */
  readonly modules: readonly LinkedModule[];
}

/** Expand and link a program. Deterministic in the forms, the options and what the resolver gives. */
export function linkProgram(
  forms: readonly Form[],
  options: LinkOptions,
): Result<LinkedProgram, readonly Diagnostic[]> {
  const { registry } = options;
  if (registry.size === 0 && !mentionsAny(forms, STAGES)) {
    rememberFunctions(forms, registry);
    return ok({ forms, modules: [] });
  }
  const budget = new Budget(FORMS_MAX);
  const expanded = expandProgram(forms, { ...options, budget });
  if (!expanded.ok) return expanded;
  if (!mentionsAny(expanded.value, STAGE)) return ok({ forms: expanded.value, modules: [] });
  return new Linker(options, budget).run(expanded.value);
}

/** Enough problems were found. */
class TooMany extends Error {}

class Linker {
  readonly #options: LinkOptions;
  readonly #budget: Budget;
  readonly #library: ReadonlyMap<string, Module>;
  /** Names that mean the same in every text. */
  readonly #builtins: ReadonlySet<string>;
  /** Loaded modules and the library's. */
  readonly #modules: Map<string, Module>;
  readonly #texts: ModuleTexts;
  readonly #stack: Unit[] = [];
  readonly #output: Form[] = [];
  readonly #aliases = new Set<string>();
  readonly #problems: Diagnostic[] = [];

  constructor(options: LinkOptions, budget: Budget) {
    this.#options = options;
    this.#budget = budget;
    this.#library = libraryModules(options.builtins);
    this.#modules = new Map(this.#library);
    this.#builtins = new Set([...options.builtins, ...options.globals]);
    this.#texts = new ModuleTexts(options.resolver);
  }

  run(forms: readonly Form[]): Result<LinkedProgram, readonly Diagnostic[]> {
    try {
      this.#stack.push(this.#unit(forms, { declared: null, name: null, span: null, macros: [] }));
      for (let unit = this.#stack.at(-1); unit !== undefined; unit = this.#stack.at(-1)) {
        if (!this.#advance(unit)) continue;
        this.#stack.pop();
        this.#close(unit);
      }
    } catch (error) {
      if (!(error instanceof TooMany)) this.#problems.push(deepProblem(error, forms));
    }
    if (this.#problems.length > 0) return err(this.#problems);
    const aliases = [...this.#aliases].map((builtin) => aliasForm(builtin, forms[0]!.span));
    return ok({ forms: [...aliases, ...this.#output], modules: this.#texts.loaded });
  }

  #report(problem: Diagnostic): void {
    this.#problems.push(problem);
    if (this.#problems.length >= DIAGNOSTICS_MAX) throw new TooMany();
  }

  #reportAll(problems: readonly Diagnostic[]): void {
    for (const problem of problems) this.#report(problem);
  }

  #unit(forms: readonly Form[], about: Pick<Unit, "declared" | "name" | "span" | "macros">): Unit {
    const items = forms.flatMap((form) => this.#item(form, about.name === null));
    const collector = new DefinitionCollector([...this.#options.specials, ...this.#options.softs]);
    for (const item of items) if (item.kind === "form") collector.collect(item.form);
    const { names: definitions, types } = collector;
    return { ...about, items, definitions, types, views: new Map(), bare: new Map(), next: 0 };
  }

  /** A form of the top level; nothing when it is malformed. */
  #item(form: Form, isProgram: boolean): readonly Item[] {
    const head = headName(form);
    if (head === "import") {
      const read = readImport(form as ListForm);
      if (read.ok) return [{ kind: "import", form: read.value }];
      this.#report(read.error);
      return [];
    }
    if (head === "module" && isProgram) {
      const read = readModule(form as ListForm);
      if (read.ok) return this.#declare(read.value);
      this.#report(read.error);
      return [];
    }
    const stray = isProgram || head === "module" ? null : strayForm(form);
    if (stray !== null) {
      const hint = "A module holds def, defn, defmacro, defstruct and import";
      this.#report(moduleError(stray, "This form defines nothing", { hint }));
    }
    return [{ kind: "form", form }];
  }

  #declare(form: ModuleForm): readonly Item[] {
    const message = `Module \`${form.name}\` is the library's`;
    const problem = this.#library.has(form.name)
      ? moduleError({ span: form.nameSpan }, message)
      : this.#texts.declare(form);
    if (problem === null) return [{ kind: "module", form }];
    this.#report(problem);
    return [];
  }

  /** Settle imports in order; false: another text was put on the stack and comes first. */
  #advance(unit: Unit): boolean {
    for (; unit.next < unit.items.length; unit.next++) {
      const item = unit.items[unit.next]!;
      if (item.kind === "form") continue;
      const { name, nameSpan } = item.form;
      if (!this.#modules.has(name) && this.#open(name, nameSpan)) return false;
      const module = this.#modules.get(name);
      if (module === undefined) continue;
      if (item.kind === "import") this.#reportAll(addImport(unit, item.form, module));
      else this.#reportAll(addView(unit, { prefix: name, module, only: null, span: nameSpan }));
    }
    return true;
  }

  /** Put a module on the stack; false: it cannot be, which is reported once. */
  #open(name: string, span: SourceSpan): boolean {
    const cycle = cycleProblem(this.#stack, name, span);
    if (cycle !== null) {
      this.#report(cycle);
      return false;
    }
    const text = this.#texts.text(name, span, this.#modules.keys());
    if (!text.ok) return this.#fail(name, text.error);
    const { form, body } = text.value;
    const registry = new MacroRegistry();
    const expanded = expandProgram(body, { ...this.#options, registry, budget: this.#budget });
    if (!expanded.ok) return this.#fail(name, expanded.error);
    const macros = registry.names();
    const before = this.#problems.length;
    const unit = this.#unit(expanded.value, { declared: form, name, span, macros });
    if (this.#problems.length > before) return this.#fail(name, []);
    this.#stack.push(unit);
    return true;
  }

  #fail(name: string, problems: readonly Diagnostic[]): false {
    this.#modules.set(name, brokenModule(name));
    this.#reportAll(problems);
    return false;
  }

  /** Every text it needs is out: its names are resolved, then it is out too. */
  #close(unit: Unit): void {
    if (unit.name !== null) this.#modules.set(unit.name, this.#module(unit, unit.name));
    const renamer = new Renamer({
      unit,
      specials: this.#specialsOf(unit),
      builtins: this.#builtins,
      modules: this.#modules,
      report: (problem) => this.#report(problem),
      aliasOf: (builtin) => {
        this.#aliases.add(builtin);
        return linkedName("stdlib", builtin);
      },
    });
    for (const item of unit.items) {
      if (item.kind === "form") this.#output.push(renamer.text(item.form));
      else if (unit.name === null) this.#output.push(this.#valueOf(item));
    }
  }

  /** Heads that are special in a text: not those that it defines or imports. */
  #specialsOf({ definitions, bare }: Unit): readonly string[] {
    const { specials, softs } = this.#options;
    const own = [...softs].filter((name) => !definitions.has(name) && !bare.has(name));
    return [...specials, ...own];
  }

  #module(unit: Unit, name: string): Module {
    const { declared, definitions, types, macros } = unit;
    const listed = declared?.exports ?? null;
    const exported = listed === null ? [...definitions] : listed.map((each) => each.name);
    for (const { name: each, span } of listed ?? []) {
      if (!definitions.has(each)) this.#report(notDefined({ name, each, span }, unit, macros));
    }
    const exports = new Map(exported.map((each) => [each, linkedName(name, each)]));
    return { name, exports, definitions, types, kind: "text" };
  }

  /** What an `import` or `module` form of the program is worth. */
  #valueOf(item: Exclude<Item, { kind: "form" }>): Form {
    const { span, name } = item.form;
    if (item.kind === "import") return { kind: "nil", span };
    const { docstring } = item.form;
    const text = (value: string): Form => ({ kind: "string", value, span });
    const exports = [...(this.#modules.get(name)?.exports.keys() ?? [])].map(text);
    const doc: Form = docstring === null ? { kind: "nil", span } : text(docstring);
    const entries = [
      { key: text("name"), value: text(name) },
      { key: text("docstring"), value: doc },
      { key: text("exports"), value: { kind: "vector" as const, items: exports, span } },
    ];
    return { kind: "map", entries, span };
  }
}

function notDefined(
  { name, each, span }: { readonly name: string; readonly each: string; readonly span: SourceSpan },
  { definitions }: Unit,
  macros: readonly string[],
): Diagnostic {
  if (macros.includes(each)) {
    const hint = "A macro is private to its module; export a function";
    return moduleError({ span }, `\`${each}\` is a macro and cannot be exported`, { hint });
  }
  const near = suggestName(each, definitions);
  const hint = near === null ? `Define \`${each}\` or take it out` : `Did you mean \`${near}\`?`;
  return moduleError({ span }, `Module \`${name}\` exports \`${each}\`, which it does not define`, {
    hint,
  });
}

/** A module that is still being loaded was asked for. */
function cycleProblem(stack: readonly Unit[], name: string, span: SourceSpan): Diagnostic | null {
  const from = stack.findIndex((unit) => unit.name === name);
  if (from < 0) return null;
  const path = stack.slice(from);
  const shown = path.length > 12 ? [...path.slice(0, 6), null, ...path.slice(-5)] : path;
  const names = [...shown.map((unit) => unit?.name ?? "…"), name].join(" → ");
  const related = path
    .slice(1, 11)
    .flatMap((unit) =>
      unit.span === null ? [] : [{ message: `\`${unit.name}\` is imported here`, span: unit.span }],
    );
  const hint = "Move what both need into a module that both import";
  return moduleError({ span }, `Modules import each other: ${names}`, { hint, related });
}

/** `(def stdlib/f f)`, put before everything else. */
function aliasForm(builtin: string, span: SourceSpan): Form {
  const symbol = (name: string): Form => ({ kind: "symbol", name, span });
  return callForm("def", [symbol(linkedName("stdlib", builtin)), symbol(builtin)], span);
}

function deepProblem(error: unknown, forms: readonly Form[]): Diagnostic {
  if (error instanceof NestsTooDeep) return diagnostic(error.span, error.message);
  if (!(error instanceof RangeError)) throw error;
  return diagnostic(forms[0]!.span, "The program nests too deep to be linked");
}
