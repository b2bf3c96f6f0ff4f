/**
 * A walk over forms that knows which names are local.
 *
 * Read in this order: ScopeWalker.walk, ScopeWalker.body, then shapes.ts (one function for each special
 * form that binds) and patterns.ts. The walk mirrors the analyser's scopes (analysis/names.ts): a
 * local shadows everything, special forms included; a definition inside a body is a local of that
 * body. Malformed special forms are left as they stand: the analyser refuses them with better words.
 * Forms that nothing changes keep their identity.
 *
 * @module
 */
import { type Form, headName, type ListForm, type SymbolForm } from "../syntax/form.ts";
import { type Block, inside, type Place } from "./place.ts";
import { definedName, mapForms, mapValues, renamedDefinition, withItems } from "./rewrite.ts";
import { SHAPES } from "./shapes.ts";
import type { Placed, Walker } from "./walker.ts";

/** Nesting of forms, sugar and macros expanded; as the analyser's. */
export const WALK_DEPTH_MAX = 800;

const FUNCTION_HEADS: ReadonlySet<string> = new Set(["fn", "lambda", "λ"]);

export abstract class ScopeWalker implements Walker {
  readonly #specials: Set<string>;
  #depth = 0;

  /** @param specials - Heads that are no calls when they are free. */
  constructor(specials: Iterable<string>) {
    this.#specials = new Set(specials);
  }

  protected isSpecial(name: string): boolean {
    return this.#specials.has(name);
  }

  /** The name means something else from here on. */
  protected forgetSpecial(name: string): void {
    this.#specials.delete(name);
  }

  /** What a name stands for that no local binds, where it is evaluated. */
  protected abstract freeSymbol(form: SymbolForm, place: Place): Form;

  /** What takes the whole list's place, walked; null: the walk goes on as for any list. */
  protected abstract special(form: ListForm, head: string, place: Place): Form | null;

  /** The form as it stands after macro calls at its head are expanded. */
  protected head(form: Form, place: Place): Placed {
    return { form, place };
  }

  /** The name that a definition at top level gets. */
  protected defined(name: SymbolForm, _place: Place): string {
    return name.name;
  }

  /** A local is bound. */
  bound(_name: SymbolForm): void {}

  type(form: Form): Form {
    return form;
  }

  protected abstract tooDeep(form: Form, place: Place): never;

  walk(form: Form, place: Place): Form {
    if (++this.#depth > WALK_DEPTH_MAX) this.tooDeep(form, place);
    const walked = this.#dispatch(form, place);
    this.#depth--;
    return walked;
  }

  /** Start again after an error left the walk. */
  protected reset(): void {
    this.#depth = 0;
  }

  #dispatch(form: Form, place: Place): Form {
    if (form.kind === "symbol") {
      return place.block.binds(form.name) ? form : this.freeSymbol(form, place);
    }
    if (form.kind === "vector") return withItems(form, this.all(form.items, inside(place)));
    if (form.kind === "map") return mapValues(form, (value) => this.walk(value, inside(place)));
    if (form.kind !== "list") return form;
    const headed = this.head(form, place);
    if (headed.form.kind === "list") return this.#list(headed.form, headed.place);
    return this.#dispatch(headed.form, headed.place);
  }

  #list(form: ListForm, place: Place): Form {
    const head = form.items[0];
    if (head?.kind !== "symbol" || place.block.binds(head.name)) {
      return withItems(form, this.all(form.items, inside(place)));
    }
    return this.special(form, head.name, place) ?? this.plain(form, place);
  }

  /** A list headed by a free name, walked by the shape of its special form or as a call. */
  protected plain(form: ListForm, place: Place): Form {
    const { name } = form.items[0] as SymbolForm;
    const shape = this.#specials.has(name) ? SHAPES.get(name) : undefined;
    if (shape !== undefined) return shape(this, form, place);
    return withItems(form, this.all(form.items, inside(place)));
  }

  all(forms: readonly Form[], place: Place): readonly Form[] {
    return mapForms(forms, (form) => this.walk(form, place));
  }

  bind(name: SymbolForm, block: Block): void {
    if (name.name === "_" || name.name === "&") return;
    this.bound(name);
    block.names.add(name.name);
  }

  /** A definition: at top level it is named by `defined`, in a body it is a local of that body. */
  define(form: ListForm, place: Place, walkRest: (form: ListForm) => ListForm): Form {
    const found = definedName(form);
    if (found === null) return walkRest(form);
    const name: SymbolForm = { ...found.target, name: found.name };
    if (place.block.parent !== null) {
      const isFunction = isFunctionDefinition(form, place);
      if (isFunction) this.bind(name, place.block);
      const walked = walkRest(form);
      if (!isFunction) this.bind(name, place.block);
      return walked;
    }
    // A function may call itself by its name; a value cannot be in reach before it is made.
    const early = isFunctionDefinition(form, place) ? this.defined(name, place) : null;
    const walked = walkRest(form);
    const to = early ?? this.defined(name, place);
    return to === found.name ? walked : renamedDefinition(walked, found, to);
  }

  isFunction(form: Form, place: Place): boolean {
    return isFunctionForm(form, place.block);
  }

  headed(form: Form, place: Place): Placed {
    return this.head(form, inside(place));
  }

  body(forms: readonly Form[], place: Place): readonly Form[] {
    const later = new Set<string>();
    const placed = forms.map((form): Placed => {
      const own = headName(form);
      if (own !== null && later.has(own)) return { form, place };
      const headed = this.headed(form, place);
      if (headed.form.kind !== "list" || !isDefinition(headed.form, place)) return headed;
      const found = definedName(headed.form);
      if (found === null) return headed;
      if (isFunctionDefinition(headed.form, place)) place.block.names.add(found.name);
      else later.add(found.name);
      return headed;
    });
    return mapForms(forms, (_, index) => this.walk(placed[index]!.form, placed[index]!.place));
  }
}

function isFunctionForm(form: Form | undefined, block: Block): boolean {
  const head = form === undefined ? null : headName(form);
  return head !== null && FUNCTION_HEADS.has(head) && !block.binds(head);
}

function isDefinition(form: ListForm, { block }: Place): boolean {
  const head = headName(form);
  return (head === "def" || head === "defn") && !block.binds(head);
}

function isFunctionDefinition(form: ListForm, { block }: Place): boolean {
  return headName(form) === "defn" || isFunctionForm(form.items.at(-1), block);
}
