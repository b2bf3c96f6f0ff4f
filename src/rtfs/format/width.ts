/**
 * How wide pieces are: on one line, and with their outermost brackets broken.
 *
 * @module
 */
import type { Piece, Row } from "./piece.ts";
import { isHanging, isLoose, rowsOf, ruleOf } from "./rows.ts";

/** Whether the author put two rows on different lines. Metadata and its form count as rows. */
export function isBroken(piece: Piece): boolean {
  if (piece.kind === "prefix") {
    const [form, before] = piece.children.toReversed();
    return piece.text === "^" && form!.line > before!.endLine;
  }
  if (isFilled(piece)) return false;
  const rows = rowsOf(piece);
  return rows.some((row, index) => index > 0 && row[0]!.line > rows[index - 1]!.at(-1)!.endLine);
}

/** A vector of atoms is data: its lines are no choice of the author's. */
export function isFilled(piece: Piece): boolean {
  if (piece.text !== "[" || piece.role !== "plain") return false;
  return piece.children.every(({ kind, text }) => kind === "atom" && !text.includes("\n"));
}

/** `~ @x` must not become `~@x`. */
export function isSplit(prefix: Piece): boolean {
  return prefix.text === "~" && prefix.children[0]!.text.startsWith("@");
}

/** Columns of the piece on one line; null: it does not stand on one. */
export function flatWidth(piece: Piece): number | null {
  if (piece.flatWidth === undefined) piece.flatWidth = measure(piece);
  return piece.flatWidth;
}

function measure(piece: Piece): number | null {
  if (piece.kind === "comment") return null;
  if (piece.kind === "atom") return piece.text.includes("\n") ? null : piece.text.length;
  const isPrefix = piece.kind === "prefix";
  if (isBroken(piece)) return null;
  let width = piece.text.length + piece.closer.length;
  for (const [index, child] of piece.children.entries()) {
    const inner = flatWidth(child);
    if (inner === null) return null;
    width += inner + (index > 0 || (isPrefix && isSplit(piece)) ? 1 : 0);
  }
  return width;
}

/** Columns of a row of a loose piece, without the comment that ends it; null: not on one line. */
export function rowWidth(row: Row): number | null {
  let width = -1;
  for (const piece of row) {
    if (piece.kind === "comment") break;
    const inner = flatWidth(piece);
    if (inner === null) return null;
    width += inner + 1;
  }
  return width;
}

/** The piece on one line. */
export function flatText(piece: Piece): string {
  const inner = piece.children.map(flatText).join(" ");
  const gap = piece.kind === "prefix" && isSplit(piece) ? " " : "";
  return `${piece.text}${gap}${inner}${piece.closer}`;
}

/**
 * Columns of the piece with one row a line and all else on one line, whatever the author's lines
 * are; comments count for nothing.
 */
export function brokenWidth(piece: Piece): number {
  if (piece.brokenWidth === undefined) piece.brokenWidth = measureBroken(piece);
  return piece.brokenWidth;
}

function measureBroken(piece: Piece): number {
  if (piece.kind === "atom" || piece.kind === "comment") return lineWidth(piece);
  if (piece.kind === "prefix") {
    return piece.text.length + Math.max(...piece.children.map(brokenWidth));
  }
  if (!isLoose(piece)) {
    const indent = ruleOf(piece) === null ? piece.text.length : 2;
    return rowsOf(piece).reduce((most, row) => Math.max(most, indent + lineWidthOf(row)), 0);
  }
  const [head, ...rest] = piece.children;
  if (head === undefined) return 2;
  const isCall = isHanging(piece);
  const indent = piece.text.length + (isCall ? head.text.length + 1 : 0);
  const items = isCall ? rest : piece.children;
  return items.reduce((most, child) => Math.max(most, indent + lineWidth(child)), indent);
}

/** Columns on one line, wherever the author broke it; a string's first line. */
function lineWidth(piece: Piece): number {
  if (piece.lineWidth === undefined) {
    const inner = piece.kind === "comment" ? 0 : piece.text.split("\n", 1)[0]!.length;
    piece.lineWidth = inner + piece.closer.length + lineWidthOf(piece.children);
  }
  return piece.lineWidth;
}

function lineWidthOf(row: Row): number {
  const forms = row.filter(({ kind }) => kind !== "comment");
  return forms.reduce((sum, form) => sum + lineWidth(form) + 1, forms.length > 0 ? -1 : 0);
}
