/**
 * What the linker knows about modules.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form } from "../syntax/form.ts";

/** Where the text of a module comes from: pure, so the embedding reads the files. Null: there is none. */
export type ModuleResolver = (
  name: string,
) => { readonly source: string; readonly file: string } | null;

/** A module as others see it. */
export interface Module {
  readonly name: string;
  /** What others may name, with the name each has in the linked program. */
  readonly exports: ReadonlyMap<string, string>;
  /** All it defines. */
  readonly definitions: ReadonlySet<string>;
  /** Those of its definitions that are types. */
  readonly types: ReadonlySet<string>;
  /** `broken`: it could not be loaded, which was reported; nothing more is said about its names. */
  readonly kind: "text" | "library" | "broken";
}

/** A module that was loaded from a text of its own. */
export interface LinkedModule {
  readonly name: string;
  readonly file: string;
  readonly source: string;
}

/** `(import name :as alias :only [a b])`. */
export interface ImportForm {
  readonly name: string;
  /** Where the name stands. */
  readonly nameSpan: SourceSpan;
  readonly alias: string | null;
  readonly only: readonly { readonly name: string; readonly span: SourceSpan }[] | null;
  readonly span: SourceSpan;
}

/** `(module name "doc" (:exports [a b]) definition…)`. */
export interface ModuleForm {
  readonly name: string;
  readonly nameSpan: SourceSpan;
  readonly docstring: string | null;
  /** Null: everything is exported. */
  readonly exports: readonly { readonly name: string; readonly span: SourceSpan }[] | null;
  readonly body: readonly Form[];
  readonly span: SourceSpan;
}

/** The name a module's definition has in the linked program. */
export function linkedName(module: string, name: string): string {
  return `${module}/${name}`;
}
