/**
 * Sets of code points: ranges, Unicode properties, unions and their complements.
 *
 * Folding and properties are the host's: it is asked about one character at a time, with an
 * expression made here and never from the pattern's text, so its backtracking cannot be reached.
 *
 * @module
 */

/** A part of a set. */
export type SetPart =
  | { readonly kind: "range"; readonly low: number; readonly high: number }
  /** A general category (`L`, `Lu`), a script (`Greek`) or `Any`. */
  | { readonly kind: "property"; readonly name: string }
  | { readonly kind: "union"; readonly parts: readonly SetPart[]; readonly isNegated: boolean };

const ASCII_SIZE = 128;
const POINT_MAX = 0x10ffff;

/** Code points, asked one at a time. Answers for ASCII are kept. */
export class CharSet {
  /** 0: not asked yet; 1: no; 2: yes. */
  readonly #ascii = new Uint8Array(ASCII_SIZE);
  readonly #test: (point: number) => boolean;

  constructor(parts: readonly SetPart[], isFolded: boolean) {
    this.#test = anyOf(parts, isFolded);
  }

  has(point: number): boolean {
    if (point >= ASCII_SIZE) return this.#test(point);
    const known = this.#ascii[point];
    if (known !== 0) return known === 2;
    const has = this.#test(point);
    this.#ascii[point] = has ? 2 : 1;
    return has;
  }
}

function anyOf(parts: readonly SetPart[], isFolded: boolean): (point: number) => boolean {
  const tests = parts.map((part) => testOf(part, isFolded));
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (point) => tests.some((test) => test(point));
}

function testOf(part: SetPart, isFolded: boolean): (point: number) => boolean {
  if (part.kind === "union") {
    const inner = anyOf(part.parts, isFolded);
    return part.isNegated ? (point) => !inner(point) : inner;
  }
  if (part.kind === "property") {
    const expression = propertyExpression(part.name, isFolded);
    if (expression === null) throw new TypeError(`No property is called ${part.name}`);
    return (point) => expression.test(String.fromCodePoint(point));
  }
  const { low, high } = part;
  const isInside = (point: number): boolean => point >= low && point <= high;
  return isFolded && !(low === 0 && high === POINT_MAX) ? folded(low, high, isInside) : isInside;
}

/** A range without regard to case. The host is asked only beyond ASCII, and not before it must. */
function folded(
  low: number,
  high: number,
  isInside: (point: number) => boolean,
): (point: number) => boolean {
  let expression: RegExp | null = null;
  return (point) => {
    if (isInside(point) || isInside(otherCase(point))) return true;
    // ASCII folds to itself, and to two letters that are not.
    if (point < ASCII_SIZE && high < ASCII_SIZE) return false;
    expression ??= new RegExp(`^[\\u{${low.toString(16)}}-\\u{${high.toString(16)}}]$`, "iu");
    return expression.test(String.fromCodePoint(point));
  };
}

/** The other case of an ASCII letter; anything else as it is. */
function otherCase(point: number): number {
  const upper = point & ~32;
  return upper >= 65 && upper <= 90 && point < ASCII_SIZE ? point ^ 32 : point;
}

/** By name and folding. The host knows a few hundred names, so the table is bounded. */
const properties = new Map<string, RegExp>();

/** The host's expression for a property; null when there is none of that name. */
function propertyExpression(name: string, isFolded: boolean): RegExp | null {
  const id = `${isFolded ? "i" : ""}${name}`;
  const known = properties.get(id);
  if (known !== undefined) return known;
  if (!/^[A-Z][A-Za-z_]{0,40}$/.test(name)) return null;
  const key = /^[A-Z][a-z]?$/.test(name) ? "General_Category" : "Script";
  const source = name === "Any" ? "[^]" : `\\p{${key}=${name}}`;
  try {
    const expression = new RegExp(`^${source}$`, isFolded ? "iu" : "u");
    properties.set(id, expression);
    return expression;
  } catch {
    return null;
  }
}

/** Whether `\p{name}` is known: `Any`, a general category's short name, or a script. */
export function isProperty(name: string): boolean {
  return propertyExpression(name, false) !== null;
}

const range = (low: number, high: number): SetPart => ({ kind: "range", low, high });
const span = (text: string): SetPart[] =>
  Array.from({ length: text.length / 2 }, (_, at) =>
    range(text.charCodeAt(2 * at), text.charCodeAt(2 * at + 1)),
  );

/** `\d \s \w`: ASCII only, as in RE2. */
export const PERL_CLASSES: ReadonlyMap<string, readonly SetPart[]> = new Map([
  ["d", span("09")],
  ["s", span("\t\n\f\r  ")],
  ["w", span("09AZaz__")],
]);

/** `[:alpha:]` and its kin, ASCII only. */
export const POSIX_CLASSES: ReadonlyMap<string, readonly SetPart[]> = new Map([
  ["alnum", span("09AZaz")],
  ["alpha", span("AZaz")],
  ["ascii", [range(0, 127)]],
  ["blank", span("\t\t  ")],
  ["cntrl", [range(0, 31), range(127, 127)]],
  ["digit", span("09")],
  ["graph", span("!~")],
  ["lower", span("az")],
  ["print", span(" ~")],
  ["punct", span("!/:@[`{~")],
  ["space", span("\t\r  ")],
  ["upper", span("AZ")],
  ["word", span("09AZaz__")],
  ["xdigit", span("09AFaf")],
]);

/** Every character, or every one but `\n`. */
export function anyCharacter(withNewline: boolean): CharSet {
  if (withNewline) return new CharSet([range(0, POINT_MAX)], false);
  return new CharSet([range(0, 9), range(11, POINT_MAX)], false);
}
