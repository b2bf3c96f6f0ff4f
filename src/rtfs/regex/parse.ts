/**
 * Patterns of an RE2-like dialect to trees.
 *
 * Read in this order: parsePattern, Parser.alternation, Parser.atom. Whatever would need
 * backtracking (back-references, look-around, possessive and atomic groups) is refused by name and
 * place. Nesting is bounded, so the recursion is.
 *
 * @module
 */
import { anyCharacter, CharSet, POSIX_CLASSES, type SetPart } from "./char-set.ts";
import { parseEscape } from "./parse-escape.ts";
import { PatternReader } from "./reader.ts";
import type { Tree } from "./tree.ts";

/** Longest pattern, UTF-16 units. */
export const PATTERN_LENGTH_MAX = 4096;
/** Deepest nesting of groups. */
const DEPTH_MAX = 100;
/** Largest count in braces. */
const REPEAT_MAX = 1000;

/** `(?ims)`: ignore case, `^` and `$` at lines, `.` matches `\n`; U swaps greedy and lazy. */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

const EMPTY: Tree = { kind: "empty" };

/** @throws {BadPattern} with the fault and its place. */
export function parsePattern(pattern: string): Tree {
  const reader = new PatternReader(pattern.slice(0, PATTERN_LENGTH_MAX + 1));
  if (pattern.length > PATTERN_LENGTH_MAX) {
    return reader.refuse(
      `The pattern is over ${PATTERN_LENGTH_MAX} characters`,
      PATTERN_LENGTH_MAX,
    );
  }
  const parser = new Parser(reader);
  const tree = parser.alternation({ i: false, m: false, s: false, U: false }, 0);
  if (!reader.isAtEnd) return reader.refuse("`)` closes nothing");
  return tree;
}

class Parser {
  readonly #reader: PatternReader;
  /** Characters without regard to case, each made once. */
  readonly #folded = new Map<number, Tree>();

  constructor(reader: PatternReader) {
    this.#reader = reader;
  }

  /** Up to the end or an unmatched `)`. Flags set inside hold to the end of the group. */
  alternation(flags: Flags, depth: number): Tree {
    const reader = this.#reader;
    if (depth > DEPTH_MAX) return reader.refuse(`Groups nest deeper than ${DEPTH_MAX}`);
    let current = flags;
    const parts: Tree[] = [];
    let sequence: Tree[] = [];
    while (!reader.isAtEnd && reader.peek() !== ")") {
      if (reader.take("|")) {
        parts.push(sequenceOf(sequence));
        sequence = [];
        continue;
      }
      const switched = this.#flagSwitch(current);
      if (switched === null) sequence.push(...this.#item(current, depth));
      else current = switched;
    }
    parts.push(sequenceOf(sequence));
    return parts.length === 1 ? parts[0]! : { kind: "either", parts };
  }

  /** `(?i)` without a group: the flags from here on; null when no such thing stands here. */
  #flagSwitch(flags: Flags): Flags | null {
    const reader = this.#reader;
    const from = reader.at;
    if (!reader.take("(?")) return null;
    const letters = this.#flags(flags);
    if (letters !== null && reader.take(")")) return letters;
    reader.at = from;
    return null;
  }

