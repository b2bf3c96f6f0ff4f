/**
 * The macros of a program, and the functions their bodies may use. Kept between the inputs of a REPL.
 *
 * @module
 */
import type { Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Diagnostic } from "../diagnostic.ts";
import type { ListForm } from "../syntax/form.ts";
import type { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import type { Form } from "../syntax/form.ts";

/** How a macro's body ended. */
export type MacroOutcome =
  | { readonly ok: true; readonly value: Value; readonly fuelUsed: number }
  | { readonly ok: false; readonly error: RtfsError; readonly fuelUsed: number };

/** Functions that a macro's body finds under names of its own. */
export type MacroGlobals = ReadonlyMap<string, (args: readonly Value[]) => Value>;

/** A compiled body. Runs without a host, with that much fuel. */
export type RunBody = (globals: MacroGlobals, fuel: number) => MacroOutcome;

/** What macro bodies run on: compiles forms without macros, whose value is the last one's. */
export type MacroEvaluator = (
  forms: readonly Form[],
  globals: readonly string[],
) => Result<RunBody, readonly Diagnostic[]>;

export interface Macro {
  readonly name: string;
  /** Where it was defined. */
  readonly span: SourceSpan;
  readonly arity: number;
  /** Takes more arguments than `arity`. */
  readonly hasRest: boolean;
  readonly run: RunBody;
}

/** Mutable: `expandProgram` adds what a program defines, when the whole program expanded. */
export class MacroRegistry {
  #macros = new Map<string, Macro>();
  /** Definitions with their turn. */
  #functions = new Map<string, { readonly form: ListForm; readonly turn: number }>();
  #turns = 0;
  #fresh = 0;

  get size(): number {
    return this.#macros.size;
  }

  macro(name: string): Macro | undefined {
    return this.#macros.get(name);
  }

  /** Names of the macros, in the order of their definition. */
  names(): readonly string[] {
    return [...this.#macros.keys()];
  }

  define(macro: Macro): void {
    this.#macros.delete(macro.name);
    this.#macros.set(macro.name, macro);
  }

  /** A definition of that name is no macro from here on. */
  forget(name: string): void {
    this.#macros.delete(name);
  }

  /** A function that later macro bodies may call. */
  remember(name: string, definition: ListForm): void {
    this.#functions.set(name, { form: definition, turn: ++this.#turns });
  }

  /** A value of that name is no function from here on. */
  forgetFunction(name: string): void {
    this.#functions.delete(name);
  }

  /** A known function's definition, expanded. */
  function(name: string): ListForm | undefined {
    return this.#functions.get(name)?.form;
  }

  /** Definitions of those names, in the order they were made. */
  functionsNamed(names: ReadonlySet<string>): readonly ListForm[] {
    return [...names]
      .flatMap((name) => this.#functions.get(name) ?? [])
      .sort((one, other) => one.turn - other.turn)
      .map(({ form }) => form);
  }

  /** The next number for a fresh name. */
  nextFresh(): number {
    return ++this.#fresh;
  }

  copy(): MacroRegistry {
    const copy = new MacroRegistry();
    copy.adopt(this);
    return copy;
  }

  /** Become what `other` is. */
  adopt(other: MacroRegistry): void {
    this.#macros = new Map(other.#macros);
    this.#functions = new Map(other.#functions);
    this.#turns = other.#turns;
    this.#fresh = other.#fresh;
  }
}
