import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import type { Form } from "../syntax/form.ts";

/** A form that is no type. Caught where types are compiled. */
export class BadType extends Error {
  readonly diagnostic: Diagnostic;

  constructor(span: SourceSpan, message: string, hint?: string) {
    super(message);
    this.diagnostic = diagnostic(span, message, { hint });
  }
}

/** The name of a keyword or symbol form; null for another form. */
export function nameOf(form: Form | undefined): string | null {
  return form?.kind === "keyword" || form?.kind === "symbol" ? form.name : null;
}

/** Whether the form is the lone `?` that makes the element before it optional. */
export function isQuestionMark(form: Form | undefined): boolean {
  return form?.kind === "symbol" && form.name === "?";
}
