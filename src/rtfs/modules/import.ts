/**
 * What an import makes visible in a text.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { suggestName } from "../analysis/suggest.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import type { ImportForm, Module } from "./module.ts";
import { moduleError } from "./module-forms.ts";
import type { Unit, View } from "./unit.ts";

/** Make a module visible as the form says. */
export function addImport(unit: Unit, form: ImportForm, module: Module): readonly Diagnostic[] {
  const only = form.only === null ? null : new Set(form.only.map(({ name }) => name));
  const prefixes = form.alias === null ? [form.name] : [form.name, form.alias];
  const problems = prefixes.flatMap((prefix) =>
    addView(unit, { prefix, module, only, span: form.nameSpan }),
  );
  for (const { name, span } of form.only ?? []) {
    const problem = addBare(unit, name, { module, span });
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

interface Viewing extends View {
  readonly prefix: string;
  readonly span: SourceSpan;
}

/** Names of `module` can be written `prefix/name`. A second import of a module adds to the first. */
export function addView(unit: Unit, { prefix, module, only, span }: Viewing): Diagnostic[] {
  const known = unit.views.get(prefix);
  if (known !== undefined && known.module !== module) {
    const message = `\`${prefix}\` would stand for \`${known.module.name}\` and \`${module.name}\``;
    return [moduleError({ span }, message, { hint: "Choose another alias" })];
  }
  const isWhole = only === null || (known !== undefined && known.only === null);
  const both = isWhole ? null : new Set([...(known?.only ?? []), ...only]);
  unit.views.set(prefix, { module, only: both });
  return [];
}

/** `name` alone means the module's. */
function addBare(
  unit: Unit,
  name: string,
  { module, span }: { readonly module: Module; readonly span: SourceSpan },
): Diagnostic | null {
  if (module.kind === "broken") return null;
  const target = module.exports.get(name);
  if (target === undefined) return notExported(module, name, span);
  const known = unit.bare.get(name);
  if (known !== undefined && known !== target) {
    const hint = "Import one of them with :as and write alias/name";
    return moduleError({ span }, `\`${name}\` is imported from two modules`, { hint });
  }
  unit.bare.set(name, target);
  return null;
}

/** A name that a module does not give. */
export function notExported(module: Module, name: string, span: SourceSpan): Diagnostic {
  const isPrivate = module.definitions.has(name);
  const near = suggestName(name, module.exports.keys());
  const suggestion = near === null ? undefined : `Did you mean \`${near}\`?`;
  const message = isPrivate
    ? `\`${name}\` is private to module \`${module.name}\``
    : `Module \`${module.name}\` has no \`${name}\``;
  const hint = isPrivate ? `Add \`${name}\` to the :exports of the module` : suggestion;
  return diagnostic(span, message, { kind: "UndefinedSymbol", hint });
}
