/** Text of an author, made safe and short for a message: it may hold escapes, links or a megabyte. */

const SHOWN_LENGTH_MAX = 60;
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Cut to 60 characters, with control and format characters written as `\u{…}`. */
export function shown(text: string): string {
  const cut = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return cut.replace(UNSAFE, (unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`);
}

/** An author's name as one segment of a path: dots and brackets escaped, so paths stay unambiguous. */
export function segmentOf(name: string): string {
  return shown(name).replace(/[.[\]]/g, (unit) => `\\u{${unit.charCodeAt(0).toString(16)}}`);
}

export function quoted(text: string): string {
  return `"${shown(text)}"`;
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
