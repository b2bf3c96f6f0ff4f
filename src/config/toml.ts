/**
 * A TOML text as config data with places, so that the schema's decoders read it like any other config.
 *
 * The parser gives a syntax tree; tables and dotted keys are put together here, as TOML says. A text that is no
 * TOML ends with the parser's one complaint.
 *
 * @module
 */
import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { err, ok, type Result } from "../foundation/result.ts";
import type { SourceSpan } from "../foundation/source-span.ts";
import type { ConfigEntry, ConfigNode } from "./node.ts";

export interface TomlProblem {
  readonly message: string;
  readonly span: SourceSpan;
}

const DEPTH_MAX = 64;

/** @param source - At most 1 MiB, which the caller holds. */
export function readToml(source: string, file: string): Result<ConfigNode, TomlProblem> {
  try {
    const [top] = parseTOML(source).body;
    const table = new Table(spanOf(file, top));
    fill(table, top.body, file);
    return ok(table.node());
  } catch (cause) {
    if (cause instanceof ParseError) {
      const { index, lineNumber: line, column } = cause;
      const span = { file, start: index, end: index, line, column: column + 1 };
      return err({ message: cause.message, span });
    }
    if (cause instanceof TooDeep) return err({ message: cause.message, span: cause.span });
    throw cause;
  }
}

class TooDeep extends Error {
  readonly span: SourceSpan;

  constructor(span: SourceSpan) {
    super(`Values nest more than ${DEPTH_MAX} deep`);
    this.span = span;
  }
}

/** A table that is still being written to. */
class Table {
  readonly #span: SourceSpan;
  readonly #entries = new Map<string, { span: SourceSpan; value: Table | Table[] | ConfigNode }>();

  constructor(span: SourceSpan) {
    this.#span = span;
  }

  /** The table below this key, made when it is not there. The parser has refused keys that are something else. */
  below(key: string, span: SourceSpan): Table {
    const known = this.#entries.get(key)?.value;
    if (known instanceof Table) return known;
    if (Array.isArray(known)) return known.at(-1) ?? this.append(key, span);
    const table = new Table(span);
    this.#entries.set(key, { span, value: table });
    return table;
  }

  /** A new table at the end of the array of this key. */
  append(key: string, span: SourceSpan): Table {
    const known = this.#entries.get(key)?.value;
    const table = new Table(span);
    if (Array.isArray(known)) known.push(table);
    else this.#entries.set(key, { span, value: [table] });
    return table;
  }

  put(key: string, span: SourceSpan, value: ConfigNode): void {
    this.#entries.set(key, { span, value });
  }

  node(): ConfigNode {
    const entries = [...this.#entries].map(
      ([key, { span: keySpan, value }]): ConfigEntry => ({
        key,
        keyKind: "string",
        keySpan,
        value: finished(value, keySpan),
      }),
    );
    return { kind: "map", entries, span: this.#span };
  }
}

function finished(value: Table | Table[] | ConfigNode, span: SourceSpan): ConfigNode {
  if (value instanceof Table) return value.node();
  if (Array.isArray(value))
    return { kind: "vector", items: value.map((each) => each.node()), span };
  return value;
}

function fill(
  table: Table,
  body: readonly (AST.TOMLKeyValue | AST.TOMLTable)[],
  file: string,
  depth = 0,
): void {
  for (const each of body) {
    if (each.type === "TOMLKeyValue") write(table, each, file, depth);
    else fill(headed(table, each, file), each.body, file, depth);
  }
}

/** The table that `[a.b]` or `[[a.b]]` begins. */
function headed(root: Table, { key, kind, loc, range }: AST.TOMLTable, file: string): Table {
  const names = key.keys.map(nameOf);
  const span = spanOf(file, { loc, range });
  if (names.length > DEPTH_MAX) throw new TooDeep(span);
  const last = names.pop() ?? "";
  const parent = names.reduce((table, name) => table.below(name, span), root);
  return kind === "array" ? parent.append(last, span) : parent.below(last, span);
}

function write(table: Table, pair: AST.TOMLKeyValue, file: string, depth: number): void {
  const names = pair.key.keys.map(nameOf);
  const span = spanOf(file, pair.key);
  if (names.length + depth > DEPTH_MAX) throw new TooDeep(span);
  const last = names.pop() ?? "";
  const parent = names.reduce((at, name) => at.below(name, span), table);
  parent.put(last, span, valueNode(pair.value, file, depth + 1));
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

function valueNode(value: AST.TOMLContentNode, file: string, depth: number): ConfigNode {
  const span = spanOf(file, value);
  if (depth > DEPTH_MAX) throw new TooDeep(span);
  if (value.type === "TOMLArray")
    return {
      kind: "vector",
      items: value.elements.map((each) => valueNode(each, file, depth + 1)),
      span,
    };
  if (value.type === "TOMLInlineTable") {
    const table = new Table(span);
    fill(table, value.body, file, depth);
    return table.node();
  }
  switch (value.kind) {
    case "string":
      return { kind: "string", text: value.value, span };
    case "integer":
      return { kind: "integer", value: value.value, span };
    case "float":
      return { kind: "float", value: value.value, span };
    case "boolean":
      return { kind: "boolean", value: value.value, span };
    case "offset-date-time":
    case "local-date-time":
    case "local-date":
    case "local-time":
      return { kind: "other", what: "a date or time", span };
  }
}

type Placed = Pick<AST.TOMLNode, "loc" | "range">;

function spanOf(file: string, { loc, range }: Placed): SourceSpan {
  const { line, column } = loc.start;
  return { file, start: range[0], end: range[1], line, column: column + 1 };
}
