/**
 * Names of a text: where each is defined, where it can be seen, and which definition a use means.
 *
 * Read in this order: Definition, Use, NameIndex, indexNames. The index works on forms before macros
 * are expanded and never refuses: what it does not understand binds nothing. It serves people
 * (hover, completion, renaming); what a program means is decided by analysis/ alone.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, ListForm, SymbolForm } from "../syntax/form.ts";

export type DefinitionKind =
  | "function"
  | "value"
  | "macro"
  | "type"
  | "module"
  | "parameter"
  | "local";

export interface Definition {
  readonly name: string;
  readonly kind: DefinitionKind;
  /** The name itself, where it is bound. */
  readonly span: SourceSpan;
  /** The form that binds it. */
  readonly form: Form;
  /** Parameter vector of a function or macro. */
  readonly parameters: Form | null;
  /** Annotated type. */
  readonly type: Form | null;
  /** Offsets between which the name means this; the whole text for globals. */
  readonly from: number;
  readonly to: number;
  /** It stands in `:keys`: its name is a key of the map too. */
  readonly isKey: boolean;
  /** Position in the text's order of definitions: of two that fit, the later one shadows. */
  readonly order: number;
}

/** A symbol that is read, or the name of a definition. */
export interface Use {
  readonly name: string;
  readonly span: SourceSpan;
  /** Null: the library, a special form, or nothing. */
  readonly definition: Definition | null;
}

/** A capability that a form asks for by a literal id; null when the id is computed. */
export interface CallUse {
  readonly capability: string | null;
  readonly span: SourceSpan;
}

export interface NameIndex {
  readonly definitions: readonly Definition[];
  /** In order of their place. */
  readonly uses: readonly Use[];
  readonly calls: readonly CallUse[];
}

/** Names seen from one place, innermost last. */
export interface Environment {
  readonly parent: Environment | null;
  readonly names: Map<string, Definition>;
}

/** What a form that binds does with its parts; the table is in binding-forms.ts. */
export type Binder = (walk: NameWalk, form: ListForm, environment: Environment) => void;

/** Most definitions and uses that are kept of one text. */
const ENTRIES_MAX = 200_000;

export function indexNames(
  forms: readonly Form[],
  binders: ReadonlyMap<string, Binder>,
): NameIndex {
  const walk = new NameWalk(binders);
  const environment: Environment = { parent: null, names: new Map() };
  for (const form of forms) walk.form(form, environment);
  return walk.finish();
}

interface OpenUse {
  readonly name: string;
  readonly span: SourceSpan;
  definition: Definition | null;
}

export class NameWalk {
  readonly #binders: ReadonlyMap<string, Binder>;
  readonly #definitions: Definition[] = [];
  readonly #uses: OpenUse[] = [];
  readonly #calls: CallUse[] = [];
  readonly #globals = new Map<string, Definition>();

  constructor(binders: ReadonlyMap<string, Binder>) {
    this.#binders = binders;
  }

  /** Forward references to globals are known at the end only. */
  finish(): NameIndex {
    for (const use of this.#uses) use.definition ??= this.#global(use.name);
    const uses = this.#uses.toSorted((a, b) => a.span.start - b.span.start);
    return { definitions: this.#definitions, uses, calls: this.#calls };
  }

  /** Also `module/name`, by its last part. */
  #global(name: string): Definition | null {
    const plain = name.slice(name.lastIndexOf("/", name.length - 2) + 1);
    return this.#globals.get(name) ?? this.#globals.get(plain) ?? null;
  }

  form(form: Form, environment: Environment): void {
    if (form.kind === "symbol") this.use(form, environment);
    else if (form.kind === "vector") this.forms(form.items, environment);
    else if (form.kind === "map") {
      this.forms(
        form.entries.map(({ value }) => value),
        environment,
      );
    } else if (form.kind === "list") this.#list(form, environment);
  }

  forms(forms: readonly Form[], environment: Environment): void {
    for (const form of forms) this.form(form, environment);
  }

  #list(form: ListForm, environment: Environment): void {
    const [head] = form.items;
    const isFree = head?.kind === "symbol" && found(head.name, environment) === null;
    const binder = isFree ? this.#binders.get(head.name) : undefined;
    if (binder === undefined) return this.forms(form.items, environment);
    this.use(head as SymbolForm, environment);
    binder(this, form, environment);
  }

  use({ name, span }: SymbolForm, environment: Environment): void {
    if (this.#uses.length >= ENTRIES_MAX) return;
    this.#uses.push({ name, span, definition: found(name, environment) });
  }

  call(use: CallUse): void {
    if (this.#calls.length < ENTRIES_MAX) this.#calls.push(use);
  }

  /** Bind a name; without an environment it is global. */
  define(
    symbol: SymbolForm,
    facts: Omit<Definition, "name" | "span" | "order" | "isKey"> & { readonly isKey?: boolean },
    environment: Environment | null,
  ): void {
    if (symbol.name === "_" || this.#definitions.length >= ENTRIES_MAX) return;
    const order = this.#definitions.length;
    const definition: Definition = {
      isKey: false,
      ...facts,
      name: symbol.name,
      span: symbol.span,
      order,
    };
    this.#definitions.push(definition);
    if (environment !== null) environment.names.set(symbol.name, definition);
    else this.#globals.set(symbol.name, definition);
    this.#uses.push({ name: symbol.name, span: symbol.span, definition });
  }
}

function found(name: string, environment: Environment): Definition | null {
  for (let at: Environment | null = environment; at !== null; at = at.parent) {
    const definition = at.names.get(name);
    if (definition !== undefined) return definition;
  }
  return null;
}
