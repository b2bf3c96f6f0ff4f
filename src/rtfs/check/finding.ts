/** What the static checker finds, and how it says it. */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Kinds, kindsText } from "./kinds.ts";

export type FindingKind =
  /** A value does not fit the annotation or the contract it meets. */
  "mismatch" | "bad-argument" | "not-a-function" | "arity" | "not-a-map" | "not-a-collection";

export interface TypeFinding {
  /**
   * `error`: no run of the program can end with a value. `warning`: the place fails whenever it is
   * reached, but a run may never reach it, or may catch the failure.
   */
  readonly severity: "error" | "warning";
  readonly kind: FindingKind;
  readonly message: string;
  readonly hint?: string;
  readonly span: SourceSpan;
  /** Of the bad argument, from 0. */
  readonly argument?: number;
}

export function badArgument(name: string, index: number, wanted: Kinds, found: Kinds): string {
  return `argument ${index + 1} of \`${name}\` must be ${kindsText(wanted)}, and is ${kindsText(found)}`;
}
