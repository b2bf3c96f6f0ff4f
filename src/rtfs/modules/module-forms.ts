/**
 * The shapes of `import` and `module`.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic, type DiagnosticMore } from "../diagnostic.ts";
import type { Form, ListForm, SymbolForm } from "../syntax/form.ts";
import type { ImportForm, ModuleForm } from "./module.ts";
import { canonicalName, isModuleName } from "./name.ts";

type Read<T> = Result<T, Diagnostic>;

const IMPORT_HINT = "Write (import name), (import name :as alias) or (import name :only [a b])";
const MODULE_HINT = "Write (module name (:exports [a b]) definition…)";

/** A ModuleError. */
export function moduleError(
  form: { readonly span: Diagnostic["span"] },
  message: string,
  more: DiagnosticMore = {},
): Diagnostic {
  return diagnostic(form.span, message, { kind: "ModuleError", ...more });
}

/** `(import name …)` or `(import [name …])`. */
export function readImport(form: ListForm): Read<ImportForm> {
  const [, first, ...more] = form.items;
  const isVector = first?.kind === "vector" && more.length === 0;
  const [name, ...options] = isVector ? first.items : [first, ...more];
  const named = moduleName(name, form, IMPORT_HINT);
  if (!named.ok) return named;
  let alias: string | null = null;
  let only: ImportForm["only"] = null;
  for (let at = 0; at < options.length; at += 2) {
    const key = options[at]!;
    const value = options[at + 1];
    const option = key.kind === "keyword" ? key.name : "";
    if (option === "as" && alias === null && isAlias(value)) alias = value.name;
    else if (option === "only" && only === null && isNames(value)) only = value.items.map(placed);
    else return err(moduleError(key, "`import` cannot be read here", { hint: IMPORT_HINT }));
  }
  const { span } = form;
  return ok({ name: named.value.name, nameSpan: named.value.span, alias, only, span });
}

/** `(module name …)`. */
export function readModule(form: ListForm): Read<ModuleForm> {
  const [, name, ...parts] = form.items;
  const named = moduleName(name, form, MODULE_HINT);
  if (!named.ok) return named;
  const docstring = parts[0]?.kind === "string" ? parts[0].value : null;
  const rest = docstring === null ? parts : parts.slice(1);
  const shared = { name: named.value.name, nameSpan: named.value.span, docstring, span: form.span };
  if (!isExports(rest[0])) return ok({ ...shared, exports: null, body: rest });
  const [, names, ...others] = rest[0].items;
  if (!isNames(names) || others.length > 0) {
    return err(moduleError(rest[0], "`:exports` takes one vector of names", { hint: MODULE_HINT }));
  }
  return ok({ ...shared, exports: names.items.map(placed), body: rest.slice(1) });
}

function moduleName(form: Form | undefined, whole: Form, hint: string): Read<SymbolForm> {
  if (form?.kind !== "symbol") {
    return err(moduleError(form ?? whole, "A module's name must stand here", { hint }));
  }
  if (isModuleName(form.name)) return ok({ ...form, name: canonicalName(form.name) });
  return err(
    moduleError(form, `\`${form.name}\` cannot name a module`, {
      hint: "Words of letters, digits, - and _ joined by dots, a version last: billing.tax:v1.2",
    }),
  );
}

function isAlias(form: Form | undefined): form is SymbolForm {
  return form?.kind === "symbol" && /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(form.name);
}

function isNames(form: Form | undefined): form is Extract<Form, { kind: "vector" }> {
  return form?.kind === "vector" && form.items.every(({ kind }) => kind === "symbol");
}

function placed(form: Form): { name: string; span: Form["span"] } {
  return { name: (form as SymbolForm).name, span: form.span };
}

function isExports(form: Form | undefined): form is ListForm {
  const head = form?.kind === "list" ? form.items[0] : undefined;
  return head?.kind === "keyword" && head.name === "exports";
}
