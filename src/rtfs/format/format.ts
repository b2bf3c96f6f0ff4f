/**
 * The house layout of a source text.
 *
 * Read in this order: formatSource, Layout.piece, Layout.rows. What fits stays on one line, except
 * that rows (rows.ts) the author put on lines of their own stay so; what does not fit gets one row a
 * line. Choices depend only on rows, widths and columns, which a formatted text shares with its
 * source: formatting twice gives what formatting once gave.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { readSource } from "../syntax/reader.ts";
import { Emitter } from "./emitter.ts";
import { type Piece, readPieces, type Row } from "./piece.ts";
import { isHanging, isLoose, roleOf, rowsOf, ruleOf, splitRow } from "./rows.ts";
import {
  brokenWidth,
  flatText,
  flatWidth,
  isBroken,
  isFilled,
  isSplit,
  rowWidth,
} from "./width.ts";

export interface FormatOptions {
  /** Columns that a line should not pass; default 100. Atoms and comments are never cut. */
  readonly width?: number;
  /** What diagnostics call the text; default `source`. */
  readonly file?: string;
}

/** Blank lines kept between top-level forms, and inside a form. */
const BLANK_LINES_MAX = 2;
const BLANK_LINES_INSIDE_MAX = 1;
/** A last argument is broken where it stands up to this far from the start of its call. */
const HUG_COLUMNS_MAX = 40;
/** A value is broken beside its key up to this far from it, and in any case up to the second. */
const BESIDE_COLUMNS_MAX = 30;
const NEAR_COLUMNS = 12;

/**
 * The text in the house layout, ending with one line end (an empty text stays empty). Its forms and
 * comments are those of `text`, spelled as their author spelled them.
 *
 * @returns the diagnostics of the reader for a text that does not read.
 */
export function formatSource(
  text: string,
  { width = 100, file = "source" }: FormatOptions = {},
): Result<string, readonly Diagnostic[]> {
  const { diagnostics } = readSource(text, { file });
  if (diagnostics.length > 0) return err(diagnostics);
  const pieces = readPieces(text.replaceAll("\r\n", "\n"), roleOf);
  return ok(new Layout(width).text(pieces));
}

class Layout {
  readonly #out = new Emitter();
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  text(pieces: readonly Piece[]): string {
    for (const [index, piece] of pieces.entries()) {
      const before = pieces[index - 1];
      if (before !== undefined && piece.kind === "comment" && piece.line === before.endLine) {
        this.#out.write(" ");
      } else if (before !== undefined) {
        this.#out.line(0, Math.min(piece.blankLines, BLANK_LINES_MAX));
      }
      this.#piece(piece, 0);
    }
    return pieces.length === 0 ? "" : `${this.#out.text()}\n`;
  }

  /** `trail`: closers that follow on the same line. */
  #piece(piece: Piece, trail: number): void {
    if (piece.kind === "comment") this.#out.comment(piece.text);
    else if (piece.kind === "atom") this.#out.write(piece.text);
    else if (this.#fits(piece, trail)) this.#out.write(flatText(piece));
    else if (piece.kind === "prefix") this.#prefix(piece, trail);
    else this.#bracket(piece, trail);
  }

