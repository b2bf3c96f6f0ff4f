/**
 * Type annotations after a name: `x: T`, `x : T`, `x :T`, `x:T`.
 *
 * A keyword after a name can also be the next value. Bindings are therefore parsed from the back:
 * at each place it is known whether the rest can be parsed, so the annotation is tried first and
 * never guessed.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, SymbolForm } from "../syntax/form.ts";
import { stripMetadata } from "./metadata.ts";
import { isTypeName } from "../types/primitives.ts";

/** A target with its type form and, in `let`, its value. */
export interface Annotated {
  readonly target: Form;
  readonly type: Form | null;
}

export interface AnnotatedValue extends Annotated {
  readonly value: Form;
}

interface Step extends Annotated {
  /** Index of the first form after target and type. */
  readonly next: number;
}

/** The ways to read a target at `index`, annotation first. */
function targetsAt(forms: readonly Form[], index: number): Step[] {
  // Metadata of a name says nothing about its value.
  const target = stripMetadata(forms[index]!).form;
  if (target.kind !== "symbol" && target.kind !== "vector" && target.kind !== "map") return [];
  const joined = target.kind === "symbol" ? splitName(target) : null;
  if (joined !== null) return joinedSteps(joined, forms, index);
  const steps: Step[] = [];
  const after = forms[index + 1];
  if (after?.kind === "symbol" && after.name === ":") {
    const type = forms[index + 2];
    return type === undefined ? [] : [{ target, type, next: index + 3 }];
  }
  if (after?.kind === "keyword") steps.push({ target, type: after, next: index + 2 });
  steps.push({ target, type: null, next: index + 1 });
  return steps;
}

function joinedSteps(joined: Joined, forms: readonly Form[], index: number): Step[] {
  const { target, type } = joined;
  if (type !== null) return [{ target, type, next: index + 1 }];
  const next = forms[index + 1];
  return next === undefined ? [] : [{ target, type: next, next: index + 2 }];
}

interface Joined {
  readonly target: SymbolForm;
  /** Null: `x:` with the type in the next form. */
  readonly type: Form | null;
}

/** `x:int` or `x:` taken apart; null when the name has no colon inside. */
export function splitName(form: SymbolForm): Joined | null {
  const colon = form.name.indexOf(":");
  // `app.text:v1.2/trim` is one name.
  if (colon <= 0 || /:v[0-9]+(\.[0-9]+)*\//.test(form.name)) return null;
  const nameSpan = clip(form.span, 0, colon);
  const target: SymbolForm = { kind: "symbol", name: form.name.slice(0, colon), span: nameSpan };
  const name = form.name.slice(colon + 1);
  if (name === "") return { target, type: null };
  return { target, type: { kind: "keyword", name, span: clip(form.span, colon) } };
}

function clip(span: SourceSpan, from: number, to?: number): SourceSpan {
  const end = to === undefined ? span.end : span.start + to;
  return { ...span, start: span.start + from, end, column: span.column + from };
}

/** `[pattern type? value …]`; null when the forms cannot be read so. */
export function parseBindings(forms: readonly Form[]): readonly AnnotatedValue[] | null {
  const choice: (AnnotatedValue & { readonly next: number })[] = Array(forms.length);
  const isParsable = (index: number): boolean =>
    index === forms.length || choice[index] !== undefined;
  for (let index = forms.length - 1; index >= 0; index--) {
    const step = targetsAt(forms, index).find(
      ({ next }) => next < forms.length && isParsable(next + 1),
    );
    if (step !== undefined) {
      choice[index] = { ...step, value: forms[step.next]!, next: step.next + 1 };
    }
  }
  if (!isParsable(0)) return null;
  const bindings: AnnotatedValue[] = [];
  for (let at = 0; at < forms.length; at = choice[at]!.next) bindings.push(choice[at]!);
  return bindings;
}

/**
 * `[pattern type? …]` as in parameters, where a keyword is always a type; null at a form that is
 * neither.
 */
export function parseParameters(forms: readonly Form[]): readonly Annotated[] | null {
  const parameters: Annotated[] = [];
  for (let at = 0; at < forms.length; ) {
    const step = targetsAt(forms, at)[0];
    if (step === undefined) return null;
    parameters.push(step);
    at = step.next;
  }
  return parameters;
}

/** The return type after a parameter vector, and the body that follows it. */
export function takeReturnType(
  forms: readonly Form[],
  types: { isType(name: string): boolean } = { isType: isTypeName },
): {
  type: Form | null;
  body: readonly Form[];
} {
  const [first, second] = forms;
  if (first?.kind === "symbol" && first.name === ":" && second !== undefined && forms.length > 2) {
    return { type: second, body: forms.slice(2) };
  }
  if (first?.kind === "keyword" && forms.length > 1 && types.isType(first.name)) {
    return { type: first, body: forms.slice(1) };
  }
  return { type: null, body: forms };
}
