/**
 * What people ask about a text while they write it: what a name is, what may stand here, where it
 * comes from, who else uses it.
 *
 * Read in this order: Assistant, Entity, describe. Works on texts with errors too, on what could be
 * read of them. Pure and bounded: one walk over the text for each new version of it.
 *
 * @module
 */
import { SPECIAL_FORMS } from "../analysis/special-forms.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { LIBRARY } from "../stdlib/index.ts";
import type { Entry } from "../stdlib/entry.ts";
import { type Form, headName, type ListForm } from "../syntax/form.ts";
import { type Comment, commentAbove } from "../syntax/comment.ts";
import { readSource } from "../syntax/reader.ts";
import { BINDERS } from "./binding-forms.ts";
import {
  type Definition,
  type DefinitionKind,
  indexNames,
  type NameIndex,
  type Use,
} from "./name-index.ts";
import { SPECIAL_DOCS } from "./special-docs.ts";

/** A name, told to people. */
export interface Entity {
  readonly name: string;
  readonly kind: DefinitionKind | "special form" | "library";
  /** How it is called or bound, e.g. `(area w :int h :int) :int`. */
  readonly signature: string;
  readonly doc: string | null;
  /** Capabilities it can ask for, `?` for a computed id; null where that says nothing. */
  readonly calls: readonly string[] | null;
  readonly definition: Definition | null;
}

/** Longest part of the source that is shown as a signature, UTF-16 units. */
const SIGNATURE_LENGTH_MAX = 400;
const COMPLETIONS_MAX = 500;
/** Functions that are followed for the calls of one. */
const REACHED_MAX = 500;

const LIBRARY_BY_NAME: ReadonlyMap<string, Entry> = new Map(LIBRARY.map((row) => [row.name, row]));

export class Assistant {
  readonly source: string;
  /** What the reader found wrong. */
  readonly diagnostics: readonly Diagnostic[];
  readonly forms: readonly Form[];
  readonly index: NameIndex;
  readonly #comments: readonly Comment[];

  constructor(source: string, file: string) {
    this.source = source;
    const { forms, comments, diagnostics } = readSource(source, { file });
    this.forms = forms;
    this.diagnostics = diagnostics;
    this.#comments = comments;
    this.index = indexNames(this.forms, BINDERS);
  }

  /** The name at an offset; its end counts too, where a cursor stands after typing. */
  useAt(offset: number): Use | null {
    const fits = this.index.uses.filter(({ span }) => span.start <= offset && offset <= span.end);
    return fits.at(-1) ?? null;
  }

  /** Every use of a definition, its own name included, in order. */
  usesOf(definition: Definition): readonly Use[] {
    return this.index.uses.filter((use) => use.definition === definition);
  }

  /** The module that a name of this text comes from, and its name there; null when it is no import. */
  importedName(name: string): { readonly module: string; readonly name: string } | null {
    const slash = name.lastIndexOf("/");
    const isQualified = slash > 0 && slash < name.length - 1;
    const prefix = isQualified ? name.slice(0, slash) : null;
    const local = isQualified ? name.slice(slash + 1) : name;
    for (const { module, alias, only } of importsOf(this.forms)) {
      const isMeant =
        prefix === null ? only.includes(local) : prefix === alias || prefix === module;
      if (isMeant) return { module, name: local };
    }
    return null;
  }

  /** What a name of this text, the library or the language is; null when nothing is known. */
  describe({ name, definition }: Pick<Use, "name" | "definition">): Entity | null {
    return definition === null ? describeBuiltin(name) : this.#describeOwn(definition);
  }