  /** Flag letters as in `im-s`; null when there are none. */
  #flags(flags: Flags): Flags | null {
    const reader = this.#reader;
    const next = { ...flags };
    let isOn = true;
    let count = 0;
    for (; ; count++) {
      const letter = reader.peek();
      if (letter === "-" && isOn) isOn = false;
      else if (letter === "i" || letter === "m" || letter === "s" || letter === "U") {
        next[letter] = isOn;
      } else break;
      reader.at++;
    }
    return count === 0 ? null : next;
  }

  /** An atom with its repetitions. A quoted text gives several, and only the last is repeated. */
  #item(flags: Flags, depth: number): Tree[] {
    const atoms = this.#atom(flags, depth);
    const last = atoms.pop();
    return last === undefined ? atoms : [...atoms, this.#repeated(last, flags)];
  }

  #repeated(atom: Tree, flags: Flags): Tree {
    const reader = this.#reader;
    const from = reader.at;
    const counts = this.#counts();
    if (counts === null) return atom;
    if (reader.peek() === "+")
      return reader.refuse("Possessive repetition is not part of this dialect");
    const isLazy = reader.take("?");
    if (this.#isRepetition())
      return reader.refuse("A repetition of a repetition needs a group", from);
    return { kind: "repeat", part: atom, ...counts, isGreedy: isLazy === flags.U };
  }

  #isRepetition(): boolean {
    const { at } = this.#reader;
    const is = this.#counts() !== null;
    this.#reader.at = at;
    return is;
  }

  #counts(): { least: number; most: number | null } | null {
    const reader = this.#reader;
    if (reader.take("*")) return { least: 0, most: null };
    if (reader.take("+")) return { least: 1, most: null };
    if (reader.take("?")) return { least: 0, most: 1 };
    return reader.peek() === "{" ? this.#braces() : null;
  }

  /** `{n}`, `{n,}`, `{n,m}`; null for a brace that is none of them: it stands for itself. */
  #braces(): { least: number; most: number | null } | null {
    const reader = this.#reader;
    const from = reader.at;
    reader.at++;
    const least = this.#number();
    const isOpen = reader.take(",");
    const most = isOpen ? this.#number() : least;
    if (least === null || !reader.take("}")) {
      reader.at = from;
      return null;
    }
    if (least > REPEAT_MAX || (most ?? 0) > REPEAT_MAX) {
      return reader.refuse(`A repetition counts to at most ${REPEAT_MAX}`, from);
    }
    if (most !== null && most < least) {
      return reader.refuse("A repetition's least count is above its most", from);
    }
    return { least, most };
  }

  /** Digits; null when there are none. */
  #number(): number | null {
    let digits = "";
    while (/^[0-9]$/.test(this.#reader.peek())) digits += this.#reader.next();
    return digits === "" ? null : Number(digits);
  }

  #atom(flags: Flags, depth: number): Tree[] {
    const reader = this.#reader;
    const from = reader.at;
    if (this.#isRepetition()) return reader.refuse("A repetition has nothing to repeat");
    const point = reader.next();
    switch (point) {
      case "(":
        return [this.#group(flags, depth, from)];
      case "[":
        return [{ kind: "set", set: new CharSet([this.#class(from)], flags.i) }];
      case ".":
        return [{ kind: "set", set: anyCharacter(flags.s) }];
      case "^":
        return [{ kind: "assert", assertion: flags.m ? "line-start" : "text-start" }];
      case "$":
        return [{ kind: "assert", assertion: flags.m ? "line-end" : "text-end" }];
      case "\\":
        return this.#escape(flags);
      default:
        return [this.#literal(point.codePointAt(0)!, flags)];
    }
  }

  #escape(flags: Flags): Tree[] {
    const escape = parseEscape(this.#reader, false);
    switch (escape.kind) {
      case "point":
        return [this.#literal(escape.point, flags)];
      case "class":
        return [{ kind: "set", set: new CharSet([escape.part], flags.i) }];
      case "assert":
        return [{ kind: "assert", assertion: escape.assertion }];
      case "quoted":
        return Array.from(escape.text, (each) => this.#literal(each.codePointAt(0)!, flags));
    }
  }

  #literal(point: number, { i }: Flags): Tree {
    if (!i) return { kind: "literal", point };
    const known = this.#folded.get(point);
    if (known !== undefined) return known;
    const set = new CharSet([{ kind: "range", low: point, high: point }], true);
    const tree: Tree = { kind: "set", set };
    this.#folded.set(point, tree);
    return tree;
  }

  #group(flags: Flags, depth: number, from: number): Tree {
    const inner = this.#reader.take("?") ? this.#groupFlags(flags, from) : flags;
    const tree = this.alternation(inner, depth + 1);
    if (!this.#reader.take(")")) return this.#reader.refuse("`(` is never closed", from);
    return tree;
  }

  /** What stands behind `(?`. */
  #groupFlags(flags: Flags, from: number): Flags {
    const reader = this.#reader;
    for (const [text, feature] of REFUSED_GROUPS) {
      if (reader.take(text)) return reader.refuse(`${feature} is not part of this dialect`, from);
    }
    if (reader.take("P<") || reader.take("<")) {
      const name = reader.until(">");
      if (name !== null && /^[A-Za-z0-9_]+$/.test(name)) return flags;
      return reader.refuse("A group's name is letters, digits and `_`", from);
    }
    const inner = this.#flags(flags) ?? flags;
    if (reader.take(":")) return inner;
    return reader.refuse("`(?` begins no group of this dialect", from);
  }

  /** `[…]`; the reader stands behind the `[`. */
  #class(from: number): SetPart {
    const reader = this.#reader;
    const isNegated = reader.take("^");
    const parts: SetPart[] = [];
    for (let isFirst = true; isFirst || reader.peek() !== "]"; isFirst = false) {
      if (reader.isAtEnd) return reader.refuse("`[` is never closed", from);
      parts.push(this.#classPart());
    }
    reader.at++;
    return { kind: "union", parts, isNegated };
  }

  #classPart(): SetPart {
    const reader = this.#reader;
    const from = reader.at;
    if (reader.take("[:")) return this.#posix(from);
    const low = this.#classPoint();
    if (typeof low !== "number") return low;
    const isRange = reader.peek() === "-" && reader.peek(1) !== "]" && reader.peek(1) !== "";
    if (!isRange) return { kind: "range", low, high: low };
    reader.at++;
    const high = this.#classPoint();
    if (typeof high !== "number" || high < low) {
      return reader.refuse("A range in `[…]` goes from a lower to a higher character", from);
    }
    return { kind: "range", low, high };
  }

  #classPoint(): number | SetPart {
    const point = this.#reader.next();
    if (point !== "\\") return point.codePointAt(0)!;
    const escape = parseEscape(this.#reader, true);
    if (escape.kind === "point") return escape.point;
    if (escape.kind === "class") return escape.part;
    return this.#reader.refuse("This escape has no meaning inside `[…]`");
  }

  /** `[:alpha:]`, `[:^alpha:]`. */
  #posix(from: number): SetPart {
    const name = this.#reader.until(":]") ?? "";
    const isNegated = name.startsWith("^");
    const parts = POSIX_CLASSES.get(isNegated ? name.slice(1) : name);
    if (parts === undefined) return this.#reader.refuse("No such class in `[: :]`", from);
    return { kind: "union", parts, isNegated };
  }
}

const REFUSED_GROUPS: readonly (readonly [string, string])[] = [
  ["<=", "Look-behind"],
  ["<!", "Look-behind"],
  ["=", "Look-ahead"],
  ["!", "Look-ahead"],
  [">", "An atomic group"],
  ["P=", "A back-reference"],
  ["P>", "Recursion"],
  ["R", "Recursion"],
  ["&", "Recursion"],
  ["(", "A conditional group"],
  ["|", "A branch reset"],
  ["#", "A comment"],
];

function sequenceOf(parts: readonly Tree[]): Tree {
  if (parts.length === 0) return EMPTY;
  return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
}
