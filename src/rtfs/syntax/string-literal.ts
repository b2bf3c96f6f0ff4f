/**
 * The inside of a string literal. `\u{…}` and `\uXXXX` name a Unicode scalar value.
 *
 * @module
 */
export type StringLiteral =
  | {
      readonly kind: "closed";
      readonly value: string;
      /** Offset after the closing quote. */
      readonly end: number;
      readonly problems: readonly EscapeProblem[];
    }
  | { readonly kind: "open"; readonly end: number };

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

/** Read from the first character after the opening quote. CRLF becomes LF. */
export function readString(text: string, start: number): StringLiteral {
  const parts: string[] = [];
  const problems: EscapeProblem[] = [];
  let from = start;
  for (let at = start; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === 34) {
      parts.push(text.slice(from, at));
      return { kind: "closed", value: parts.join(""), end: at + 1, problems };
    }
    if (unit === 13 && text.charCodeAt(at + 1) === 10) {
      parts.push(text.slice(from, at));
      from = ++at;
    } else if (unit === 92) {
      parts.push(text.slice(from, at));
      const escape = readEscape(text, at);
      if (escape.value === null && problems.length < PROBLEMS_MAX)
        problems.push(badEscape(text, at));
      parts.push(escape.value ?? "");
      from = at = escape.end;
    } else at++;
  }
  return { kind: "open", end: text.length };
}

function readEscape(text: string, at: number): { value: string | null; end: number } {
  const letter = text[at + 1] ?? "";
  const simple = SIMPLE.get(letter);
  if (simple !== undefined) return { value: simple, end: at + 2 };
  UNICODE.lastIndex = at + 1;
  const match = letter === "u" ? UNICODE.exec(text) : null;
  if (match === null) return { value: null, end: Math.min(at + 2, text.length) };
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
