/**
 * Which children of a bracket share a line: the head of a form with its first arguments, a map's
 * entry, a binding, a clause.
 *
 * Rows depend on the pieces alone, never on a width, so that a formatted text has the same rows. A
 * comment belongs to the row it stands in, or to the row it ends, or is a row of its own.
 *
 * @module
 */
import type { Piece, Role, Row } from "./piece.ts";

/** How a form is laid out whose head is known. */
interface HeadRule {
  /** Arguments on the line of the head. */
  readonly headArguments: number | "definition" | "function" | "catch";
  /** What follows them. `options`: pairs as long as they start with a keyword, then single forms. */
  readonly body: "single" | "pairs" | "clauses" | "options";
}

const RULES: ReadonlyMap<string, HeadRule> = new Map<string, HeadRule>([
  ...rules("definition", "single", "def"),
  ...rules("function", "single", "defn defmacro fn lambda λ"),
  ...rules("catch", "single", "catch"),
  ...rules(0, "single", "do try finally step-parallel parallel"),
  ...rules(
    1,
    "single",
    "let loop if if-not when when-not if-let when-let for dotimes with-resource step-if step-loop",
  ),
  ...rules(1, "clauses", "match"),
  ...rules(0, "pairs", "cond"),
  ...rules(1, "options", "step module defstruct intent plan action capability resource task"),
  ...rules(0, "options", "agent.config"),
]);

/** Forms whose first vector binds names to values. */
const BINDING_HEADS = new Set("let loop if-let when-let for dotimes with-resource".split(" "));

function rules(
  headArguments: HeadRule["headArguments"],
  body: HeadRule["body"],
  heads: string,
): [string, HeadRule][] {
  return heads.split(" ").map((head) => [head, { headArguments, body }]);
}

/** Null: an ordinary call, or no list. */
export function ruleOf(piece: Piece): HeadRule | null {
  const head = piece.closer === ")" ? piece.children[0] : undefined;
  return head?.kind === "atom" ? (RULES.get(head.text) ?? null) : null;
}

/** Whether a call's arguments stand below each other beside its head, not below the head. */
export function isHanging(piece: Piece): boolean {
  const head = piece.children[0];
  return piece.closer === ")" && head?.kind === "atom" && head.text.length <= 24;
}

/** What a bracket is, by where it stands. */
export function roleOf(parent: Piece | undefined, opener: string): Role {
  if (opener !== "[" || parent?.text !== "(" || parent.forms !== 1) return "plain";
  return BINDING_HEADS.has(parent.children[0]!.text) ? "bindings" : "plain";
}

/** Whether the author's own lines are the rows: a call's arguments, a vector's items. */
export function isLoose(piece: Piece): boolean {
  return piece.text !== "{" && piece.role === "plain" && ruleOf(piece) === null;
}

/** The rows of a bracket's children; worked out once. */
export function rowsOf(piece: Piece): readonly Row[] {
  piece.rows ??= isLoose(piece) ? linesOf(piece) : collectRows(piece.children, rowLengths(piece));
  return piece.rows;
}

/** A row of a loose piece, one form to a row. The head of a call keeps its first argument. */
export function splitRow(piece: Piece, row: Row): readonly Row[] {
  const isHead = row[0] === piece.children[0] && isHanging(piece);
  return collectRows(row, isHead ? [Math.min(2, row.length)] : []);
}

/** The children by the lines they stand on; a head without argument takes the first one. */
function linesOf(piece: Piece): readonly Row[] {
  const rows: Piece[][] = [];
  for (const [index, child] of piece.children.entries()) {
    const before = piece.children[index - 1];
    const isFirstArgument =
      index === 1 && isHanging(piece) && before !== undefined && child.kind !== "comment";
    if (isFirstArgument || isBeside(child, before)) {
      rows.at(-1)!.push(child);
    } else rows.push([child]);
  }
  return rows;
}

