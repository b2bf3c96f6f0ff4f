/**
 * Open brackets of the reader and what they become when closed.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { DiagnosticMore } from "../diagnostic.ts";
import type { Form } from "./form.ts";

export type Shape = "(" | "[" | "{" | "#(" | "'";

/** A bracket whose closer has not come yet. */
export interface Open {
  readonly shape: Shape;
  /** Empty for `'`, which the next form closes. */
  readonly closer: string;
  readonly span: SourceSpan;
  readonly items: Form[];
  /** Highest `%n` seen inside `#(`. */
  arity: number;
}

const CLOSERS: Readonly<Record<Shape, string>> = {
  "(": ")",
  "[": "]",
  "{": "}",
  "#(": ")",
  "'": "",
};

export function openBracket(shape: Shape, span: SourceSpan): Open {
  return { shape, closer: CLOSERS[shape], span, items: [], arity: 0 };
}

type Report = (span: SourceSpan, message: string, more?: DiagnosticMore) => void;

/** The form of a closed bracket; `span` covers it whole. */
export function finishBracket(open: Open, span: SourceSpan, report: Report): Form {
  const { items } = open;
  if (open.shape === "[") return { kind: "vector", items, span };
  if (open.shape === "{") return finishMap(items, span, report);
  if (open.shape !== "#(") return { kind: "list", items, span };
  const params: Form[] = Array.from({ length: open.arity }, (_, index) => ({
    kind: "symbol",
    name: `%${index + 1}`,
    span: open.span,
  }));
  const body: Form = {
    kind: "list",
    items,
    span: { ...span, start: span.start + 1, column: span.column + 1 },
  };
  const head: Form = { kind: "symbol", name: "fn", span: open.span };
  return {
    kind: "list",
    items: [head, { kind: "vector", items: params, span: open.span }, body],
    span,
  };
}

function finishMap(items: readonly Form[], span: SourceSpan, report: Report): Form {
  const entries: { key: Form; value: Form }[] = [];
  const seen = new Map<string, SourceSpan>();
  for (let index = 0; index + 1 < items.length; index += 2) {
    const key = items[index]!;
    const identity = keyIdentity(key);
    const first = identity === null ? undefined : seen.get(identity);
    if (identity === null) {
      report(key.span, "A map key is a keyword, a string or an integer");
    } else if (first === undefined) seen.set(identity, key.span);
    else
      report(key.span, "The map has this key twice", {
        related: [{ message: "the first", span: first }],
      });
    entries.push({ key, value: items[index + 1]! });
  }
  if (items.length % 2 === 1) {
    report(items.at(-1)!.span, "The map's last key has no value", {
      related: [{ message: "the map", span }],
    });
  }
  return { kind: "map", entries, span };
}

function keyIdentity(form: Form): string | null {
  if (form.kind === "keyword") return `:${form.name}`;
  if (form.kind === "string") return `"${form.value}`;
  if (form.kind === "integer") return `#${form.value}`;
  return form.kind === "symbol" ? `'${form.name}` : null;
}