  #fits(piece: Piece, trail: number): boolean {
    const width = flatWidth(piece);
    return width !== null && this.#out.column + width + trail <= this.#width;
  }

  /** The form of metadata stands below it; that of any other prefix beside it. */
  #prefix(piece: Piece, trail: number): void {
    const out = this.#out;
    const indent = out.column;
    out.write(piece.text);
    const last = piece.children.length - 1;
    for (const [index, child] of piece.children.entries()) {
      if (child.kind === "comment") out.space(indent + 1);
      else if (piece.text === "^" && index === last) out.line(indent);
      else if (index > 0) out.space(indent + 1);
      else if (isSplit(piece)) out.write(" ");
      this.#piece(child, index === last ? trail : 0);
    }
  }

  #bracket(piece: Piece, trail: number): void {
    const start = this.#out.column;
    this.#out.write(piece.text);
    const inside = start + piece.text.length;
    const rule = ruleOf(piece);
    if (rule !== null) {
      this.#rows(piece, { indent: start + 2, argument: start + 2, below: 0, trail });
    } else if (isHanging(piece)) this.#call(piece, start, trail);
    else if (isFilled(piece)) this.#fill(piece, inside, trail);
    else this.#rows(piece, { indent: inside, argument: inside + 2, below: 2, trail });
    if (this.#out.needsLine) this.#out.line(rule === null ? inside : start + 2);
    this.#out.write(piece.closer);
  }

  /** Arguments below the first one; the last one alone may be broken when the others fit. */
  #call(piece: Piece, start: number, trail: number): void {
    const head = piece.children[0]!;
    const beside = this.#out.column + head.text.length + 1;
    const isNear = beside <= this.#width * 0.6 || start + brokenWidth(piece) <= this.#width;
    const indent = isNear ? beside : start + 2;
    if (isNear && this.#canHug(piece)) {
      for (const [index, child] of piece.children.entries()) {
        if (index > 0) this.#out.write(" ");
        this.#piece(child, index === piece.children.length - 1 ? trail + 1 : 0);
      }
    } else this.#rows(piece, { indent, argument: indent, below: 2, trail, isFarHead: !isNear });
  }

  /** Whether all but the last child fit on this line and that last one is a bracket. */
  #canHug(piece: Piece): boolean {
    if (isBroken(piece) || piece.children.at(-1)?.kind !== "bracket") return false;
    let column = this.#out.column;
    const from = column;
    for (const child of piece.children.slice(0, -1)) {
      const width = flatWidth(child);
      if (width === null) return false;
      column += width + 1;
    }
    const width = brokenWidth(piece.children.at(-1)!);
    return column - from <= HUG_COLUMNS_MAX && column + width <= this.#width;
  }

  /** Atoms, as many on a line as fit. */
  #fill(piece: Piece, indent: number, trail: number): void {
    const last = piece.children.length - 1;
    for (const [index, child] of piece.children.entries()) {
      const room = this.#width - (index === last ? trail + 1 : 0);
      if (index > 0) {
        if (this.#out.column + 1 + child.text.length <= room) this.#out.write(" ");
        else this.#out.line(indent);
      }
      this.#out.write(child.text);
    }
  }

  #rows(piece: Piece, place: RowPlace): void {
    const rows = isLoose(piece) ? this.#looseRows(piece, place) : rowsOf(piece);
    for (const [index, row] of rows.entries()) {
      if (index > 0) {
        this.#out.line(place.indent, Math.min(row[0]!.blankLines, BLANK_LINES_INSIDE_MAX));
      }
      const isHead = index === 0 && piece.closer === ")";
      const trail = index === rows.length - 1 ? place.trail + 1 : 0;
      this.#row(row, { ...place, trail, isFarHead: isHead && place.isFarHead === true, isHead });
    }
  }

  /** The author's lines, those that are too long split. */
  #looseRows(piece: Piece, place: RowPlace): readonly Row[] {
    const rows = rowsOf(piece);
    return rows.flatMap((row, index) => {
      const trail = index === rows.length - 1 ? place.trail + 1 : 0;
      const column = index === 0 ? this.#out.column : place.indent;
      const width = rowWidth(row);
      const isWhole = width !== null && column + width + trail <= this.#width;
      return isWhole && place.isFarHead !== true ? [row] : splitRow(piece, row);
    });
  }

  /** One row from the present column; a value that would start too far right gets a line. */
  #row(row: Row, place: RowPlace & { readonly isHead: boolean }): void {
    const start = this.#out.column;
    const below = place.isHead ? place.argument : start + place.below;
    for (const [index, piece] of row.entries()) {
      const trail = index === row.length - 1 ? place.trail : 0;
      if (index > 0 && piece.kind === "comment") {
        if (this.#out.needsLine) this.#out.line(below);
        else this.#out.write(" ");
      } else if (index > 0) {
        const isFar = place.isHead ? place.isFarHead === true : this.#isTooFar(piece, start, trail);
        if (isFar) this.#out.line(below);
        else this.#out.space(below);
      }
      this.#piece(piece, trail);
    }
  }

  #isTooFar(piece: Piece, start: number, trail: number): boolean {
    const column = this.#out.column + 1;
    const width = flatWidth(piece);
    if (width !== null && column + width + trail <= this.#width) return false;
    if (piece.kind === "atom") return width !== null;
    const isFar = column - start > BESIDE_COLUMNS_MAX;
    return isFar || (column - start > NEAR_COLUMNS && column + brokenWidth(piece) > this.#width);
  }
}

interface RowPlace {
  /** Of the rows after the first. */
  readonly indent: number;
  /** Of an argument of the head that cannot stand beside it. */
  readonly argument: number;
  /** From the start of its row, of a value that cannot stand beside its key. */
  readonly below: number;
  readonly trail: number;
  /** The head's first argument stands below it. */
  readonly isFarHead?: boolean;
}
