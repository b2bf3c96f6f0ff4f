/**
 * Forms to nodes: the analyser's state and its entry points.
 *
 * Read in this order: analyseProgram, Analyser.form, Analyser.call. Special forms live in
 * forms-*.ts, each a function of the analyser; patterns in patterns.ts. All problems of a program
 * are collected; a form with a problem becomes nil, and the program is refused at the end.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import {
  type Diagnostic,
  type DiagnosticMore,
  DIAGNOSTICS_MAX,
  diagnostic,
} from "../diagnostic.ts";
import {
  type Form,
  formToValue,
  headName,
  keyOf,
  type ListForm,
  type MapForm,
} from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import type { MapKey } from "../values/value.ts";
import { NIL } from "./build.ts";
import { argumentContext, type Context } from "./context.ts";
import { HINTS } from "./hints.ts";
import { type Block, findLocal, localNode, Names, newBlock, newScope } from "./names.ts";
import type { Binding, Cell, Node, Scope } from "./node.ts";
import { suggestName } from "./suggest.ts";
import { TypeAliases } from "./type-aliases.ts";
import { USAGE } from "./usage.ts";

export { argumentContext, type Context } from "./context.ts";

export interface Analysed {
  readonly nodes: readonly Node[];
  readonly scope: Scope;
  readonly cells: readonly Cell[];
}

/** A special form: gets the whole list. */
export type SpecialForm = (analyser: Analyser, form: ListForm, context: Context) => Node;

export interface Language {
  readonly specialForms: ReadonlyMap<string, SpecialForm>;
  /** Special forms whose names the program may define: then they are ordinary names. */
  readonly softForms: ReadonlyMap<string, SpecialForm>;
  /** Names that are functions of the program's language version, made where they are read. */
  readonly helpers: ReadonlyMap<string, Helper>;
  readonly builtins: ReadonlySet<string>;
  /** Patterns fit exactly, and a context key that is not there is an error. */
  readonly isStrict: boolean;
}

/** A function that is not in the library: what a call of it is, and what it is as a value. */
export interface Helper {
  readonly call: SpecialForm;
  readonly value: (context: Context, span: SourceSpan) => Node;
}

/** What `recur` jumps to. */
export interface Loop {
  readonly self: Binding;
  readonly arity: number;
}

const TYPE_HINT = "A type is a name such as `int`, or a vector such as `[:vector int]`";
/** Nesting of forms after sugar is expanded. */
const DEPTH_MAX = 800;

class TooMany extends Error {}

export class Analyser {
  readonly names: Names;
  readonly language: Language;
  readonly stepNames: Map<string, SourceSpan> = new Map();
  readonly aliases: TypeAliases = new TypeAliases();
  /** By the scope of the loop's body. */
  readonly loops: Map<Scope, Loop> = new Map();
  /** Names the program defines at top level, also further down. */
  readonly #defined = new Set<string>();
  /** The head of the special form being read: what problems in it are told. */
  #head = "";
  readonly #problems: Diagnostic[] = [];
  #depth = 0;

  constructor(language: Language, globals: readonly string[]) {
    this.language = language;
    this.names = new Names(language.builtins, globals);
  }

  program(forms: readonly Form[]): Result<Analysed, readonly Diagnostic[]> {
    const scope = newScope(null);
    const block = newBlock(null, scope);
    const nodes: Node[] = [];
    for (const form of forms) this.#declare(form);
    try {
      for (const form of forms) {
        nodes.push(this.form(form, { block, isTail: false, isConditional: false }));
      }
      for (const { name, span } of this.names.unbound()) this.#unbound(name, span, block);
    } catch (stop) {
      if (!this.#isStop(stop, forms)) throw stop;
    }
    if (this.#problems.length > 0) return err(this.#problems);
    return ok({ nodes, scope, cells: this.names.cells });
  }

  /** What is known of a top-level form before anything is analysed. */
  #declare(form: Form): void {
    const [, name, value] = form.kind === "list" ? form.items : [];
    if (name?.kind !== "symbol") return;
    const head = headName(form);
    if (head === "def" || head === "defn" || head === "defstruct") this.#defined.add(name.name);
    if (head === "deftype" && value !== undefined) this.aliases.define(name.name, value, form);
    if (head === "defstruct") {
      this.aliases.define(name.name, recordType(form as ListForm), form);
    }
  }

  #isStop(stop: unknown, forms: readonly Form[]): boolean {
    if (stop instanceof TooMany) return true;
    if (!(stop instanceof RangeError)) return false;
    this.#problems.push(diagnostic(forms[0]!.span, "The program nests too deep to be compiled"));
    return true;
  }