/** How many forms each row takes, comments not counted; one for each that is not named. */
function rowLengths(piece: Piece): readonly number[] {
  const forms = piece.children.filter(({ kind }) => kind !== "comment");
  if (piece.text === "{") return pairs(forms.length);
  if (piece.role === "bindings") return bindingLengths(forms);
  const rule = ruleOf(piece);
  if (rule === null) return [];
  const head = 1 + headLength(rule, forms.slice(1));
  const body = forms.slice(head);
  if (rule.headArguments === "function" && body[0]?.text.startsWith('"') === true) {
    return [head, 1, parameterLength(body.slice(1))];
  }
  if (rule.body === "pairs") return [head, ...pairs(body.length)];
  if (rule.body === "clauses") return [head, ...clauseLengths(body)];
  return rule.body === "options" ? [head, ...optionLengths(body)] : [head];
}

function pairs(count: number): readonly number[] {
  return Array.from({ length: Math.ceil(count / 2) }, () => 2);
}

const isKeyword = ({ kind, text }: Piece): boolean =>
  kind === "atom" && text.startsWith(":") && text.length > 1;

function headLength({ headArguments }: HeadRule, rest: readonly Piece[]): number {
  if (typeof headArguments === "number") {
    // `(plan :name …)`: the options begin at once.
    const isOption = rest[0] !== undefined && isKeyword(rest[0]) && headArguments === 1;
    return Math.min(isOption ? 0 : headArguments, rest.length);
  }
  if (headArguments === "catch") return Math.min(rest.length >= 3 ? 2 : 1, rest.length);
  if (headArguments === "definition") return Math.min(Math.max(1, rest.length - 1), rest.length);
  const params = rest.findIndex(({ text, kind }) => kind === "bracket" || text.startsWith('"'));
  if (params < 0 || rest[params]!.text !== "[") return Math.min(1, rest.length);
  return params + parameterLength(rest.slice(params));
}

/** The parameters with the return type after them. */
function parameterLength(forms: readonly Piece[]): number {
  if (forms[1]?.text === ":" && forms.length > 3) return 3;
  return forms.length > 2 && isKeyword(forms[1]!) ? 2 : 1;
}

/** `pattern body` or `pattern when guard body`. */
function clauseLengths(forms: readonly Piece[]): readonly number[] {
  const lengths: number[] = [];
  for (let at = 0; at < forms.length; at += lengths.at(-1)!) {
    lengths.push(forms[at + 1]?.text === "when" ? 4 : 2);
  }
  return lengths;
}

function optionLengths(forms: readonly Piece[]): readonly number[] {
  const lengths: number[] = [];
  for (let at = 0; at + 1 < forms.length && isKeyword(forms[at]!); at += 2) lengths.push(2);
  return lengths;
}

/**
 * `name value`, `name: T value`, `name : T value`, `name :T value`. As in the language an annotation
 * is tried first, and taken when the rest can be read.
 */
function bindingLengths(forms: readonly Piece[]): readonly number[] {
  const next: number[] = [];
  const isReadable = (at: number): boolean => at === forms.length || next[at] !== undefined;
  for (let at = forms.length - 1; at >= 0; at--) {
    const target = forms[at]!;
    const after = forms[at + 1];
    const choices = [2];
    if (target.kind === "atom" && target.text.length > 1 && target.text.endsWith(":"))
      choices[0] = 3;
    else if (after?.text === ":") choices[0] = 4;
    else if (after !== undefined && isKeyword(after)) choices.unshift(3);
    const length = choices.find((each) => at + each <= forms.length && isReadable(at + each));
    if (length !== undefined) next[at] = length;
  }
  if (!isReadable(0)) return pairs(forms.length);
  const lengths: number[] = [];
  for (let at = 0; at < forms.length; at += next[at]!) lengths.push(next[at]!);
  return lengths;
}

/** Whether it stands on the line of what is before it. Behind a comment a line ends, whatever its author wrote. */
function isBeside(child: Piece, before: Piece | undefined): boolean {
  return before !== undefined && before.kind !== "comment" && child.line === before.endLine;
}

function collectRows(children: readonly Piece[], lengths: readonly number[]): readonly Row[] {
  const rows: Piece[][] = [];
  let missing = 0;
  let formRows = 0;
  for (const [index, child] of children.entries()) {
    const isComment = child.kind === "comment";
    if (missing > 0 || (isComment && isBeside(child, children[index - 1])))
      rows.at(-1)!.push(child);
    else {
      rows.push([child]);
      if (!isComment) missing = lengths[formRows++] ?? 1;
    }
    if (!isComment) missing--;
  }
  return rows;
}
