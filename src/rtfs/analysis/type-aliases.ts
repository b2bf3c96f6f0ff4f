/**
 * Names of types that the program declares, all known before the first is used: they may name each
 * other and themselves.
 *
 * @module
 */
import { err, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import type { Form } from "../syntax/form.ts";
import { type CompiledType, compileTypeForm, parseType } from "../types/compile-type.ts";
import { isTypeName } from "../types/primitives.ts";
import type { Type } from "../types/type.ts";

/**
 * Forms of declared types, summed over all types that are compiled: each may reach all of them.
 * Beyond it a program takes seconds to check.
 */
const WORK_MAX = 2_000_000;

export class TypeAliases {
  readonly #declarations = new Map<string, Form>();
  readonly #forms = new Map<string, Form>();
  readonly #types = new Map<string, Type>();
  #size = 0;
  #work = 0;

  /**
   * Why the name cannot be declared; null: it is.
   *
   * @param declaration - What declares it; may do so again.
   */
  define(name: string, type: Form, declaration: Form): string | null {
    if (isTypeName(name)) return `\`${name}\` is a type of the language`;
    const known = this.#declarations.get(name);
    if (known === declaration) return null;
    if (known !== undefined) return `Two types are called \`${name}\``;
    this.#declarations.set(name, declaration);
    this.#forms.set(name, type);
    this.#size += sizeOf(type);
    return null;
  }

  /** Whether `name` (`?` allowed) is a type of the language or of the program. */
  isType(name: string): boolean {
    const base = name.endsWith("?") ? name.slice(0, -1) : name;
    return isTypeName(name) || this.#forms.has(name) || this.#forms.has(base);
  }

  compile(form: Form): Result<CompiledType, Diagnostic> {
    this.#work += this.#size;
    if (this.#work > WORK_MAX) {
      const hint = "Write large types once, and fewer annotations with them";
      return err(diagnostic(form.span, "The program's types are too large together", { hint }));
    }
    this.#parse();
    return compileTypeForm(form, this.#types);
  }

  /** A type that cannot be read is told of where it is declared; elsewhere it fits everything. */
  #parse(): void {
    if (this.#types.size === this.#forms.size) return;
    for (const [name, form] of this.#forms) {
      if (this.#types.has(name)) continue;
      const type = parseType(form, this.#forms);
      this.#types.set(name, type.ok ? type.value : { kind: "primitive", name: "any" });
    }
  }
}

function sizeOf(form: Form): number {
  if (form.kind === "vector" || form.kind === "list") {
    return form.items.reduce((size, item) => size + sizeOf(item), 1);
  }
  if (form.kind !== "map") return 1;
  return form.entries.reduce((size, { key, value }) => size + sizeOf(key) + sizeOf(value), 1);
}
