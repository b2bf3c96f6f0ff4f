/**
 * Brackets and prefixes whose end has not come yet, and the form each becomes.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { DiagnosticMore } from "../diagnostic.ts";
import type { Form, MapForm } from "./form.ts";
import type { Closer, Lexer, Opener, Prefix } from "./lexer.ts";

/** An opener or a prefix that waits for its forms. */
export interface Open {
  readonly shape: Opener | Prefix;
  /** Null for a prefix, which the form after it ends. */
  readonly closer: Closer | null;
  /** Where the opener stands: offset, and place from 1. */
  readonly start: number;
  readonly line: number;
  readonly column: number;
  /** Index, among the forms that wait, of its first one. */
  readonly from: number;
  /** Highest `%n` seen inside `#(`. */
  arity: number;
}

/** Written out: a table would be searched by text for each bracket. */
function closerOf(shape: Opener | Prefix): Closer | null {
  if (shape === "(" || shape === "#(") return ")";
  if (shape === "[") return "]";
  return shape === "{" ? "}" : null;
}

/** The opener at the lexer's token. */
export function newOpen(shape: Opener | Prefix, lexer: Lexer, from: number): Open {
  const { start, line, column } = lexer;
  return { shape, closer: closerOf(shape), start, line, column, from, arity: 0 };
}

/** The place of the opener itself. */
export function openerSpan(open: Open, file: string): SourceSpan {
  const { shape, start, line, column } = open;
  return { file, start, end: start + shape.length, line, column };
}

export type Report = (span: SourceSpan, message: string, more: DiagnosticMore) => void;

/** The form of a closed bracket; `span` covers it whole. */
export function finishBracket(
  open: Open,
  items: readonly Form[],
  span: SourceSpan,
  report: Report,
): Form {
  if (open.shape === "(") return { kind: "list", items, span };
  if (open.shape === "[") return { kind: "vector", items, span };
  if (open.shape === "{") return finishMap(items, span, report);
  const opener = openerSpan(open, span.file);
  const params: Form[] = Array.from({ length: open.arity }, (_, index) =>
    symbolAt(`%${index + 1}`, opener),
  );
  const inner = { ...span, start: span.start + 1, column: span.column + 1 };
  return {
    kind: "list",
    items: [
      symbolAt("fn", opener),
      { kind: "vector", items: params, span: opener },
      { kind: "list", items, span: inner },
    ],
    span,
  };
}

function finishMap(items: readonly Form[], span: SourceSpan, report: Report): Form {
  const { length } = items;
  // Of its full size from the start: an array that grows keeps room for more.
  const entries = Array<{ readonly key: Form; readonly value: Form }>(length >>> 1);
  for (let index = 0; index < entries.length; index++) {
    entries[index] = { key: items[2 * index]!, value: items[2 * index + 1]! };
  }
  checkKeys(entries, report);
  if (length % 2 === 1) {
    report(items[length - 1]!.span, "The map's last key has no value", {
      code: "READ_MAP_VALUE",
      hint: "Write a value after it, or remove it",
      related: [{ message: "the map", span }],
    });
  }
  return { kind: "map", entries, span };
}

/** Up to this many entries each key is compared with those before it. */
const COMPARED_MAX = 8;

function checkKeys(entries: MapForm["entries"], report: Report): void {
  const seen = entries.length > COMPARED_MAX ? new Map<string | number | bigint, Form>() : null;
  for (let index = 0; index < entries.length; index++) {
    const { key } = entries[index]!;
    const identity = keyIdentity(key, seen !== null);
    if (identity === null) {
      report(key.span, "A map key is a keyword, a string or an integer", {
        code: "READ_MAP_KEY",
        hint: "Turn it into a string",
      });
      continue;
    }
    const first = seen === null ? sameKeyBefore(entries, index) : seen.get(identity);
    if (first === undefined) seen?.set(identity, key);
    else
      report(key.span, "The map has this key twice", {
        code: "READ_DUPLICATE_KEY",
        hint: "Remove one: two readers could disagree about which counts",
        related: [{ message: "the first", span: first.span }],
      });
  }
}

