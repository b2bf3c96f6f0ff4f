/**
 * One text on its way through the linker: the program, or a module.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Form, headName, type ListForm, type SymbolForm } from "../syntax/form.ts";
import { type Place, topPlace } from "../macro/place.ts";
import { ScopeWalker } from "../macro/scope-walker.ts";
import type { ImportForm, Module, ModuleForm } from "./module.ts";

/** What a top-level form is to the linker. */
export type Item =
  | { readonly kind: "form"; readonly form: Form }
  | { readonly kind: "import"; readonly form: ImportForm }
  | { readonly kind: "module"; readonly form: ModuleForm };

/** A module as one text sees it: under a prefix, perhaps with some of its names only. */
export interface View {
  readonly module: Module;
  /** Null: all exports. */
  readonly only: ReadonlySet<string> | null;
}

export interface Unit {
  /** Null: the program itself. */
  readonly name: string | null;
  /** The `module` form; null for the program and for a text of bare definitions. */
  readonly declared: ModuleForm | null;
  readonly items: readonly Item[];
  /** What it defines, types among them; for the program only what shadows a library name. */
  readonly definitions: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  /** The macros it defines. */
  readonly macros: readonly string[];
  readonly views: Map<string, View>;
  /** Names from `:only`, usable bare, with the name each has in the linked program. */
  readonly bare: Map<string, string>;
  /** The import by which it is being loaded. */
  readonly span: SourceSpan | null;
  /** The first item that is not settled yet. */
  next: number;
}

/** The names that forms define at top level, wherever the definition stands. */
export class DefinitionCollector extends ScopeWalker {
  readonly names: Set<string> = new Set();
  readonly types: Set<string> = new Set();

  collect(form: Form): void {
    this.walk(form, topPlace());
  }

  protected override freeSymbol(form: SymbolForm): Form {
    return form;
  }

  protected override special(form: ListForm, head: string, { block }: Place): Form | null {
    const name = form.items[1];
    const isType = head === "defstruct" || head === "deftype";
    if (isType && block.parent === null && name?.kind === "symbol") this.types.add(name.name);
    return null;
  }

  protected override defined(name: SymbolForm): string {
    this.names.add(name.name);
    return name.name;
  }

  protected override tooDeep(): never {
    throw new RangeError("The program nests too deep");
  }
}

const DEFINING: ReadonlySet<string> = new Set(["def", "defn", "defstruct", "deftype"]);

/** The first form in a module's body that defines nothing; null when there is none. */
export function strayForm(form: Form): Form | null {
  if (form.kind === "nil" || form.kind === "string") return null;
  const head = headName(form);
  if (head !== null && DEFINING.has(head)) return null;
  if (form.kind !== "list" || (head !== "do" && head !== "metadata")) return form;
  for (const part of form.items.slice(head === "do" ? 1 : 2)) {
    const stray = strayForm(part);
    if (stray !== null) return stray;
  }
  return null;
}