  /** Names that fit before `offset`, innermost first, and the text they complete. Own names come without doc and calls. */
  completions(offset: number): { readonly prefix: string; readonly entities: readonly Entity[] } {
    const prefix = /[^\s()[\]{}"',;`~^]*$/.exec(
      this.source.slice(Math.max(0, offset - 256), offset),
    );
    const wanted = prefix?.[0] ?? "";
    const seen = new Set<string>();
    const entities: Entity[] = [];
    const add = (name: string, describe: () => Entity | null): void => {
      if (seen.has(name) || !name.startsWith(wanted) || entities.length >= COMPLETIONS_MAX) return;
      seen.add(name);
      const entity = describe();
      if (entity !== null) entities.push(entity);
    };
    const visible = this.index.definitions
      .filter(({ from, to }) => from <= offset && offset <= to)
      .toSorted((a, b) => b.from - a.from || b.order - a.order);
    for (const each of visible) add(each.name, () => this.#brief(each));
    for (const name of SPECIAL_FORMS.keys()) add(name, () => describeBuiltin(name));
    for (const name of LIBRARY_BY_NAME.keys()) add(name, () => describeBuiltin(name));
    return { prefix: wanted, entities };
  }

  /** The innermost call around an offset: its head, and which argument stands there, from 0. */
  callAround(offset: number): { readonly use: Use; readonly argument: number } | null {
    let innermost: ListForm | null = null;
    const pending = [...this.forms];
    for (let form = pending.pop(); form !== undefined; form = pending.pop()) {
      const { start, end } = form.span;
      // Behind its closing bracket nothing is inside; without one, the end of the text is.
      const isClosed = /[)\]}]/.test(this.source.charAt(end - 1));
      if (start >= offset || offset > end || (offset === end && isClosed)) continue;
      if (form.kind === "list") {
        if (innermost === null || form.span.start >= innermost.span.start) innermost = form;
        pending.push(...form.items);
      } else if (form.kind === "vector") pending.push(...form.items);
      else if (form.kind === "map") pending.push(...form.entries.map(({ value }) => value));
    }
    const head = innermost?.items[0];
    if (innermost === null || head?.kind !== "symbol" || offset <= head.span.end) return null;
    const use = this.useAt(head.span.start);
    const passed = innermost.items.slice(1).filter(({ span }) => span.end < offset).length;
    return use === null ? null : { use, argument: passed };
  }

  /** Names of this text, the language and the library that begin so. */
  namesFrom(prefix: string): readonly string[] {
    const own = this.globals().map(({ name }) => name);
    const all = new Set([...own, ...SPECIAL_FORMS.keys(), ...LIBRARY_BY_NAME.keys()]);
    return [...all].filter((name) => name.startsWith(prefix));
  }

  /** Globals, in order of the text. */
  globals(): readonly Definition[] {
    return this.index.definitions.filter(({ to }) => to === Number.POSITIVE_INFINITY);
  }

  #describeOwn(definition: Definition): Entity {
    const calls = definition.parameters === null ? null : this.#callsOf(definition);
    return { ...this.#brief(definition), doc: this.#docOf(definition), calls };
  }

  /** Without what takes a walk over the text. */
  #brief(definition: Definition): Entity {
    const { name, kind, parameters, type } = definition;
    const typeText = type === null ? "" : ` : ${this.#text(type).replace(/^:/, "")}`;
    const signature =
      parameters === null ? `${name}${typeText}` : `(${name} ${this.#text(parameters)})${typeText}`;
    const shown = signature.slice(0, SIGNATURE_LENGTH_MAX);
    return { name, kind, signature: shown, doc: null, calls: null, definition };
  }

  #text({ span }: Form): string {
    return this.source.slice(span.start, span.end).replaceAll(/\s+/g, " ");
  }

  /** A docstring, else the comment lines right above. */
  #docOf({ form, kind }: Definition): string | null {
    if (kind === "parameter" || kind === "local" || form.kind !== "list") return null;
    const text = form.items.find((item, at) => at > 2 && item.kind === "string");
    if (text?.kind === "string" && form.items.at(-1) !== text && kind !== "value")
      return text.value;
    const above = commentAbove(this.#comments, form.span);
    return above === "" ? null : above;
  }

  /** Ids asked for in the definition and in every function of the text that it names. */
  #callsOf(definition: Definition): readonly string[] {
    const calls = new Set<string>();
    const reached = new Set<Definition>([definition]);
    for (const { form } of reached) {
      const isInside = ({ span }: { span: { start: number } }): boolean =>
        form.span.start <= span.start && span.start < form.span.end;
      for (const call of this.index.calls) if (isInside(call)) calls.add(call.capability ?? "?");
      for (const use of this.index.uses) {
        const { definition: used } = use;
        if (used === null || !isInside(use) || !isGlobalFunction(used)) continue;
        if (reached.size < REACHED_MAX) reached.add(used);
      }
    }
    return [...calls].toSorted();
  }
}

function isGlobalFunction({ kind, to }: Definition): boolean {
  return to === Number.POSITIVE_INFINITY && (kind === "function" || kind === "macro");
}

interface Import {
  readonly module: string;
  readonly alias: string | null;
  readonly only: readonly string[];
}

/** Imports at top level and in modules, as far as they are well formed. */
function importsOf(forms: readonly Form[]): readonly Import[] {
  return forms.flatMap((form) => {
    if (form.kind !== "list") return [];
    if (headName(form) === "module") return importsOf(form.items.slice(1));
    if (headName(form) !== "import") return [];
    const [, first, ...rest] = form.items;
    const parts = first?.kind === "vector" ? first.items : [first!, ...rest];
    const [name] = parts;
    if (name?.kind !== "symbol") return [];
    const after = (word: string): Form | undefined =>
      parts[parts.findIndex((each) => each.kind === "keyword" && each.name === word) + 1];
    const alias = after("as");
    const only = after("only");
    return [
      {
        module: name.name,
        alias: alias?.kind === "symbol" && alias !== name ? alias.name : null,
        only:
          only?.kind === "vector"
            ? only.items.flatMap((each) => (each.kind === "symbol" ? [each.name] : []))
            : [],
      },
    ];
  });
}

/** A special form or a function of the library. */
export function describeBuiltin(name: string): Entity | null {
  const special = SPECIAL_DOCS.get(name);
  if (special !== undefined) {
    const { usage, doc } = special;
    return { name, kind: "special form", signature: usage, doc, calls: null, definition: null };
  }
  const entry = LIBRARY_BY_NAME.get(name);
  if (entry === undefined) return null;
  const signature = `(${name}${argumentsText(entry.arity)})`;
  return { name, kind: "library", signature, doc: entry.doc, calls: [], definition: null };
}

/** ` a b c?`, ` a…`: letters for places, `?` for what may be absent. */
function argumentsText([least, most]: readonly [number, number]): string {
  const letter = (index: number): string => String.fromCodePoint(97 + (index % 26));
  const names = Array.from({ length: Math.min(least, 8) }, (_, index) => ` ${letter(index)}`);
  if (most === Number.POSITIVE_INFINITY) return `${names.join("")} ${letter(least)}…`;
  for (let index = least; index < Math.min(most, 8); index++) names.push(` ${letter(index)}?`);
  return names.join("");
}
