/**
 * What an editor is shown for a name: hover, completion, symbols, renaming. Pure.
 *
 * @module
 */
import {
  type CompletionItem,
  CompletionItemKind,
  type DocumentSymbol,
  type Hover,
  type Position,
  type Range,
  type SignatureHelp,
  SymbolKind,
  type TextEdit,
} from "vscode-languageserver";
import { type DefinitionKind, type Entity, formatSource, type Use } from "../rtfs/index.ts";
import type { OpenText } from "./document.ts";

interface Found {
  readonly use: Use;
  readonly entity: Entity;
  /** Where the name is defined: this text, or that of a module. */
  readonly home: OpenText;
}

/** The name at a position, when something is known about it. */
export function foundAt(text: OpenText, position: Position): Found | null {
  const use = text.assistant?.useAt(text.document.offsetAt(position)) ?? null;
  return use === null ? null : foundFor(text, use);
}

function foundFor(text: OpenText, use: Use): Found | null {
  const { assistant } = text;
  if (assistant === null) return null;
  const isOwn = use.definition?.name === use.name;
  const elsewhere = isOwn ? null : text.imported(use.name);
  if (elsewhere !== null) return foundIn(elsewhere.text, elsewhere.name, use);
  const entity = assistant.describe(use);
  return entity === null ? null : { use, entity, home: text };
}

function foundIn(home: OpenText, name: string, use: Use): Found | null {
  const definition = home.assistant?.globals().findLast((each) => each.name === name) ?? null;
  if (definition === null) return null;
  const entity = home.assistant?.describe({ name, definition }) ?? null;
  return entity === null ? null : { use, entity, home };
}

export function hoverAt(text: OpenText, position: Position): Hover | null {
  const found = foundAt(text, position);
  if (found === null) return null;
  const { entity, use } = found;
  const parts = [`\`\`\`rtfs\n${entity.signature}\n\`\`\``, `*${entity.kind}*`];
  if (entity.doc !== null) parts.push(plain(entity.doc));
  const effects = effectsText(entity);
  if (effects !== null) parts.push(effects);
  return {
    contents: { kind: "markdown", value: parts.join("\n\n") },
    range: text.rangeOf(use.span),
  };
}

function effectsText({ calls, kind }: Entity): string | null {
  if (calls === null || kind === "library") return null;
  if (calls.length === 0) return "effects: none of its own";
  const names = calls.map((id) => (id === "?" ? "a computed capability" : `\`${plain(id)}\``));
  return `effects: calls ${names.join(", ")}`;
}

/** A text of the program is shown as it stands: no link, no image, no markup. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-!<>|&]/g, String.raw`\$&`).replaceAll("\n", "  \n");
}

export function completionsAt(text: OpenText, position: Position): CompletionItem[] {
  const { assistant, document } = text;
  if (assistant === null) return [];
  const offset = document.offsetAt(position);
  const { prefix, entities } = assistant.completions(offset);
  const range = text.rangeOf({ start: offset - prefix.length, end: offset });
  return entities.map((entity, order) => ({
    label: entity.name,
    kind: COMPLETION_KINDS[entity.kind],
    detail: entity.signature,
    sortText: String(order).padStart(5, "0"),
    textEdit: { range, newText: entity.name },
    ...(entity.doc === null ? {} : { documentation: entity.doc }),
  }));
}

const COMPLETION_KINDS: Readonly<Record<Entity["kind"], CompletionItemKind>> = {
  function: CompletionItemKind.Function,
  value: CompletionItemKind.Constant,
  macro: CompletionItemKind.Function,
  type: CompletionItemKind.Struct,
  module: CompletionItemKind.Module,
  parameter: CompletionItemKind.Variable,
  local: CompletionItemKind.Variable,
  "special form": CompletionItemKind.Keyword,
  library: CompletionItemKind.Function,
};

const SYMBOL_KINDS: Readonly<Record<DefinitionKind, SymbolKind>> = {
  function: SymbolKind.Function,
  value: SymbolKind.Constant,
  macro: SymbolKind.Function,
  type: SymbolKind.Struct,
  module: SymbolKind.Module,
  parameter: SymbolKind.Variable,
  local: SymbolKind.Variable,
};

export function symbolsOf(text: OpenText): DocumentSymbol[] {
  return (text.assistant?.globals() ?? []).map(({ name, kind, form, span }) => ({
    name,
    kind: SYMBOL_KINDS[kind],
    range: text.rangeOf(form.span),
    selectionRange: text.rangeOf(span),
  }));
}

/** How the call around a position is written. */
export function signatureAt(text: OpenText, position: Position): SignatureHelp | null {
  const call = text.assistant?.callAround(text.document.offsetAt(position)) ?? null;
  const entity = call === null ? null : (foundFor(text, call.use)?.entity ?? null);
  if (call === null || entity === null) return null;
  const documentation = entity.doc === null ? {} : { documentation: entity.doc };
  return {
    signatures: [{ label: entity.signature, ...documentation }],
    activeSignature: 0,
    activeParameter: call.argument,
  };
}

/** Where a name can be changed; null for the library and for names that are keys of a map. */
export function renameRange(text: OpenText, position: Position): Range | null {
  const use = text.assistant?.useAt(text.document.offsetAt(position)) ?? null;
  if (use === null || use.definition === null || use.definition.isKey) return null;
  return use.name === use.definition.name ? text.rangeOf(use.span) : null;
}

/** What the reader takes for one symbol, without a colon that would annotate. */
const NAME = /^(?=.{1,256}$)[A-Za-z_$+*/=<>!?&-][\w$+*/=<>!?%&.-]*$/;

/** @returns Null when the name at the position cannot be changed or the new one is no name. */
export function renameEdits(text: OpenText, position: Position, name: string): TextEdit[] | null {
  const { assistant, document } = text;
  const use = assistant?.useAt(document.offsetAt(position)) ?? null;
  const definition = use?.definition ?? null;
  if (assistant === null || definition === null || !NAME.test(name)) return null;
  if (renameRange(text, position) === null) return null;
  const uses = assistant.usesOf(definition).filter((each) => each.name === definition.name);
  // A name that sugar made, `%1` of `%`, does not stand in the text.
  const isWritten = uses.every(
    ({ span }) => assistant.source.slice(span.start, span.end) === definition.name,
  );
  return isWritten ? uses.map(({ span }) => ({ range: text.rangeOf(span), newText: name })) : null;
}

/** The whole text in the house layout; none when it does not read or is laid out already. */
export function formatEdits(text: OpenText): TextEdit[] {
  const source = text.document.getText();
  const formatted = text.assistant === null ? null : formatSource(source);
  if (formatted === null || !formatted.ok || formatted.value === source) return [];
  const range = text.rangeOf({ start: 0, end: source.length });
  return [{ range, newText: formatted.value }];
}
