/**
 * `defmacro`: its shape, and its body as something that runs.
 *
 * A body is compiled where it is defined, together with the functions it mentions: those that the
 * same text defined at top level before it. It runs like a function whose one argument is the list of the
 * argument forms.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Diagnostic } from "../diagnostic.ts";
import {
  type Form,
  headName,
  type ListForm,
  type SymbolForm,
  type VectorForm,
} from "../syntax/form.ts";
import { mentionedNames, type Pay } from "./form-value.ts";
import { ARGUMENTS, BODY_GLOBALS } from "./fresh.ts";
import type { Expansion } from "./place.ts";
import { MacroProblem, macroProblem } from "./problem.ts";
import { callForm } from "./quasiquote.ts";
import type { Macro, MacroEvaluator, MacroRegistry } from "./registry.ts";
import { definedName } from "./rewrite.ts";

/** A `defmacro` taken apart. */
export interface MacroDefinition {
  readonly name: SymbolForm;
  readonly arity: number;
  readonly hasRest: boolean;
  /** `(let [[params…] arguments] body…)`, nothing in it expanded. */
  readonly body: ListForm;
}

const SHAPE = "Write (defmacro name [params & rest] body…)";

/** @throws {MacroProblem} */
export function readDefinition(
  form: ListForm,
  specials: ReadonlySet<string>,
  expansion: Expansion | null,
): MacroDefinition {
  const [, name, ...parts] = form.items;
  const [params, ...body] = parts[0]?.kind === "string" ? parts.slice(1) : parts;
  if (name?.kind !== "symbol" || params?.kind !== "vector" || body.length === 0) {
    throw macroProblem(form.span, "`defmacro` needs a name, parameters and a body", expansion, {
      hint: SHAPE,
    });
  }
  if (specials.has(name.name) || name.name === "&" || name.name === "_") {
    const message = `\`${name.name}\` is a special form and no macro can have its name`;
    throw macroProblem(name.span, message, expansion);
  }
  const { arity, hasRest } = arityOf(params, expansion);
  const args = callForm(ARGUMENTS, [], form.span);
  const bindings: VectorForm = { kind: "vector", items: [params, args], span: params.span };
  return { name, arity, hasRest, body: callForm("let", [bindings, ...body], form.span) };
}

function arityOf(
  params: VectorForm,
  expansion: Expansion | null,
): { readonly arity: number; readonly hasRest: boolean } {
  const isAmpersand = (item: Form): boolean => item.kind === "symbol" && item.name === "&";
  const at = params.items.findIndex(isAmpersand);
  const fixed = at < 0 ? params.items : params.items.slice(0, at);
  const rest = at < 0 ? [] : params.items.slice(at + 1);
  const isPattern = ({ kind }: Form): boolean =>
    kind === "symbol" || kind === "vector" || kind === "map";
  const isRestWell = at < 0 || (rest.length === 1 && rest[0]!.kind === "symbol");
  if (!fixed.every(isPattern) || !isRestWell) {
    const message = "A macro's parameters are names or patterns; one name may follow `&`";
    throw macroProblem(params.span, message, expansion, { hint: SHAPE });
  }
  return { arity: fixed.length, hasRest: at >= 0 };
}

export interface Compiling {
  readonly definition: MacroDefinition;
  /** The definition's body, expanded. */
  readonly body: Form;
  readonly span: SourceSpan;
  readonly registry: MacroRegistry;
  readonly evaluate: MacroEvaluator;
  /** Pays for the forms that are compiled. */
  readonly pay: Pay;
}

/** @throws {MacroProblem} with the body's own diagnostics. */
export function compileMacro(compiling: Compiling): Macro {
  const { definition, body, span, registry, evaluate, pay } = compiling;
  const { name, arity, hasRest } = definition;
  const functions = neededFunctions(body, registry, pay);
  const compiled = evaluate([...functions, body], BODY_GLOBALS);
  if (compiled.ok) return { name: name.name, span, arity, hasRest, run: compiled.value };
  throw new MacroProblem(
    compiled.error.map((each): Diagnostic => {
      const around = { message: `in the body of macro \`${name.name}\``, span: name.span };
      const hint =
        each.hint ?? "A macro's body sees the library and the functions defined before it";
      return { ...each, hint, related: [...(each.related ?? []), around] };
    }),
  );
}

/** The known functions that a body can reach, in the order of their definition. */
function neededFunctions(body: Form, registry: MacroRegistry, pay: Pay): readonly ListForm[] {
  const needed = new Set<string>();
  let waiting = mentionedNames([body], pay);
  while (waiting.size > 0) {
    const found: ListForm[] = [];
    for (const name of waiting) {
      const known = registry.function(name);
      if (known === undefined || needed.has(name)) continue;
      needed.add(name);
      found.push(known);
    }
    waiting = mentionedNames(found, pay);
  }
  return registry.functionsNamed(needed);
}

/**
 * A definition that later macro bodies may use: a function, or literal data under a name. Null for
 * any other form.
 */
export function usableDefinition(form: Form): { name: string; form: ListForm } | null {
  const head = headName(form);
  if (form.kind !== "list" || (head !== "defn" && head !== "def")) return null;
  const found = definedName(form);
  const value = form.items.at(-1);
  if (found === null || value === undefined) return null;
  const isUsable = head === "defn" || isFunctionForm(value) || isData(value);
  return isUsable ? { name: found.name, form } : null;
}

function isFunctionForm(form: Form): boolean {
  const head = headName(form);
  return head === "fn" || head === "lambda" || head === "λ";
}

function isData(form: Form): boolean {
  if (form.kind === "vector") return form.items.every(isData);
  if (form.kind === "map") return form.entries.every(({ value }) => isData(value));
  return form.kind === "list" ? headName(form) === "quote" : form.kind !== "symbol";
}
