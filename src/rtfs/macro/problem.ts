/**
 * Why an expansion stopped.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import type { Expansion } from "./place.ts";

/** Most macro calls that one diagnostic names, innermost first. */
const STACK_SHOWN_MAX = 10;

/** Leaves the expansion of one form, or of everything. */
export class MacroProblem extends Error {
  readonly diagnostics: readonly Diagnostic[];
  /** The budget is used up: no other form can be expanded. */
  readonly isFinal: boolean;

  constructor(diagnostics: readonly Diagnostic[], isFinal = false) {
    super(diagnostics[0]?.message ?? "");
    this.diagnostics = diagnostics;
    this.isFinal = isFinal;
  }
}

export interface ProblemMore {
  readonly hint?: string | undefined;
  readonly related?: NonNullable<Diagnostic["related"]>;
  readonly isFinal?: boolean;
}

/** A MacroError at `span`, with the macro calls that lead there. */
export function macroProblem(
  span: SourceSpan,
  message: string,
  expansion: Expansion | null,
  { hint, related = [], isFinal = false }: ProblemMore = {},
): MacroProblem {
  const all = [...related, ...stackOf(expansion)];
  const found = diagnostic(span, message, { kind: "MacroError", hint, related: all });
  return new MacroProblem([found], isFinal);
}

function stackOf(expansion: Expansion | null): NonNullable<Diagnostic["related"]> {
  const stack: { message: string; span: SourceSpan }[] = [];
  let at = expansion;
  for (; at !== null && stack.length < STACK_SHOWN_MAX; at = at.parent) {
    stack.push({ message: `in expansion of \`${at.macro}\``, span: at.span });
  }
  if (at !== null) stack.push({ message: `and ${at.depth} more around it`, span: at.span });
  return stack;
}
