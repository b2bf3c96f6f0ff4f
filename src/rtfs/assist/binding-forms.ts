/**
 * Which forms bind names, and where those names can be seen: one row for each form.
 *
 * @module
 */
import { parseBindings, splitName } from "../analysis/annotation.ts";
import { stripMetadata } from "../analysis/metadata.ts";
import type { Form, ListForm, SymbolForm } from "../syntax/form.ts";
import type { Binder, DefinitionKind, Environment, NameWalk } from "./name-index.ts";

/** Head to binder. */
export const BINDERS: ReadonlyMap<string, Binder> = new Map<string, Binder>([
  ["quote", () => undefined],
  ["quasiquote", (walk, form, environment) => quoted(walk, form.items.slice(1), environment)],
  ["def", defined("value")],
  ["defn", defined("function")],
  ["defmacro", defined("macro")],
  ["defstruct", named("type")],
  ["deftype", named("type")],
  ["module", (walk, form, environment) => moduleForm(walk, form, environment)],
  ["import", () => undefined],
  ["fn", anonymous],
  ["lambda", anonymous],
  ["λ", anonymous],
  ["let", bindings],
  ["loop", bindings],
  ["if-let", bindings],
  ["when-let", bindings],
  ["for", bindings],
  ["dotimes", bindings],
  ["with-resource", resource],
  ["match", matching],
  ["catch", catching],
  ["call", calling],
]);

const ALL = { from: 0, to: Number.POSITIVE_INFINITY };

function inner(environment: Environment): Environment {
  return { parent: environment, names: new Map() };
}

/** Inside a quasiquote only what is unquoted is code. */
function quoted(walk: NameWalk, forms: readonly Form[], environment: Environment): void {
  for (const form of forms) {
    if (form.kind === "map")
      quoted(
        walk,
        form.entries.map(({ value }) => value),
        environment,
      );
    if (form.kind !== "list" && form.kind !== "vector") continue;
    const [head] = form.items;
    const isCode = head?.kind === "symbol" && /^unquote(?:-splicing)?$/.test(head.name);
    if (isCode) walk.forms(form.items.slice(1), environment);
    else quoted(walk, form.items, environment);
  }
}

/** `(def name type? value)`, `(defn name [params] body…)`: global wherever it stands. */
function defined(kind: DefinitionKind): Binder {
  return (walk, form, environment) => {
    const [, name, ...rest] = form.items.map(bare);
    if (name?.kind !== "symbol") return walk.forms(form.items.slice(1), environment);
    if (kind !== "value") {
      const at = rest.findIndex((each) => each.kind === "vector");
      const parameters = rest[at] ?? null;
      const type = returnType(rest.slice(at + 1));
      walk.define(name, { kind, form, parameters, type, ...ALL }, null);
      return functionParts(walk, form, 2 + Math.max(at, 0), environment);
    }
    const annotated = annotatedName(name, rest);
    const value = rest.at(-1);
    const isFunction = value !== undefined && functionParameters(value) !== null;
    const parameters = isFunction ? functionParameters(value) : null;
    const facts = { form, parameters, type: annotated.type, ...ALL };
    walk.define(annotated.target, { kind: isFunction ? "function" : "value", ...facts }, null);
    if (value !== undefined) walk.form(value, environment);
  };
}

/** What stands between parameters and body, when it looks like a type. */
function returnType([first, second, ...rest]: readonly Form[]): Form | null {
  if (isColon(first)) return rest.length > 0 ? (second ?? null) : null;
  return first?.kind === "keyword" && second !== undefined ? first : null;
}

function annotatedName(
  name: SymbolForm,
  rest: readonly Form[],
): { target: SymbolForm; type: Form | null } {
  const joined = splitName(name);
  if (joined !== null && joined.type !== null) return { target: joined.target, type: joined.type };
  const type = rest.length > 1 ? (rest.at(-2) ?? null) : null;
  return { target: name, type };
}

function functionParameters(value: Form): Form | null {
  if (value.kind !== "list") return null;
  const [head, ...rest] = value.items;
  if (head?.kind !== "symbol" || !/^(?:fn|lambda|\u03bb)$/.test(head.name)) return null;
  return rest.map(bare).find((each) => each.kind === "vector") ?? null;
}

/** Without the metadata written on it. */
function bare(form: Form): Form {
  return stripMetadata(form).form;
}

function named(kind: DefinitionKind): Binder {
  return (walk, form, environment) => {
    const [, name, ...rest] = form.items.map(bare);
    if (name?.kind === "symbol")
      walk.define(name, { kind, form, parameters: null, type: null, ...ALL }, null);
    walk.forms(rest, environment);
  };
}

function moduleForm(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, name, ...rest] = form.items;
  if (name?.kind === "symbol")
    walk.define(name, { kind: "module", form, parameters: null, type: null, ...ALL }, null);
  walk.forms(rest, environment);
}

function anonymous(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, first, second] = form.items.map(bare);
  if (first?.kind !== "symbol") return functionParts(walk, form, 1, environment);
  const block = inner(environment);
  const range = { from: form.span.start, to: form.span.end };
  const parameters = second ?? null;
  walk.define(first, { kind: "function", form, parameters, type: null, ...range }, block);
  functionParts(walk, form, 2, block);
}