function sameKeyBefore(entries: MapForm["entries"], index: number): Form | undefined {
  const { key } = entries[index]!;
  const { kind } = key;
  const identity = keyIdentity(key, false);
  for (let before = 0; before < index; before++) {
    const other = entries[before]!.key;
    if (other.kind === kind && keyIdentity(other, false) === identity) return other;
  }
  return undefined;
}

/**
 * Two keys of one kind are the same when their identities are; with `isMarked` also keys of
 * different kinds have different ones. Null: no key.
 */
function keyIdentity(form: Form, isMarked: boolean): string | number | bigint | null {
  switch (form.kind) {
    case "keyword":
      return isMarked ? `:${form.name}` : form.name;
    case "symbol":
      return isMarked ? `'${form.name}` : form.name;
    case "string":
      return isMarked ? `"${form.value}` : form.value;
    case "integer":
      return form.value;
    case "nil":
    case "boolean":
    case "float":
    case "list":
    case "vector":
    case "map":
    case "timestamp":
    case "uuid":
    case "resource":
      return null;
  }
}

/** The symbol that heads the list a prefix makes. `^` has rules of its own. */
export const PREFIX_HEADS: ReadonlyMap<string, string> = new Map([
  ["'", "quote"],
  ["`", "quasiquote"],
  ["~", "unquote"],
  ["~@", "unquote-splicing"],
]);

/** The form of a prefix with what it has got so far; null: it waits for more. */
export function finishPrefix(
  open: Open,
  items: readonly Form[],
  file: string,
  report: Report,
): Form | null {
  const last = items.at(-1)!;
  const opener = openerSpan(open, file);
  const head = PREFIX_HEADS.get(open.shape);
  if (head !== undefined) {
    return {
      kind: "list",
      items: [symbolAt(head, opener), last],
      span: { ...opener, end: last.span.end },
    };
  }
  const [first, second, third] = items;
  if (first?.kind === "keyword" && first.name === "delegation") {
    const needed = checkDelegation(items, report);
    if (needed !== items.length) return null;
    const value: Form =
      third === last
        ? second!
        : {
            kind: "vector",
            items: [second!, third!],
            span: { ...second!.span, end: third!.span.end },
          };
    return metadata(opener, mapOf(first, value), last);
  }
  if (items.length === 1) {
    if (last.kind === "map" || last.kind === "keyword") return null;
    report(last.span, "Metadata is a map or a keyword", {
      code: "READ_METADATA",
      hint: "Write ^{:key value} form or ^:key form",
    });
    return last;
  }
  const isKeyword = first!.kind === "keyword";
  const entries = isKeyword
    ? mapOf(first!, { kind: "boolean", value: true, span: first!.span })
    : first!;
  return metadata(opener, entries, last);
}

/** How many forms `^:delegation …` takes, the last being what it stands before. */
function checkDelegation(items: readonly Form[], report: Report): number {
  const [, mode, id] = items;
  if (mode === undefined) return 3;
  const name = mode.kind === "keyword" ? mode.name : "";
  if (name !== "remote" && name !== "local-model") {
    if (name !== "local" && items.length === 2) {
      report(mode.span, "A delegation is :local, :local-model or :remote", {
        code: "READ_METADATA",
        hint: 'Write ^:delegation :local form, or ^:delegation :remote "id" form',
      });
    }
    return 3;
  }
  if (id !== undefined && id.kind !== "string" && items.length === 3) {
    report(id.span, `\`:${name}\` needs the id of a model, a string`, {
      code: "READ_METADATA",
      hint: `Write ^:delegation :${name} "id" form`,
    });
  }
  return 4;
}

function metadata(opener: SourceSpan, entries: Form, form: Form): Form {
  const span = { ...opener, end: form.span.end };
  return { kind: "list", items: [symbolAt("metadata", opener), entries, form], span };
}

function mapOf(key: Form, value: Form): MapForm {
  return { kind: "map", entries: [{ key, value }], span: { ...key.span, end: value.span.end } };
}

function symbolAt(name: string, span: SourceSpan): Form {
  return { kind: "symbol", name, span };
}
