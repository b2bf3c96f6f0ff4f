/**
 * The texts of modules: those that stand in the program, and those a resolver gives.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import { suggestName } from "../analysis/suggest.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { type Form, headName, type ListForm } from "../syntax/form.ts";
import { readForms } from "../syntax/reader.ts";
import type { LinkedModule, ModuleForm, ModuleResolver } from "./module.ts";
import { moduleError, readModule } from "./module-forms.ts";
import { modulePath } from "./name.ts";

/** Most modules of one program that have a text of their own. */
export const MODULES_MAX = 2000;
/** Text of all modules together, UTF-16 units. */
const SOURCE_LENGTH_MAX = 16 * 1024 * 1024;

/** A module's text, read. */
export interface ModuleText {
  /** Null: the text is bare definitions. */
  readonly form: ModuleForm | null;
  readonly body: readonly Form[];
}

type Texts = Result<ModuleText, readonly Diagnostic[]>;

export class ModuleTexts {
  /** Those the resolver gave, in the order they were asked for. */
  readonly loaded: LinkedModule[] = [];
  readonly #resolver: ModuleResolver | undefined;
  readonly #inline = new Map<string, ModuleForm>();
  #sourceLength = 0;

  constructor(resolver: ModuleResolver | undefined) {
    this.#resolver = resolver;
  }

  /** A `module` form of the program; a problem when the name is taken. */
  declare(form: ModuleForm): Diagnostic | null {
    const first = this.#inline.get(form.name);
    if (first === undefined) {
      this.#inline.set(form.name, form);
      return null;
    }
    const related = [{ message: "the first", span: first.nameSpan }];
    return moduleError({ span: form.nameSpan }, `Module \`${form.name}\` is defined twice`, {
      related,
    });
  }

  /** @param known - Names of other modules, for a suggestion. */
  text(name: string, span: SourceSpan, known: Iterable<string>): Texts {
    const inline = this.#inline.get(name);
    if (inline !== undefined) return ok({ form: inline, body: inline.body });
    const found = this.#resolver?.(name) ?? null;
    if (found === null) {
      const near = suggestName(name, [...this.#inline.keys(), ...known]);
      const hint =
        near === null ? `Its text would be ${modulePath(name)}` : `Did you mean \`${near}\`?`;
      const message = `There is no module \`${name}\``;
      return err([diagnostic(span, message, { kind: "ModuleNotFound", hint })]);
    }
    this.#sourceLength += found.source.length;
    if (this.loaded.length >= MODULES_MAX || this.#sourceLength > SOURCE_LENGTH_MAX) {
      const message = `A program has at most ${MODULES_MAX} modules, ${SOURCE_LENGTH_MAX} characters`;
      return err([moduleError({ span }, message)]);
    }
    this.loaded.push({ name, file: found.file, source: found.source });
    const read = readForms(found.source, { file: found.file });
    return read.ok ? whole(name, span, read.value) : read;
  }
}

/** A text of its own: one `module` form of that name, or bare definitions. */
function whole(name: string, span: SourceSpan, forms: readonly Form[]): Texts {
  const declared = forms.find((form) => headName(form) === "module");
  if (declared === undefined) return ok({ form: null, body: forms });
  const read = readModule(declared as ListForm);
  if (!read.ok) return err([read.error]);
  const form = read.value;
  if (forms.length === 1 && form.name === name) return ok({ form, body: form.body });
  const related = [{ message: "it is imported here", span }];
  const message =
    forms.length > 1
      ? "A module's text is one `module` form, or definitions only"
      : `This text was imported as \`${name}\` but defines \`${form.name}\``;
  return err([moduleError({ span: form.nameSpan }, message, { related })]);
}
