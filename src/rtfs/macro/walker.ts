/**
 * What the shapes of special forms need of the walk they are part of.
 *
 * @module
 */
import type { Form, ListForm, SymbolForm } from "../syntax/form.ts";
import type { Block, Place } from "./place.ts";

/** A form and where it stands; a macro call's result stands in its expansion. */
export interface Placed {
  readonly form: Form;
  readonly place: Place;
}

export interface Walker {
  /** An expression. */
  walk(form: Form, place: Place): Form;
  all(forms: readonly Form[], place: Place): readonly Form[];
  /** A body of a function or `let`: the functions it defines see each other. */
  body(forms: readonly Form[], place: Place): readonly Form[];
  /** Bind a local; `_` and `&` bind nothing. */
  bind(name: SymbolForm, block: Block): void;
  /** What a type expression becomes. */
  type(form: Form): Form;
  /** A definition: at top level a global, in a body a local of that body. */
  define(form: ListForm, place: Place, walkRest: (form: ListForm) => ListForm): Form;
  /** The form with macro calls at its head expanded, so that what it binds is seen. */
  headed(form: Form, place: Place): Placed;
  /** Whether the form makes a function where it stands. */
  isFunction(form: Form, place: Place): boolean;
}
