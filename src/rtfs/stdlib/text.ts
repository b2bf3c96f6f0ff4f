/**
 * Strings as code points. A text without surrogates, which is nearly every one, is its UTF-16 units.
 *
 * @module
 */
const SURROGATE = /[\ud800-\udfff]/;

/** Number of code points. */
export function codePointCount(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xdc00 && unit <= 0xdfff) count--;
  }
  return count;
}

/** The code points, each as a string. */
export function charactersOf(text: string): string[] {
  return SURROGATE.test(text) ? Array.from(text) : text.split("");
}

/** Code points from `start` up to `end`, cut where the text ends. */
export function textPart(text: string, start: number, end: number): string {
  if (!SURROGATE.test(text)) return text.slice(start, end);
  const from = offsetOf(text, 0, start);
  return text.slice(from, offsetOf(text, from, end - start));
}

/** The UTF-16 offset `count` code points behind `from`; the text's end where it is shorter. */
function offsetOf(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0 && at < text.length; left--) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

/** Whether a text orders by its UTF-16 units as by its code points. */
export function ordersByUnits(text: string): boolean {
  return !SURROGATE.test(text);
}