/** Parameters at `at`, then the body. */
function functionParts(walk: NameWalk, form: ListForm, at: number, outer: Environment): void {
  const written = form.items[at];
  const parameters = written === undefined ? undefined : bare(written);
  const block = inner(outer);
  if (parameters?.kind === "vector") {
    const scope: PatternScope = { form, kind: "parameter", from: parameters.span.start, block };
    patternItems(walk, parameters.items, scope);
  }
  walk.forms(form.items.slice(at + 1), block);
}

interface PatternScope {
  readonly form: Form;
  readonly kind: "parameter" | "local";
  /** The names are seen from here to the end of `form`. */
  readonly from: number;
  readonly block: Environment;
  readonly isKey?: boolean;
}

/** Patterns with annotations among them, as in parameters. */
function patternItems(walk: NameWalk, items: readonly Form[], scope: PatternScope): void {
  for (let at = 0; at < items.length; at++) {
    const item = items[at]!;
    const after = items[at + 1];
    if (isColon(after)) {
      pattern(walk, item, scope, items[at + 2] ?? null);
      at += 2;
    } else if (item.kind === "symbol" && after?.kind === "keyword" && after.name !== "as") {
      pattern(walk, item, scope, after);
      at++;
    } else pattern(walk, item, scope, null);
  }
}

function isColon(form: Form | undefined): boolean {
  return form?.kind === "symbol" && form.name === ":";
}

function pattern(walk: NameWalk, form: Form, scope: PatternScope, type: Form | null): void {
  if (form.kind === "symbol") {
    if (form.name === "&" || form.name === ":") return;
    const joined = splitName(form);
    const { kind, isKey = false } = scope;
    const facts = { kind, isKey, form: scope.form, parameters: null };
    const range = { from: scope.from, to: scope.form.span.end };
    const target = joined?.target ?? form;
    walk.define(target, { ...facts, type: joined?.type ?? type, ...range }, scope.block);
  } else if (form.kind === "vector") patternItems(walk, form.items, scope);
  else if (form.kind === "list") {
    for (const item of form.items) pattern(walk, item, scope, null);
  } else if (form.kind === "map") {
    for (const { key, value } of form.entries) {
      const isDefaults = key.kind === "keyword" && key.name === "or" && value.kind === "map";
      if (isDefaults)
        walk.forms(
          value.entries.map((each) => each.value),
          scope.block,
        );
      else {
        if (key.kind === "symbol") pattern(walk, key, scope, null);
        const isKey = key.kind === "keyword" && key.name === "keys";
        pattern(walk, value, { ...scope, isKey }, null);
      }
    }
  }
}

/** `(let [pattern value …] body…)` and its kin. */
function bindings(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, vector, ...body] = form.items;
  const block = inner(environment);
  if (vector?.kind === "vector") {
    for (const { target, type, value } of parseBindings(vector.items) ?? []) {
      const isFunction = functionParameters(value) !== null;
      const from = isFunction ? value.span.start : value.span.end;
      const scope: PatternScope = { form, kind: "local", from, block };
      // A function sees itself; any other value does not.
      if (isFunction) pattern(walk, target, scope, type);
      walk.form(value, block);
      if (!isFunction) pattern(walk, target, scope, type);
    }
  }
  walk.forms(body, block);
}

/** `(with-resource [name Type init] body…)`. */
function resource(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, vector, ...body] = form.items;
  const block = inner(environment);
  if (vector?.kind === "vector") {
    const [name, ...rest] = vector.items;
    walk.forms(rest.slice(-1), environment);
    const scope: PatternScope = { form, kind: "local", from: vector.span.end, block };
    if (name !== undefined) pattern(walk, name, scope, rest.length > 1 ? rest[0]! : null);
  }
  walk.forms(body, block);
}

/** `(match subject pattern [when guard] body …)`. */
function matching(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, subject, ...clauses] = form.items;
  if (subject !== undefined) walk.form(subject, environment);
  for (let at = 0; at < clauses.length; ) {
    const when = clauses[at + 1];
    const isGuarded = when?.kind === "symbol" && when.name === "when";
    const parts = clauses.slice(at, at + (isGuarded ? 4 : 2));
    at += parts.length;
    const last = parts.at(-1)!;
    const clause: Form = { ...form, span: { ...form.span, end: last.span.end } };
    const block = inner(environment);
    const scope: PatternScope = { form: clause, kind: "local", from: parts[0]!.span.end, block };
    pattern(walk, parts[0]!, scope, null);
    walk.forms(parts.slice(isGuarded ? 2 : 1), block);
  }
}

/** `(catch Type name body…)`, `(catch name body)`. */
function catching(walk: NameWalk, form: ListForm, environment: Environment): void {
  const parts = form.items.slice(1);
  const at = parts.length > 2 ? 1 : 0;
  const name = parts[at];
  const block = inner(environment);
  if (name?.kind === "symbol")
    pattern(walk, name, { form, kind: "local", from: name.span.end, block }, null);
  walk.forms(parts.slice(at + 1), block);
}

function calling(walk: NameWalk, form: ListForm, environment: Environment): void {
  const [, id, ...args] = form.items;
  const isKeyword = id?.kind === "keyword";
  const capability = isKeyword ? id.name : id?.kind === "string" ? id.value : null;
  walk.call({ capability, span: form.span });
  if (id !== undefined && capability === null) walk.form(id, environment);
  walk.forms(args, environment);
}
