/**
 * The inside of a string literal. `\u{…}` and `\uXXXX` name a Unicode scalar value.
 *
 * @module
 */
export interface StringLiteral {
  readonly value: string;
  readonly problems: readonly EscapeProblem[];
}

export interface EscapeProblem {
  readonly at: number;
  readonly message: string;
  readonly hint: string;
}

const SIMPLE: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["\\", "\\"],
  ['"', '"'],
]);
const UNICODE = /u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/y;
const PROBLEMS_MAX = 10;

/** The value of the text between the quotes at `start - 1` and `end`. CRLF becomes LF. */
export function readString(text: string, start: number, end: number): StringLiteral {
  const problems: EscapeProblem[] = [];
  // Joined, not added up: a joined string is flat, what is added up keeps all its pieces.
  const parts: string[] = [];
  let from = start;
  for (;;) {
    const at = nextSpecial(text, from, end);
    parts.push(text.slice(from, at));
    if (at === end) return { value: parts.join(""), problems };
    const simple = SIMPLE.get(text[at + 1]!);
    if (simple !== undefined) {
      parts.push(simple);
      from = at + 2;
      continue;
    }
    const escape = readUnicode(text, at);
    if (escape.value === null && problems.length < PROBLEMS_MAX) {
      problems.push(badEscape(text, at));
    }
    parts.push(escape.value ?? "");
    from = escape.end;
  }
}

/** Offset of the next backslash, or of the CR of a CRLF. */
function nextSpecial(text: string, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 92 || (unit === 13 && text.charCodeAt(at + 1) === 10)) return at;
  }
  return end;
}

/** What stands at a backslash that starts none of the short escapes. */
function readUnicode(text: string, at: number): { value: string | null; end: number } {
  if (text[at] === "\r") return { value: "", end: at + 1 };
  UNICODE.lastIndex = at + 1;
  const match = UNICODE.exec(text);
  if (match === null) return { value: null, end: at + 2 };
  const point = Number.parseInt(match[1] ?? match[2] ?? "", 16);
  const isScalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return { value: isScalar ? String.fromCodePoint(point) : null, end: UNICODE.lastIndex };
}

function badEscape(text: string, at: number): EscapeProblem {
  const letter = /^[\x21-\x7e]$/.test(text[at + 1] ?? "") ? text[at + 1] : "";
  return {
    at,
    message: `\`\\${letter}\` is no escape`,
    hint: 'The escapes are \\n \\t \\r \\\\ \\" and \\u{1F600}',
  };
}
