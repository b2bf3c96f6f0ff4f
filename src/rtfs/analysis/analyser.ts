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
import { type Form, formToValue, keyOf, type ListForm, type MapForm } from "../syntax/form.ts";
import { compileTypeForm, type TypeValidator } from "../types/compile-type.ts";
import type { MapKey } from "../values/value.ts";
import { type Block, findLocal, Names, newBlock, newScope } from "./names.ts";
import type { Cell, Node, Scope } from "./node.ts";
import { suggestName } from "./suggest.ts";

export interface Analysed {
  readonly nodes: readonly Node[];
  readonly scope: Scope;
  readonly cells: readonly Cell[];
}

/** A special form: gets the whole list. */
export type SpecialForm = (analyser: Analyser, form: ListForm, context: Context) => Node;

/** Where a form stands. */
export interface Context {
  readonly block: Block;
  /** Its value is the value of the enclosing function: a call here takes no stack. */
  readonly isTail: boolean;
  /** It may not be reached although the forms before it were. */
  readonly isConditional: boolean;
}

export interface Language {
  readonly specialForms: ReadonlyMap<string, SpecialForm>;
  readonly builtins: ReadonlySet<string>;
}

const NIL: Node = { op: "const", value: null };
/** Nesting of forms after sugar is expanded. */
const DEPTH_MAX = 800;

class TooMany extends Error {}

export class Analyser {
  readonly names: Names;
  readonly language: Language;
  readonly stepNames: Map<string, SourceSpan> = new Map();
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

  #isStop(stop: unknown, forms: readonly Form[]): boolean {
    if (stop instanceof TooMany) return true;
    if (!(stop instanceof RangeError)) return false;
    this.#problems.push(diagnostic(forms[0]!.span, "The program nests too deep to be compiled"));
    return true;
  }

  #unbound(name: string, span: SourceSpan, block: Block): void {
    const near = suggestName(name, this.names.visible(block));
    const hint = near === null ? HINTS.get(name) : `Did you mean \`${near}\`?`;
    this.problem(span, `\`${name}\` is not defined`, { hint: HINTS.get(name) ?? hint });
  }

  /** Record a problem and stand in for the form. */
  problem(span: SourceSpan, message: string, more: DiagnosticMore = {}): Node {
    this.#problems.push(diagnostic(span, message, more));
    if (this.#problems.length >= DIAGNOSTICS_MAX) throw new TooMany();
    return NIL;
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
      case "nil":
      case "boolean":
      case "integer":
      case "float":
      case "string":
      case "keyword":
      case "timestamp":
      case "uuid":
      case "resource":
        return { op: "const", value: formToValue(form) };
    }
  }

  #symbol(name: string, span: SourceSpan, block: Block): Node {
    if (findLocal(name, block) === null && !this.language.builtins.has(name)) {
      if (name === "call") {
        const hint = "Write (call :id …) where it is used, so that its effects can be known";
        return this.problem(span, "`call` is no value", { hint });
      }
      if (this.language.specialForms.has(name) && name !== "get") {
        return this.problem(span, `\`${name}\` is a special form, not a value`);
      }
    }
    return this.names.resolve(name, block, span);
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
    if (head.kind === "symbol" && findLocal(head.name, context.block) === null) {
      const special = this.language.specialForms.get(head.name);
      if (special !== undefined) return special(this, form, context);
    }
    return this.call(form, context);
  }

  call(form: ListForm, context: Context): Node {
    const inner = argumentContext(context);
    const [head, ...rest] = form.items;
    const callee = this.form(undotted(head!), inner);
    const args = rest.map((arg) => this.form(arg, inner));
    return { op: "call", callee, args, isTail: context.isTail, span: form.span };
  }

  /** Forms in order; the last one gives the value. Empty: nil. */
  sequence(forms: readonly Form[], context: Context): Node {
    const last = forms.length - 1;
    const nodes = forms.map((form, index) =>
      this.form(form, index === last ? context : { ...context, isTail: false }),
    );
    if (nodes.length === 1) return nodes[0]!;
    return nodes.length === 0 ? NIL : { op: "do", nodes };
  }

  type(form: Form): TypeValidator | null {
    const type = compileTypeForm(form);
    if (type.ok) return type.value;
    const { span, message, hint } = type.error;
    this.problem(span, message, { hint });
    return null;
  }

  /** A check of `value` against an annotation; the value alone when there is none. */
  checked(value: Node, type: Form | null, what: string, span: SourceSpan): Node {
    const validator = type === null ? null : this.type(type);
    return validator === null ? value : { op: "check", type: validator, value, what, span };
  }
}

/** The same place, but its value goes to an argument or a test. */
export function argumentContext(context: Context): Context {
  return context.isTail ? { ...context, isTail: false } : context;
}

/** `(.m target)` is `(m target)`. */
function undotted(head: Form): Form {
  if (head.kind !== "symbol" || !/^\.[A-Za-z_]/.test(head.name)) return head;
  return { ...head, name: head.name.slice(1) };
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ["println", 'Effects are calls: (call :ccos.io.println "text")'],
  ["print", 'Effects are calls: (call :ccos.io.print "text")'],
  ["log", 'Effects are calls: (call :ccos.io.log "text")'],
  ["http-fetch", 'Effects are calls: (call :ccos.network.http-fetch "https://…")'],
  ["get-env", 'Effects are calls: (call :ccos.system.get-env "NAME")'],
  ["read-file", 'Effects are calls: (call :ccos.io.read-file "/path")'],
  ["set!", "Nothing can be assigned; bind a new name"],
  ["loop", "Use a function that calls itself; tail calls take no stack"],
  ["recur", "Call the function by its name; tail calls take no stack"],
  ["defmacro", "Macros are not part of this version"],
  ["list", "Write a vector; lists come from quoting"],
]);
