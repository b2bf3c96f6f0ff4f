/**
 * Templates as code: `` `(a ~b ~@c) `` becomes calls that build the list.
 *
 * Levels count: a quasiquote inside a template is data one level down, and an unquote there takes one
 * level away. `x#` stands for a fresh name, one for each template and name; in a macro's body a new
 * one for each expansion.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Form, headName, keyOf, type ListForm, type SymbolForm } from "../syntax/form.ts";

/** What is wrong with a template. */
export class TemplateProblem extends Error {
  readonly span: SourceSpan;
  readonly hint: string | undefined;

  constructor(span: SourceSpan, message: string, hint?: string) {
    super(message);
    this.span = span;
    this.hint = hint;
  }
}

export interface LoweredTemplate {
  readonly form: Form;
  /** The names written `x#`, in the order they were met; `form` reads a local of each name. */
  readonly autos: readonly SymbolForm[];
}

/** @throws {TemplateProblem} */
export function lowerTemplate(form: ListForm): LoweredTemplate {
  const lowering = new Lowering();
  const lowered = lowering.template(only(form), 1);
  return { form: lowered, autos: [...lowering.autos.values()] };
}

/** A list that starts with a name. */
export function callForm(name: string, args: readonly Form[], span: SourceSpan): ListForm {
  return { kind: "list", items: [{ kind: "symbol", name, span }, ...args], span };
}

/** `x#`: a name to be made fresh. */
export function isAutoName(name: string): boolean {
  return name.length > 1 && name.endsWith("#");
}

/** The one form of `(quasiquote x)` and its kin. @throws {TemplateProblem} */
function only(form: ListForm): Form {
  const [, inner] = form.items;
  if (inner !== undefined && form.items.length === 2) return inner;
  throw new TemplateProblem(form.span, `\`${headName(form)}\` takes exactly one form`);
}

class Lowering {
  readonly autos: Map<string, SymbolForm> = new Map();
  /** Answers of #isConstant, at the outermost level and below: each form is judged once. */
  readonly #outer = new Map<Form, boolean>();
  readonly #nested = new Map<Form, boolean>();

  /** The code that makes `form` at run time; `level` 1 is the outermost template. */
  template(form: Form, level: number): Form {
    if (form.kind === "symbol") return this.#symbol(form, level);
    if (form.kind === "list") return this.#list(form, level);
    if (form.kind === "map") return this.#map(form, level);
    if (form.kind !== "vector") return form;
    if (this.#isConstant(form, level)) return quoted(form);
    return this.#sequence("template/vector", form.items, { level, span: form.span });
  }

  #symbol(form: SymbolForm, level: number): Form {
    if (level > 1 || !isAutoName(form.name)) return quoted(form);
    if (!this.autos.has(form.name)) this.autos.set(form.name, form);
    return form;
  }

  #list(form: ListForm, level: number): Form {
    const head = headName(form);
    if (head === "unquote") {
      if (level === 1) return only(form);
      return this.#wrapped(form, level - 1);
    }
    if (head === "unquote-splicing") {
      if (level === 1) {
        throw new TemplateProblem(form.span, "`~@` stands in a list or a vector", "Write `~`");
      }
      return this.#wrapped(form, level - 1);
    }
    if (head === "quasiquote") return this.#wrapped(form, level + 1);
    if (this.#isConstant(form, level)) return quoted(form);
    return this.#sequence("template/join", form.items, { level, span: form.span });
  }

  /** A quote of another level: its head stays, its form is a template of that level. */
  #wrapped(form: ListForm, level: number): Form {
    const [head] = form.items;
    return callForm("template/list", [quoted(head!), this.template(only(form), level)], form.span);
  }

  /** Runs of plain items become lists; `~@` parts stand between them. */
  #sequence(
    name: "template/join" | "template/vector",
    items: readonly Form[],
    { level, span }: { readonly level: number; readonly span: SourceSpan },
  ): Form {
    const parts: Form[] = [];
    let run: Form[] = [];
    const flush = (): void => {
      if (run.length > 0) parts.push(callForm("template/list", run, span));
      run = [];
    };
    for (const item of items) {
      if (level === 1 && headName(item) === "unquote-splicing") {
        flush();
        parts.push(callForm("template/splice", [only(item as ListForm)], item.span));
      } else run.push(this.template(item, level));
    }
    flush();
    const isList = name === "template/join" && parts.length === 1;
    return isList ? parts[0]! : callForm(name, parts, span);
  }

  #map(form: Extract<Form, { kind: "map" }>, level: number): Form {
    const isPattern = form.entries.some(({ key }) => keyOf(key) === null);
    if (!isPattern) {
      if (this.#isConstant(form, level)) return quoted(form);
      const entries = form.entries.map(({ key, value }) => ({
        key,
        value: this.template(value, level),
      }));
      return { ...form, entries };
    }
    const parts = form.entries.flatMap(({ key, value }) => [
      this.template(key, level),
      this.template(value, level),
    ]);
    return callForm("template/pattern", parts, form.span);
  }

  /** Whether a template has nothing to fill in: then it is quoted whole. */
  #isConstant(form: Form, level: number): boolean {
    const known = level > 1 ? this.#nested : this.#outer;
    const answer = known.get(form) ?? this.#judge(form, level);
    known.set(form, answer);
    return answer;
  }

  #judge(form: Form, level: number): boolean {
    if (form.kind === "symbol") return level > 1 || !isAutoName(form.name);
    if (form.kind === "vector") return form.items.every((item) => this.#isConstant(item, level));
    if (form.kind === "list") {
      const head = headName(form);
      if (head === "unquote" || head === "unquote-splicing" || head === "quasiquote") return false;
      return form.items.every((item) => this.#isConstant(item, level));
    }
    if (form.kind !== "map") return true;
    return form.entries.every(
      ({ key, value }) => keyOf(key) !== null && this.#isConstant(value, level),
    );
  }
}

function quoted(form: Form): Form {
  return callForm("quote", [form], form.span);
}
