/**
 * A text as pieces: brackets, prefixes, atoms and comments as their author spelled them.
 *
 * The formatter moves pieces and never looks inside an atom, so it cannot change what a text means.
 * Only for texts that read without a diagnostic: brackets match, every prefix has its form.
 *
 * @module
 */
import { Lexer } from "../syntax/lexer.ts";

export interface Piece {
  readonly kind: "atom" | "comment" | "bracket" | "prefix";
  /** An opener, a prefix, or the whole text. */
  readonly text: string;
  /** Empty but for brackets. */
  readonly closer: string;
  /** Comments included. Empty for atoms and comments. */
  readonly children: Piece[];
  /** How many of the children are no comments. */
  forms: number;
  readonly line: number;
  /** Line of the last character. */
  endLine: number;
  /** Blank lines between the piece and what stands before it in the same bracket. */
  readonly blankLines: number;
  /** What a row of children is; see rows.ts. */
  readonly role: Role;
  /** Rows and width, once they are known. */
  rows: readonly Row[] | null;
  flatWidth: number | null | undefined;
  lineWidth: number | undefined;
  brokenWidth: number | undefined;
}

/** Children that belong on one line if they fit: a clause, a pair, the head of a form. */
export type Row = readonly Piece[];

export type Role = "plain" | "bindings";

/** The pieces of a whole text. `roleOf` says what a bracket is by the bracket it stands in. */
export function readPieces(
  text: string,
  roleOf: (parent: Piece | undefined, opener: string) => Role,
): readonly Piece[] {
  const lexer = new Lexer(text, "", true);
  const root = newPiece("bracket", "", { line: 1, blankLines: 0, role: "plain" });
  const open = [root];
  while (lexer.next() !== "end") {
    const { kind, line } = lexer;
    const parent = open.at(-1)!;
    if (kind === ")" || kind === "]" || kind === "}") {
      open.pop();
      parent.endLine = line;
      endPrefixes(open);
      continue;
    }
    const before = parent.children.at(-1);
    const blankLines = before === undefined ? 0 : Math.max(0, line - before.endLine - 1);
    const place = { line, blankLines, role: roleOf(parent, kind) };
    const source = text.slice(lexer.start, lexer.end);
    if (kind === "(" || kind === "[" || kind === "{" || kind === "#(") {
      const piece = newPiece("bracket", kind, place);
      addForm(parent, piece);
      open.push(piece);
    } else if (kind === "atom" || kind === "string") {
      const piece = newPiece("atom", source, place);
      piece.endLine = lexer.endLine;
      addForm(parent, piece);
      endPrefixes(open);
    } else if (kind === "line-comment" || kind === "block-comment") {
      const piece = newPiece("comment", source.trimEnd(), place);
      piece.endLine = lexer.endLine;
      parent.children.push(piece);
    } else {
      const piece = newPiece("prefix", kind, place);
      addForm(parent, piece);
      open.push(piece);
    }
  }
  return root.children;
}

function addForm(parent: Piece, piece: Piece): void {
  parent.children.push(piece);
  parent.forms++;
}

const CLOSERS: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
  ["#(", ")"],
]);

function newPiece(
  kind: Piece["kind"],
  text: string,
  place: Pick<Piece, "line" | "blankLines" | "role">,
): Piece {
  const closer = kind === "bracket" ? (CLOSERS.get(text) ?? "") : "";
  return {
    kind,
    text,
    closer,
    children: [],
    forms: 0,
    endLine: place.line,
    rows: null,
    flatWidth: undefined,
    lineWidth: undefined,
    brokenWidth: undefined,
    ...place,
  };
}

/** Close the prefixes that have got their last form. */
function endPrefixes(open: Piece[]): void {
  for (;;) {
    const piece = open.at(-1)!;
    if (piece.kind !== "prefix") return;
    const forms = piece.children.filter(({ kind }) => kind !== "comment");
    if (forms.length < formsNeeded(piece, forms)) return;
    piece.endLine = forms.at(-1)!.endLine;
    open.pop();
  }
}

function formsNeeded(prefix: Piece, forms: readonly Piece[]): number {
  if (prefix.text !== "^") return 1;
  if (forms[0]?.text !== ":delegation") return 2;
  return forms[1]?.text === ":local" ? 3 : 4;
}
