/**
 * Names of one text to names of the linked program.
 *
 * Read in this order: Renamer.text, freeSymbol, #target. A module's definition `f` is called `m/f` there; its
 * own text and the texts that import it are rewritten to say so wherever no local has the name. Every
 * `prefix/name` of a loaded module is judged here, so nothing reaches what is private. Problems are
 * collected; a name with a problem stays as it is.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { suggestName } from "../analysis/suggest.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { type Place, topPlace } from "../macro/place.ts";
import { mapForms, withItems } from "../macro/rewrite.ts";
import { ScopeWalker, WALK_DEPTH_MAX } from "../macro/scope-walker.ts";
import type { Form, ListForm, SymbolForm } from "../syntax/form.ts";
import { notExported } from "./import.ts";
import { linkedName, type Module } from "./module.ts";
import { moduleError } from "./module-forms.ts";
import { canonicalName, splitQualified } from "./name.ts";
import type { Unit, View } from "./unit.ts";

export interface RenamerOptions {
  readonly unit: Unit;
  readonly specials: readonly string[];
  /** The library and what the embedding provides. */
  readonly builtins: ReadonlySet<string>;
  /** Every module loaded so far. */
  readonly modules: ReadonlyMap<string, Module>;
  readonly report: (problem: Diagnostic) => void;
  /** A library function is named where something else has its bare name: the name it has then. */
  readonly aliasOf: (builtin: string) => string;
}

/** Too deep to go on. */
export class NestsTooDeep extends Error {
  readonly span: SourceSpan;

  constructor(span: SourceSpan) {
    super(`The program nests deeper than ${WALK_DEPTH_MAX} after expansion`);
    this.span = span;
  }
}

export class Renamer extends ScopeWalker {
  readonly #options: RenamerOptions;
  readonly #unit: Unit;

  constructor(options: RenamerOptions) {
    super(options.specials);
    this.#options = options;
    this.#unit = options.unit;
  }

  /** A form of the top level with its names resolved. @throws {NestsTooDeep} */
  text(form: Form): Form {
    return this.walk(form, topPlace());
  }

  protected override tooDeep(form: Form): never {
    throw new NestsTooDeep(form.span);
  }

  protected override freeSymbol(form: SymbolForm, place: Place): Form {
    // A head `.f` calls `f`.
    const isDotted = /^\.[A-Za-z_]/.test(form.name);
    const name = isDotted ? form.name.slice(1) : form.name;
    if (isDotted && place.block.binds(name)) return form;
    const target = this.#target(name, form.span, place);
    return target === null || target === name ? form : { ...form, name: target };
  }

  /** What a free name is called in the linked program; null: as it is. */
  #target(name: string, span: SourceSpan, place: Place): string | null {
    const { name: own, definitions, bare, views } = this.#unit;
    if (own !== null && definitions.has(name)) return linkedName(own, name);
    const imported = bare.get(name);
    if (imported !== undefined) return this.#reachable(imported, place);
    const parts = splitQualified(name);
    if (parts !== null) {
      const view = views.get(canonicalName(parts.prefix));
      if (view !== undefined) return this.#member(view, name, { local: parts.local, span, place });
      if (this.#options.modules.has(canonicalName(parts.prefix))) {
        this.#undefined(name, span, `Write (import ${parts.prefix}) first`);
        return null;
      }
    }
    if (own !== null && !this.#isKnown(name)) {
      const near = suggestName(name, [...definitions, ...this.#options.builtins]);
      const hint = "A module sees the library, its own names and what it imports";
      this.#undefined(name, span, near === null ? hint : `Did you mean \`${near}\`?`);
    }
    return null;
  }

  /** A library name that something else has here is reached by its alias. */
  #reachable(target: string, { block }: Place): string {
    if (!this.#options.builtins.has(target)) return target;
    const { name, definitions } = this.#unit;
    const isTaken = block.binds(target) || (name === null && definitions.has(target));
    return isTaken ? this.#options.aliasOf(target) : target;
  }

  #member(
    { module, only }: View,
    name: string,
    { local, span, place }: { local: string; span: SourceSpan; place: Place },
  ): string | null {
    if (module.kind === "broken") return null;
    const target = module.exports.get(local);
    if (target !== undefined && (only === null || only.has(local))) {
      return this.#reachable(target, place);
    }
    if (target === undefined) this.#options.report(notExported(module, local, span));
    else {
      const hint = `The import takes some names only; add \`${local}\` to \`:only\``;
      this.#undefined(name, span, hint);
    }
    return null;
  }

  #undefined(name: string, span: SourceSpan, hint: string): void {
    const message = `\`${name}\` is not defined`;
    this.#options.report(diagnostic(span, message, { kind: "UndefinedSymbol", hint }));
  }

  /** Names that mean something in a module without being its own. */
  #isKnown(name: string): boolean {
    const { builtins } = this.#options;
    return builtins.has(name) || this.isSpecial(name) || /^arg(?:s|0|[1-9][0-9]?)$/.test(name);
  }

  protected override special(form: ListForm, head: string, place: Place): Form | null {
    if (head === "import" || head === "module") {
      this.#options.report(moduleError(form, `\`${head}\` stands at top level only`));
      return form;
    }
    const key = form.items[1];
    if (head !== "get" || form.items.length !== 2 || key?.kind !== "keyword") return null;
    // `(get :name)` reads the binding of that name first.
    const isOwn = this.#unit.bare.has(key.name) || this.#unit.definitions.has(key.name);
    if (!isOwn || this.#unit.name === null || place.block.binds(key.name)) return null;
    return this.walk({ kind: "symbol", name: key.name, span: key.span }, place);
  }

  protected override defined(name: SymbolForm): string {
    const { name: own, bare } = this.#unit;
    if (bare.has(name.name)) {
      const message = `\`${name.name}\` is imported and defined`;
      this.#options.report(moduleError(name, message, { hint: "Take it out of `:only`" }));
    }
    if (own === null) {
      this.bound(name);
      return name.name;
    }
    if (splitQualified(name.name) !== null) {
      const hint = "The name of the module is put before it";
      this.#options.report(moduleError(name, "A module's names have no `/`", { hint }));
    }
    return linkedName(own, name.name);
  }

  /** No local and no definition may take the place of a module's name. */
  override bound({ name, span }: SymbolForm): void {
    const parts = splitQualified(name);
    const owner = parts === null ? null : canonicalName(parts.prefix);
    const module = owner === null ? undefined : this.#options.modules.get(owner);
    if (module === undefined || (module.kind === "library" && owner !== "stdlib")) return;
    const message = `\`${name}\` belongs to module \`${owner}\``;
    this.#options.report(moduleError({ span }, message, { hint: "Choose another name" }));
  }

  override type(form: Form): Form {
    if (form.kind === "vector") {
      return withItems(
        form,
        mapForms(form.items, (item) => this.type(item)),
      );
    }
    if (form.kind !== "symbol" && form.kind !== "keyword") return form;
    const name = this.#typeName(form.name);
    return name === null ? form : { ...form, name };
  }

  #typeName(name: string): string | null {
    const { name: own, types, views } = this.#unit;
    if (own !== null && types.has(name)) return linkedName(own, name);
    const parts = splitQualified(name);
    const view = parts === null ? undefined : views.get(canonicalName(parts.prefix));
    const isType = view !== undefined && view.module.types.has(parts!.local);
    return isType ? (view.module.exports.get(parts!.local) ?? null) : null;
  }
}