  #unbound(name: string, span: SourceSpan, block: Block): void {
    const near = suggestName(name, this.names.visible(block));
    const hint = near === null ? HINTS.get(name) : `Did you mean \`${near}\`?`;
    this.problem(span, `\`${name}\` is not defined`, {
      hint: HINTS.get(name) ?? hint,
      kind: "UndefinedSymbol",
    });
  }

  /** Record a problem and stand in for the form. */
  problem(span: SourceSpan, message: string, more: DiagnosticMore = {}): Node {
    this.#problems.push(diagnostic(span, message, { ...more, hint: more.hint ?? this.#usage() }));
    if (this.#problems.length >= DIAGNOSTICS_MAX) throw new TooMany();
    return NIL;
  }

  #usage(): string | undefined {
    const usage = USAGE.get(this.#head);
    return usage === undefined ? undefined : `Write ${usage}`;
  }

  form(form: Form, context: Context): Node {
    if (++this.#depth > DEPTH_MAX) {
      this.problem(form.span, `The program nests deeper than ${DEPTH_MAX} after expansion`);
      throw new TooMany();
    }
    const node = this.#dispatch(form, context);
    this.#depth--;
    return node;
  }

  #dispatch(form: Form, context: Context): Node {
    switch (form.kind) {
      case "symbol":
        return this.#symbol(form.name, form.span, context.block);
      case "list":
        return this.#list(form, context);
      case "vector": {
        const inner = argumentContext(context);
        return { op: "vector", items: form.items.map((item) => this.form(item, inner)) };
      }
      case "map":
        return this.#map(form, context);
      case "keyword":
      case "integer":
      case "string":
      case "nil":
      case "boolean":
      case "float":
      case "timestamp":
      case "uuid":
      case "resource":
        return { op: "const", value: formToValue(form) };
    }
  }

  #symbol(name: string, span: SourceSpan, block: Block): Node {
    const local = findLocal(name, block);
    if (local !== null) return localNode(local, block, span);
    if (this.#isGlobal(name)) return this.names.resolve(name, block, span);
    const helper = this.language.helpers.get(name);
    if (helper !== undefined) return helper.value(placeOf(block), span);
    if (this.language.builtins.has(name)) return this.names.resolve(name, block, span);
    if (name === "call") {
      const hint = "Write (call :id …) where it is used, so that its effects can be known";
      return this.problem(span, "`call` is no value", { hint });
    }
    const isForm = this.language.specialForms.has(name) || this.language.softForms.has(name);
    if (!isForm) return this.names.resolve(name, block, span);
    const hint = USAGE.get(name);
    return this.problem(span, `\`${name}\` is a special form, not a value`, { hint });
  }

  /** Whether the program itself gives the name a meaning here. */
  #isOwn(name: string, block: Block): boolean {
    return findLocal(name, block) !== null || this.#isGlobal(name);
  }

  #isGlobal(name: string): boolean {
    return this.#defined.has(name) || this.names.isDefined(name);
  }

  #map(form: MapForm, context: Context): Node {
    const inner = argumentContext(context);
    const entries: (readonly [MapKey, Node])[] = [];
    for (const { key, value } of form.entries) {
      const known = keyOf(key);
      if (known === null) {
        this.problem(key.span, "A map key is a keyword, a string or an integer", {
          hint: "Use (hash-map k v) for a computed key",
        });
      } else entries.push([known, this.form(value, inner)]);
    }
    return { op: "map", entries, form };
  }

  #list(form: ListForm, context: Context): Node {
    const head = form.items[0];
    if (head === undefined) return { op: "const", value: formToValue(form) };
    if (head.kind !== "symbol") return this.call(form, context);
    const special = this.#special(head.name, context.block);
    if (special === undefined) return this.call(form, context);
    const around = this.#head;
    this.#head = head.name;
    const node = special(this, form, context);
    this.#head = around;
    return node;
  }

  #special(name: string, block: Block): SpecialForm | undefined {
    const { specialForms, softForms, helpers } = this.language;
    if (specialForms.has(name)) {
      return findLocal(name, block) === null ? specialForms.get(name) : undefined;
    }
    if (this.#isOwn(name, block)) return undefined;
    return softForms.get(name) ?? helpers.get(name)?.call;
  }

  call(form: ListForm, context: Context): Node {
    const inner = argumentContext(context);
    const { items } = form;
    const callee = this.form(undotted(items[0]!), inner);
    const args: Node[] = [];
    for (let at = 1; at < items.length; at++) args.push(this.form(items[at]!, inner));
    return { op: "call", callee, args, isTail: context.isTail, span: form.span };
  }

  /** Forms in order; the last one gives the value. Empty: nil. */
  sequence(forms: readonly Form[], context: Context): Node {
    if (forms.length === 1) return this.form(forms[0]!, context);
    if (forms.length === 0) return NIL;
    const last = forms.length - 1;
    const nodes = forms.map((form, index) =>
      this.form(form, index === last ? context : { ...context, isTail: false }),
    );
    return { op: "do", nodes };
  }

  type(form: Form): TypeValidator | null {
    const type = this.aliases.compile(form);
    if (type.ok) return type.value;
    const { span, message, hint = TYPE_HINT } = type.error;
    this.problem(span, message, { hint });
    return null;
  }

  /** A check of `value` against an annotation; the value alone when there is none. */
  checked(value: Node, type: Form | null, what: string, span: SourceSpan): Node {
    const validator = type === null ? null : this.type(type);
    return validator === null ? value : { op: "check", type: validator, value, what, span };
  }
}

/** A place in a body whose value is used. */
function placeOf(block: Block): Context {
  return { block, isTail: false, isConditional: false };
}

/** The type of what a struct's constructor takes. */
export function recordType({ items, span }: ListForm): Form {
  const fields: Form[] = [];
  for (let at = 2; at + 1 < items.length; at += 2) {
    fields.push({ kind: "vector", items: [items[at]!, items[at + 1]!], span: items[at]!.span });
  }
  return { kind: "vector", items: [{ kind: "keyword", name: "map", span }, ...fields], span };
}

/** `(.m target)` is `(m target)`. */
function undotted(head: Form): Form {
  if (head.kind !== "symbol" || head.name.charCodeAt(0) !== 46) return head;
  if (!/^\.[A-Za-z_]/.test(head.name)) return head;
  return { ...head, name: head.name.slice(1) };
}
